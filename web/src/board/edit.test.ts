// Saving over what somebody else may have changed: silently where it is another field, with a question where
// it is the same.

import { expect, it } from "vitest";
import type { Outcome } from "../requests";
import { save, type Send } from "./edit";

interface Thing {
  name: string;
  other: string;
  version: number;
}

const KNOWN: Thing = { name: "base", other: "", version: 3 };

/** A server that holds `now`, and says so where the version is another. */
function serverWith(...states: Thing[]) {
  const sent: number[] = [];
  const send: Send = ({ ifMatch, revise }): Promise<Outcome> => {
    sent.push(ifMatch);
    const now = states.length > 1 ? states.shift()! : states[0]!;
    if (now.version === ifMatch)
      return Promise.resolve({ ok: true, body: { ...now, name: "mine", version: ifMatch + 1 } });
    const problem = { title: "", status: 412, code: "version_mismatch", detail: "", current: now as never };
    const next = revise(problem);
    return next === undefined ? Promise.resolve({ ok: false, problem }) : send({ ifMatch: next, revise });
  };
  return { sent, send };
}

const saveMine = (send: Send, known = KNOWN) =>
  save<Thing>(known, (thing) => thing.name, "base", "mine", send);

it("a text is saved over the version that is known", async () => {
  const { sent, send } = serverWith(KNOWN);
  expect(await saveMine(send)).toEqual({ state: "saved", thing: { ...KNOWN, name: "mine", version: 4 } });
  expect(sent).toEqual([3]);
});

it("a change of another field is passed over: the text is saved on top of it", async () => {
  const { sent, send } = serverWith({ name: "base", other: "theirs", version: 7 });
  const saved = await saveMine(send);
  expect(saved).toEqual({ state: "saved", thing: { name: "mine", other: "theirs", version: 8 } });
  expect(sent).toEqual([3, 7]);
});

it("a change of the same field comes back, and nothing is written", async () => {
  const theirs = { name: "theirs", other: "", version: 4 };
  const { sent, send } = serverWith(theirs);
  expect(await saveMine(send)).toEqual({ state: "conflict", theirs });
  expect(sent).toEqual([3]);
});

it("a change of the same field that is known already is told without asking the server", async () => {
  const known = { ...KNOWN, name: "theirs" };
  const { sent, send } = serverWith(known);
  expect(await saveMine(send, known)).toEqual({ state: "conflict", theirs: known });
  expect(sent).toEqual([]);
});

it("the same text from two people is no conflict", async () => {
  const { send } = serverWith({ name: "mine", other: "", version: 4 });
  expect((await saveMine(send)).state).toBe("saved");
});

it("another refusal is passed on", async () => {
  const problem = { title: "", status: 404, code: "not_found", detail: "" };
  const saved = await saveMine(() => Promise.resolve({ ok: false, problem }));
  expect(saved).toEqual({ state: "refused", outcome: { ok: false, problem } });
});

it("something that changes faster than anybody types is given up on", async () => {
  const { sent, send } = serverWith(
    ...Array.from({ length: 50 }, (_, at) => ({ ...KNOWN, version: at + 10 })),
  );
  expect((await saveMine(send)).state).toBe("refused");
  expect(sent.length).toBeLessThan(10);
});
