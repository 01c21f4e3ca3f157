// A proxy between browser and server, as troublesome as those that people sit behind: it refuses, answers
// 502, falls silent without closing anything, cuts streams wherever it likes, and holds bytes back. It
// notes what passes.
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { urlOf } from "./server.ts";

export type Mode = "pass" | "refuse" | "bad gateway" | "silent";

export interface Passed {
  method: string;
  path: string;
  /** Of the answer; 0 while there is none. */
  status: number;
}

/** What is done to a stream's bytes: how many until the next cut (or never), and how they are held back. */
export interface Harm {
  cutAfter?: () => number;
  holdMs?: () => number;
}

export class Proxy {
  readonly passed: Passed[] = [];
  harm: Harm = {};
  /** How many answers to changes get lost from here on. */
  loseAnswers = 0;
  /** What is answered 502 although the rest passes. */
  failing: ((request: string) => boolean) | null = null;
  #mode: Mode = "pass";
  readonly #streams = new Map<ServerResponse, string>();
  readonly #sockets = new Set<Socket>();
  /** Of these, those that nothing will ever come through again. */
  readonly #dead = new WeakSet<Socket>();
  #server: Server;

  private constructor(private readonly upstreamPort: number) {
    this.#server = createServer((from, to) => this.#take(from, to));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
  }

  static async before(upstreamPort: number): Promise<Proxy> {
    const proxy = new Proxy(upstreamPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return urlOf((this.#server.address() as AddressInfo).port);
  }

  /** The paths of the event streams that are open right now. */
  get openStreams(): string[] {
    return [...this.#streams.values()];
  }

  get streamsOpened(): Passed[] {
    return this.passed.filter(({ path }) => path.includes("heartbeat=event"));
  }

  set mode(mode: Mode) {
    this.#mode = mode;
    if (mode === "silent") for (const socket of this.#sockets) this.#dead.add(socket);
    else if (mode !== "pass") for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends all streams in the middle of whatever they say. */
  cutStreams(): void {
    for (const response of this.#streams.keys()) response.socket?.destroy();
  }

  /** Nothing comes through the streams that are open, and nobody is told. */
  silenceStreams(): void {
    for (const { socket } of this.#streams.keys()) if (socket) this.#dead.add(socket);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #take(from: IncomingMessage, to: ServerResponse): void {
    const passed = { method: from.method ?? "", path: from.url ?? "", status: 0 };
    this.passed.push(passed);
    from.on("error", () => {});
    to.on("error", () => {});
    if (this.#mode === "refuse") from.socket.destroy();
    else if (this.#mode === "bad gateway" || this.failing?.(`${passed.method} ${passed.path}`)) {
      passed.status = 502;
      to.writeHead(502, { "content-type": "text/html" }).end("<h1>502 Bad Gateway</h1>");
    } else if (this.#mode === "silent" || this.#dead.has(from.socket)) this.#dead.add(from.socket);
    else this.#pass(from, to, passed);
  }

  #pass(from: IncomingMessage, to: ServerResponse, passed: Passed): void {
    const { method, headers } = from;
    const path = from.url ?? "/";
    const up = request({ host: "127.0.0.1", port: this.upstreamPort, method, path, headers, agent: false });
    up.on("error", () => from.socket.destroy());
    to.on("close", () => up.destroy());
    from.pipe(up);
    up.on("response", (answer) => {
      if (this.#dead.has(from.socket)) return;
      passed.status = answer.statusCode ?? 0;
      if (method !== "GET" && this.loseAnswers > 0) {
        this.loseAnswers--;
        return void from.socket.destroy();
      }
      to.writeHead(passed.status, answer.rawHeaders);
      to.flushHeaders();
      answer.on("error", () => from.socket.destroy());
      if (answer.headers["content-type"] !== "text/event-stream") return void answer.pipe(to);
      this.#streams.set(to, path);
      to.on("close", () => this.#streams.delete(to));
      this.#stream(answer, to);
    });
  }

  #stream(answer: IncomingMessage, to: ServerResponse): void {
    const { cutAfter, holdMs } = this.harm;
    let left = cutAfter?.() ?? Infinity;
    let held = Promise.resolve();
    const pass = (bytes: Buffer) => {
      const { socket } = to;
      if (!socket || this.#dead.has(socket)) return;
      to.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0) to.end(() => socket.destroy());
    };
    const after = (run: () => void) => {
      if (!holdMs) return run();
      held = held.then(() => new Promise((resolve) => setTimeout(resolve, holdMs()))).then(run);
    };
    answer.on("data", (bytes: Buffer) => after(() => left > 0 && pass(bytes)));
    answer.on("end", () => after(() => to.end()));
  }
}
