// Who is in front of the page when sessions end, when others sign in, and when several tabs share one
// cookie. The server is a small one in memory; each tab is an `Account` on it.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Account, type Word } from "./account.svelte";

const ada = { id: "user_a", login: "ada", name: "Ada", isAdmin: true };
const bob = { id: "user_b", login: "bob", name: "Bob", isAdmin: false };

/** The server as one browser sees it: whom its cookie names. */
class Server {
  mode: "open" | "accounts" = "accounts";
  user: typeof ada | null = null;
  isDown = false;
  asked: string[] = [];

  readonly fetch = async (path: string, init: RequestInit): Promise<Response> => {
    this.asked.push(`${init.method} ${path}`);
    await Promise.resolve();
    if (this.isDown) throw new TypeError("no network");
    const body = JSON.parse((init.body as string | undefined) ?? "{}") as { login?: string };
    if (init.method === "DELETE") return this.#becomes(null);
    if (path === "/me") return this.#me();
    if (path === "/setup") this.mode = "accounts";
    const user = path === "/setup" ? ada : [ada, bob].find(({ login }) => login === body.login);
    return user ? this.#becomes(user) : Response.json({ code: "wrong_login" }, { status: 401 });
  };

  #becomes(user: typeof ada | null): Response {
    this.user = user;
    return user ? this.#me() : new Response(null, { status: 204 });
  }

  #me(): Response {
    return Response.json({ mode: this.mode, user: this.user, canSetUp: this.mode === "open" });
  }
}

class Tab {
  isHeld = false;
  hasWork = false;
  left: (string | null)[] = [];
  readonly account: Account;

  constructor(others: Set<(word: Word) => void>) {
    this.account = new Account({
      hold: () => (this.isHeld = true),
      letGo: () => (this.isHeld = false),
      hasWork: () => this.hasWork,
      leave: (path) => this.left.push(path),
      openChannel: (hear) => {
        others.add(hear);
        return (word) => others.forEach((other) => other !== hear && other(word));
      },
    });
  }

  get is(): string {
    return this.account.standing.is;
  }
}

let server: Server;
let channel: Set<(word: Word) => void>;

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  channel = new Set();
  vi.stubGlobal("fetch", server.fetch);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function tabOf(user: typeof ada | null): Promise<Tab> {
  server.user = user;
  const tab = new Tab(channel);
  await tab.account.look();
  return tab;
}

/** The session ends, and a request hears of it. */
async function endSession(tab: Tab): Promise<void> {
  server.user = null;
  tab.account.doubt();
  expect(tab.isHeld, "nothing is sent while it isn't known who is there").toBe(true);
  await settle();
}

const settle = () => vi.advanceTimersByTimeAsync(0);

it("a server without accounts is open, and nothing is held", async () => {
  server.mode = "open";
  const tab = await tabOf(null);
  expect(tab.account.standing).toEqual({ is: "open", canSetUp: true });
  expect(tab.isHeld).toBe(false);
});

it("a page that nobody is signed in on has nothing to keep", async () => {
  const tab = await tabOf(null);
  expect(tab.account.standing).toEqual({ is: "out", before: null, isBegun: false });
  expect(await tab.account.enter("/session", { login: "ada" })).toBeNull();
  expect(tab.account.user).toEqual(ada);
  expect(tab.isHeld).toBe(false);
});

it("a wrong password says so and leaves everything as it is", async () => {
  const tab = await tabOf(null);
  expect(await tab.account.enter("/session", { login: "eve" })).toMatchObject({ code: "wrong_login" });
  expect([tab.is, tab.isHeld]).toEqual(["out", true]);
});

it("an ended session holds everything until the same person is back", async () => {
  const tab = await tabOf(ada);
  await endSession(tab);
  expect(tab.account.standing).toEqual({ is: "out", before: ada, isBegun: true });
  await tab.account.enter("/session", { login: "ada" });
  expect([tab.is, tab.isHeld]).toEqual(["in", false]);
  expect(tab.left).toEqual([]);
});

it("if somebody else comes instead, a page without anything typed is loaded anew for them", async () => {
  const tab = await tabOf(ada);
  await endSession(tab);
  await tab.account.enter("/session", { login: "bob" });
  expect(tab.left).toEqual([null]);
  expect(tab.isHeld).toBe(true);
});

it("if somebody else comes and something was typed, it is asked, and never sent as theirs", async () => {
  const tab = await tabOf(ada);
  tab.hasWork = true;
  await endSession(tab);
  await tab.account.enter("/session", { login: "bob" });
  expect(tab.account.standing).toEqual({ is: "replaced", user: bob, before: ada });
  expect([tab.isHeld, tab.left]).toEqual([true, []]);
  await tab.account.enter("/session", { login: "ada" });
  expect([tab.is, tab.isHeld, tab.left]).toEqual(["in", false, []]);
});

it("many answers 401 at once make one question", async () => {
  const tab = await tabOf(ada);
  server.asked = [];
  for (let at = 0; at < 10; at++) tab.account.doubt();
  await settle();
  expect(server.asked).toEqual(["GET /me"]);
  expect([tab.is, tab.isHeld], "it was an answer to the cookie before this one").toEqual(["in", false]);
});

it("signing out in one tab signs out all; signing in again in one lets all go on", async () => {
  const [one, other] = [await tabOf(ada), await tabOf(ada)];
  await one.account.signOut();
  await settle();
  expect(one.left).toEqual(["/"]);
  expect([other.is, other.isHeld]).toEqual(["out", true]);
  await other.account.enter("/session", { login: "ada" });
  expect([other.is, other.isHeld]).toEqual(["in", false]);
});

it("while one tab changes the cookie the others send nothing", async () => {
  const [one, other] = [await tabOf(ada), await tabOf(ada)];
  other.hasWork = true;
  const entering = one.account.enter("/session", { login: "bob" });
  expect(other.isHeld).toBe(true);
  await entering;
  await settle();
  expect(other.account.standing).toEqual({ is: "replaced", user: bob, before: ada });
  expect(other.isHeld).toBe(true);
});

it("a failed try in one tab holds the others for no longer than it takes", async () => {
  const [one, other] = [await tabOf(ada), await tabOf(ada)];
  await one.account.enter("/session", { login: "eve" });
  await settle();
  expect([other.is, other.isHeld]).toEqual(["in", false]);
  expect([one.is, one.isHeld]).toEqual(["in", false]);
});

it("a tab that says it changes the cookie and dies holds the others for half a minute", async () => {
  const tab = await tabOf(ada);
  for (const hear of channel) hear("changing");
  await vi.advanceTimersByTimeAsync(29_000);
  expect(tab.isHeld).toBe(true);
  await vi.advanceTimersByTimeAsync(2_000);
  expect([tab.is, tab.isHeld]).toEqual(["in", false]);
});

it("an answer from before the cookie changed is passed over", async () => {
  const tab = await tabOf(ada);
  tab.hasWork = true;
  const late = server.fetch;
  let answer = () => {};
  vi.stubGlobal("fetch", async () => {
    const stale = await late("/me", { method: "GET" });
    await new Promise<void>((resolve) => (answer = resolve));
    return stale;
  });
  const looking = tab.account.look();
  await settle();
  vi.stubGlobal("fetch", server.fetch);
  server.user = bob;
  for (const hear of channel) hear("changed");
  await settle();
  expect(tab.is).toBe("replaced");
  answer();
  await looking;
  expect(tab.is).toBe("replaced");
});

it("a server that doesn't answer is asked until it does, and nothing is sent before", async () => {
  const tab = await tabOf(ada);
  server.isDown = true;
  await endSession(tab);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([tab.is, tab.isHeld]).toEqual(["in", true]);
  expect(server.asked.length).toBeLessThan(20);
  server.isDown = false;
  await vi.advanceTimersByTimeAsync(6_000);
  expect([tab.is, tab.isHeld]).toEqual(["out", true]);
});

it("when accounts are switched on, what was typed without one is kept for whoever signs in", async () => {
  server.mode = "open";
  const tab = await tabOf(null);
  tab.hasWork = true;
  server.mode = "accounts";
  await endSession(tab);
  expect(tab.account.standing).toEqual({ is: "out", before: null, isBegun: true });
  await tab.account.enter("/session", { login: "bob" });
  expect([tab.is, tab.isHeld, tab.left]).toEqual(["in", false, []]);
});

it("who switches accounts on is signed in at once", async () => {
  server.mode = "open";
  const tab = await tabOf(null);
  expect(await tab.account.enter("/setup", { code: "x" })).toBeNull();
  expect(tab.account.user).toEqual(ada);
});

it("signing out without a line says so, and nobody leaves", async () => {
  const tab = await tabOf(ada);
  server.isDown = true;
  expect(await tab.account.signOut()).toMatchObject({ code: "unreachable" });
  expect(tab.left).toEqual([]);
  server.isDown = false;
  await vi.advanceTimersByTimeAsync(2_000);
  expect([tab.is, tab.isHeld]).toEqual(["in", false]);
});

it("a page that slept looks who is there before it sends anything", async () => {
  const tab = await tabOf(ada);
  server.user = bob;
  tab.account.wake();
  expect(tab.isHeld).toBe(true);
  await settle();
  expect(tab.left).toEqual([null]);
});
