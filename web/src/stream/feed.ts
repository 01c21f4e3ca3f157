// Follows boards for the rest of the interface. However many tabs are open, the browser has one stream:
// one tab holds it and passes everything on, and every tab takes what follows on what it has. This file
// puts the parts together and judges how current the page is.
//
//   tabs.ts     which tab holds the stream
//   streams.ts  the stream of all boards that are open in any tab; source.ts: keeping one alive
//   chain.ts    one board in this tab: deliver, drop or catch up from the log
import type { BoardEvent, Cursor, SnapshotEvent } from "../wire";
import { Chain, type Link, standsAt } from "./chain";
import { browserEnvironment, type Environment, type Stop } from "./environment";
import { BLIP_MS, OUTDATED_AFTER_MS, REQUEST_MS } from "./limits";
import { Streams } from "./streams";
import { type Cursors, type Line, Tabs } from "./tabs";

/** How current what the page shows is. */
export type Connection =
  | "connecting" // not yet been live since the page was opened
  | "live" // a beat or event came in time
  | "reconnecting" // the line broke or fell silent a moment ago; being restored
  | "offline" // the browser says there is no network
  | "outdated"; // not live for longer than OUTDATED_AFTER_MS (20 s): what is shown may be old

export interface ConnectionState {
  connection: Connection;
  /** Date.now() when it was last known to be current; null if never. */
  currentAt: number | null;
}

export interface BoardSink {
  /** Each event once, in order, after the cursor given to follow (or a snapshot, which replaces all). */
  event(event: BoardEvent | SnapshotEvent, cursor: Cursor): void;
  /** The board is gone (deleted, or no longer visible). Nothing more comes. */
  gone(): void;
}

export interface Feed {
  /** Follows a board from a cursor that the caller's state is true at. Returns how to stop. */
  follow(boardId: string, cursor: Cursor, sink: BoardSink): () => void;
  /** Called at once and at each change. Returns how to stop. */
  onState(listener: (state: ConnectionState) => void): () => void;
  /** Asks for nothing until `resume`, which goes on from where all boards are. */
  pause(): void;
  resume(): void;
  close(): void;
}

export { OUTDATED_AFTER_MS };

export function openFeed(): Feed {
  return new TabFeed(browserEnvironment(REQUEST_MS));
}

/** The feed of one tab, in whatever world it is put. */
export class TabFeed implements Feed {
  readonly #tabs: Tabs;
  readonly #chains = new Set<Chain>();
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  readonly #signals: Stop[];
  /** While this tab holds the stream. */
  #streams: Streams | null = null;
  #line: Line = { at: new Map(), heardAt: 0 };
  #state: ConnectionState = { connection: "connecting", currentAt: null };
  /** Since when the page isn't current. */
  #lostAt: number | null = null;
  #timer: Stop | null = null;
  #isPaused = false;

  constructor(private readonly env: Environment) {
    this.#tabs = new Tabs(env, {
      boards: () => this.#boards(),
      took: () => this.#takeStream(),
      lost: () => this.#loseStream(),
      line: () => this.#lineNow(),
      wanted: (hurry) => this.#carry(hurry),
      heard: (line) => this.#heard(line),
      link: (boardId, link) => this.#link(boardId, link),
      gone: (boardId) => this.#gone(boardId),
      changed: () => this.#judge(),
    });
    this.#signals = [
      env.on("leave", () => this.#tabs.leave()),
      env.on("back", () => this.#isPaused || this.#tabs.enter()),
      env.on("visible", () => this.#hurry()),
      env.on("online", () => this.#hurry()),
      env.on("offline", () => this.#doubt()),
    ];
    this.#tabs.enter();
    this.#judge();
  }

  follow(boardId: string, cursor: Cursor, sink: BoardSink): () => void {
    const end = () => {
      chain.stop();
      if (this.#chains.delete(chain)) this.#tabs.speak(false);
      this.#judge();
    };
    const chain: Chain = new Chain(boardId, cursor, this.env, {
      event: (event, at) => sink.event(event, at),
      gone: () => {
        end();
        sink.gone();
      },
      changed: () => this.#judge(),
    });
    this.#chains.add(chain);
    this.#tabs.speak(false);
    this.#judge();
    return end;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#state);
    return () => this.#listeners.delete(listener);
  }

  pause(): void {
    this.#isPaused = true;
    this.#tabs.leave();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#hurry();
  }

  close(): void {
    for (const stop of this.#signals) stop();
    for (const chain of this.#chains) chain.stop();
    this.#chains.clear();
    this.#listeners.clear();
    this.#tabs.leave();
    this.#timer?.();
  }

  // The stream, while this tab holds it.

  #takeStream(): void {
    this.#streams = new Streams(this.env, {
      link: (boardId, link) => this.#tabs.passOn(boardId, link),
      gone: (boardId) => this.#tabs.passOnGone(boardId),
      changed: () => this.#tabs.announce(),
    });
    this.#carry(true);
  }

  #loseStream(): void {
    const streams = this.#streams;
    this.#streams = null;
    streams?.close();
  }

  #carry(hurry: boolean): void {
    this.#streams?.carry(new Map([...this.#tabs.others(), ...this.#boards()]));
    if (hurry) this.#streams?.hurry();
    else this.#streams?.check();
  }

  #lineNow(): Line {
    const streams = this.#streams;
    return streams === null
      ? { at: new Map(), heardAt: 0 }
      : { at: streams.positions(), heardAt: streams.heardAt() };
  }

  // What comes from the holder, be it this tab or another.

  #heard(line: Line): void {
    const before = this.#line.at;
    this.#line = line;
    for (const chain of [...this.#chains]) {
      const cursor = line.at.get(chain.boardId);
      if (cursor === undefined) continue;
      chain.take(standsAt(cursor));
      if (!before.has(chain.boardId)) chain.hurry();
    }
    this.#judge();
  }

  #link(boardId: string, link: Link): void {
    this.#line.heardAt = this.env.now();
    for (const chain of this.#following(boardId)) chain.take(link);
  }

  #gone(boardId: string): void {
    for (const chain of this.#following(boardId)) chain.gone();
  }

  #following(boardId: string): Chain[] {
    return [...this.#chains].filter((chain) => chain.boardId === boardId);
  }

  #boards(): Cursors {
    return new Map([...this.#chains].map((chain) => [chain.boardId, chain.cursor]));
  }

  // What the browser says.

  #hurry(): void {
    if (this.#isPaused) return;
    this.#tabs.enter();
    this.#tabs.speak(true);
    for (const chain of this.#chains) chain.hurry();
    this.#judge();
  }

  #doubt(): void {
    this.#streams?.doubt();
    this.#judge();
  }

  // How current the page is.

  #judge(): void {
    const now = this.env.now();
    const { connection, currentAt } = this.#state;
    if (this.#chains.size === 0) {
      this.#lostAt = null;
      return this.#show({ connection: this.env.online() ? "connecting" : "offline", currentAt: null });
    }
    if (this.#isCurrent()) {
      this.#lostAt = null;
      return this.#show({ connection: "live", currentAt: Math.min(now, this.#line.heardAt) });
    }
    this.#lostAt = Math.min(this.#lostAt ?? now, now);
    const lostMs = now - this.#lostAt;
    const blip = connection === "live" && lostMs < BLIP_MS;
    this.#show({ connection: blip ? "live" : this.#nameLoss(lostMs), currentAt });
    this.#judgeAgainIn(blip ? BLIP_MS - lostMs : OUTDATED_AFTER_MS + 1 - lostMs);
  }

  #isCurrent(): boolean {
    return (
      this.#tabs.answered &&
      [...this.#chains].every((chain) => chain.inSync && this.#line.at.has(chain.boardId))
    );
  }

  #nameLoss(lostMs: number): Connection {
    if (!this.env.online()) return "offline";
    if (lostMs > OUTDATED_AFTER_MS) return "outdated";
    return [...this.#chains].every((chain) => chain.everInSync) ? "reconnecting" : "connecting";
  }

  #judgeAgainIn(ms: number): void {
    this.#timer?.();
    this.#timer = ms > 0 ? this.env.after(ms, () => this.#judge()) : null;
  }

  #show(state: ConnectionState): void {
    const changed = state.connection !== this.#state.connection;
    this.#state = state;
    if (!changed) return;
    for (const listener of this.#listeners) listener({ ...state });
  }
}
