// A browser and a server in one process, on simulated time: tabs that are hidden, frozen and killed, the
// channel between them, and a server with a log per board whose streams can be cut, stalled and refused.
// For the tests alone.
import type { BoardEvent, Cursor, EventPage, Snapshot, SnapshotEvent } from "../wire";
import type { Answer, Environment, Signal, Stop, StreamHandlers } from "./environment";
import { type ConnectionState, TabFeed } from "./feed";
import { STREAM_BOARDS_MAX } from "./limits";

export class World {
  now = 1_000_000;
  readonly server = new Server(this);
  readonly tabs: Tab[] = [];
  online = true;
  channels = true;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #random: number;

  constructor(seed: number) {
    this.#random = (seed * 2654435761) >>> 0;
  }

  /** Mulberry32: small, and the same everywhere. */
  random = (): number => {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  below(end: number): number {
    return Math.floor(this.random() * end);
  }

  pick<T>(all: readonly T[]): T | undefined {
    return all[this.below(all.length)];
  }

  at(at: number, run: () => void): Stop {
    let stopped = false;
    const task = { at, order: this.#order++, run: () => stopped || run() };
    this.#push(task);
    return () => (stopped = true);
  }

  after(ms: number, run: () => void): Stop {
    return this.at(this.now + ms, run);
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (let next = this.#queue[0]; next !== undefined && next.at <= end; next = this.#queue[0]) {
      this.#pop();
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }

  /** The machine sleeps: the clock goes on, nothing else does. */
  sleep(ms: number): void {
    this.now += ms;
  }

  open(): Tab {
    const tab = new Tab(this, `tab ${this.tabs.length}`);
    this.tabs.push(tab);
    tab.start();
    return tab;
  }

  setOnline(online: boolean): void {
    this.online = online;
    for (const tab of this.tabs) tab.signal(online ? "online" : "offline");
  }

  holders(): Tab[] {
    return this.tabs.filter((tab) => tab.streams > 0);
  }

  #push(task: { at: number; order: number; run: () => void }): void {
    const queue = this.#queue;
    let place = queue.push(task) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(task, queue[parent]!)) break;
      queue[place] = queue[parent]!;
      place = parent;
    }
    queue[place] = task;
  }

  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop()!;
    if (queue.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child + 1 < queue.length && before(queue[child + 1]!, queue[child]!)) child += 1;
      if (child >= queue.length || !before(queue[child]!, last)) break;
      queue[place] = queue[child]!;
      place = child;
    }
    queue[place] = last;
  }
}

function before(one: { at: number; order: number }, other: { at: number; order: number }): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** What a tab shows of a board: how far it has folded the log. */
export interface View {
  count: number;
  cursor: Cursor;
  gone: boolean;
  snapshots: number;
  stop: Stop;
}

export class Tab {
  feed!: TabFeed;
  state!: ConnectionState;
  states: string[] = [];
  readonly views = new Map<string, View>();
  /** What broke: an event twice, out of order, or after the end. */
  readonly faults: string[] = [];
  alive = true;
  frozen = false;
  streams = 0;
  requests: string[] = [];
  #hiddenSince: number | null = null;
  #waiting: (() => void)[] = [];
  readonly #signals: { signal: Signal; run: () => void }[] = [];
  readonly #ends = new Set<Stop>();
  channel: { receive: (message: unknown) => void; lastArrival: number } | null = null;

  constructor(
    readonly world: World,
    readonly name: string,
  ) {}

  get visible(): boolean {
    return this.#hiddenSince === null;
  }

  start(): void {
    this.feed = new TabFeed(this.#environment());
    this.feed.onState((state) => {
      this.state = state;
      this.states.push(state.connection);
    });
  }

  /** As the page does: the board first, and then what follows on it. */
  open(boardId: string): void {
    if (this.views.has(boardId)) return;
    this.#getJson(`/boards/${boardId}`, ({ status, body }) => {
      const board = body as TestSnapshot;
      if (status === 200 && !this.views.has(boardId)) this.follow(boardId, board.cursor, board.count);
    });
  }

  follow(boardId: string, cursor: Cursor, count: number): void {
    const view: View = { count, cursor, gone: false, snapshots: 0, stop: () => {} };
    this.views.set(boardId, view);
    view.stop = this.feed.follow(boardId, cursor, {
      event: (event, at) => this.#fold(boardId, view, event, at),
      gone: () => {
        if (view.gone) this.faults.push(`${boardId} was gone twice`);
        view.gone = true;
      },
    });
  }

  unfollow(boardId: string): void {
    this.views.get(boardId)?.stop();
    this.views.delete(boardId);
  }

  #fold(boardId: string, view: View, event: BoardEvent | SnapshotEvent, cursor: Cursor): void {
    if (view.gone || this.views.get(boardId) !== view) this.faults.push(`${boardId}: an event after the end`);
    view.cursor = cursor;
    if (event.type === "snapshot") {
      view.count = (event.board as TestSnapshot).count;
      view.snapshots += 1;
      if (event.board.cursor !== cursor) this.faults.push(`${boardId}: a snapshot under a wrong cursor`);
      return;
    }
    const { number } = event as TestEvent;
    if (number !== view.count + 1) this.faults.push(`${boardId}: ${number} after ${view.count}`);
    view.count = number;
  }

  hide(): void {
    this.#hiddenSince ??= this.world.now;
  }

  show(): void {
    if (this.#hiddenSince === null) return;
    this.#hiddenSince = null;
    this.signal("visible");
  }

  /** `told`: the page hears of it before; a debugger or a busy machine doesn't say. */
  freeze(told: boolean): void {
    if (this.frozen || !this.alive) return;
    if (told) this.signal("leave");
    this.frozen = true;
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.signal("back");
    for (const run of this.#waiting.splice(0)) this.does(run);
  }

  close(): void {
    if (!this.frozen) this.signal("leave");
    this.crash();
  }

  crash(): void {
    this.alive = false;
    this.channel = null;
    for (const end of [...this.#ends]) end();
    this.streams = 0;
  }

  signal(signal: Signal): void {
    for (const one of [...this.#signals]) if (one.signal === signal) this.does(one.run);
  }

  /** Runs something in this tab, once it can run. */
  does(run: () => void): void {
    if (!this.alive) return;
    if (this.frozen) this.#waiting.push(run);
    else run();
  }

  #environment(): Environment {
    const { world } = this;
    return {
      now: () => world.now,
      random: world.random,
      after: (ms, run) => {
        let stopped = false;
        world.at(this.#throttled(world.now + ms), () => this.does(() => stopped || run()));
        return () => (stopped = true);
      },
      online: () => world.online,
      visible: () => this.visible,
      openChannel: (receive) => this.#openChannel(receive),
      openStream: (url, handlers) => this.#openStream(url, handlers),
      getJson: (url, done) => this.#getJson(url, done),
      on: (signal, run) => {
        const one = { signal, run };
        this.#signals.push(one);
        return () => this.#signals.splice(this.#signals.indexOf(one), 1);
      },
    };
  }

  /** A hidden tab's timers run once a second, after five minutes once a minute. */
  #throttled(at: number): number {
    if (this.#hiddenSince === null) return at;
    const step = this.world.now - this.#hiddenSince > 300_000 ? 60_000 : 1_000;
    return Math.ceil(at / step) * step;
  }

  #openChannel(receive: (message: unknown) => void) {
    if (!this.world.channels) return null;
    const channel = { receive, lastArrival: 0 };
    this.channel = channel;
    return {
      post: (message: unknown) => this.#broadcast(structuredClone(message)),
      close: () => {
        if (this.channel === channel) this.channel = null;
      },
    };
  }

  /** Each sender's messages arrive in their order; those of different senders mix. */
  #broadcast(message: unknown): void {
    const sender = this.channel;
    if (sender === null) return;
    const at = Math.max(sender.lastArrival, this.world.now + this.world.below(5));
    sender.lastArrival = at;
    for (const tab of this.world.tabs) {
      const { channel } = tab;
      if (tab === this || channel === null) continue;
      const receive = () => {
        if (tab.channel === channel) channel.receive(message);
      };
      this.world.at(at, () => tab.does(receive));
    }
  }

  #openStream(url: string, handlers: StreamHandlers): Stop {
    let open = true;
    const does = (run: () => void) => this.does(() => open && run());
    this.streams += 1;
    const disconnect = this.world.server.stream(url, {
      message: (data, id) => does(() => handlers.message(data, id)),
      ping: () => does(() => handlers.ping()),
      error: (refused) => does(() => handlers.error(refused)),
    });
    const end = () => {
      if (!open) return;
      open = false;
      this.streams -= 1;
      this.#ends.delete(end);
      disconnect();
    };
    this.#ends.add(end);
    return end;
  }

  #getJson(url: string, done: (answer: Answer) => void): Stop {
    let open = true;
    this.requests.push(url);
    this.world.server.get(url, (answer) => this.does(() => open && done(answer)));
    return () => (open = false);
  }
}

type TestEvent = BoardEvent & { number: number };
type TestSnapshot = Snapshot & { count: number };

interface Log {
  /** The cursors of all events; the place before the first is `start`. */
  events: { cursor: Cursor; event: TestEvent }[];
  start: Cursor;
  /** So many of the oldest aren't served any more. */
  floor: number;
  gone: boolean;
}

/** What the server does with a new stream. */
export type Mode = "up" | "refuses" | "unreachable" | "drains" | "hangs" | "signed out";

interface Watch {
  handlers: StreamHandlers;
  merged: boolean;
  /** How far each board was sent; also what goes into the ids. */
  sent: Map<string, Cursor>;
  stalled: boolean;
  lastArrival: number;
  open: boolean;
}

export class Server {
  mode: Mode = "up";
  readonly logs = new Map<string, Log>();
  readonly watches = new Set<Watch>();
  /** The addresses of all streams that were asked for. */
  opened: string[] = [];
  #marks = 0;

  constructor(private readonly world: World) {}

  create(boardId: string): void {
    this.logs.set(boardId, { events: [], start: this.#cursor(0), floor: 0, gone: false });
    this.append(boardId);
  }

  append(boardId: string, type = "something_new"): void {
    const log = this.logs.get(boardId)!;
    if (log.gone) return;
    const number = log.events.length + 1;
    const event = { type, boardId, number, by: null, at: "" } as unknown as TestEvent;
    log.events.push({ cursor: this.#cursor(number), event });
    for (const watch of this.watches) this.#feed(watch);
  }

  delete(boardId: string): void {
    this.append(boardId, "board_deleted");
    this.logs.get(boardId)!.gone = true;
    for (const watch of [...this.watches]) {
      watch.sent.delete(boardId);
      if (watch.sent.size === 0) this.#end(watch);
    }
  }

  /** Forgets all but the newest. */
  prune(boardId: string): void {
    const log = this.logs.get(boardId)!;
    log.floor = Math.max(log.floor, log.events.length - this.world.below(3));
  }

  /** An older copy of the data came back: the same numbers come again with other marks. */
  rollBack(boardId: string): void {
    const log = this.logs.get(boardId)!;
    if (log.gone) return;
    this.cut();
    log.events.splice(Math.max(1, log.events.length - 3));
    log.floor = Math.min(log.floor, log.events.length);
  }

  cut(): void {
    for (const watch of [...this.watches]) this.#end(watch);
  }

  /** The lines are dead, and nobody says so. */
  stall(): void {
    for (const watch of this.watches) watch.stalled = true;
  }

  head(boardId: string): Cursor {
    return this.#cursorAt(this.logs.get(boardId)!, this.logs.get(boardId)!.events.length);
  }

  get(url: string, done: (answer: Answer) => void): void {
    this.world.after(1 + this.world.below(40), () => {
      const answer = this.#answer(url);
      this.world.after(1 + this.world.below(40), () => done(answer));
    });
  }

  stream(url: string, handlers: StreamHandlers): Stop {
    this.opened.push(url);
    const watch: Watch = {
      handlers,
      merged: url.startsWith("/events?"),
      sent: new Map(),
      stalled: false,
      lastArrival: 0,
      open: true,
    };
    this.world.after(1 + this.world.below(40), () => watch.open && this.#accept(watch, url));
    return () => {
      watch.open = false;
      this.watches.delete(watch);
    };
  }

  #accept(watch: Watch, url: string): void {
    const { after, boards } = asked(url);
    if (boards.length > STREAM_BOARDS_MAX) throw new Error(`too many boards: ${url}`);
    const alive = boards.filter((boardId) => this.logs.get(boardId)?.gone === false);
    if (this.mode === "hangs") return;
    if (this.mode === "unreachable") return this.#send(watch, () => watch.handlers.error(false));
    if (this.mode === "refuses" || this.mode === "signed out" || alive.length === 0)
      return this.#send(watch, () => watch.handlers.error(true));
    if (this.mode === "drains") return this.#end(watch);
    this.watches.add(watch);
    for (const boardId of alive) watch.sent.set(boardId, after.get(boardId) ?? "");
    const served = alive.every((boardId) => this.#place(boardId, watch.sent.get(boardId)!) !== null);
    this.#message(watch, { type: "connected" }, served ? this.#id(watch) : "");
    for (const boardId of boards) {
      if (!alive.includes(boardId)) this.#message(watch, { type: "board_gone", boardId }, this.#id(watch));
    }
    this.#feed(watch);
    this.#beat(watch);
  }

  #beat(watch: Watch): void {
    this.world.after(15_000, () => {
      if (!this.watches.has(watch)) return;
      this.#send(watch, () => watch.handlers.ping());
      this.#beat(watch);
    });
  }

  #feed(watch: Watch): void {
    for (const [boardId, sent] of watch.sent) {
      const log = this.logs.get(boardId)!;
      const place = this.#place(boardId, sent);
      if (place === null) {
        const board = this.#snapshot(boardId);
        watch.sent.set(boardId, board.cursor);
        this.#message(watch, { type: "snapshot", board }, this.#id(watch));
        continue;
      }
      for (const { cursor, event } of log.events.slice(place)) {
        watch.sent.set(boardId, cursor);
        this.#message(watch, event, this.#id(watch));
      }
    }
  }

  #id(watch: Watch): string {
    if (!watch.merged) return [...watch.sent.values()][0] ?? "";
    return [...watch.sent].map(([boardId, cursor]) => `${boardId}:${cursor}`).join(",");
  }

  #message(watch: Watch, event: unknown, id: string): void {
    const data = JSON.stringify(event);
    this.#send(watch, () => watch.handlers.message(data, id));
  }

  #end(watch: Watch): void {
    this.watches.delete(watch);
    this.#send(watch, () => watch.handlers.error(false));
  }

  #send(watch: Watch, run: () => void): void {
    if (watch.stalled) return;
    const at = Math.max(watch.lastArrival, this.world.now + 1 + this.world.below(20));
    watch.lastArrival = at;
    this.world.at(at, () => watch.open && !watch.stalled && run());
  }

  #answer(url: string): Answer {
    if (this.mode === "unreachable" || this.mode === "hangs") return { status: 0, body: null };
    if (this.mode === "refuses") return { status: 502, body: null };
    if (this.mode === "signed out") return { status: 401, body: null };
    const [, boardId = ""] = /^\/boards\/([^/?]+)/.exec(url) ?? [];
    const log = this.logs.get(boardId);
    if (log === undefined || log.gone) return { status: 404, body: null };
    if (!url.includes("/events")) return { status: 200, body: this.#snapshot(boardId) };
    const { after, limit } = asked(url);
    const place = this.#place(boardId, after.get(boardId)!);
    if (place === null) return { status: 410, body: null };
    const events = log.events.slice(place, place + Math.min(limit, 7));
    const page: EventPage = {
      events: events.map(({ cursor, event }) => ({ id: cursor, data: event })),
      cursor: events.at(-1)?.cursor ?? after.get(boardId)!,
    };
    return { status: 200, body: page };
  }

  /** How many events stand before a cursor's place, or null if it can't be served. */
  #place(boardId: string, cursor: Cursor): number | null {
    const log = this.logs.get(boardId)!;
    const place = cursor === log.start ? 0 : log.events.findLastIndex((entry) => entry.cursor === cursor) + 1;
    if (place === 0 && cursor !== log.start) return null;
    return place < log.floor ? null : place;
  }

  #cursorAt(log: Log, place: number): Cursor {
    return log.events[place - 1]?.cursor ?? log.start;
  }

  #snapshot(boardId: string): TestSnapshot {
    const count = this.logs.get(boardId)!.events.length;
    return { id: boardId, cursor: this.head(boardId), count, lists: [] } as unknown as TestSnapshot;
  }

  #cursor(number: number): Cursor {
    return `${number}-${(this.#marks++).toString(16).padStart(12, "0")}`;
  }
}

/** Takes the address of a stream or a page apart. */
function asked(url: string): { boards: string[]; after: Map<string, Cursor>; limit: number } {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const after = searchParams.get("after") ?? "";
  const limit = Number(searchParams.get("limit") ?? "100");
  const single = /^\/boards\/([^/]+)\/events$/.exec(pathname)?.[1];
  if (single !== undefined) return { boards: [single], after: new Map([[single, after]]), limit };
  const pairs = after.split(",").map((part) => part.split(":") as [string, Cursor]);
  return { boards: (searchParams.get("boards") ?? "").split(","), after: new Map(pairs), limit };
}
