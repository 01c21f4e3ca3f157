// Sends commands: one at a time, in the order in which they were given, each under an idempotency key, so
// that one whose answer was lost is simply sent again. Knows nothing of boards or of what a command means.

import { newKey } from "./ids";
import { ANSWER_MS_MAX, readProblem, request, UNREACHABLE, type Outcome } from "./requests";
import type { Problem } from "./wire";

/** A request that changes something. */
export interface Command {
  method: "POST" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  /** Only if the thing is still at this version. */
  ifMatch?: number;
  /** The version to send it for once more if it was refused for this one, before what was given after it. */
  revise?: (refusal: Problem) => number | undefined;
}

/** More than this many changes that wait for the network is more than a person can keep in mind. */
const WAITING_MAX = 500;
const WAIT_MS_MIN = 500;
const WAIT_MS_MAX = 15_000;
/** The server keeps answers under a key for a day. */
const RETRY_MS_MAX = 23 * 3_600_000;

/** The queue of commands. */
export class Commands {
  #waiting = 0;
  #isHeldUp = false;
  #last: Promise<unknown> = Promise.resolve();
  #listeners = new Set<(waiting: number, isHeldUp: boolean) => void>();
  #wake = new EventTarget();
  /** While nothing may be sent. */
  #gate: { opened: Promise<void>; open: () => void } | null = null;
  #isAbandoned = false;

  constructor(private readonly send: typeof fetch = request) {}

  /** Sends a command after all that were given before. Never rejects. */
  submit(command: Command): Promise<Outcome> {
    if (this.#waiting >= WAITING_MAX) return Promise.resolve({ ok: false, problem: TOO_MANY });
    this.#count(1);
    const outcome = this.#last.then(() => this.#takeTurn(command));
    this.#last = outcome;
    return outcome.finally(() => this.#count(-1));
  }

  /** How many commands have no answer yet. */
  get waiting(): number {
    return this.#isAbandoned ? 0 : this.#waiting;
  }

  /** Sends nothing until `letGo`: whose changes these are has to be known first. */
  hold(): void {
    if (this.#gate) return;
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#gate = { opened, open };
  }

  letGo(): void {
    if (this.#isAbandoned) return;
    this.#gate?.open();
    this.#gate = null;
  }

  /** Sends nothing any more: what waits was somebody else's. */
  abandon(): void {
    this.hold();
    this.#isAbandoned = true;
  }

  /** Called at once and whenever the number of unanswered commands changes, or whether the first of them
   * had to be sent again. */
  onWaiting(listener: (waiting: number, isHeldUp: boolean) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#waiting, this.#isHeldUp);
    return () => this.#listeners.delete(listener);
  }

  /** The network is back: don't wait any longer. */
  retryNow(): void {
    this.#wake.dispatchEvent(new Event("wake"));
  }

  #count(by: number): void {
    this.#waiting += by;
    this.#tell();
  }

  #holdUp(isHeldUp: boolean): void {
    if (this.#isHeldUp === isHeldUp) return;
    this.#isHeldUp = isHeldUp;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#waiting, this.#isHeldUp);
  }

  async #takeTurn(command: Command): Promise<Outcome> {
    for (let ifMatch = command.ifMatch; ;) {
      const outcome = await this.#carryOut({ ...command, ...(ifMatch !== undefined && { ifMatch }) });
      ifMatch = outcome.ok ? undefined : command.revise?.(outcome.problem);
      if (ifMatch === undefined) return outcome;
    }
  }

  async #carryOut(command: Command): Promise<Outcome> {
    const key = newKey();
    const began = Date.now();
    for (let tries = 0; ; tries++) {
      while (this.#gate) await this.#gate.opened;
      let answer = await this.#attempt(command, key);
      if (answer === "again" && Date.now() - began > RETRY_MS_MAX)
        answer = { ok: false, problem: UNREACHABLE };
      this.#holdUp(answer === "again");
      if (answer !== "again") return answer;
      await this.#pause(Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** tries) * (0.5 + Math.random() / 2));
    }
  }

  async #attempt(command: Command, key: string): Promise<Outcome | "again"> {
    const headers: Record<string, string> = { "Idempotency-Key": key };
    if (command.body !== undefined) headers["Content-Type"] = "application/json";
    if (command.ifMatch !== undefined) headers["If-Match"] = `"${command.ifMatch}"`;
    try {
      const response = await this.send(command.path, {
        method: command.method,
        headers,
        ...(command.body !== undefined && { body: JSON.stringify(command.body) }),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      if (response.ok) return { ok: true, body: response.status === 204 ? null : await response.json() };
      return isPassing(response.status) ? "again" : { ok: false, problem: await readProblem(response) };
    } catch {
      // No answer: it may or may not have happened, and under the same key it happens once.
      return "again";
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake.removeEventListener("wake", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake.addEventListener("wake", done);
    });
  }
}

/** Answers of a server that is busy or restarting, or of a proxy before it; and of one that no longer knows
 * who asks, which is over when the same person has signed in again. */
function isPassing(status: number): boolean {
  return [401, 408, 429, 502, 503, 504].includes(status);
}

const TOO_MANY: Problem = { title: "", status: 0, code: "too_many_waiting", detail: "" };
