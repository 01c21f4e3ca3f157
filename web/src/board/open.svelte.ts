// One open board: what the log says of it, what this page has asked for on top, and what a viewer should
// be told about the difference. Events are folded in once a frame; nothing here draws or sends.

import { SvelteMap } from "svelte/reactivity";
import { read } from "../requests";
import { apply } from "../fold";
import type { Feed } from "../stream/feed";
import type { BoardEvent, By, Cursor, Snapshot, SnapshotEvent, Task, TaskSummary } from "../wire";
import { isAbout, isSettled, overlay, witness, type Answer, type Change, type Pending } from "./pending";

/** How long a card that somebody else changed stays marked. */
const MARK_MS = 2_500;
/** How long an answered change waits for its event: longer than a line that fell silent goes unnoticed.
 * Past it, on a live line, the log has it or never will. */
const SETTLE_MS_MAX = 60_000;
/** Without frames (a hidden page) events are folded in at this pace. */
const HIDDEN_FOLD_MS = 200;

/** What is known of the task whose panel is open; its description isn't part of the board. */
export type Opened =
  { state: "loading" | "failed" } | { state: "open"; task: Task } | { state: "gone"; task: Task | null };

/** What somebody else did to a card or list a moment ago. */
export interface Mark {
  did: "added" | "changed" | "moved";
  by: By | null;
}

export type Arrival = { event: BoardEvent | SnapshotEvent; cursor: Cursor };

export class OpenBoard {
  /** What the log says; `null` before the first answer. */
  confirmed = $state.raw<Snapshot | null>(null);
  #pending = $state.raw<readonly Pending[]>([]);
  /** The board as it should be seen. */
  view = $derived(this.confirmed && overlay(this.confirmed, this.#pending));
  state = $state<"loading" | "open" | "missing" | "gone" | "failed">("loading");
  /** Things that somebody else changed a moment ago. */
  readonly marks = new SvelteMap<string, Mark>();
  /** Who brought a task to its version, of those that changed while this page looked. */
  readonly changedBy = new SvelteMap<string, { version: number; by: By }>();
  /** The board's own end came by, rather than that of seeing it. */
  wasDeleted = $state(false);
  opened = $state.raw<Opened | null>(null);

  #openedId: string | null = null;
  #arrived: Arrival[] = [];
  #scheduled = false;
  #unfollow: (() => void) | null = null;
  #isLive = false;
  #isClosed = false;

  constructor(
    readonly id: string,
    private readonly feed: Feed,
    /** Told of everything that was folded in, and whether this page asked for it. */
    private readonly onFolded: (
      arrival: Arrival,
      isOurs: boolean,
      before: Snapshot | null,
    ) => void = () => {},
    /** Whether it is the person in front of this page, who may have done it elsewhere. */
    private readonly isMe: (by: By | null) => boolean = () => false,
  ) {}

  /** Reads the board once, and follows it from there. */
  async load(): Promise<void> {
    this.state = "loading";
    const answer = await read<Snapshot>(`/boards/${this.id}`);
    if (this.#isClosed) return;
    if (!answer.ok) {
      this.state = answer.problem.status === 404 ? "missing" : "failed";
      return;
    }
    this.confirmed = answer.body;
    this.state = "open";
    this.wasDeleted = false;
    const unfollow = this.feed.follow(this.id, answer.body.cursor, {
      event: (event, cursor) => this.#arrive({ event, cursor }),
      gone: () => this.#leave(),
    });
    const unlisten = this.feed.onState(({ connection }) => (this.#isLive = connection === "live"));
    this.#unfollow = () => {
      unfollow();
      unlisten();
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#unfollow?.();
  }

  /** Shows a change before its answer. */
  begin(change: Change): Pending {
    const pending = { change };
    this.#pending = [...this.#pending, pending];
    return pending;
  }

  /** The server carried it out: it stays in view until its event has come. */
  answer(pending: Pending, answer: Answer): void {
    const answered = { ...pending, answer };
    this.#pending = this.#pending.map((other) => (other === pending ? answered : other));
    if (answer !== "deleted" && "task" in answer && !pending.wasRemoved) this.#keepOpened(answer.task);
    this.#dropSettled();
    this.#dropInTime(answered);
  }

  /** The server refused it: the board goes back. */
  refuse(pending: Pending): void {
    this.#drop(pending);
  }

  /** The task as the log has it. */
  task(id: string): TaskSummary | undefined {
    return this.confirmed?.lists.flatMap((list) => list.tasks).find((task) => task.id === id);
  }

  /** Reads a task with its description and keeps it up to date; `null` closes it. */
  async open(id: string | null): Promise<void> {
    if (this.#openedId === id) return;
    this.#openedId = id;
    this.opened = id === null ? null : { state: "loading" };
    if (id === null) return;
    const answer = await read<Task>(`/tasks/${id}`);
    // Told of its end meanwhile: the answer is from before that.
    if (this.#openedId !== id || this.#isOpenedGone()) return;
    if (answer.ok) this.#keepOpened(answer.body);
    else if (this.opened?.state === "loading")
      this.opened = answer.problem.status === 404 ? { state: "gone", task: null } : { state: "failed" };
  }

  #isOpenedGone(): boolean {
    return this.opened?.state === "gone";
  }

  #keepOpened(task: Task): void {
    if (task.id !== this.#openedId) return;
    const known = this.opened;
    if (known?.state === "open" && known.task.version >= task.version) return;
    this.opened = { state: "open", task };
  }

  #arrive(arrival: Arrival): void {
    // Of its end this page is told at once, of everything else with the next frame.
    if (arrival.event.type === "board_deleted") this.wasDeleted = true;
    this.#arrived.push(arrival);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const fold = () => {
      this.#scheduled = false;
      this.#foldArrived();
    };
    if (document.hidden) setTimeout(fold, HIDDEN_FOLD_MS);
    else {
      // A page that is hidden in between gets no frame.
      let isDone = false;
      const once = () => {
        if (!isDone) fold();
        isDone = true;
      };
      requestAnimationFrame(once);
      setTimeout(once, HIDDEN_FOLD_MS);
    }
  }

  #foldArrived(): void {
    if (this.#isClosed) return;
    const arrived = this.#arrived;
    this.#arrived = [];
    let board = this.confirmed;
    for (const arrival of arrived) {
      const { event, cursor } = arrival;
      const before = board;
      board = apply(board, event, cursor);
      const isOurs = this.#isOurs(event);
      if (!isOurs && event.type !== "snapshot" && !this.isMe(event.by)) this.#mark(event);
      this.#remember(event);
      this.#followOpened(event, before);
      if (before && board) for (const pending of this.#pending) witness(pending, before, board);
      if (board) this.#dropSettled(board);
      this.onFolded(arrival, isOurs, before);
    }
    if (board) this.confirmed = board;
    else this.#leave();
  }

  /** An event about a thing that this page is changing is taken for its own. */
  #isOurs(event: BoardEvent | SnapshotEvent): boolean {
    if (event.type.startsWith("board_"))
      return this.#pending.some((pending) => pending.change.kind === "rename_board");
    const id = thingOf(event);
    return id !== null && this.#pending.some((pending) => isAbout(pending, id));
  }

  #mark(event: BoardEvent): void {
    const id = thingOf(event);
    if (id === null || event.type.endsWith("_deleted")) return;
    const mark: Mark = { did: deedOf(event), by: event.by };
    this.marks.set(id, mark);
    setTimeout(() => this.marks.get(id) === mark && this.marks.delete(id), MARK_MS);
  }

  #remember(event: BoardEvent | SnapshotEvent): void {
    if (event.type === "task_deleted") this.changedBy.delete(event.taskId);
    else if ("task" in event && event.by)
      this.changedBy.set(event.task.id, { version: event.task.version, by: event.by });
  }

  #followOpened(event: BoardEvent | SnapshotEvent, before: Snapshot | null): void {
    const id = this.#openedId;
    if (id === null) return;
    if ("task" in event && event.task.id === id) this.#keepOpened(event.task);
    const known = this.opened?.state === "open" ? this.opened.task : null;
    const isGone =
      (event.type === "task_deleted" && event.taskId === id) ||
      (event.type === "list_deleted" && listOf(before, id) === event.listId) ||
      (event.type === "snapshot" && listOf(event.board, id) === null);
    if (isGone) this.opened = { state: "gone", task: known };
    // A snapshot may have passed over changes of the description.
    else if (event.type === "snapshot") void this.#readAgain(id);
  }

  async #readAgain(id: string): Promise<void> {
    const answer = await read<Task>(`/tasks/${id}`);
    if (answer.ok && this.#openedId === id && !this.#isOpenedGone()) this.#keepOpened(answer.body);
  }

  #leave(): void {
    if (this.state === "gone") return;
    this.state = "gone";
    this.#unfollow?.();
  }

  #dropSettled(confirmed = this.confirmed): void {
    if (!confirmed || this.#pending.length === 0) return;
    const left = this.#pending.filter((pending) => !isSettled(pending, confirmed));
    if (left.length < this.#pending.length) this.#pending = left;
  }

  #dropInTime(answered: Pending): void {
    setTimeout(() => {
      if (this.#isClosed || !this.#pending.includes(answered)) return;
      if (this.#isLive) this.#drop(answered);
      else this.#dropInTime(answered);
    }, SETTLE_MS_MAX);
  }

  #drop(pending: Pending): void {
    this.#pending = this.#pending.filter((other) => other !== pending);
  }
}

function deedOf({ type }: BoardEvent): Mark["did"] {
  if (type.endsWith("_created")) return "added";
  return type.endsWith("_moved") ? "moved" : "changed";
}

/** The id of the list or task that an event is about. */
export function thingOf(event: BoardEvent | SnapshotEvent): string | null {
  if ("task" in event) return event.task.id;
  if ("list" in event) return event.list.id;
  if ("taskId" in event) return event.taskId;
  if ("listId" in event) return event.listId;
  return null;
}

function listOf(board: Snapshot | null, taskId: string): string | null {
  return board?.lists.find((list) => list.tasks.some((task) => task.id === taskId))?.id ?? null;
}
