// Commands go out one at a time and in order, each under one key until it has an answer.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Commands } from "./commands";
import { onAnswered, read } from "./requests";

interface Sent {
  path: string;
  method: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** A network that answers as it is told to; a string is a failure without an answer. */
function networkOf(...answers: (Response | string | Promise<Response>)[]) {
  const sent: Sent[] = [];
  const send = (path: string, init: RequestInit): Promise<Response> => {
    const { method, headers, body } = init;
    sent.push({ path, method: method!, headers: headers as Record<string, string>, body: body as string });
    const answer = answers.shift() ?? ok({});
    return typeof answer === "string" ? Promise.reject(new TypeError(answer)) : Promise.resolve(answer);
  };
  return { sent, commands: new Commands(send as typeof fetch) };
}

const ok = (body: unknown) => new Response(JSON.stringify(body), { status: 200 });
const refusal = (status: number, code: string) =>
  new Response(JSON.stringify({ code, detail: "why" }), { status });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("a command carries what it is about, its key and the version that it is for", async () => {
  const { sent, commands } = networkOf(ok({ id: "t" }), new Response(null, { status: 204 }));
  const outcome = await commands.submit({
    method: "PATCH",
    path: "/tasks/t",
    body: { title: "x" },
    ifMatch: 7,
  });
  expect(outcome).toEqual({ ok: true, body: { id: "t" } });
  expect(sent[0]).toMatchObject({ path: "/tasks/t", method: "PATCH", body: '{"title":"x"}' });
  expect(sent[0]!.headers).toMatchObject({ "Content-Type": "application/json", "If-Match": '"7"' });
  expect(sent[0]!.headers["Idempotency-Key"]).toMatch(/^[0-9a-z]{26}$/);
  expect(await commands.submit({ method: "DELETE", path: "/tasks/t" })).toEqual({ ok: true, body: null });
  expect(Object.keys(sent[1]!.headers)).toEqual(["Idempotency-Key"]);
  expect(sent[1]!.headers["Idempotency-Key"]).not.toBe(sent[0]!.headers["Idempotency-Key"]);
});

it("the next command waits for the answer to the one before", async () => {
  let answer = (_: Response) => {};
  const first = new Promise<Response>((resolve) => (answer = resolve));
  const { sent, commands } = networkOf(first, ok(2));
  const outcomes = [1, 2].map((at) => commands.submit({ method: "POST", path: `/${at}`, body: {} }));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(sent.map(({ path }) => path)).toEqual(["/1"]);
  answer(ok(1));
  expect(await Promise.all(outcomes)).toMatchObject([{ body: 1 }, { body: 2 }]);
  expect(sent.map(({ path }) => path)).toEqual(["/1", "/2"]);
});

it("a command that is revised is sent again under another key, before those given after it", async () => {
  const { sent, commands } = networkOf(refusal(412, "version_mismatch"), ok(1), ok(2));
  const revised: string[] = [];
  const outcomes = [
    commands.submit({
      method: "PATCH",
      path: "/a",
      ifMatch: 3,
      revise: ({ code }) => (revised.push(code), 5),
    }),
    commands.submit({ method: "POST", path: "/b" }),
  ];
  expect(await Promise.all(outcomes)).toMatchObject([{ body: 1 }, { body: 2 }]);
  expect(revised).toEqual(["version_mismatch"]);
  expect(sent.map(({ path, headers }) => [path, headers["If-Match"]])).toEqual([
    ["/a", '"3"'],
    ["/a", '"5"'],
    ["/b", undefined],
  ]);
  expect(sent[0]!.headers["Idempotency-Key"]).not.toBe(sent[1]!.headers["Idempotency-Key"]);
});

it("a refusal comes back with its code, and the next command goes on", async () => {
  const { commands } = networkOf(refusal(409, "board_full"), new Response("<html>", { status: 500 }), ok(3));
  expect(await commands.submit({ method: "POST", path: "/a" })).toMatchObject({
    ok: false,
    problem: { status: 409, code: "board_full", detail: "why" },
  });
  expect(await commands.submit({ method: "POST", path: "/b" })).toMatchObject({
    ok: false,
    problem: { status: 500, code: "unknown" },
  });
  expect(await commands.submit({ method: "POST", path: "/c" })).toMatchObject({ ok: true });
});

it("a lost answer, a busy server and a proxy's word are asked again under the same key", async () => {
  const passing = [408, 429, 502, 503, 504].map((status) => refusal(status, "busy"));
  const { sent, commands } = networkOf("no network", ...passing, ok("at last"));
  const outcome = commands.submit({ method: "POST", path: "/tasks", body: { title: "x" } });
  await vi.advanceTimersByTimeAsync(120_000);
  expect(await outcome).toEqual({ ok: true, body: "at last" });
  expect(sent).toHaveLength(7);
  expect(new Set(sent.map(({ headers }) => headers["Idempotency-Key"])).size).toBe(1);
  expect(new Set(sent.map(({ body }) => body)).size).toBe(1);
});

it("news of the network ends the wait at once", async () => {
  const { sent, commands } = networkOf(...Array<string>(20).fill("no network"), ok({}));
  const outcome = commands.submit({ method: "POST", path: "/tasks" });
  await vi.advanceTimersByTimeAsync(60_000);
  const tries = sent.length;
  commands.retryNow();
  await vi.advanceTimersByTimeAsync(0);
  expect(sent.length).toBe(tries + 1);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(await outcome).toEqual({ ok: true, body: {} });
});

it("how many wait is told whenever it changes, and more than five hundred are refused", async () => {
  const { commands } = networkOf(new Promise<Response>(() => {}));
  const told: number[] = [];
  const stop = commands.onWaiting((waiting) => told.push(waiting));
  for (let at = 0; at < 500; at++) void commands.submit({ method: "POST", path: "/" });
  expect(told.slice(0, 3)).toEqual([0, 1, 2]);
  expect(commands.waiting).toBe(500);
  expect(await commands.submit({ method: "POST", path: "/" })).toMatchObject({
    problem: { code: "too_many_waiting" },
  });
  expect(commands.waiting).toBe(500);
  stop();
  expect(told.at(-1)).toBe(500);
});

it("nothing waits once everything is answered", async () => {
  const { commands } = networkOf(ok({}), refusal(404, "not_found"));
  await Promise.all([1, 2].map(() => commands.submit({ method: "POST", path: "/" })));
  expect(commands.waiting).toBe(0);
});

it("reading tells a body, a refusal and silence apart", async () => {
  const answers = [ok([1]), refusal(404, "not_found"), null];
  vi.stubGlobal("fetch", () => {
    const answer = answers.shift();
    return answer ? Promise.resolve(answer) : Promise.reject(new TypeError("no network"));
  });
  expect(await read("/a")).toEqual({ ok: true, body: [1] });
  expect(await read("/b")).toMatchObject({ ok: false, problem: { status: 404, code: "not_found" } });
  expect(await read("/c")).toMatchObject({ ok: false, problem: { status: 0, code: "unreachable" } });
});

it("a change that was answered 401 is kept, and sent under its key when it may be", async () => {
  const { sent, commands } = networkOf(refusal(401, "not_signed_in"), ok("done"), ok("next"));
  const outcomes = ["/a", "/b"].map((path) => commands.submit({ method: "POST", path }));
  await vi.advanceTimersByTimeAsync(0);
  commands.hold();
  await vi.advanceTimersByTimeAsync(600_000);
  commands.retryNow();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(sent).toHaveLength(1);
  expect(commands.waiting).toBe(2);
  commands.letGo();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await Promise.all(outcomes)).toMatchObject([{ body: "done" }, { body: "next" }]);
  expect(sent[1]!.headers["Idempotency-Key"]).toBe(sent[0]!.headers["Idempotency-Key"]);
});

it("what was abandoned is never sent, and keeps nobody from leaving", async () => {
  const { sent, commands } = networkOf();
  commands.hold();
  void commands.submit({ method: "POST", path: "/" });
  await vi.advanceTimersByTimeAsync(0);
  commands.abandon();
  commands.letGo();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(sent).toEqual([]);
  expect(commands.waiting).toBe(0);
});

it("a refusal for too many tries says how long to wait", async () => {
  const headers = { "Retry-After": "40" };
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}", { status: 429, headers })));
  expect(await read("/a")).toMatchObject({ problem: { status: 429, retryAfter: 40 } });
});

it("who listens hears of answers 401 and 403, whatever was asked", async () => {
  const heard: string[] = [];
  const stops = (["unknown", "not_allowed"] as const).map((word) => onAnswered(word, () => heard.push(word)));
  for (const status of [200, 401, 404, 403]) {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}", { status })));
    await read("/a");
  }
  expect(heard).toEqual(["unknown", "not_allowed"]);
  for (const stop of stops) stop();
});
