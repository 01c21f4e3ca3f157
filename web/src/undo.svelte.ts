// What can be undone, newest last, and the messages that offer it. Each entry knows how to undo itself;
// nothing here knows what was done.

/** How long a message that offers an undo stays: long enough to read it and to decide. */
export const UNDO_MS = 10_000;
const PLAIN_MS = 6_000;
/** Steps that Ctrl+Z goes back. */
const STEPS_MAX = 50;
/** More messages than this would cover the board. */
const TOASTS_MAX = 3;

export interface Undoable {
  undo: () => void;
}

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "problem";
  undoable: Undoable | null;
}

export class Messages {
  toasts = $state.raw<readonly Toast[]>([]);
  /** What a screen reader says next. */
  announced = $state("");

  #steps: Undoable[] = [];
  #timers = new Map<number, { left: number; started: number; timer: ReturnType<typeof setTimeout> }>();
  #next = 1;

  /** Says what was done, and offers to undo it. */
  done(text: string, undo: () => void): Undoable {
    const step = this.begin(undo);
    this.#show(text, "done", step);
    return step;
  }

  /** Notes a step in its turn, before it is known to have happened. Then it is offered or forgotten. */
  begin(undo: () => void): Undoable {
    const step = { undo };
    this.#steps = [...this.#steps, step].slice(-STEPS_MAX);
    return step;
  }

  /** Says that a step has happened, and offers to undo it, if nobody has yet. */
  offer(text: string, step: Undoable): void {
    if (this.#steps.includes(step)) this.#show(text, "done", step);
  }

  /** Says something that passes by itself. */
  say(text: string): void {
    this.#show(text, "done", null);
  }

  /** Says why something did not work. */
  problem(text: string): void {
    this.#show(text, "problem", null);
  }

  /** Says something to screen readers alone. */
  announce(text: string): void {
    // The same words twice are only said twice if something differs.
    this.announced = this.announced === text ? `${text}\u00a0` : text;
  }

  /** Undoes the newest step. */
  undoLast(): boolean {
    const last = this.#steps.at(-1);
    if (last) this.undo(last);
    return last !== undefined;
  }

  undo(undoable: Undoable): void {
    this.forget(undoable);
    undoable.undo();
  }

  /** What was to be undone did not happen after all. */
  forget(undoable: Undoable): void {
    this.#steps = this.#steps.filter((step) => step !== undoable);
    this.toasts = this.toasts.filter((toast) => toast.undoable !== undoable);
  }

  dismiss(id: number): void {
    clearTimeout(this.#timers.get(id)?.timer);
    this.#timers.delete(id);
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  /** A message that is pointed at or focused stays. */
  hold(id: number): void {
    const timing = this.#timers.get(id);
    if (!timing) return;
    clearTimeout(timing.timer);
    timing.left = Math.max(2_000, timing.left - (Date.now() - timing.started));
  }

  release(id: number): void {
    const timing = this.#timers.get(id);
    if (timing) this.#time(id, timing.left);
  }

  #show(text: string, kind: Toast["kind"], undoable: Undoable | null): void {
    const toast = { id: this.#next++, text, kind, undoable };
    const shown = [...this.toasts, toast];
    for (const old of shown.slice(0, -TOASTS_MAX)) this.dismiss(old.id);
    this.toasts = shown.slice(-TOASTS_MAX);
    this.announce(text);
    this.#time(toast.id, undoable ? UNDO_MS : PLAIN_MS);
  }

  #time(id: number, left: number): void {
    clearTimeout(this.#timers.get(id)?.timer);
    const timer = setTimeout(() => this.dismiss(id), left);
    this.#timers.set(id, { left, started: Date.now(), timer });
  }
}
