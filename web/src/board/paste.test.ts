// Many new tasks at once look as if they had been added one after the other.

import { expect, test } from "vitest";
import type { Snapshot, TaskSummary } from "../wire";
import { overlay, type Pending } from "./pending";

const task = (id: string, listId: string): TaskSummary => ({
  id,
  listId,
  title: id,
  hasDescription: false,
  rank: id,
  version: 1,
  createdAt: "",
  updatedAt: "",
});
const list = (id: string, ...tasks: string[]) => ({
  id,
  boardId: "board",
  name: id,
  rank: id,
  version: 1,
  createdAt: "",
  updatedAt: "",
  tasks: tasks.map((one) => task(one, id)),
});
const board = {
  id: "board",
  name: "",
  lists: [list("a", "one", "two"), list("b", "three")],
} as unknown as Snapshot;

const add = (id: string, listId: string, slot = {}): Pending => ({
  change: { kind: "add_task", id, listId, title: `new ${id}`, slot },
});

test("tasks that are added together stand as if each had been added alone", () => {
  const pending: Pending[] = [
    add("x", "a"),
    add("y", "a"),
    // Its event came before its answer.
    add("one", "a"),
    add("z", "b"),
    { change: { kind: "delete_task", id: "y" } },
    add("top", "a", { position: "top" }),
    add("last", "a"),
  ];
  const alone = pending.reduce((seen, one) => overlay(seen, [one]), board);
  expect(overlay(board, pending)).toEqual(alone);
  expect(alone.lists.map(({ tasks }) => tasks.map(({ id }) => id))).toEqual([
    ["top", "two", "x", "one", "last"],
    ["three", "z"],
  ]);
});
