// What a person sees while changes are under way: the log's board with them on top, and when each has settled.

import { describe, expect, it } from "vitest";
import type { List, ListWithTasks, Snapshot, Task, TaskSummary } from "../wire";
import { isAbout, isSettled, overlay, witness, type Change, type Pending } from "./pending";

const STAMPS = { createdAt: "t", updatedAt: "t" };

function taskAt(id: string, listId: string, rank: string, version = 1): TaskSummary {
  return { id, listId, title: id, hasDescription: false, rank, version, ...STAMPS };
}

function listOf(id: string, rank: string, ...tasks: string[]): ListWithTasks {
  const inList = tasks.map((task, at) => taskAt(task, id, `${at}`));
  return { id, boardId: "b", name: id, rank, version: 1, tasks: inList, ...STAMPS };
}

const BOARD: Snapshot = {
  id: "b",
  name: "Board",
  version: 1,
  cursor: "1-a",
  lists: [listOf("todo", "a", "apple", "pear", "plum"), listOf("doing", "b", "quince"), listOf("done", "c")],
  ...STAMPS,
};

function answered(task: TaskSummary): Task {
  const { hasDescription: _, ...rest } = task;
  return { ...rest, description: "" };
}

/** Lists with their tasks, to be read in a test. */
function seen(board: Snapshot): Record<string, string[]> {
  return Object.fromEntries(board.lists.map((list) => [list.name, list.tasks.map((task) => task.title)]));
}

function after(...changes: Change[]): Record<string, string[]> {
  return seen(
    overlay(
      BOARD,
      changes.map((change) => ({ change })),
    ),
  );
}

const THERE = seen(BOARD);

describe("a change without an answer shows", () => {
  it("as nothing where there is none, and leaves what the log says alone", () => {
    expect(overlay(BOARD, [])).toBe(BOARD);
    after({ kind: "delete_list", id: "todo" }, { kind: "rename_board", name: "x" });
    expect(seen(BOARD)).toEqual(THERE);
  });

  it("as a new task at the end, at the top or beside its neighbour", () => {
    const add = { kind: "add_task", id: "new", listId: "todo", title: "new" } as const;
    expect(after({ ...add, slot: {} })["todo"]).toEqual(["apple", "pear", "plum", "new"]);
    expect(after({ ...add, slot: { position: "top" } })["todo"]).toEqual(["new", "apple", "pear", "plum"]);
    expect(after({ ...add, slot: { before: "pear" } })["todo"]).toEqual(["apple", "new", "pear", "plum"]);
    expect(after({ ...add, slot: { after: "pear" } })["todo"]).toEqual(["apple", "pear", "new", "plum"]);
  });

  it("at the end where the neighbour has gone, and not at all where the list has", () => {
    const add = { kind: "add_task", id: "new", title: "new", slot: { before: "nobody" } } as const;
    expect(after({ ...add, listId: "todo" })["todo"]).toEqual(["apple", "pear", "plum", "new"]);
    expect(after({ ...add, listId: "nowhere" })).toEqual(THERE);
  });

  it("as a move within a list and to another", () => {
    const within: Change = { kind: "move_task", id: "apple", listId: "todo", slot: { after: "pear" } };
    expect(after(within)["todo"]).toEqual(["pear", "apple", "plum"]);
    expect(after({ kind: "move_task", id: "apple", listId: "doing", slot: { before: "quince" } })).toEqual({
      todo: ["pear", "plum"],
      doing: ["apple", "quince"],
      done: [],
    });
  });

  it("as a move that several changes put together", () => {
    const there: Change = { kind: "move_task", id: "apple", listId: "done", slot: {} };
    const back: Change = { kind: "move_task", id: "apple", listId: "todo", slot: { before: "pear" } };
    expect(after(there, back)).toEqual(THERE);
    expect(after({ kind: "delete_task", id: "apple" }, back)).toEqual(
      after({ kind: "delete_task", id: "apple" }),
    );
  });

  it("as another title, name or place of a list, and as what is gone", () => {
    expect(after({ kind: "edit_task", id: "pear", title: "green pear" })["todo"]![1]).toBe("green pear");
    expect(after({ kind: "edit_task", id: "nobody", title: "x" })).toEqual(THERE);
    expect(Object.keys(after({ kind: "rename_list", id: "doing", name: "now" }))).toEqual([
      "todo",
      "now",
      "done",
    ]);
    expect(Object.keys(after({ kind: "move_list", id: "done", slot: { before: "todo" } }))).toEqual([
      "done",
      "todo",
      "doing",
    ]);
    expect(Object.keys(after({ kind: "add_list", id: "l", name: "later", slot: {} })).at(-1)).toBe("later");
    expect(Object.keys(after({ kind: "delete_list", id: "todo" }))).toEqual(["doing", "done"]);
    expect(after({ kind: "delete_task", id: "pear" })["todo"]).toEqual(["apple", "plum"]);
    expect(overlay(BOARD, [{ change: { kind: "rename_board", name: "Renamed" } }]).name).toBe("Renamed");
  });

  it("as a mark on a card whose description was written or emptied", () => {
    const edit = (description: string) =>
      overlay(BOARD, [{ change: { kind: "edit_task", id: "pear", description } }]).lists[0]!.tasks[1]!;
    expect(edit("text")).toMatchObject({ title: "pear", hasDescription: true });
    expect(edit("").hasDescription).toBe(false);
  });
});

describe("a change with an answer", () => {
  const change: Change = { kind: "move_task", id: "apple", listId: "doing", slot: {} };
  const moved = taskAt("apple", "doing", "9", 2);
  const pending: Pending = { change, answer: { task: answered(moved) } };

  it("shows the answer until the log has it", () => {
    expect(seen(overlay(BOARD, [pending]))["doing"]).toEqual(["quince", "apple"]);
    expect(isSettled(pending, BOARD)).toBe(false);
  });

  it("gives way to the log once that knows as much or more", () => {
    const newer = overlay(BOARD, [
      { change, answer: { task: answered({ ...moved, version: 3, listId: "done" }) } },
    ]);
    expect(seen(overlay(newer, [pending]))["done"]).toEqual(["apple"]);
    expect(isSettled(pending, newer)).toBe(true);
    expect(isSettled(pending, overlay(BOARD, [pending]))).toBe(true);
  });

  it("is settled by the news that its task or the list of its task is gone, and by no other", () => {
    const without = (change: Change) => overlay(BOARD, [{ change }]);
    const settledAfter = (next: Snapshot) => {
      const seen = { ...pending };
      witness(seen, BOARD, next);
      return isSettled(seen, next);
    };
    expect(isSettled(pending, without({ kind: "delete_task", id: "apple" }))).toBe(false);
    expect(settledAfter(without({ kind: "delete_task", id: "apple" }))).toBe(true);
    expect(settledAfter(without({ kind: "delete_list", id: "todo" }))).toBe(true);
    expect(settledAfter(without({ kind: "delete_task", id: "pear" }))).toBe(false);
  });

  it("leaves no ghost of what was deleted before the answer came", () => {
    const asked: Pending = { change };
    witness(asked, BOARD, overlay(BOARD, [{ change: { kind: "delete_task", id: "apple" } }]));
    const later = { ...asked, answer: pending.answer! };
    expect(isSettled(later, overlay(BOARD, [{ change: { kind: "delete_task", id: "apple" } }]))).toBe(true);
  });

  it("stands although its task isn't known yet, because it has just been made", () => {
    const made: Change = { kind: "add_task", id: "new", listId: "done", title: "new", slot: {} };
    const answer = { task: answered(taskAt("new", "done", "1")) };
    expect(isSettled({ change: made, answer }, BOARD)).toBe(false);
    expect(seen(overlay(BOARD, [{ change: made, answer }]))["done"]).toEqual(["new"]);
  });

  it("of deleting hides nothing from who brought it back before the answer came", () => {
    const gone: Pending = { change: { kind: "delete_task", id: "apple" } };
    witness(gone, BOARD, overlay(BOARD, [gone]));
    witness(gone, overlay(BOARD, [gone]), BOARD);
    expect(isSettled({ ...gone, answer: "deleted" }, BOARD)).toBe(true);
  });

  it("of deleting is settled when the thing is gone, and hides it until then", () => {
    const gone: Pending = { change: { kind: "delete_task", id: "apple" }, answer: "deleted" };
    expect(isSettled(gone, BOARD)).toBe(false);
    expect(seen(overlay(BOARD, [gone]))["todo"]).toEqual(["pear", "plum"]);
    expect(isSettled(gone, overlay(BOARD, [gone]))).toBe(true);
  });

  it("about a list or a board goes by its version too", () => {
    const { tasks: _, ...doing } = BOARD.lists[1]!;
    const list: List = { ...doing, name: "now", version: 2 };
    const renamed: Pending = { change: { kind: "rename_list", id: "doing", name: "now" }, answer: { list } };
    expect(seen(overlay(BOARD, [renamed]))["now"]).toEqual(["quince"]);
    expect(isSettled(renamed, BOARD)).toBe(false);
    expect(isSettled(renamed, overlay(BOARD, [renamed]))).toBe(true);
    const board: Pending = {
      change: { kind: "rename_board", name: "New" },
      answer: { board: { id: "b", name: "New", version: 2, ...STAMPS } },
    };
    expect(overlay(BOARD, [board])).toMatchObject({ name: "New", lists: BOARD.lists, cursor: BOARD.cursor });
    expect(isSettled(board, BOARD)).toBe(false);
    expect(isSettled(board, { ...BOARD, version: 2 })).toBe(true);
  });

  it("is never settled before the answer has come", () => {
    expect(isSettled({ change }, overlay(BOARD, [pending]))).toBe(false);
  });
});

it("a change is about the thing that it names", () => {
  expect(isAbout({ change: { kind: "delete_task", id: "apple" } }, "apple")).toBe(true);
  expect(isAbout({ change: { kind: "delete_task", id: "apple" } }, "pear")).toBe(false);
  expect(isAbout({ change: { kind: "rename_board", name: "x" } }, "b")).toBe(false);
});
