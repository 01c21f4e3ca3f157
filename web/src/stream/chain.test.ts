// One board's chain against a log that answers when the test says so: what comes while a page is under
// way is neither lost nor shown twice.
import { beforeEach, expect, test } from "vitest";
import { Chain, type Link, standsAt } from "./chain";
import type { Answer, Environment } from "./environment";
import { HELD_MAX } from "./limits";

let got: string[];
let asked: { url: string; answer: (answer: Answer) => void }[];
let timers: (() => void)[];
let chain: Chain;

beforeEach(() => {
  got = [];
  asked = [];
  timers = [];
  const env = {
    random: () => 0.5,
    after: (_ms: number, run: () => void) => {
      timers.push(run);
      return () => void timers.splice(timers.indexOf(run), 1);
    },
    getJson: (url: string, answer: (answer: Answer) => void) => {
      asked.push({ url, answer });
      return () => {};
    },
  } as unknown as Environment;
  chain = new Chain("a", "c0", env, {
    event: (event, cursor) => got.push(event.type === "snapshot" ? `snapshot ${cursor}` : cursor),
    gone: () => got.push("gone"),
    changed: () => {},
  });
});

function step(number: number): Link {
  const event = { type: "board_deleted", boardId: "a", by: null, at: "" } as const;
  return { previous: `c${number - 1}`, cursor: `c${number}`, event };
}

function answer(...numbers: number[]): void {
  const events = numbers.map((number) => ({ id: `c${number}`, data: step(number).event }));
  asked.shift()!.answer({ status: 200, body: { events, cursor: events.at(-1)?.id ?? "" } });
}

test("what follows is delivered without asking anybody", () => {
  for (const number of [1, 2, 3]) chain.take(step(number));
  expect(got).toEqual(["c1", "c2", "c3"]);
  expect(asked).toEqual([]);
});

test("a gap is read from the log, and what came meanwhile follows on it", () => {
  chain.take(step(3));
  expect(chain.inSync).toBe(false);
  expect(asked[0]!.url).toBe("/boards/a/events?after=c0&limit=1000");
  chain.take(step(4));
  answer(1, 2, 3);
  expect(got).toEqual(["c1", "c2", "c3", "c4"]);
  expect(asked).toEqual([]);
  expect(chain.inSync).toBe(true);
});

test("what was held and is in the page too is delivered once", () => {
  chain.take(step(2));
  chain.take(step(3));
  answer(1, 2, 3);
  chain.take(step(4));
  expect(got).toEqual(["c1", "c2", "c3", "c4"]);
});

test("a gap that opens while a page is under way is read after it", () => {
  chain.take(standsAt("older"));
  chain.take(step(5));
  answer();
  expect(got).toEqual([]);
  expect(chain.inSync).toBe(false);
  answer(1, 2, 3, 4, 5);
  expect(got).toEqual(["c1", "c2", "c3", "c4", "c5"]);
  expect(chain.inSync).toBe(true);
});

test("past what it may hold it drops everything and reads on until it is there", () => {
  chain.take(step(2));
  for (let number = 3; number <= HELD_MAX + 2; number += 1) chain.take(step(number));
  answer();
  expect(chain.inSync).toBe(false);
  answer(...Array.from({ length: HELD_MAX + 2 }, (_, index) => index + 1));
  expect(got).toHaveLength(HELD_MAX + 2);
  expect(new Set(got).size).toBe(got.length);
  expect(chain.inSync).toBe(true);
});

test("a pipe that is behind is let come up without another question", () => {
  chain.take({ ...step(1), previous: "b1", cursor: "b2" });
  answer();
  expect(chain.inSync).toBe(true);
  chain.take({ ...step(1), previous: "b2", cursor: "b3" });
  chain.take({ ...step(1), previous: "b3", cursor: "c0" });
  chain.take(step(1));
  expect(got).toEqual(["c1"]);
  expect(asked).toEqual([]);
});

test("a snapshot from a pipe that was behind may be ahead, and is looked into", () => {
  chain.take(standsAt("b1"));
  answer();
  chain.take({ previous: "b1", cursor: "c9", event: { type: "snapshot", board: {} as never } });
  expect(chain.inSync).toBe(false);
  answer(1);
  expect(got).toEqual(["c1"]);
});

test("a place that the log has no more gives the board as a snapshot, and a second time only after a wait", () => {
  chain.take(step(5));
  asked.shift()!.answer({ status: 410, body: null });
  expect(asked[0]!.url).toBe("/boards/a");
  asked.shift()!.answer({ status: 200, body: { id: "a", cursor: "c5" } });
  asked.shift()!.answer({ status: 410, body: null });
  expect(asked).toEqual([]);
  expect(got).toEqual(["snapshot c5"]);
  timers.shift()!();
  answer();
  expect(chain.inSync).toBe(true);
});

test("a failed page is asked for again after a wait, or at once when the line is back", () => {
  chain.take(step(2));
  asked.shift()!.answer({ status: 502, body: null });
  expect(asked).toEqual([]);
  chain.hurry();
  expect(timers).toEqual([]);
  answer(1, 2);
  expect(got).toEqual(["c1", "c2"]);
  chain.hurry();
  expect(asked).toEqual([]);
});

test("a board that isn't there any more is gone, once, and nothing comes after", () => {
  chain.take(step(2));
  asked.shift()!.answer({ status: 404, body: null });
  chain.gone();
  chain.take(step(1));
  expect(got).toEqual(["gone"]);
});

test("a page that was answered 401 is asked for again when that may have changed, and not before", () => {
  chain.take(step(2));
  asked.shift()!.answer({ status: 401, body: null });
  expect(timers).toEqual([]);
  expect(asked).toEqual([]);
  chain.hurry();
  answer(1, 2);
  expect(got).toEqual(["c1", "c2"]);
  expect(chain.inSync).toBe(true);
});
