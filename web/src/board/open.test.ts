// One open board when answers and events cross.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BoardSink, Feed } from "../stream/feed";
import type { BoardEvent, By, Snapshot, Task } from "../wire";
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

describe("who did it", () => {
  const ada = { type: "person", id: "user_a", name: "Ada" } as const;
  const script = {
    type: "token",
    id: "user_a",
    name: "Ada",
    tokenId: "token_1",
    tokenName: "script",
  } as const;
  const changedBy = (by: By | null, version: number): BoardEvent => ({
    type: "task_updated",
    task: { ...task, version },
    boardId: "board",
    by,
    at: "",
  });

  async function openedBy(me: string): Promise<OpenBoard> {
    const board = new OpenBoard("board", feed, undefined, (by) => by?.type === "person" && by.id === me);
    const loaded = board.load();
    answers.get("/boards/board")!(snapshot);
    await loaded;
    return board;
  }

  test("a card that somebody else changed is marked with their name", async () => {
    const board = await openedBy("user_b");
    sink.event(changedBy(ada, 2), "2");
    vi.advanceTimersByTime(1_000);
    expect(board.marks.get("one")).toEqual({ did: "changed", by: ada });
    vi.advanceTimersByTime(5_000);
    expect(board.marks.size).toBe(0);
  });

  test("what the same person did on another device isn't marked; what their token did is", async () => {
    const board = await openedBy("user_a");
    sink.event(changedBy(ada, 2), "2");
    vi.advanceTimersByTime(1_000);
    expect(board.marks.size).toBe(0);
    sink.event(changedBy(script, 3), "3");
    vi.advanceTimersByTime(1_000);
    expect(board.marks.get("one")?.by).toEqual(script);
  });

  test("the last change of a task is known with the version that it made", async () => {
    const board = await openedBy("user_b");
    sink.event(changedBy(ada, 2), "2");
    sink.event(changedBy(null, 3), "3");
    vi.advanceTimersByTime(1_000);
    expect(board.changedBy.get("one")).toEqual({ version: 2, by: ada });
    sink.event(deleted, "4");
    vi.advanceTimersByTime(1_000);
    expect(board.changedBy.size).toBe(0);
  });
});

test("a board that was deleted is told from one that may not be seen any more", async () => {
  const lost = await opened();
  sink.gone();
  expect([lost.state, lost.wasDeleted]).toEqual(["gone", false]);
  const gone = await opened();
  sink.event({ type: "board_deleted", boardId: "board", by: null, at: "" }, "2");
  sink.gone();
  expect([gone.state, gone.wasDeleted]).toEqual(["gone", true]);
});
