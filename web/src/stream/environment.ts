// What the stream's keepers need of the world: a clock, timers, chance, a channel between tabs, event
// streams and requests. Here is the browser's; tests hand in a simulated one.

import { request } from "../requests";

/** Undoes what it came from. Calling it again does nothing. */
export type Stop = () => void;

/** What a page may be told. `leave`: it is closed or frozen; `back`: it runs again after that. */
export type Signal = "online" | "offline" | "visible" | "leave" | "back";

export interface Channel {
  post(message: unknown): void;
  close(): void;
}

export interface StreamHandlers {
  message(data: string, id: string): void;
  ping(): void;
  /** The stream broke. `refused`: it was answered with something that is no stream. */
  error(refused: boolean): void;
}

export interface Answer {
  /** 0: there was none. */
  status: number;
  body: unknown;
}

export interface Environment {
  /** Milliseconds of the wall clock, which goes on while a machine sleeps. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  after(ms: number, run: () => void): Stop;
  online(): boolean;
  visible(): boolean;
  /** Null where there are no channels: the tab is alone. */
  openChannel(receive: (message: unknown) => void): Channel | null;
  openStream(url: string, handlers: StreamHandlers): Stop;
  getJson(url: string, done: (answer: Answer) => void): Stop;
  on(signal: Signal, run: () => void): Stop;
}

/** The version stands in the name: tabs of an older page don't understand each other's words. */
const CHANNEL = "boardcast-stream-1";

export function browserEnvironment(requestMs: number): Environment {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    online: () => navigator.onLine,
    visible: () => document.visibilityState === "visible",
    openChannel,
    openStream,
    getJson: (url, done) => getJson(url, requestMs, done),
    on: listen,
  };
}

function openChannel(receive: (message: unknown) => void): Channel | null {
  if (typeof BroadcastChannel === "undefined") return null;
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = (message) => receive(message.data);
  return {
    post: (message) => channel.postMessage(message),
    close() {
      channel.onmessage = null;
      channel.close();
    },
  };
}

function openStream(url: string, handlers: StreamHandlers): Stop {
  const source = new EventSource(url);
  source.onmessage = (message: MessageEvent<string>) => handlers.message(message.data, message.lastEventId);
  source.addEventListener("ping", () => handlers.ping());
  // CLOSED: any answer but a 200 stream. EventSource would never try again.
  source.onerror = () => handlers.error(source.readyState === EventSource.CLOSED);
  return () => {
    source.onmessage = source.onerror = null;
    source.close();
  };
}

function getJson(url: string, limitMs: number, done: (answer: Answer) => void): Stop {
  const control = new AbortController();
  const limit = setTimeout(() => control.abort(), limitMs);
  let stopped = false;
  void (async () => {
    let answer: Answer = { status: 0, body: null };
    try {
      const init = {
        headers: { accept: "application/json" },
        cache: "no-store",
        signal: control.signal,
      } as const;
      const response = await request(url, init);
      answer = { status: response.status, body: response.ok ? await response.json() : null };
    } catch {
      // No answer, or half of one: the caller tries again.
    }
    clearTimeout(limit);
    if (!stopped) done(answer);
  })();
  return () => {
    stopped = true;
    clearTimeout(limit);
    control.abort();
  };
}

function listen(signal: Signal, run: () => void): Stop {
  const control = new AbortController();
  const add = (target: EventTarget, name: string, handler = run) =>
    target.addEventListener(name, handler, { signal: control.signal });
  if (signal === "online" || signal === "offline") add(window, signal);
  if (signal === "visible") {
    add(document, "visibilitychange", () => {
      if (document.visibilityState === "visible") run();
    });
  }
  if (signal === "leave") {
    add(window, "pagehide");
    add(document, "freeze");
  }
  if (signal === "back") {
    add(window, "pageshow");
    add(document, "resume");
  }
  return () => control.abort();
}
