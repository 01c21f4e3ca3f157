// All boards that are open in any tab, on as few streams as the server's limit allows: one, unless more
// than 32 boards are open.
import type { Cursor } from "../wire";
import type { Environment } from "./environment";
import { STREAM_BOARDS_MAX, STREAMS_MAX } from "./limits";
import { Source, type SourceOwner } from "./source";

export class Streams {
  #sources: Source[] = [];

  constructor(
    private readonly env: Environment,
    private readonly owner: SourceOwner,
  ) {}

  /** Carries these boards from now on. A board that is carried already goes on from where its pipe stands. */
  carry(wanted: ReadonlyMap<string, Cursor>): void {
    for (const source of this.#sources) {
      for (const boardId of [...source.boards.keys()]) if (!wanted.has(boardId)) source.drop(boardId);
    }
    for (const [boardId, cursor] of wanted) if (!this.#carries(boardId)) this.#place(boardId, cursor);
    this.#gather();
  }

  /** The boards that are live, and where their pipes stand. */
  positions(): Map<string, Cursor> {
    return new Map(this.#sources.flatMap((source) => source.positions()));
  }

  /** When the quietest of the streams last said something. */
  heardAt(): number {
    return Math.min(...this.#sources.map((source) => source.heardAt));
  }

  check(): void {
    for (const source of this.#sources) source.check();
  }

  hurry(): void {
    for (const source of this.#sources) source.hurry();
  }

  doubt(): void {
    for (const source of this.#sources) source.doubt();
  }

  close(): void {
    for (const source of this.#sources) source.close();
    this.#sources = [];
  }

  #carries(boardId: string): boolean {
    return this.#sources.some((source) => source.boards.has(boardId));
  }

  /** Boards past what all streams hold are left out; their tabs say that what they show may be old. */
  #place(boardId: string, cursor: Cursor): void {
    let source = this.#sources.find(({ boards }) => boards.size < STREAM_BOARDS_MAX);
    if (source === undefined && this.#sources.length < STREAMS_MAX) {
      source = new Source(this.env, this.owner);
      this.#sources.push(source);
    }
    source?.add(boardId, cursor);
  }

  /** Ends streams that the others have room for. */
  #gather(): void {
    const boards = this.#sources.reduce((sum, source) => sum + source.boards.size, 0);
    while (boards <= STREAM_BOARDS_MAX * (this.#sources.length - 1)) {
      const last = this.#sources.pop()!;
      const left = [...last.boards];
      last.close();
      for (const [boardId, cursor] of left) this.#place(boardId, cursor);
    }
  }
}
