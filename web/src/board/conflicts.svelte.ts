// Questions that only a person can answer: which of two texts is to stand. One is asked at a time.

/** The text to save, `null` to leave theirs, `undefined` if the question was closed unanswered. */
export type Choice = string | null | undefined;

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
  #answer: (choice: Choice) => void = () => {};
  #last: Promise<unknown> = Promise.resolve();

  ask(conflict: Conflict): Promise<Choice> {
    const answered = this.#last.then(
      () =>
        new Promise<Choice>((resolve) => {
          this.#answer = resolve;
          this.current = conflict;
        }),
    );
    this.#last = answered;
    return answered;
  }

  answer(choice: Choice): void {
    this.current = null;
    this.#answer(choice);
  }
}

export const conflicts = new Conflicts();
