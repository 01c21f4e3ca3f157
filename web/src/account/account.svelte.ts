// Who is in front of this page, as the server says and as all tabs of a browser must agree: they share one
// cookie. While that is in question nothing is sent, so that nobody's changes go out under another's name;
// what was typed stays until the same person is back.

import { ask, read, type Outcome } from "../requests";
import type { Me, Problem, User } from "../wire";

export type Standing =
  | { is: "asked" }
  /** A server without accounts. */
  | { is: "open"; canSetUp: boolean }
  | { is: "in"; user: User }
  /** Nobody is signed in. `before`: whose page this was; `isBegun`: whether it had shown anything. */
  | { is: "out"; before: User | null; isBegun: boolean }
  /** Somebody else is signed in, and the page still holds what `before` typed. */
  | { is: "replaced"; user: User; before: User };

/** What the account needs of the page around it. */
export interface Around {
  /** Sends and follows nothing until `letGo`. */
  hold(): void;
  letGo(): void;
  /** Whether anything would be lost with the page. */
  hasWork(): boolean;
  /** Loads the page anew, at this path, and drops whatever it held. */
  leave(path: string | null): void;
  /** Opens the channel to the other tabs; `null` where there is none. */
  openChannel(hear: (word: Word) => void): ((word: Word) => void) | null;
}

/** `changing`: the cookie is about to be another; `changed`: it may be. */
export type Word = "changing" | "changed";

/** A server that doesn't answer is asked again after this long, doubling. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 5_000;
/** A tab that was about to change the cookie and said no more has gone. */
const CHANGING_MS_MAX = 30_000;

export class Account {
  standing = $state.raw<Standing>({ is: "asked" });
  readonly user = $derived(this.standing.is === "in" ? this.standing.user : null);
  readonly hasAccounts = $derived(this.standing.is !== "open" && this.standing.is !== "asked");

  #before: User | null = null;
  #isBegun = false;
  #isDoubted = false;
  /** Counts what made older answers worthless. */
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #tell: (word: Word) => void;

  constructor(private readonly around: Around) {
    this.#tell = around.openChannel((word) => this.#heard(word)) ?? (() => {});
  }

  /** Asks the server who this is. */
  async look(tries = 0): Promise<void> {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    const answer = await read<Me>("/me");
    if (turn !== this.#turn) return;
    if (answer.ok) this.#take(answer.body);
    else this.#lookIn(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** tries), tries + 1);
  }

  /** A request was answered 401. */
  doubt(): void {
    if (this.#isDoubted || this.standing.is === "out") return;
    this.#isDoubted = true;
    this.around.hold();
    // The first answer to who this is, is still to come.
    if (this.standing.is !== "asked") void this.look();
  }

  /** The page slept, and may have missed what the other tabs said. */
  wake(): void {
    this.around.hold();
    void this.look();
  }

  /** Sends what changes the cookie: signing in, an invitation, a new password. `null`: it did. */
  async enter(path: string, body: unknown): Promise<Problem | null> {
    const outcome = await this.#change<Me>(() => ask("POST", path, body, fetch));
    return outcome.ok ? null : outcome.problem;
  }

  /** Ends this session, or all. What the page holds goes with it: ask before. */
  async signOut(path: "/session" | "/me/sessions" = "/session"): Promise<Problem | null> {
    const outcome = await this.#change<null>(() => ask("DELETE", path, undefined, fetch));
    if (!outcome.ok && outcome.problem.status !== 401) return outcome.problem;
    this.around.leave("/");
    return null;
  }

  /** Goes on as whoever is signed in now. */
  discard(): void {
    this.around.leave(null);
  }

  /** The name was changed. */
  rename(user: User): void {
    if (this.standing.is === "in") this.standing = { is: "in", user };
  }

  async #change<T extends Me | null>(send: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    this.#turn++;
    clearTimeout(this.#timer);
    this.#tell("changing");
    this.around.hold();
    const outcome = await send();
    this.#tell("changed");
    if (outcome.ok && outcome.body) this.#take(outcome.body);
    else if (!outcome.ok && this.standing.is !== "out") void this.look();
    return outcome;
  }

  #heard(word: Word): void {
    this.#turn++;
    this.around.hold();
    if (word === "changed") void this.look();
    else this.#lookIn(CHANGING_MS_MAX, 0);
  }

  #lookIn(ms: number, tries: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(tries), ms);
  }

  #take({ mode, user, canSetUp }: Me): void {
    this.#isDoubted = false;
    const before = this.#before;
    if (mode === "open") return this.#goOn({ is: "open", canSetUp });
    if (user === null) {
      this.around.hold();
      this.standing = { is: "out", before, isBegun: this.#isBegun };
    } else if (before === null || before.id === user.id) this.#goOn({ is: "in", user });
    else if (this.around.hasWork()) {
      this.around.hold();
      this.standing = { is: "replaced", user, before };
    } else this.around.leave(null);
  }

  #goOn(standing: Standing & { is: "open" | "in" }): void {
    this.#isBegun = true;
    if (standing.is === "in") this.#before = standing.user;
    this.standing = standing;
    this.around.letGo();
  }
}
