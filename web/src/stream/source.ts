// One event stream of up to 32 boards: opened from their cursors, watched for silence, and opened again
// from where it broke. There is one way to reconnect, ours: the browser's own gives up for ever on the
// first answer that is no stream, such as a proxy's 502.
import type { Cursor, StreamEvent } from "../wire";
import type { Link } from "./chain";
import type { Environment, Stop } from "./environment";
import { ESTABLISH_MS, HURRY_MS, retryWaitMs, SETTLE_MS, SILENCE_MS } from "./limits";

export interface SourceOwner {
  link(boardId: string, link: Link): void;
  gone(boardId: string): void;
  /** Boards began or ceased to be live. */
  changed(): void;
}

export class Source {
  /** Where each board's pipe stands. */
  readonly #pipes = new Map<string, Cursor>();
  /** The boards of the open stream. One that was dropped, and came again at another place, has to wait for
   * the next stream: this one would bring what follows on the old place. */
  #carried = new Set<string>();
  #merged = false;
  #stream: Stop | null = null;
  #connected = false;
  #openedAt = 0;
  #heardAt = 0;
  #failures = 0;
  #timer: Stop | null = null;
  #probe: Stop | null = null;

  constructor(
    private readonly env: Environment,
    private readonly owner: SourceOwner,
  ) {}

  get boards(): ReadonlyMap<string, Cursor> {
    return this.#pipes;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  /** The boards that are live, and where their pipes stand. */
  positions(): [string, Cursor][] {
    return this.#connected ? [...this.#pipes].filter(([boardId]) => this.#carried.has(boardId)) : [];
  }

  add(boardId: string, cursor: Cursor): void {
    if (this.#pipes.has(boardId)) return;
    this.#pipes.set(boardId, cursor);
    this.#resettle();
  }

  drop(boardId: string): void {
    if (!this.#pipes.delete(boardId)) return;
    this.#carried.delete(boardId);
    this.#resettle();
  }

  /** Notices a line that fell silent, also while the machine slept, and a stream that never comes to be. */
  check(): void {
    if (this.#stream === null) return;
    const now = this.env.now();
    this.#openedAt = Math.min(this.#openedAt, now);
    this.#heardAt = Math.min(this.#heardAt, now);
    if (this.#connected && now - this.#heardAt > SILENCE_MS) this.#open();
    else if (!this.#connected && now - this.#openedAt > ESTABLISH_MS) this.#broke();
  }

  /** Somebody looks, or the network is back: no use in waiting for the next try. */
  hurry(): void {
    const waits = this.#stream === null && this.#pipes.size > 0;
    if (waits && this.env.now() - this.#openedAt >= HURRY_MS) this.#open();
    else this.check();
  }

  /** The network went, the browser says: a new stream shows whether this server is still in reach. */
  doubt(): void {
    if (this.#stream !== null) this.#open();
  }

  close(): void {
    this.#pipes.clear();
    this.#shut();
  }

  /** The set of boards changed. A stream that waits for its next try takes the new set along then. */
  #resettle(): void {
    if (this.#pipes.size === 0) return this.#shut();
    const waitsForTry = this.#stream === null && this.#timer !== null;
    if (!waitsForTry) this.#openIn(SETTLE_MS);
  }

  #openIn(ms: number): void {
    this.#timer?.();
    this.#timer = this.env.after(ms, () => this.#open());
  }

  #shut(): void {
    this.#timer?.();
    this.#probe?.();
    this.#stream?.();
    this.#timer = this.#probe = this.#stream = null;
    const wasConnected = this.#connected;
    this.#connected = false;
    this.#carried.clear();
    if (wasConnected) this.owner.changed();
  }

  #open(): void {
    this.#shut();
    this.#openedAt = this.env.now();
    this.#carried = new Set(this.#pipes.keys());
    this.#merged = this.#carried.size > 1;
    this.#stream = this.env.openStream(streamUrl(this.#pipes), {
      message: (data, id) => this.#message(data, id),
      ping: () => this.#heard(),
      error: (refused) => {
        this.#broke();
        if (refused) this.#ask([...this.#pipes]);
      },
    });
  }

  #broke(): void {
    this.#shut();
    this.#openIn(retryWaitMs(this.#failures++, this.env.random()));
  }

  #heard(): void {
    this.#heardAt = this.env.now();
  }

  #message(data: string, id: string): void {
    this.#heard();
    const event = parse(data);
    if (event === null) return this.#broke();
    if (event.type === "connected") return this.#connect();
    if (event.type === "board_gone") return this.#gone(event.boardId);
    const boardId = event.type === "snapshot" ? event.board.id : event.boardId;
    const previous = this.#carried.has(boardId) ? this.#pipes.get(boardId) : undefined;
    const cursor = this.#merged ? partOf(id, boardId) : id;
    if (previous === undefined || !cursor || cursor === previous) return;
    this.#pipes.set(boardId, cursor);
    this.owner.link(boardId, { previous, cursor, event });
    if (event.type === "board_deleted") this.#gone(boardId);
  }

  #connect(): void {
    this.#connected = true;
    this.#failures = 0;
    this.owner.changed();
  }

  #gone(boardId: string): void {
    if (!this.#pipes.has(boardId)) return;
    this.#pipes.delete(boardId);
    this.#carried.delete(boardId);
    // The server ended this board's part by itself; what else the stream carries goes on.
    if (this.#pipes.size === 0) this.#shut();
    this.owner.gone(boardId);
  }

  /** A refused stream doesn't say why: 204 for boards that are gone, or a proxy in trouble. Pages do. */
  #ask([first, ...rest]: [string, Cursor][]): void {
    if (first === undefined) return;
    const [boardId, cursor] = first;
    const url = `/boards/${boardId}/events?after=${encodeURIComponent(cursor)}&limit=1`;
    this.#probe = this.env.getJson(url, ({ status }) => {
      this.#probe = null;
      if (status === 404) this.#gone(boardId);
      if (status === 404 || status === 410 || status === 200) this.#ask(rest);
    });
  }
}

function streamUrl(boards: ReadonlyMap<string, Cursor>): string {
  const [first, ...more] = boards;
  if (first !== undefined && more.length === 0) {
    return `/boards/${first[0]}/events?after=${encodeURIComponent(first[1])}&heartbeat=event`;
  }
  const names = [...boards.keys()].join(",");
  const after = [...boards].map(([boardId, cursor]) => `${boardId}:${cursor}`).join(",");
  return `/events?boards=${names}&after=${encodeURIComponent(after)}&heartbeat=event`;
}

/** An id on a stream of several boards is `board:cursor`, joined by commas. */
function partOf(id: string, boardId: string): Cursor | undefined {
  const start = `${boardId}:`;
  const part = id.split(",").find((entry) => entry.startsWith(start));
  return part?.slice(start.length);
}

function parse(data: string): StreamEvent | null {
  try {
    return JSON.parse(data) as StreamEvent;
  } catch {
    return null;
  }
}
