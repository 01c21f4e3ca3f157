// What was done is undone: from the message and by key, with list and place.
import type { Request } from "@playwright/test";
import { expect, test, USUAL } from "./people.ts";

const isEdit = (request: Request) => request.method() === "PATCH";

test("a deleted task comes back from the message, to its place", async ({ world }) => {
  const board = await world.board();
  const before = await world.kept(board);
  const [a, b] = await world.two(board);
  await a.link("pear").focus();
  await a.press("Delete");
  await expect(a.link("plum")).toBeFocused();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "plum"] });
  await a.toast("Deleted “pear”").getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => world.kept(board)).toEqual(before);
  await world.expectSame(board, a, b);
});

test("Ctrl+Z takes back a delete, a move and an edit, the newest first", async ({ world }) => {
  // The edit is undone after the task has moved, so its version is asked for once more.
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const before = await world.kept(board);
  const [a, b] = await world.two(board);
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("green pear");
  await a.press("Enter");
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green pear", "plum"] });
  await a.press("Alt+ArrowRight");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince", "green pear"], Done: [] });
  await a.press("Delete");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince"], Done: [] });
  await world.expectSame(board, a, b);

  await a.press("Control+z");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince", "green pear"], Done: [] });
  await a.press("Control+z");
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green pear", "plum"] });
  await a.press("Control+z");
  await expect.poll(() => world.kept(board)).toEqual(before);
  await world.expectSame(board, a, b);
});

test("an edit that isn't answered yet keeps its turn", async ({ world }) => {
  const board = await world.board();
  const before = await world.kept(board);
  const a = await world.open(board);
  const letGo = await a.hold(`**/tasks/${board.ids["pear"]}`);
  await a.renamePear("green pear");
  await a.link("plum").focus();
  await a.press("Delete");
  await expect(a.toast("Deleted “plum”")).toBeVisible();
  letGo();
  await expect(a.toast("Saved")).toBeVisible();
  await a.press("Control+z");
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green pear", "plum"] });
  await a.press("Control+z");
  await expect.poll(() => world.kept(board)).toEqual(before);
  await world.expectSame(board, a);
});

test("edits that aren't answered yet are taken back at once, and in order", async ({ world }) => {
  // Each was made before the version that it meets was known.
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const before = await world.kept(board);
  const a = await world.open(board);
  let answered = 0;
  a.page.on("response", (response) => (answered += response.ok() && isEdit(response.request()) ? 1 : 0));
  const letGo = await a.hold(`**/tasks/${board.ids["pear"]}`);
  for (const title of ["green pear", "ripe pear", "brown pear"]) await a.renamePear(title);
  await a.press("Control+z");
  await expect(a.link("ripe pear")).toBeVisible();
  await a.press("Control+z", "Control+z");
  await expect.poll(async () => (await a.titles())["To do"]).toEqual(["apple", "pear", "plum"]);
  letGo();
  await expect.poll(() => answered).toBe(6);
  await expect.poll(() => world.kept(board)).toEqual(before);
  await expect(a.dialog).toHaveCount(0);
  await world.expectSame(board, a);
});

test("a text that was taken back asks nothing, whatever somebody else wrote meanwhile", async ({ world }) => {
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const a = await world.open(board);
  const letGo = await a.hold(`**/tasks/${board.ids["pear"]}`);
  await a.renamePear("green pear");
  await a.press("Control+z");
  await world.api.editTask(board.ids["pear"]!, "somebody's pear");
  letGo();
  await expect(a.link("somebody's pear")).toBeVisible();
  await world.expectSame(board, a);
  await expect(a.dialog).toHaveCount(0);
});

test("a move is undone to where it came from although others moved meanwhile", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("pear").focus();
  await a.press("Alt+ArrowRight");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince", "pear"], Done: [] });
  await world.api.moveTask(board.ids["apple"]!, { listId: board.ids["Done"] });
  await world.api.moveTask(board.ids["plum"]!, { listId: board.ids["To do"], position: "top" });
  await world.api.addTask(board.ids["To do"]!, "cherry");
  await expect(a.link("cherry")).toBeVisible();
  await a
    .toast(/^Moved “pear”/)
    .getByRole("button", { name: "Undo" })
    .click();
  await world.expectKept(board, { "To do": ["pear", "plum", "cherry"], Doing: ["quince"], Done: ["apple"] });
  await world.expectSame(board, a, b);
});

test("the offer to undo stays eight seconds and longer while it is pointed at", async ({ world }) => {
  const board = await world.board();
  const a = await world.come(board.path);
  await a.page.clock.install();
  await a.page.reload();
  await expect(a.link("pear")).toBeVisible();
  await a.choose("Actions for pear", "Delete");
  await expect(a.toast("Deleted “pear”")).toBeVisible();
  await a.page.clock.runFor(8_500);
  await expect(a.toast("Deleted “pear”")).toBeVisible();
  await a.toast("Deleted “pear”").hover();
  await a.page.clock.runFor(30_000);
  await expect(a.toast("Deleted “pear”")).toBeVisible();
  await a.page.mouse.move(10, 400);
  await a.page.clock.runFor(12_000);
  await expect(a.toast("Deleted “pear”")).toHaveCount(0);
});

test("a description is undone", async ({ world }) => {
  const board = await world.board();
  await world.api.send("PATCH", `/tasks/${board.ids["pear"]}`, { description: "as it was" });
  const a = await world.open(board);
  await a.openTask("pear");
  await a.panel.getByRole("button", { name: "Edit", exact: true }).click();
  await a.field("Description").fill("as it is now");
  await a.button("Save").click();
  await expect(a.panel.getByText("as it is now")).toBeVisible();
  await a.toast("Saved").getByRole("button", { name: "Undo" }).click();
  await expect(a.panel.getByText("as it was")).toBeVisible();
  await expect
    .poll(() => world.api.send("GET", `/tasks/${board.ids["pear"]}`))
    .toMatchObject({ description: "as it was" });
});

test("Ctrl+Z works beside an open task too, and leaves a field its own", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.openTask("pear");
  await a.panel.getByRole("button", { name: "Edit title" }).click();
  await a.panel.getByLabel("Title").fill("green pear");
  await a.press("Enter");
  await expect(b.link("green pear")).toBeVisible();
  await a.button("Add a description").click();
  await a.page.keyboard.type("ripe");
  await a.press("Control+z");
  await expect(a.field("Description")).toHaveValue("");
  await a.press("Escape");
  expect((await world.titles(board))["To do"]).toContain("green pear");
  await a.press("Control+z");
  await world.expectKept(board, USUAL);
  await expect(a.panel.getByRole("heading", { name: "pear", exact: true })).toBeVisible();
  await world.expectSame(board, a, b);
});

test("undoing a rename and then what came before it takes both back", async ({ world }) => {
  const board = await world.board();
  const before = await world.titles(board);
  const a = await world.open(board);
  await a.link("pear").focus();
  await a.press("Delete");
  await a.list("Doing").getByRole("heading").getByRole("button").click();
  await a.page.keyboard.type("Under way");
  await a.press("Enter");
  await expect(a.list("Under way")).toBeVisible();
  await expect(a.toast("Renamed")).toBeVisible();
  await a.press("Control+z");
  await expect(a.list("Doing")).toBeVisible();
  await expect.poll(async () => Object.keys(await world.titles(board))).toContain("Doing");
  await a.press("Control+z");
  await world.expectKept(board, before);
  await world.expectSame(board, a);
});

test("undoing twice in one moment takes back a deletion and the move before it", async ({ world }) => {
  const board = await world.board();
  const before = await world.titles(board);
  const a = await world.open(board);
  await a.link("pear").focus();
  await a.press("Alt+ArrowRight");
  await world.expectKept(board, {
    "To do": ["apple", "plum"],
    Doing: ["quince", "pear"],
    Done: [],
  });
  await a.press("Delete");
  await a.press("Control+z", "Control+z");
  await world.expectKept(board, before);
  await world.expectSame(board, a);
});

test("a move out of a list that is gone can't be undone, and says so", async ({ world }) => {
  const board = await world.board();
  world.expectComplaint(/422/);
  const a = await world.open(board);
  await a.link("quince").focus();
  await a.press("Alt+ArrowLeft");
  await expect(a.toast("Moved “quince”")).toBeVisible();
  await expect.poll(async () => (await world.titles(board))["Doing"]).toEqual([]);
  await world.api.send("DELETE", `/lists/${board.ids["Doing"]}`);
  await expect(a.list("Doing")).toHaveCount(0);
  await a.press("Control+z");
  await expect(a.toast("Can't be undone. The list")).toBeVisible();
  await world.expectSame(board, a);
});
