// The real server, on a port and a data file that outlive its process: started, stopped, killed and started
// again; and what other people do, through its API.
import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { List, Snapshot, Task } from "../src/wire.ts";

const BINARY = process.env["BOARDCAST_BIN"] ?? "../target/debug/boardcast";
/** A build of the interface to serve instead of the one in the program. */
const WEB_DIR = process.env["BOARDCAST_WEB_DIR"];
const START_MS_MAX = 20_000;
const POLL_MS = 50;

export class Server {
  #process: ChildProcess | null = null;
  /** What switches accounts on, as it was said at the last start. */
  setUpCode = "";
  #port = 0;

  private constructor(private readonly folder: string) {}

  static async start(): Promise<Server> {
    const server = new Server(mkdtempSync(join(tmpdir(), "boardcast-e2e-")));
    server.#port = await server.start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return urlOf(this.port);
  }

  /** Starts on the same data; on some other port, given 0, where nobody should find it yet. Gives the port. */
  async start(port = this.#port): Promise<number> {
    const args = ["serve", "--listen", `127.0.0.1:${port}`, "--data", join(this.folder, "board.db")];
    if (WEB_DIR !== undefined) args.push("--web-dir", WEB_DIR);
    const started = spawn(BINARY, [...args, "--no-demo", "--log", "error"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    started.stderr.setEncoding("utf8").on("data", (text: string) => this.#said(text));
    this.#process = started;
    const endIt = () => started.kill("SIGKILL");
    process.once("exit", endIt);
    started.once("exit", () => process.off("exit", endIt));
    let greeting = "";
    started.stdout.setEncoding("utf8").on("data", (text: string) => (greeting += text));
    const until = Date.now() + START_MS_MAX;
    for (;;) {
      const listening = Number(/:\/\/localhost:(\d+)/.exec(greeting)?.[1] ?? NaN);
      if (listening && (await answers(`${urlOf(listening)}/healthz`))) return listening;
      if (started.exitCode !== null) throw new Error(`the server ended with ${started.exitCode}`);
      if (Date.now() > until) throw new Error("the server doesn't answer");
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  #said(text: string): void {
    const code = / and type (\S+)$/m.exec(text);
    if (code) this.setUpCode = code[1]!;
    else process.stderr.write(text);
  }

  /** Ends it as an operator does. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Copies the data file of a server that was stopped, and gives how to put the copy back. */
  keepCopy(): () => void {
    const [file, copy] = [join(this.folder, "board.db"), join(this.folder, "copy.db")];
    copyFileSync(file, copy);
    return () => {
      for (const beside of ["-wal", "-shm"]) rmSync(file + beside, { force: true });
      copyFileSync(copy, file);
    };
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await ended;
  }
}

/** Somebody else, who uses the API. */
export class Api {
  constructor(
    private readonly url: string,
    private readonly credential: Record<string, string> = {},
  ) {}

  /** The same through another port. */
  at(port: number): Api {
    return new Api(urlOf(port), this.credential);
  }

  /** Asks, and takes whatever answer comes. */
  ask(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(this.url + path, {
      method,
      headers: { accept: "application/json", "content-type": "application/json", ...this.credential },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.ask(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? null : await response.json()) as T;
  }

  board(id: string): Promise<Snapshot> {
    return this.send("GET", `/boards/${id}`);
  }

  /** A board with lists of tasks: `{ "To do": ["one", "two"] }`. Its ids are made of its name. */
  async makeBoard(id: string, lists: Record<string, string[]>): Promise<Snapshot> {
    await this.send("POST", "/boards", { id, name: `Board ${id}` });
    for (const [name, titles] of Object.entries(lists)) {
      const list = await this.addList(id, name);
      for (const title of titles) await this.addTask(list.id, title);
    }
    return this.board(id);
  }

  addList(boardId: string, name: string): Promise<List> {
    return this.send("POST", "/lists", { boardId, name });
  }

  addTask(listId: string, title: string): Promise<Task> {
    return this.send("POST", "/tasks", { listId, title });
  }

  editTask(id: string, title: string): Promise<Task> {
    return this.send("PATCH", `/tasks/${id}`, { title });
  }

  moveTask(id: string, place: object): Promise<Task> {
    return this.send("PATCH", `/tasks/${id}/move`, place);
  }

  deleteTask(id: string): Promise<null> {
    return this.send("DELETE", `/tasks/${id}`);
  }
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}
