// Which of the browser's tabs holds the stream. Tabs talk over one channel that reaches all of them. The
// followers ask, the holder answers: a hidden tab's timers hardly run, but messages reach it at once, so a
// holder needs no timer to show that it is there.
import type { Cursor } from "../wire";
import type { Link } from "./chain";
import type { Channel, Environment, Stop } from "./environment";
import { FORGET_MS, JOIN_MS, REPEAT_MS, TABS_MAX, TICK_MS, UNANSWERED_MAX } from "./limits";

export type Cursors = Map<string, Cursor>;

/** The holder's word on the stream: the boards that are live, and where their pipes stand. */
export interface Line {
  at: Cursors;
  heardAt: number;
}

interface From {
  from: string;
  /** Of a holder: its claim. Of others: the highest they know of. */
  term: number;
}

type Message = From &
  (
    | { kind: "ask"; boards: Cursors; visible: boolean; hurry: boolean }
    | { kind: "leave"; heir: string | null }
    | ({ kind: "here" } & Line)
    | { kind: "link"; boardId: string; link: Link }
    | { kind: "gone"; boardId: string }
  );

type Body<M = Message> = M extends Message ? Omit<M, keyof From> : never;

interface Tab {
  boards: Cursors;
  visible: boolean;
  heardAt: number;
}

export interface TabsOwner {
  /** What this tab follows. */
  boards(): Cursors;
  /** This tab holds the stream from now on. */
  took(): void;
  /** Another does. */
  lost(): void;
  /** As the holder: the stream's state, as of now. */
  line(): Line;
  /** As the holder: somebody may want other boards now, or have them tried at once. */
  wanted(hurry: boolean): void;
  /** From the holder, be it this tab or another. */
  heard(line: Line): void;
  link(boardId: string, link: Link): void;
  gone(boardId: string): void;
  /** The holder was lost or doesn't answer, or a tick went by. */
  changed(): void;
}

type Role = "away" | "joining" | "following" | "holding";

export class Tabs {
  readonly #id: string;
  #role: Role = "away";
  #channel: Channel | null = null;
  /** The highest claim heard of. Of two holders the one with the higher claim stays, and of equals the greater id. */
  #term = 0;
  #holder: From | null = null;
  #holderHeardAt = 0;
  /** Asks of as many ticks. Not cleared by time: after a sleep the answers may still be on their way. */
  #unanswered = 0;
  #silent = false;
  #askedAt = 0;
  #tick: Stop | null = null;
  #join: Stop | null = null;
  /** As the holder: what the others follow. */
  readonly #others = new Map<string, Tab>();

  constructor(
    private readonly env: Environment,
    private readonly owner: TabsOwner,
  ) {
    this.#id = Array.from({ length: 4 }, () => Math.floor(env.random() * 2 ** 32).toString(36)).join("-");
  }

  get holds(): boolean {
    return this.#role === "holding";
  }

  /** Whether the holder's last word counts: it answered what it was asked. */
  get answered(): boolean {
    return this.#role === "holding" || (this.#role === "following" && !this.#silent);
  }

  /** Comes, or comes back after `leave`. */
  enter(): void {
    if (this.#role !== "away") return;
    this.#channel = this.env.openChannel((message) => this.#receive(message as Message));
    this.#schedule();
    if (this.#channel === null) this.#hold();
    else this.#seek();
  }

  /** Goes, or is about to be frozen: hands the stream on if it holds it. */
  leave(): void {
    if (this.#role === "away") return;
    this.#post({ kind: "leave", heir: this.holds ? this.#heir() : null });
    const held = this.holds;
    this.#role = "away";
    this.#holder = null;
    this.#channel?.close();
    this.#channel = null;
    this.#tick?.();
    this.#join?.();
    if (held) this.owner.lost();
    this.owner.changed();
  }

  /** What this tab follows changed, or somebody looks at it again. */
  speak(hurry: boolean): void {
    if (this.holds) {
      this.owner.wanted(hurry);
      this.announce();
    } else if (this.#role === "following") {
      this.#ask(hurry);
      if (hurry) this.#holdUnlessAnswered();
    }
  }

  /** What other tabs follow, board by board. */
  others(): Cursors {
    return new Map([...this.#others.values()].flatMap((tab) => [...tab.boards]));
  }

  /** As the holder: tells all tabs, this one too, how the stream stands. */
  announce(): void {
    if (!this.holds) return;
    const line = this.owner.line();
    this.#post({ kind: "here", ...line });
    this.owner.heard(line);
  }

  passOn(boardId: string, link: Link): void {
    this.#post({ kind: "link", boardId, link });
    this.owner.link(boardId, link);
  }

  passOnGone(boardId: string): void {
    for (const tab of this.#others.values()) tab.boards.delete(boardId);
    this.#post({ kind: "gone", boardId });
    this.owner.gone(boardId);
  }

  #post(body: Body): void {
    this.#channel?.post({ ...body, from: this.#id, term: this.#term });
  }

  #receive(message: Message): void {
    if (this.#role === "away") return;
    switch (message.kind) {
      case "ask":
        this.#term = Math.max(this.#term, this.holds ? 0 : message.term);
        return this.#asked(message);
      case "leave":
        return this.#left(message.from, message.heir);
    }
    if (!this.#trusts(message)) return;
    if (message.kind === "here") this.owner.heard({ at: message.at, heardAt: message.heardAt });
    if (message.kind === "link") this.owner.link(message.boardId, message.link);
    if (message.kind === "gone") this.owner.gone(message.boardId);
  }

  // A holder among others.

  /** Whether the sender of a holder's word is our holder, which it may become by saying it. */
  #trusts({ from, term }: From): boolean {
    const known = this.#holder;
    const same = known?.from === from && !this.holds;
    if (!same && known !== null && !outranks({ from, term }, known)) {
      // It was frozen and woke, or came in the same moment: it learns from our word that it isn't the one.
      if (this.holds) this.announce();
      // Ours may be dead, and this one can't know of its claim.
      if (this.holds || this.#unanswered === 0) return false;
    }
    const held = this.holds;
    this.#role = "following";
    this.#join?.();
    this.#term = Math.max(this.#term, term);
    this.#holder = { from, term };
    this.#holderHeardAt = this.env.now();
    this.#unanswered = 0;
    this.#silent = false;
    if (held) this.#yield();
    if (!same) this.#ask(false);
    return true;
  }

  #yield(): void {
    this.#others.clear();
    this.owner.lost();
  }

  #hold(): void {
    this.#join?.();
    this.#role = "holding";
    this.#term += 1;
    this.#holder = { from: this.#id, term: this.#term };
    this.#others.clear();
    this.owner.took();
    this.announce();
  }

  #asked({ from, boards, visible, hurry }: Message & { kind: "ask" }): void {
    if (!this.holds) return;
    this.#others.delete(from);
    this.#others.set(from, { boards, visible, heardAt: this.env.now() });
    const oldest = this.#others.keys().next();
    if (this.#others.size > TABS_MAX && !oldest.done) this.#others.delete(oldest.value);
    this.owner.wanted(hurry);
    this.announce();
  }

  #left(from: string, heir: string | null): void {
    if (this.holds) {
      if (this.#others.delete(from)) this.owner.wanted(false);
    } else if (this.#holder?.from === from) {
      this.#holder = null;
      if (heir === this.#id) this.#hold();
      else this.#seek();
      this.owner.changed();
    }
  }

  /** Rather a tab that is seen than a hidden one, which may be frozen next; of those, the last heard. */
  #heir(): string | null {
    const tabs = [...this.#others];
    const heir = tabs.findLast(([, tab]) => tab.visible) ?? tabs.at(-1);
    return heir?.[0] ?? null;
  }

  // A follower, or one about to be.

  /** Looks for a holder, and becomes it if none answers. */
  #seek(): void {
    this.#role = "joining";
    this.#holder = null;
    this.#unanswered = 0;
    this.#ask(false);
    this.#holdUnlessAnswered();
  }

  #holdUnlessAnswered(): void {
    this.#join?.();
    this.#join = this.env.after(JOIN_MS * (1 + this.env.random()), () => this.#hold());
  }

  #ask(hurry: boolean): void {
    this.#askedAt = this.env.now();
    this.#post({ kind: "ask", boards: this.owner.boards(), visible: this.env.visible(), hurry });
  }

  #schedule(): void {
    this.#tick = this.env.after(TICK_MS, () => {
      this.#schedule();
      if (this.holds) this.#forget();
      else if (this.#role === "following") this.#watch();
      this.owner.changed();
    });
  }

  #watch(): void {
    const now = this.env.now();
    this.#silent = this.#unanswered > 0;
    if (this.#unanswered >= UNANSWERED_MAX) return this.#hold();
    const quietMs = Math.abs(now - this.#holderHeardAt);
    if (quietMs >= TICK_MS || Math.abs(now - this.#askedAt) >= REPEAT_MS) {
      this.#unanswered += 1;
      this.#ask(false);
    }
  }

  #forget(): void {
    const before = this.env.now() - FORGET_MS;
    for (const [id, tab] of this.#others) if (tab.heardAt < before) this.#others.delete(id);
    this.owner.wanted(false);
  }
}

function outranks(one: From, other: From): boolean {
  return one.term > other.term || (one.term === other.term && one.from > other.from);
}
