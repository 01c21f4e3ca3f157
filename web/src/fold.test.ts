// The fold does what the contract's table says: by the vectors that the server's own fold is tested with,
// and by what only a browser meets.

import { describe, expect, it } from "vitest";
import vectors from "../../crates/boardcast-core/tests/vectors/fold.json";
import { apply } from "./fold";
import type { BoardEvent, Snapshot } from "./wire";

const last = vectors.steps.at(-2)!.after as Snapshot;

describe("the vectors shared with the server", () => {
  it("tell a board at every step of its life", () => {
    let state: Snapshot | null = null;
    expect(vectors.steps.length).toBeGreaterThan(20);
    for (const step of vectors.steps) {
      for (const { id, data } of step.events) state = apply(state, data as BoardEvent, id);
      expect(state, step.name).toEqual(step.after);
    }
  });

  it.each(vectors.cases.map((one) => [one.name, one] as const))("%s", (_, { before, event, after }) => {
    expect(apply(before, event.data as BoardEvent, event.id)).toEqual(after);
  });
});

describe("what only a viewer meets", () => {
  it("a snapshot replaces everything", () => {
    const board = { ...last, name: "Anew", lists: [], cursor: "99-cccccccccccc" };
    expect(apply(last, { type: "snapshot", board }, "99-cccccccccccc")).toEqual(board);
    expect(apply(null, { type: "snapshot", board }, "99-cccccccccccc")).toEqual(board);
  });

  it("a type that isn't known moves the cursor and nothing else", () => {
    const at = "2027-01-01T00:00:00.000Z";
    const event = { type: "task_painted", boardId: "vec", by: null, at } as unknown as BoardEvent;
    expect(apply(last, event, "100-dddddddddddd")).toEqual({
      ...last,
      updatedAt: at,
      cursor: "100-dddddddddddd",
    });
  });

  it("lists that an event doesn't touch stay the same objects", () => {
    const [first, ...others] = last.lists;
    const event = {
      type: "task_deleted",
      taskId: first!.tasks[0]!.id,
      boardId: "vec",
      by: null,
      at: "x",
    } as const;
    const after = apply(last, event, "100-dddddddddddd")!;
    expect(after.lists[0]).not.toBe(first);
    expect(after.lists.slice(1).map((list, at) => list === others[at])).toEqual(others.map(() => true));
    expect(last.lists[0]).toBe(first);
  });
});
