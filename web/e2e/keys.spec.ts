// Moving without dragging, and everything by keys.
import { expect, test, USUAL } from "./people.ts";

test("the dialog moves a card to a list and place, says so, and leaves the focus on it", async ({
  world,
}) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("plum").focus();
  await a.press("m");
  await expect(a.dialog.getByRole("heading", { name: "Move “plum”" })).toBeVisible();
  await expect(a.dialog.getByLabel("List")).toBeFocused();
  await a.dialog.getByLabel("List").selectOption("Doing");
  await a.dialog.getByLabel("Place").selectOption("Top");
  await a.dialog.getByRole("button", { name: "Move", exact: true }).click();
  await world.expectKept(board, { "To do": ["apple", "pear"], Doing: ["plum", "quince"], Done: [] });
  await expect(a.announced).toContainText("Moved “plum” to Doing, place 1 of 2");
  await expect(a.link("plum")).toBeFocused();
  await a.press("m");
  await a.dialog.getByLabel("List").selectOption("To do");
  await a.dialog.getByLabel("Place").selectOption("After “apple”");
  await a.dialog.getByRole("button", { name: "Move", exact: true }).press("Enter");
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "plum", "pear"] });
  await expect(a.link("plum")).toBeFocused();
  await world.expectSame(board, a, b);
});

test("every place that the dialog offers is a place, also in an empty list", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.link("quince").focus();
  await a.press("m");
  await expect(a.dialog.getByLabel("Place")).not.toHaveValue("");
  await a.dialog.getByLabel("List").selectOption("Done");
  await expect(a.dialog.getByLabel("Place")).not.toHaveValue("");
  await a.dialog.getByRole("button", { name: "Move", exact: true }).click();
  await world.expectKept(board, { "To do": ["apple", "pear", "plum"], Doing: [], Done: ["quince"] });
  await world.expectSame(board, a);
});

test("the dialog moves a card to another board, and undo brings it back to its place", async ({ world }) => {
  const board = await world.board();
  const other = await world.board({ Later: ["medlar"], Never: [] }, "Another orchard");
  const before = await world.titles(board);
  const [a, b] = await world.two(board);
  const c = await world.open(other);
  await a.link("pear").focus();
  await a.press("m");
  await a.dialog.getByLabel("Board").selectOption("Another orchard");
  await a.dialog.getByLabel("List").selectOption("Later");
  await a.dialog.getByLabel("Place").selectOption("Top");
  await a.dialog.getByRole("button", { name: "Move", exact: true }).click();
  await world.expectKept(other, { Later: ["pear", "medlar"], Never: [] });
  await expect(a.announced).toContainText("Moved “pear” to Another orchard");
  await world.expectSame(board, a, b);
  await world.expectSame(other, c);
  await a.press("Control+z");
  await world.expectKept(board, before);
  await world.expectSame(board, a, b);
  await world.expectSame(other, c);
});

test("Alt with arrows moves the card and keeps the focus on it", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("apple").focus();
  await a.press("Alt+ArrowDown");
  await world.expectKept(board, { ...USUAL, "To do": ["pear", "apple", "plum"] });
  await expect(a.announced).toContainText("Moved “apple” to To do, place 2 of 3");
  await expect(a.link("apple")).toBeFocused();
  await a.press("Alt+ArrowUp");
  await world.expectKept(board, USUAL);
  await a.press("Alt+ArrowUp", "Alt+ArrowLeft");
  await a.press("Alt+ArrowRight", "Alt+ArrowRight");
  await world.expectKept(board, { "To do": ["pear", "plum"], Doing: ["quince"], Done: ["apple"] });
  await expect(a.announced).toContainText("Moved “apple” to Done, place 1 of 1");
  await expect(a.link("apple")).toBeFocused();
  await a.press("Alt+ArrowLeft");
  await world.expectKept(board, { "To do": ["pear", "plum"], Doing: ["apple", "quince"], Done: [] });
  await expect(a.link("apple")).toBeFocused();
  await world.expectSame(board, a, b);
});

test("arrows go from card to card and over empty lists, Enter opens, Escape leads back", async ({
  world,
}) => {
  const board = await world.board({ "To do": ["apple", "pear"], Doing: [], Done: ["plum", "quince"] });
  const a = await world.open(board);
  await a.press("ArrowDown");
  await expect(a.link("apple")).toBeFocused();
  await a.press("ArrowDown", "ArrowDown");
  await expect(a.link("pear")).toBeFocused();
  await a.press("ArrowRight");
  await expect(a.link("quince")).toBeFocused();
  await a.press("ArrowUp", "ArrowLeft");
  await expect(a.link("apple")).toBeFocused();
  await a.press("Enter");
  await expect(a.panel.getByRole("heading", { name: "apple" })).toBeVisible();
  await expect(a.panel).toBeFocused();
  await a.press("Escape");
  await expect(a.link("apple")).toBeFocused();
});

test("n, e, m, Delete, / and ? do what the dialog of keys says", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("quince").focus();
  await a.press("n");
  await expect(a.field("Add a task to Doing")).toBeFocused();
  await a.page.keyboard.type("new one");
  await a.press("Enter", "Escape");
  await a.link("new one").focus();
  await a.press("e");
  await expect(a.field("Title")).toBeFocused();
  await a.page.keyboard.type("newer one");
  await a.press("Enter");
  await expect(a.link("newer one")).toBeFocused();
  await a.press("m");
  await expect(a.dialog).toContainText("Move “newer one”");
  await a.press("Escape");
  await expect(a.dialog).toHaveCount(0);
  await expect(a.link("newer one")).toBeFocused();
  await a.press("Delete");
  await world.expectKept(board, USUAL);
  await expect(a.link("quince")).toBeFocused();
  await a.press("/");
  await expect(a.field("Filter tasks")).toBeFocused();
  await a.page.keyboard.type("n?m");
  await expect(a.page).toHaveURL(/q=n%3Fm$/);
  await a.press("Escape");
  await a.press("?");
  await expect(a.dialog.getByRole("heading", { name: "Keyboard shortcuts" })).toBeVisible();
  await a.press("Escape");
  await expect(a.dialog).toHaveCount(0);
  await world.expectSame(board, a, b);
});

test("single keys can be turned off, which the browser remembers; Alt with arrows goes on", async ({
  world,
}) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.press("?");
  await a.dialog.getByRole("checkbox", { name: /Single keys do things/ }).uncheck();
  await a.press("Escape");
  await a.page.reload();
  await a.isLive();
  await a.link("pear").focus();
  await a.press("e", "n", "m", "Delete", "/", "?");
  await expect(a.link("pear")).toBeFocused();
  await expect(a.dialog).toHaveCount(0);
  expect(await world.titles(board)).toEqual(USUAL);
  await a.press("Alt+ArrowUp");
  await world.expectKept(board, { ...USUAL, "To do": ["pear", "apple", "plum"] });
  await a.press("Control+z");
  await world.expectKept(board, USUAL);
  await a.choose("Board menu", "Keyboard shortcuts");
  await a.dialog.getByRole("checkbox", { name: /Single keys do things/ }).check();
  await a.press("Escape");
  await a.link("pear").focus();
  await a.press("e");
  await expect(a.field("Title")).toBeFocused();
});

test("a menu is walked with arrows, and Escape gives the focus back", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.link("pear").focus();
  await a.press("Tab");
  await expect(a.button("Actions for pear")).toBeFocused();
  await a.press("Enter");
  await expect(a.page.getByRole("menuitem", { name: "Open" })).toBeFocused();
  await a.press("ArrowDown");
  await expect(a.page.getByRole("menuitem", { name: "Edit title" })).toBeFocused();
  await a.press("End");
  await expect(a.page.getByRole("menuitem", { name: "Delete" })).toBeFocused();
  await a.press("ArrowDown");
  await expect(a.page.getByRole("menuitem", { name: "Open" })).toBeFocused();
  await a.press("ArrowUp");
  await expect(a.page.getByRole("menuitem", { name: "Delete" })).toBeFocused();
  await a.press("Escape");
  await expect(a.page.getByRole("menu")).toHaveCount(0);
  await expect(a.button("Actions for pear")).toBeFocused();
  await expect(a.panel).toHaveCount(0);
});

test("the only card of a list leaves the keys somewhere near when it is deleted", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("quince").focus();
  await a.press("Delete");
  await expect(a.card("quince")).toHaveCount(0);
  await expect(a.button("Add a task to Doing")).toBeFocused();
  await world.expectKept(board, { ...USUAL, Doing: [] });
  await world.expectSame(board, a, b);
});

test("Delete held down deletes one card", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.link("apple").focus();
  // Each further one is what a keyboard sends for a key that stays down.
  for (let times = 0; times < 5; times++) {
    await a.page.keyboard.down("Delete");
    await expect(a.page.locator("[data-focus]:focus")).toBeVisible();
  }
  await a.page.keyboard.up("Delete");
  await world.expectKept(board, { "To do": ["pear", "plum"], Doing: ["quince"], Done: [] });
});

test("Ctrl+Shift+Z undoes nothing, on the page of boards either", async ({ world }) => {
  const board = await world.board(undefined, "Porch");
  const a = await world.open(board);
  await a.link("pear").focus();
  await a.press("Delete");
  await a.page.getByRole("link", { name: "All boards" }).click();
  await expect(a.page.getByRole("heading", { name: "Boards", level: 1 })).toBeVisible();
  await a.press("Control+Shift+z");
  await expect(a.toast("Deleted “pear”").getByRole("button", { name: "Undo" })).toBeVisible();
  await a.press("Control+z");
  await expect.poll(async () => (await world.titles(board))["To do"]).toEqual(["apple", "pear", "plum"]);
});
