// One open board when answers and events cross.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { BoardSink, Feed } from "../stream/feed";
import type { BoardEvent, Snapshot, Task } from "../wire";
import { OpenBoard } from "./open.svelte";

const times = { version: 1, createdAt: "", updatedAt: "" };
const task: Task = { id: "one", listId: "a", title: "one", description: "", rank: "a", ...times };
const { description: _, ...summary } = { ...task, hasDescription: false };
const list = { id: "a", boardId: "board", name: "a", rank: "a", ...times, tasks: [summary] };
const snapshot: Snapshot = { id: "board", name: "board", ...times, lists: [list], cursor: "1" };
const deleted: BoardEvent = { type: "task_deleted", taskId: "one", boardId: "board", by: null, at: "" };

let answers: Map<string, (body: unknown) => void>;
let sink: BoardSink;

const feed: Feed = {
  follow(_board, _cursor, given) {
    sink = given;
    return () => {};
  },
  onState: () => () => {},
  pause() {},
  resume() {},
  close() {},
};

beforeEach(() => {
  answers = new Map();
  vi.stubGlobal("document", { hidden: true });
  vi.useFakeTimers();
  vi.stubGlobal(
    "fetch",
    (path: string) => new Promise((resolve) => answers.set(path, (body) => resolve(Response.json(body)))),
  );
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function opened(): Promise<OpenBoard> {
  const board = new OpenBoard("board", feed);
  const loaded = board.load();
  answers.get("/boards/board")!(snapshot);
  await loaded;
  return board;
}

test("a task that was deleted before the answer with its text came stays gone", async () => {
  const board = await opened();
  const open = board.open("one");
  sink.event(deleted, "2");
  vi.advanceTimersByTime(1_000);
  expect(board.opened?.state).toBe("gone");
  answers.get("/tasks/one")!(task);
  await open;
  expect(board.opened?.state).toBe("gone");
});

test("a task that was deleted before the answer to a change of it came stays gone", async () => {
  const board = await opened();
  const open = board.open("one");
  answers.get("/tasks/one")!(task);
  await open;
  const pending = board.begin({ kind: "edit_task", id: "one", title: "two" });
  sink.event(deleted, "3");
  vi.advanceTimersByTime(1_000);
  board.answer(pending, { task: { ...task, title: "two", version: 2 } });
  expect(board.opened?.state).toBe("gone");
});

test("a board that was closed folds nothing in and tells nobody", async () => {
  const told = vi.fn();
  const board = new OpenBoard("board", feed, told);
  const loaded = board.load();
  answers.get("/boards/board")!(snapshot);
  await loaded;
  sink.event(deleted, "2");
  board.close();
  vi.advanceTimersByTime(1_000);
  expect(told).not.toHaveBeenCalled();
});
