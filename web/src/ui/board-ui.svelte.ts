// What a person is doing with the board that is open: which card has the keys, what is being typed, which
// menu or question is open. Lives beside the board's state, so that changes by others touch none of it.

import { getContext, setContext, tick } from "svelte";
import { SvelteMap } from "svelte/reactivity";
import type { BoardRole } from "../account/role.svelte";
import type { OpenBoard } from "../board/open.svelte";
import type { ListWithTasks, TaskSummary } from "../wire";
import { focusTask, type Drag } from "./drag.svelte";
import type { Item } from "./Menu.svelte";

/** A text of a task that is being typed, over the one that stood there. */
export interface TextDraft {
  taskId: string;
  base: string;
  text: string;
}

export interface OpenMenu {
  label: string;
  items: Item[];
  anchor: HTMLElement;
}

export class BoardUi {
  /** The card that arrow keys start from. */
  currentId = $state<string | null>(null);
  draft = $state<TextDraft | null>(null);
  /** The card that has the focus. It keeps it when it is drawn anew, in another list perhaps. */
  focusedId: string | null = null;
  /** Descriptions that are being typed, by task; they outlive their panel. */
  readonly descriptions = new SvelteMap<string, TextDraft>();
  /** The list whose box for new tasks is open, and what is typed there. */
  composer = $state<{ listId: string; text: string } | null>(null);
  menu = $state.raw<OpenMenu | null>(null);
  /** The task that "Move to…" asks about. */
  moving = $state.raw<TaskSummary | null>(null);
  isHelpOpen = $state(false);
  filter = $state("");
  drag = $state.raw<Drag | null>(null);
  /** The list that a card is to be shown in, wherever it is scrolled to. */
  revealed = $state.raw<{ id: string } | null>(null);

  readonly #words = $derived(this.filter.toLowerCase().split(/\s+/).filter(Boolean));
  /** What these words leave of a list, so that an event filters the list it changes alone. */
  readonly #left = $derived.by(() => {
    void this.#words;
    return new WeakMap<ListWithTasks, ListWithTasks>();
  });

  /** The lists as they are shown: cards that don't fit the filter are left out. */
  readonly lists: ListWithTasks[] = $derived.by(() => {
    const lists = this.board.view?.lists ?? [];
    return this.#words.length === 0 ? lists : lists.map((list) => this.#filtered(list));
  });

  /** The one card that Tab stops at. */
  readonly stopId = $derived.by(() => {
    const shown = this.lists.flatMap((list) => list.tasks);
    return shown.some((task) => task.id === this.currentId) ? this.currentId : (shown[0]?.id ?? null);
  });

  constructor(
    readonly board: OpenBoard,
    readonly rights: BoardRole,
  ) {}

  get mayEdit(): boolean {
    return this.rights.mayEdit;
  }

  /** Whether something is typed that isn't sent. */
  isTyped(): boolean {
    const drafts = [this.draft, ...this.descriptions.values()];
    return !!this.composer?.text.trim() || drafts.some((draft) => draft && draft.text !== draft.base);
  }

  #filtered(list: ListWithTasks): ListWithTasks {
    const known = this.#left.get(list);
    if (known) return known;
    const left = { ...list, tasks: list.tasks.filter((task) => fits(task, this.#words)) };
    this.#left.set(list, left);
    return left;
  }

  /** Gives a card the keys, scrolling it into view. */
  async focus(id: string): Promise<void> {
    this.currentId = id;
    this.revealed = { id };
    await focusTask(id);
  }

  /** Gives the keys to what opens a list's box for new tasks. */
  async focusAdd(listId: string): Promise<void> {
    await tick();
    document.querySelector<HTMLElement>(`[data-list="${CSS.escape(listId)}"] [data-add]`)?.focus();
  }

  edit(task: TaskSummary): void {
    this.draft = { taskId: task.id, base: task.title, text: task.title };
  }
}

function fits(task: TaskSummary, words: string[]): boolean {
  const title = task.title.toLowerCase();
  return words.every((word) => title.includes(word));
}

const KEY = Symbol("board");

export function provideBoardUi(ui: () => BoardUi): void {
  setContext(KEY, ui);
}

export function useBoardUi(): BoardUi {
  return getContext<() => BoardUi>(KEY)();
}
