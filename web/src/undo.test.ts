// Messages come and go, and what they offer to undo is undone once, newest first.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Messages, UNDO_MS } from "./undo.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const texts = (messages: Messages) => messages.toasts.map((toast) => toast.text);

it("an offer to undo stays at least eight seconds, then the message goes but the step stays", () => {
  expect(UNDO_MS).toBeGreaterThanOrEqual(8_000);
  const messages = new Messages();
  const undo = vi.fn();
  messages.done("Deleted", undo);
  vi.advanceTimersByTime(UNDO_MS - 1);
  expect(texts(messages)).toEqual(["Deleted"]);
  vi.advanceTimersByTime(1);
  expect(texts(messages)).toEqual([]);
  expect(messages.undoLast()).toBe(true);
  expect(undo).toHaveBeenCalledOnce();
});

it("the newest step is undone first, each once, and its message goes with it", () => {
  const messages = new Messages();
  const undone: number[] = [];
  for (const step of [1, 2, 3]) messages.done(`${step}`, () => undone.push(step));
  messages.undo(messages.toasts[1]!.undoable!);
  expect(texts(messages)).toEqual(["1", "3"]);
  expect([messages.undoLast(), messages.undoLast(), messages.undoLast()]).toEqual([true, true, false]);
  expect(undone).toEqual([2, 3, 1]);
  expect(texts(messages)).toEqual([]);
});

it("what did not happen after all can't be undone", () => {
  const messages = new Messages();
  const undo = vi.fn();
  messages.forget(messages.done("Moved", undo));
  expect(messages.undoLast()).toBe(false);
  expect(texts(messages)).toEqual([]);
  expect(undo).not.toHaveBeenCalled();
});

it("a step counts from when it was begun, however late it is offered", () => {
  const messages = new Messages();
  const undone: string[] = [];
  const edit = messages.begin(() => undone.push("edit"));
  messages.done("Moved", () => undone.push("move"));
  expect(texts(messages)).toEqual(["Moved"]);
  messages.offer("Saved", edit);
  expect(texts(messages)).toEqual(["Moved", "Saved"]);
  while (messages.undoLast());
  expect(undone).toEqual(["move", "edit"]);
});

it("a step that was undone before it was offered isn't offered any more", () => {
  const messages = new Messages();
  const undo = vi.fn();
  const edit = messages.begin(undo);
  expect(messages.undoLast()).toBe(true);
  messages.offer("Saved", edit);
  expect(texts(messages)).toEqual([]);
  expect(messages.undoLast()).toBe(false);
  expect(undo).toHaveBeenCalledOnce();
});

it("at most three messages are shown and fifty steps kept, the newest", () => {
  const messages = new Messages();
  const undone: number[] = [];
  for (let step = 0; step < 60; step++) messages.done(`${step}`, () => undone.push(step));
  expect(texts(messages)).toEqual(["57", "58", "59"]);
  while (messages.undoLast());
  expect(undone).toEqual(Array.from({ length: 50 }, (_, at) => 59 - at));
});

it("a message that is pointed at stays, and then for two seconds at least", () => {
  const messages = new Messages();
  messages.say("Back again");
  const { id } = messages.toasts[0]!;
  vi.advanceTimersByTime(5_900);
  messages.hold(id);
  vi.advanceTimersByTime(60_000);
  expect(texts(messages)).toEqual(["Back again"]);
  messages.release(id);
  vi.advanceTimersByTime(1_999);
  expect(texts(messages)).toEqual(["Back again"]);
  vi.advanceTimersByTime(1);
  expect(texts(messages)).toEqual([]);
});

it("a message that was closed while it was held does not come back", () => {
  const messages = new Messages();
  messages.problem("No");
  const { id } = messages.toasts[0]!;
  messages.hold(id);
  messages.dismiss(id);
  messages.release(id);
  vi.advanceTimersByTime(60_000);
  expect(texts(messages)).toEqual([]);
});

it("a message that is both pointed at and focused goes when it is left", () => {
  const messages = new Messages();
  messages.say("Here");
  const { id } = messages.toasts[0]!;
  for (const step of ["hold", "hold", "release", "release"] as const) messages[step](id);
  vi.advanceTimersByTime(6_000);
  expect(texts(messages)).toEqual([]);
});

it("a message that was let go twice is still held by the next who points at it", () => {
  const messages = new Messages();
  messages.say("Here");
  const { id } = messages.toasts[0]!;
  for (const step of ["hold", "hold", "release", "release", "hold"] as const) messages[step](id);
  vi.advanceTimersByTime(60_000);
  expect(texts(messages)).toEqual(["Here"]);
});

it("the same words twice are told to a screen reader twice", () => {
  const messages = new Messages();
  messages.announce("Saved");
  const first = messages.announced;
  messages.announce("Saved");
  const second = messages.announced;
  messages.announce("Saved");
  expect(second).not.toBe(first);
  expect(messages.announced).not.toBe(second);
  expect(new Set([first, second, messages.announced].map((text) => text.trim()))).toEqual(new Set(["Saved"]));
});
