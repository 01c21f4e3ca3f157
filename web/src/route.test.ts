// Which page a path names.

import { expect, it, vi } from "vitest";

// Only the page itself has an address to watch.
vi.stubGlobal("location", { pathname: "/", search: "" });
const { boardPath, readPath } = await import("./route.svelte");

it.each([
  ["/", { page: "boards" }],
  ["/b/board-1", { page: "board", boardId: "board-1", taskId: null }],
  ["/b/board-1/", { page: "board", boardId: "board-1", taskId: null }],
  ["/b/board-1/t/task_9", { page: "board", boardId: "board-1", taskId: "task_9" }],
  ["/b/board-1/deleted", { page: "deleted", boardId: "board-1" }],
  ["/b/deleted", { page: "board", boardId: "deleted", taskId: null }],
  ["/b/deleted/deleted", { page: "deleted", boardId: "deleted" }],
  ["/b/~account", { page: "account" }],
  ["/b/~people", { page: "people" }],
  ["/b/~", { page: "unknown" }],
  ["/b/people", { page: "board", boardId: "people", taskId: null }],
  ["/b/", { page: "unknown" }],
  ["/b", { page: "unknown" }],
  ["/b/board-1/t", { page: "unknown" }],
  ["/b/board-1/t/", { page: "unknown" }],
  ["/b/board-1/x/task", { page: "unknown" }],
  ["/b/a%20b", { page: "unknown" }],
  ["/b/../etc", { page: "unknown" }],
  [`/b/${"x".repeat(64)}`, { page: "board", boardId: "x".repeat(64), taskId: null }],
  [`/b/${"x".repeat(65)}`, { page: "unknown" }],
  ["/boards", { page: "unknown" }],
])("%s", (path, page) => {
  expect(readPath(path)).toEqual(page);
});

it("a path that is made is read as what it was made of", () => {
  expect(readPath(boardPath("b_1"))).toEqual({ page: "board", boardId: "b_1", taskId: null });
  expect(readPath(boardPath("b_1", "t-2"))).toEqual({ page: "board", boardId: "b_1", taskId: "t-2" });
});
