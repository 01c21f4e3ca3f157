// The real program on a data file of its own, and a browser beside it, for what is measured and pictured.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser } from "@playwright/test";

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
/** Requests under way at once while a board is filled: the writer commits what waits together. */
const FILLING_MAX = 32;

/** A running server. */
export class Program {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /** Starts `BOARDCAST_BIN`, or what cargo built last, with the interface in `web/dist`. */
  static async start(): Promise<Program> {
    const binary = process.env["BOARDCAST_BIN"] ?? path("../../target/release/boardcast");
    const folder = await mkdtemp(join(tmpdir(), "boardcast-"));
    const args = ["--listen", "127.0.0.1:0", "--data", join(folder, "board.db"), "--no-demo"];
    const child = spawn(binary, [...args, "--web-dir", path("../dist")], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, BOARDCAST_LOG: "error" },
    });
    // A measurement that is interrupted leaves nothing running.
    process.once("exit", () => child.kill("SIGKILL"));
    try {
      return new Program(await urlOf(child), child, folder);
    } catch (why) {
      child.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
      throw why;
    }
  }

  /** Sends a change and returns the answer. */
  async send<T = unknown>(method: string, at: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(at, this.url), {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "Content-Type": "application/json" },
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${at} answered ${response.status}: ${text}`);
    return (text === "" ? null : JSON.parse(text)) as T;
  }

  /** Makes a board of `lists` lists with `each` tasks. Within a list they stand as they arrived. */
  async fill(boardId: string, name: string, lists: number, each: number): Promise<void> {
    await this.send("POST", "/boards", { id: boardId, name });
    const tasks: { id: string; listId: string; title: string }[] = [];
    for (let list = 0; list < lists; list++) {
      const listId = `${boardId}-${list}`;
      await this.send("POST", "/lists", { id: listId, boardId, name: `List ${list + 1}` });
      for (let task = 0; task < each; task++)
        tasks.push({ id: `${listId}-${task}`, listId, title: titleOf(list, task) });
    }
    const work = tasks.values();
    const filler = async () => {
      for (const task of work) await this.send("POST", "/tasks", task);
    };
    await Promise.all(Array.from({ length: FILLING_MAX }, filler));
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS_MAX);
    this.child.kill("SIGTERM");
    await ended;
    clearTimeout(timer);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Titles of one line and of several, as on a real board. */
export function titleOf(list: number, task: number): string {
  const name = `Task ${task + 1} of list ${list + 1}`;
  return task % 4 === 3 ? `${name}, with a title that is long enough for a second line` : name;
}

/** Debian's browser, or the one that `CHROMIUM` names. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

export function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** The address that the program prints once it listens. */
function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    const late = setTimeout(() => failed(new Error("the program doesn't start")), START_MS_MAX);
    let said = "";
    // Read to its end: a program whose output nobody takes would stop at it.
    child.stdout!.on("data", (part: Buffer) => {
      said += part;
      const url = /http:\/\/[\w.:-]+/.exec(said)?.[0];
      if (!url) return;
      clearTimeout(late);
      found(url);
    });
    child.once("error", failed);
    child.once("exit", () => failed(new Error("the program ended without naming its address")));
  });
}
