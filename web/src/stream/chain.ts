// One board in one tab: takes what the pipe brings if it follows on what the tab has, and otherwise
// catches up from the board's log. Whatever went wrong (a late tab, a long sleep, another holder, a lost
// message), this is the one way back: by cursor, from the log, each event once and in order.
import type { BoardEvent, Cursor, EventPage, Snapshot, SnapshotEvent } from "../wire";
import type { Answer, Environment, Stop } from "./environment";
import { HELD_MAX, PAGE_EVENTS, retryWaitMs } from "./limits";

export type BoardMessage = BoardEvent | SnapshotEvent;

/** A step of a board's log, as the pipe carries it. Without an event it only says where the pipe stands. */
export interface Link {
  previous: Cursor;
  cursor: Cursor;
  event: BoardMessage | null;
}

export function standsAt(cursor: Cursor): Link {
  return { previous: cursor, cursor, event: null };
}

export interface ChainOwner {
  event(event: BoardMessage, cursor: Cursor): void;
  gone(): void;
  /** `inSync` may have changed. */
  changed(): void;
}

/**
 * How the pipe stands to this tab. `unheard`: nobody said yet. `level`: at the same place. `behind`: at a
 * place that the tab is known to be past. `catching`: unknown; the log is being read.
 */
type Relation = "unheard" | "level" | "behind" | "catching";

export class Chain {
  #cursor: Cursor;
  #relation: Relation = "unheard";
  /** Where the pipe stands while it is behind. */
  #pipe: Cursor | null = null;
  /** What came while catching up. */
  #held: Link[] = [];
  /** Of those, how many came before the request now under way: its answer reaches at least as far. */
  #covered = 0;
  #failures = 0;
  #afterSnapshot = false;
  #request: Stop | null = null;
  #wait: Stop | null = null;
  #stopped = false;
  #everInSync = false;

  constructor(
    readonly boardId: string,
    cursor: Cursor,
    private readonly env: Environment,
    private readonly owner: ChainOwner,
  ) {
    this.#cursor = cursor;
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  get inSync(): boolean {
    return this.#relation === "level" || this.#relation === "behind";
  }

  get everInSync(): boolean {
    return this.#everInSync;
  }

  take(link: Link): void {
    if (this.#stopped) return;
    if (this.#relation === "catching") return this.#hold(link);
    if (link.previous === this.#cursor) {
      this.#deliver(link);
      this.#becomes("level");
    } else if (link.cursor === this.#cursor) {
      this.#becomes("level");
    } else if (this.#relation === "behind" && link.previous === this.#pipe && !isSnapshot(link)) {
      // Step by step from a place we were past, and our own didn't come by: still something we have.
      this.#pipe = link.cursor;
    } else {
      this.#relation = "catching";
      this.#hold(link);
      this.owner.changed();
      this.#read();
    }
  }

  /** The line is back: no use in waiting for the next try. */
  hurry(): void {
    if (this.#wait !== null) this.#read();
  }

  gone(): void {
    if (this.#stopped) return;
    this.stop();
    this.owner.gone();
  }

  stop(): void {
    this.#stopped = true;
    this.#request?.();
    this.#wait?.();
    this.#request = this.#wait = null;
    this.#held = [];
  }

  #becomes(relation: "level" | "behind"): void {
    if (this.#stopped || this.#relation === relation) return;
    this.#relation = relation;
    this.#everInSync = true;
    this.#failures = 0;
    this.owner.changed();
  }

  #deliver(link: Link): void {
    this.#cursor = link.cursor;
    if (link.event !== null) this.owner.event(link.event, link.cursor);
  }

  #hold(link: Link): void {
    if (link.event === null && this.#held.at(-1)?.cursor === link.cursor) return;
    if (this.#held.length >= HELD_MAX) {
      // What comes next won't follow on our place, which has the log read once more.
      this.#held = [];
      this.#covered = 0;
    }
    this.#held.push(link);
  }

  #read(): void {
    this.#wait?.();
    this.#wait = null;
    this.#request?.();
    this.#covered = this.#held.length;
    const url = `/boards/${this.boardId}/events?after=${encodeURIComponent(this.#cursor)}&limit=${PAGE_EVENTS}`;
    this.#request = this.env.getJson(url, (answer) => this.#page(answer));
  }

  #page(answer: Answer): void {
    this.#request = null;
    if (answer.status === 404) return this.gone();
    // A log that forgets faster than it can be read: not again without a wait.
    if (answer.status === 410 && !this.#afterSnapshot) return this.#readBoard();
    if (answer.status !== 200) return this.#retry(answer.status);
    this.#afterSnapshot = false;
    const page = answer.body as EventPage;
    for (const { id, data } of page.events) {
      this.#deliver({ previous: this.#cursor, cursor: id, event: data });
      if (this.#stopped) return;
    }
    if (page.events.length === 0) this.#caughtUp();
    else if (!this.#joinHeld()) this.#read();
  }

  #readBoard(): void {
    this.#request = this.env.getJson(`/boards/${this.boardId}`, (answer) => {
      this.#request = null;
      if (answer.status === 404) return this.gone();
      if (answer.status !== 200) return this.#retry(answer.status);
      const board = answer.body as Snapshot;
      this.#afterSnapshot = true;
      this.#deliver({ previous: this.#cursor, cursor: board.cursor, event: { type: "snapshot", board } });
      if (!this.#stopped) this.#read();
    });
  }

  #retry(status: number): void {
    this.#afterSnapshot = false;
    // Nobody is signed in: whoever changes that has it tried again.
    if (status === 401) {
      this.#wait = () => {};
      return;
    }
    const waitMs = retryWaitMs(this.#failures++, this.env.random());
    this.#wait = this.env.after(waitMs, () => this.#read());
  }

  /** Goes over to what is held if that follows on the place reached. */
  #joinHeld(): boolean {
    const next = this.#held.findIndex((link) => link.previous === this.#cursor);
    const last = this.#held.findIndex((link) => link.cursor === this.#cursor);
    if (next < 0 && last < 0) return false;
    this.#goOn(next >= 0 ? next : last + 1, "level");
    return true;
  }

  /** Nothing is left in the log after our place, as it was when the request went out. */
  #caughtUp(): void {
    if (this.#joinHeld()) return;
    // What came before the request is in what we have. The pipe's way to us still has to be walked.
    this.#pipe = this.#held[this.#covered - 1]?.cursor ?? null;
    this.#goOn(this.#covered, "behind");
  }

  #goOn(from: number, relation: "level" | "behind"): void {
    const rest = this.#held.slice(from);
    this.#held = [];
    this.#becomes(relation);
    for (const link of rest) this.take(link);
  }
}

function isSnapshot(link: Link): boolean {
  return link.event?.type === "snapshot";
}
