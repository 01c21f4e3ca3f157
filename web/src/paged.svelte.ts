// Something that the server gives in pages: the first one, further ones on asking, and what is shown read
// anew. One read after the other, so that a second click or a slow answer shows nothing twice.

import { read } from "./requests";
import type { Problem } from "./wire";

const PAGE = 100;
/** The server's most. */
const PAGE_MAX = 1_000;

export class Paged<T> {
  /** `null` before the first answer. */
  items = $state.raw<readonly T[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  #next = $state.raw<string | null>(null);
  #last: Promise<void> = Promise.resolve();
  #refresh: Promise<void> | null = null;

  /** `path` has a query already or ends with `?`; `key` is the field of a page that holds its items. */
  constructor(
    private readonly path: string,
    private readonly key: string,
  ) {}

  get hasMore(): boolean {
    return this.#next !== null;
  }

  /** Reads as many as are shown already. One that waits for its turn serves all who ask meanwhile. */
  refresh(): Promise<void> {
    this.#refresh ??= this.#inTurn(() => {
      this.#refresh = null;
      const count = Math.max(PAGE, this.items?.length ?? 0);
      return this.#read(`limit=${Math.min(PAGE_MAX, count)}`, []);
    });
    return this.#refresh;
  }

  more(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#next === null) return;
      await this.#read(`limit=${PAGE}&cursor=${encodeURIComponent(this.#next)}`, this.items ?? []);
    });
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(run);
    return this.#last;
  }

  async #read(query: string, before: readonly T[]): Promise<void> {
    const answer = await read<Record<string, unknown>>(`${this.path}${query}`);
    this.problem = answer.ok ? null : answer.problem;
    if (!answer.ok) return;
    this.items = [...before, ...(answer.body[this.key] as T[])];
    this.#next = answer.body["next"] as string | null;
  }
}
