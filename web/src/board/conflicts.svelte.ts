// Questions that only a person can answer: which of two texts is to stand. One is asked at a time.

export interface Conflict {
  /** What the text is of. */
  label: string;
  yours: string;
  theirs: string;
  isLong: boolean;
}

class Conflicts {
  /** The question that is asked now. */
  current = $state.raw<Conflict | null>(null);
  #answer: (choice: string | null) => void = () => {};
  #last: Promise<unknown> = Promise.resolve();

  /** The text to save, or `null` to leave theirs. */
  ask(conflict: Conflict): Promise<string | null> {
    const answered = this.#last.then(
      () =>
        new Promise<string | null>((resolve) => {
          this.#answer = resolve;
          this.current = conflict;
        }),
    );
    this.#last = answered;
    return answered;
  }

  answer(choice: string | null): void {
    this.current = null;
    this.#answer(choice);
  }
}

export const conflicts = new Conflicts();
