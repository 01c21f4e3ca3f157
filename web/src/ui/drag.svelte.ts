// Dragging a card or a list by mouse, pen or finger (Pointer Events). A copy of what was lifted follows the
// pointer; the thing itself stays where the log has it, so that changes by others go on underneath. Knows
// places, not boards: what a drop means is the caller's.

import { tick } from "svelte";

export type Kind = "task" | "list";

export interface Lifted {
  kind: Kind;
  id: string;
  width: number;
  height: number;
}

/** Where it would land: before that sibling; `null`: at the end. `listId` is the list under a card. */
export interface Target {
  listId: string | null;
  before: string | null;
}

export interface DragOptions {
  /** The element that scrolls sideways and holds all lists. */
  board: HTMLElement;
  /** The sibling after a card that is the last one drawn of its list; `null` if it is the last of all. */
  nextAfter: (listId: string, taskId: string) => string | null;
  drop: (lifted: Lifted, target: Target) => void;
}

/** A mouse that moves less is clicking. */
const CLICK_PX = 5;
/** A finger that stays this long on a card lifts it; one that moves first scrolls. */
const LONG_PRESS_MS = 250;
const PRESS_SLOP_PX = 8;
/** Near an edge the list or the board scrolls, the nearer the faster. */
const EDGE_PX = 56;
const SCROLL_PX_PER_FRAME = 14;

export class Drag {
  lifted = $state.raw<Lifted | null>(null);
  target = $state.raw<Target | null>(null);

  #press: Press | null = null;
  #ghost: HTMLElement | null = null;
  #grab = { x: 0, y: 0 };
  #pointer = { x: 0, y: 0 };
  #frame = 0;

  constructor(private readonly options: DragOptions) {}

  /** Listens on the board. Returns how to stop. */
  start(): () => void {
    const { board } = this.options;
    const down = (event: PointerEvent) => this.#down(event);
    const menu = (event: Event) => this.lifted && event.preventDefault();
    board.addEventListener("pointerdown", down);
    board.addEventListener("contextmenu", menu);
    return () => {
      this.cancel();
      board.removeEventListener("pointerdown", down);
      board.removeEventListener("contextmenu", menu);
    };
  }

  /** Puts it back. */
  cancel(): void {
    this.#end();
  }

  /** What was lifted is gone. */
  isLifted(id: string): boolean {
    return this.lifted?.id === id;
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || this.#press || !(event.target instanceof Element)) return;
    const control = event.target.closest("button, input, textarea, select");
    if (control && !control.hasAttribute("data-drag-through")) return;
    const handle = event.target.closest<HTMLElement>("[data-drag]");
    const element = handle?.closest<HTMLElement>(
      handle.dataset["drag"] === "list" ? "[data-list]" : "[data-task]",
    );
    if (!handle || !element) return;
    const kind = handle.dataset["drag"] as Kind;
    this.#press = new Press(event, element, {
      lift: () => this.#lift(kind, element, event),
      move: (x, y) => (this.#pointer = { x, y }),
      drop: () => this.#drop(),
      cancel: () => this.#end(),
    });
  }

  #lift(kind: Kind, element: HTMLElement, event: PointerEvent): void {
    const id = element.dataset[kind]!;
    const box = element.getBoundingClientRect();
    this.#grab = { x: event.clientX - box.left, y: event.clientY - box.top };
    this.#pointer = { x: event.clientX, y: event.clientY };
    this.#ghost = ghostOf(element, box);
    this.lifted = { kind, id, width: box.width, height: box.height };
    navigator.vibrate?.(10);
    this.#follow();
  }

  /** Every frame: the copy follows, edges scroll, and the gap goes where the copy is. */
  #follow(): void {
    if (!this.lifted || !this.#ghost) return;
    const [x, y] = [this.#pointer.x - this.#grab.x, this.#pointer.y - this.#grab.y];
    // What is read comes before what is written: the browser lays the page out once a frame.
    const list = this.lifted.kind === "task" ? this.#listUnder(this.#pointer.x) : undefined;
    const target = this.lifted.kind === "task" ? this.#taskTarget(list, y) : this.#listTarget();
    this.#scroll(list);
    this.#ghost.style.transform = `translate(${x}px, ${y}px) rotate(var(--lift-angle))`;
    if (target?.listId !== this.target?.listId || target?.before !== this.target?.before)
      this.target = target;
    this.#frame = requestAnimationFrame(() => this.#follow());
  }

  #scroll(list: HTMLElement | undefined): void {
    const { board } = this.options;
    const { x, y } = this.#pointer;
    const cards = list?.querySelector<HTMLElement>("[data-cards]");
    const across = push(x, board.getBoundingClientRect(), "left", "right");
    const along = cards ? push(y, cards.getBoundingClientRect(), "top", "bottom") : 0;
    if (across !== 0) board.scrollLeft += across;
    if (cards && along !== 0) cards.scrollTop += along;
  }

  #listUnder(x: number): HTMLElement | undefined {
    const lists = [...this.options.board.querySelectorAll<HTMLElement>("[data-list]")];
    return lists.find((list) => x <= list.getBoundingClientRect().right) ?? lists.at(-1);
  }

  #taskTarget(list: HTMLElement | undefined, top: number): Target | null {
    const listId = list?.dataset["list"];
    if (!list || !listId) return null;
    const middle = top + this.lifted!.height / 2;
    let last: string | null = null;
    for (const card of list.querySelectorAll<HTMLElement>("[data-task]")) {
      const id = card.dataset["task"]!;
      if (id === this.lifted!.id) continue;
      const box = card.getBoundingClientRect();
      if (middle < box.top + box.height / 2) return { listId, before: id };
      last = id;
    }
    return { listId, before: last === null ? null : this.options.nextAfter(listId, last) };
  }

  #listTarget(): Target {
    const middle = this.#pointer.x - this.#grab.x + this.lifted!.width / 2;
    for (const list of this.options.board.querySelectorAll<HTMLElement>("[data-list]")) {
      if (list.dataset["list"] === this.lifted!.id) continue;
      const box = list.getBoundingClientRect();
      if (middle < box.left + box.width / 2) return { listId: null, before: list.dataset["list"]! };
    }
    return { listId: null, before: null };
  }

  #drop(): void {
    const { lifted, target } = this;
    this.#end();
    if (lifted && target) this.options.drop(lifted, target);
  }

  #end(): void {
    cancelAnimationFrame(this.#frame);
    this.#press?.release();
    this.#press = null;
    this.#ghost?.remove();
    this.#ghost = null;
    this.lifted = null;
    this.target = null;
  }
}

interface PressEvents {
  lift: () => void;
  move: (x: number, y: number) => void;
  drop: () => void;
  cancel: () => void;
}

/** One pointer from its going down to its end: first undecided, then perhaps a drag. */
class Press {
  #isDrag = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stop = new AbortController();

  constructor(
    private readonly began: PointerEvent,
    element: HTMLElement,
    private readonly events: PressEvents,
  ) {
    const options = { signal: this.#stop.signal };
    addEventListener("pointermove", (event) => this.#move(event), options);
    addEventListener("pointerup", (event) => this.#up(event), options);
    // The browser took the finger for scrolling.
    addEventListener("pointercancel", (event) => this.#isMine(event) && events.cancel(), options);
    addEventListener("keydown", (event) => this.#key(event), { ...options, capture: true });
    addEventListener("blur", () => events.cancel(), options);
    // On the element itself: a finger's events go on arriving there even if it leaves the document.
    element.addEventListener("touchmove", (event) => this.#isDrag && event.preventDefault(), {
      ...options,
      passive: false,
    });
    element.addEventListener("dragstart", (event) => event.preventDefault(), options);
    if (began.pointerType === "touch") this.#timer = setTimeout(() => this.#lift(), LONG_PRESS_MS);
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  #isMine(event: PointerEvent): boolean {
    return event.pointerId === this.began.pointerId;
  }

  #lift(): void {
    this.#isDrag = true;
    getSelection()?.removeAllRanges();
    this.events.lift();
  }

  #move(event: PointerEvent): void {
    if (!this.#isMine(event)) return;
    const distance = Math.hypot(event.clientX - this.began.clientX, event.clientY - this.began.clientY);
    if (!this.#isDrag) {
      if (event.pointerType === "touch") {
        if (distance > PRESS_SLOP_PX) this.events.cancel();
        return;
      }
      if (distance < CLICK_PX) return;
      this.#lift();
    }
    event.preventDefault();
    this.events.move(event.clientX, event.clientY);
  }

  #up(event: PointerEvent): void {
    if (!this.#isMine(event)) return;
    if (!this.#isDrag) return this.events.cancel();
    swallowClick();
    this.events.drop();
  }

  #key(event: KeyboardEvent): void {
    if (!this.#isDrag) return;
    if (event.key === "Escape") {
      swallowClick();
      this.events.cancel();
    }
    // Nothing else may happen to a card in the air.
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The end of a drag is no click on what lies under it. */
function swallowClick(): void {
  const swallow = (event: Event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", swallow, { capture: true, once: true });
  // The click, if there is one, comes before the next task.
  setTimeout(() => removeEventListener("click", swallow, { capture: true }));
}

function ghostOf(element: HTMLElement, box: DOMRect): HTMLElement {
  const ghost = element.cloneNode(true) as HTMLElement;
  for (const part of [ghost, ...ghost.querySelectorAll<HTMLElement>("*")]) {
    for (const name of ["id", "data-task", "data-list", "data-cards", "data-drag"])
      part.removeAttribute(name);
    if (part.hasAttribute("tabindex") || part.matches("a, button")) part.setAttribute("tabindex", "-1");
  }
  ghost.classList.add("ghost");
  ghost.setAttribute("aria-hidden", "true");
  ghost.inert = true;
  ghost.style.width = `${box.width}px`;
  ghost.style.height = `${box.height}px`;
  document.body.append(ghost);
  return ghost;
}

function push(at: number, box: DOMRect, start: "left" | "top", end: "right" | "bottom"): number {
  const toStart = at - box[start];
  const toEnd = box[end] - at;
  if (toStart < EDGE_PX) return -SCROLL_PX_PER_FRAME * Math.min(1, 1 - toStart / EDGE_PX);
  if (toEnd < EDGE_PX) return SCROLL_PX_PER_FRAME * Math.min(1, 1 - toEnd / EDGE_PX);
  return 0;
}

/** Focuses a card once it is drawn. */
export async function focusTask(id: string): Promise<void> {
  await tick();
  document.querySelector<HTMLElement>(`[data-task="${CSS.escape(id)}"] [data-focus]`)?.focus();
}
