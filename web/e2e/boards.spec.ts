// Boards as such: made, named, deleted and brought back, and what their addresses show.
import { expect, test } from "./people.ts";

test("a new board opens with the usual three lists, for everybody who has its address", async ({ world }) => {
  const a = await world.come("/");
  await a.field("Name of the board").fill("Garden");
  await a.button("Create board").click();
  await expect(a.page.getByRole("heading", { name: "Garden", level: 1 })).toBeVisible();
  const id = new URL(a.page.url()).pathname.split("/")[2]!;
  await world.expectKept({ id }, { "To do": [], Doing: [], Done: [] });

  const b = await world.come(`/b/${id}`);
  await expect(b.page.getByRole("heading", { name: "Garden", level: 1 })).toBeVisible();
  await world.expectSame({ id }, a, b);
});

test("a board is renamed where its name stands, and both see it", async ({ world }) => {
  const board = await world.board(undefined, "Kitchen");
  const [a, b] = await world.two(board);
  await a.page.getByRole("heading", { name: "Kitchen" }).getByRole("button").click();
  await expect(a.field("Name of the board")).toBeFocused();
  await a.field("Name of the board").fill("Kitchen and cellar");
  await a.press("Enter");
  await expect(b.page.getByRole("heading", { name: "Kitchen and cellar", level: 1 })).toBeVisible();
  await expect(b.page).toHaveTitle(/Kitchen and cellar/);
  expect((await world.api.board(board.id)).name).toBe("Kitchen and cellar");

  await a.press("Control+z");
  await expect(b.page.getByRole("heading", { name: "Kitchen", exact: true, level: 1 })).toBeVisible();
  await expect(a.page.getByRole("heading", { name: "Kitchen", exact: true, level: 1 })).toBeVisible();
  await world.expectSame(board, a, b);
});

test("a board is renamed from the page of boards", async ({ world }) => {
  const board = await world.board(undefined, "Attic");
  const a = await world.come("/");
  await a.choose("Actions for Attic", "Rename");
  await expect(a.field("Name of the board").last()).toBeFocused();
  await a.field("Name of the board").last().fill("Attic and roof");
  await a.press("Enter");
  await expect(a.page.getByRole("link", { name: /Attic and roof/ })).toBeVisible();
  await expect(a.button("Actions for Attic and roof")).toBeFocused();
  await expect.poll(async () => (await world.api.board(board.id)).name).toBe("Attic and roof");
});

test("a board is deleted after a question, and undo brings it back with everything in it", async ({
  world,
}) => {
  const board = await world.board(undefined, "Shed");
  const before = await world.kept(board);
  const a = await world.open(board);
  await a.choose("Board menu", "Delete board");
  await a.dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(a.dialog).toHaveCount(0);
  await a.choose("Board menu", "Delete board");
  await expect(a.dialog).toContainText("Delete “Shed”?");
  await a.dialog.getByRole("button", { name: "Delete board" }).click();
  await expect(a.page.getByRole("heading", { name: "Boards", level: 1 })).toBeVisible();
  await expect(a.page.getByRole("link", { name: /Shed/ })).toHaveCount(0);

  await a.toast("Deleted “Shed”").getByRole("button", { name: "Undo" }).click();
  await expect(a.page.getByRole("heading", { name: "Shed", level: 1 })).toBeVisible();
  expect(await world.kept(board)).toEqual(before);
  const b = await world.open(board);
  await world.expectSame(board, a, b);
});

test("a board is deleted from the page of boards, and brought back from there", async ({ world }) => {
  const board = await world.board(undefined, "Cellar");
  const a = await world.come("/");
  await a.choose("Actions for Cellar", "Delete board");
  await a.dialog.getByRole("button", { name: "Delete board" }).click();
  await expect(a.page.getByRole("link", { name: /Cellar/ })).toHaveCount(0);
  await a.page.getByText(/^Deleted boards/).click();
  await a.button("Restore Cellar").click();
  await expect(a.page.getByRole("link", { name: /Cellar/ })).toBeVisible();
  expect(await world.titles(board)).toEqual({
    "To do": ["apple", "pear", "plum"],
    Doing: ["quince"],
    Done: [],
  });
});

test("whoever has a board open that is deleted is told, and can bring it back", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await world.api.send("DELETE", `/boards/${board.id}`);
  await expect(a.page.getByRole("heading", { name: "This board was deleted" })).toBeVisible();
  await expect(b.page.getByRole("heading", { name: "This board was deleted" })).toBeVisible();
  await a.button("Restore").click();
  await a.isLive();
  await b.page.reload();
  await b.isLive();
  await world.expectSame(board, a, b);
});

test("an address without a board says so and leads on", async ({ world }) => {
  world.expectComplaint(/status of 404/);
  const a = await world.come("/b/board-that-never-was");
  await expect(a.page.getByRole("heading", { name: "There is no board here" })).toBeVisible();
  await a.page.getByRole("link", { name: "See all boards" }).click();
  await expect(a.page.getByRole("heading", { name: "Boards", level: 1 })).toBeVisible();
});

test("the page of boards asks once, not without end", async ({ world }) => {
  await world.board();
  const a = await world.come("about:blank");
  let asked = 0;
  a.page.on("request", (request) => (asked += request.url().includes("/boards?") ? 1 : 0));
  await a.page.goto("/");
  await expect(a.page.getByRole("link", { name: /Fruit/ }).first()).toBeVisible();
  await a.page.waitForLoadState("networkidle");
  expect(asked).toBe(2);
});

test("what was deleted is shown a page at a time, each thing once", async ({ world }) => {
  const board = await world.board({ A: [] });
  for (let at = 0; at < 105; at++) {
    const { id } = await world.api.addTask(board.ids["A"]!, `deleted ${at}`);
    await world.api.deleteTask(id);
  }
  const a = await world.come(`${board.path}/deleted`);
  await expect(a.page.getByRole("listitem")).toHaveCount(100);
  await a.button("Show older").dblclick();
  await expect(a.page.getByRole("listitem")).toHaveCount(105);
  await expect(a.button("Show older")).toHaveCount(0);
});

test("a board that two people rename at once is asked about on the page of boards too", async ({ world }) => {
  const board = await world.board(undefined, "Loft");
  world.expectComplaint(/412/);
  const a = await world.come("/");
  await a.choose("Actions for Loft", "Rename");
  await a.field("Name of the board").last().fill("My loft");
  await world.api.send("PATCH", `/boards/${board.id}`, { name: "Their loft" });
  // Somebody who comes back to the page reads it anew, name and all.
  const read = a.page.waitForResponse(/\/boards\?limit/);
  await a.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await read;
  await expect(a.button("Actions for Their loft")).toBeVisible();
  await a.field("Name of the board").last().press("Enter");
  await expect(a.dialog).toContainText("Their loft");
  expect((await world.api.board(board.id)).name).toBe("Their loft");
});

test("a board that is made late calls nobody away from another", async ({ world }) => {
  const board = await world.board(undefined, "Hall");
  const a = await world.come("/");
  let letThrough = () => {};
  const held = new Promise<void>((resolve) => (letThrough = resolve));
  await a.page.route(/\/(boards|lists)$/, async (route) => {
    await held;
    await route.continue();
  });
  await a.field("Name of the board").fill("Late");
  await a.press("Enter");
  await a.page.getByRole("link", { name: /^Hall/ }).click();
  await a.isLive();
  const last = a.page.waitForResponse(
    (response) => response.url().endsWith("/lists") && (response.request().postData() ?? "").includes("Done"),
  );
  letThrough();
  await last;
  await a.add("Done", "still here");
  await world.expectKept(board, {
    "To do": ["apple", "pear", "plum"],
    Doing: ["quince"],
    Done: ["still here"],
  });
});

test("what is being typed outlives the board's deletion by somebody else", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.openTask("pear");
  await a.button("Add a description").click();
  await a.field("Description").fill("half a thought");
  await world.api.send("DELETE", `/boards/${board.id}`);
  await expect(a.page.getByRole("heading", { name: "This board was deleted" })).toBeVisible();
  await a.button("Restore").click();
  await expect(a.field("Description")).toHaveValue("half a thought");
  await a.isLive();
  await a.button("Save").click();
  await expect(a.panel).toContainText("half a thought");
  await a.add("Done", "live again");
  await world.expectSame(board, a);
});

test("a task's address may be any word, also one that JavaScript knows", async ({ world }) => {
  const board = await world.board();
  world.expectComplaint(/404/);
  for (const word of ["constructor", "__proto__"]) {
    const a = await world.come(`${board.path}/t/${word}`);
    await expect(a.panel).toContainText("There is no such task");
    await expect(a.panel.getByRole("textbox")).toHaveCount(0);
  }
});
