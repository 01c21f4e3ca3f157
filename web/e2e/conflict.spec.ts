// Two people at one thing: in one field the second chooses, in different fields nobody notices, and what is
// being typed is never wiped.
import { expect, test, USUAL, type Board, type Person, type World } from "./people.ts";
import type { Task } from "../src/wire.ts";

const task = (world: World, board: Board, title: string) =>
  world.api.send<Task>("GET", `/tasks/${board.ids[title]}`);

/** Somebody has typed a new title of "pear" and not saved it; meanwhile another was saved. */
async function typeOverPear(a: Person, b: Person): Promise<void> {
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("green pear");
  await b.link("pear").focus();
  await b.press("e");
  await b.field("Title").fill("yellow pear");
  await b.press("Enter");
  await expect(a.page.getByText("Somebody changed this meanwhile to: yellow pear")).toBeVisible();
  await expect(a.field("Title")).toHaveValue("green pear");
  await expect(a.field("Title")).toBeFocused();
  await a.press("Enter");
  await expect(a.dialog.getByRole("heading", { name: "Two people changed this at once" })).toBeVisible();
  await expect(a.dialog).toContainText("yellow pear");
  await expect(a.dialog.getByLabel("Your text")).toHaveValue("green pear");
}

test("of two titles the second person can save the own one", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await typeOverPear(a, b);
  await a.dialog.getByRole("button", { name: "Save mine" }).click();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green pear", "plum"] });
  await expect(a.dialog).toHaveCount(0);
  await world.expectSame(board, a, b);
});

test("of two titles the second person can keep the other's", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await typeOverPear(a, b);
  await a.dialog.getByRole("button", { name: "Keep theirs" }).click();
  await expect(a.dialog).toHaveCount(0);
  await expect(a.link("yellow pear")).toBeVisible();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "yellow pear", "plum"] });
  await world.expectSame(board, a, b);
});

test("of two titles the second person can make one", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await typeOverPear(a, b);
  await a.dialog.getByLabel("Your text").fill("green and yellow pear");
  await a.dialog.getByRole("button", { name: "Save mine" }).click();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green and yellow pear", "plum"] });
  await world.expectSame(board, a, b);
});

test("who closes the question without an answer has the own text back where it was typed", async ({
  world,
}) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await typeOverPear(a, b);
  await a.press("Escape");
  await expect(a.field("Title")).toHaveValue("green pear");
  await expect(a.field("Title")).toBeFocused();
  await expect(a.page.getByText("Somebody changed this meanwhile to: yellow pear")).toBeVisible();
  await a.press("Escape");
  await expect(a.link("yellow pear")).toBeFocused();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "yellow pear", "plum"] });
  await world.expectSame(board, a, b);
});

test("a third text that comes while the second person chooses is asked about too", async ({ world }) => {
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  await typeOverPear(a, b);
  await world.api.editTask(board.ids["pear"]!, "brown pear");
  await expect(b.link("brown pear")).toBeVisible();
  await a.dialog.getByRole("button", { name: "Save mine" }).click();
  await expect(a.dialog).toContainText("brown pear");
  await a.dialog.getByRole("button", { name: "Save mine" }).click();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green pear", "plum"] });
  await world.expectSame(board, a, b);
});

test("a change that is on its way while another comes first is asked about", async ({ world }) => {
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  let isFirst = true;
  await a.page.route("**/tasks/*", async (route) => {
    if (route.request().method() === "PATCH" && isFirst) {
      isFirst = false;
      await world.api.editTask(board.ids["pear"]!, "yellow pear");
    }
    await route.continue();
  });
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("green pear");
  await a.press("Enter");
  await expect(a.dialog).toContainText("yellow pear");
  await a.dialog.getByRole("button", { name: "Save mine" }).click();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green pear", "plum"] });
  await world.expectSame(board, a, b);
});

test("of two descriptions the second person sees both and chooses", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  for (const person of [a, b]) {
    await person.openTask("pear");
    await person.panel.getByRole("button", { name: "Add a description" }).click();
  }
  await a.field("Description").fill("mine,\nin two lines");
  await b.field("Description").fill("theirs");
  await b.press("Control+Enter");
  await expect(a.panel.getByText("Somebody changed this meanwhile to:")).toBeVisible();
  await expect(a.panel.locator(".theirs")).toContainText("theirs");
  await expect(a.field("Description")).toHaveValue("mine,\nin two lines");
  await a.button("Save").click();
  await expect(a.dialog).toContainText("theirs");
  await expect(a.dialog.getByLabel("Your text")).toHaveValue("mine,\nin two lines");
  await a.dialog.getByLabel("Your text").fill("theirs\nand mine");
  await a.dialog.getByRole("button", { name: "Save mine" }).click();
  await expect(b.panel.getByText("and mine")).toBeVisible();
  expect((await task(world, board, "pear")).description).toBe("theirs\nand mine");
  await world.expectSame(board, a, b);
});

test("of two names of a list the second person chooses", async ({ world }) => {
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.list("Doing").getByRole("heading").getByRole("button").click();
  await a.field("Name of the list Doing").fill("Under way");
  await world.api.send("PATCH", `/lists/${board.ids["Doing"]}`, { name: "At work" });
  await expect(b.list("At work")).toBeVisible();
  await expect(a.field(/^Name of the list/)).toHaveValue("Under way");
  await a.press("Enter");
  await expect(a.dialog).toContainText("At work");
  await a.dialog.getByRole("button", { name: "Save mine" }).click();
  await expect(b.list("Under way")).toBeVisible();
  await world.expectKept(board, { "To do": ["apple", "pear", "plum"], "Under way": ["quince"], Done: [] });
  await world.expectSame(board, a, b);
});

test("of two names of a board the second person chooses", async ({ world }) => {
  const board = await world.board(undefined, "Pantry");
  const [a, b] = await world.two(board);
  await a.page.getByRole("heading", { name: "Pantry" }).getByRole("button").click();
  await a.field("Name of the board").fill("Larder");
  await world.api.send("PATCH", `/boards/${board.id}`, { name: "Cupboard" });
  await expect(a.page).toHaveTitle(/Cupboard/);
  await a.press("Enter");
  await expect(a.dialog).toContainText("Cupboard");
  await a.dialog.getByRole("button", { name: "Keep theirs" }).click();
  await expect(a.page.getByRole("heading", { name: "Cupboard", level: 1 })).toBeVisible();
  expect((await world.api.board(board.id)).name).toBe("Cupboard");
  await world.expectSame(board, a, b);
});

test("title and description, changed by two people at once, both stand", async ({ world }) => {
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.openTask("pear");
  await a.panel.getByRole("button", { name: "Add a description" }).click();
  await a.field("Description").fill("by a");
  await b.link("pear").focus();
  await b.press("e");
  await b.field("Title").fill("pear by b");
  await b.press("Enter");
  await world.api.moveTask(board.ids["pear"]!, { listId: board.ids["Done"] });
  await expect(a.panel.getByRole("heading", { name: "pear by b" })).toBeAttached();
  await expect(a.panel).toContainText("in Done");
  await expect(a.field("Description")).toHaveValue("by a");
  await expect(a.field("Description")).toBeFocused();
  await a.press("Control+Enter");
  await expect(a.panel.getByText("by a", { exact: true })).toBeVisible();
  await expect(a.dialog).toHaveCount(0);
  await expect
    .poll(() => task(world, board, "pear"))
    .toMatchObject({ title: "pear by b", description: "by a" });
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince"], Done: ["pear by b"] });
  await world.expectSame(board, a, b);
});

test("a title that is being typed stays while its card is moved, marked and others change", async ({
  world,
}) => {
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("green p");
  await world.api.moveTask(board.ids["pear"]!, { listId: board.ids["Done"] });
  await expect(a.list("Done").getByRole("textbox", { name: "Title" })).toBeVisible();
  await expect(a.field("Title")).toBeFocused();
  await a.page.keyboard.type("ear");
  await expect(a.field("Title")).toHaveValue("green pear");
  await world.api.send("PATCH", `/tasks/${board.ids["pear"]}`, { description: "meanwhile" });
  await a.press("Enter");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince"], Done: ["green pear"] });
  expect((await task(world, board, "pear")).description).toBe("meanwhile");
  await world.expectSame(board, a, b);
});

test("a task deleted under an open panel: told, the typed description stays, and it can be brought back", async ({
  world,
}) => {
  const board = await world.board();
  const before = await world.kept(board);
  const [a, b] = await world.two(board);
  await a.openTask("pear");
  await a.panel.getByRole("button", { name: "Add a description" }).click();
  await a.field("Description").fill("long thoughts");
  await b.link("pear").focus();
  await b.press("Delete");
  await expect(a.panel.getByRole("alert")).toContainText("This task is gone");
  await expect(a.field("Description")).toHaveValue("long thoughts");
  await expect(a.button("Save")).toBeDisabled();
  await world.expectSame(board, a, b);
  await a.panel.getByRole("button", { name: "Restore" }).click();
  await expect(a.panel.getByRole("alert")).toHaveCount(0);
  await expect(a.field("Description")).toHaveValue("long thoughts");
  await a.button("Save").click();
  await expect(a.panel.getByText("long thoughts")).toBeVisible();
  await expect.poll(() => world.kept(board)).toEqual(before);
  await expect.poll(async () => (await task(world, board, "pear")).description).toBe("long thoughts");
  await world.expectSame(board, a, b);
});

test("a panel whose list is deleted, or whose task goes to another board, says so", async ({ world }) => {
  const board = await world.board();
  const other = await world.board({ Later: [] });
  const [a, b] = await world.two(board);
  await a.openTask("quince");
  await world.api.send("DELETE", `/lists/${board.ids["Doing"]}`);
  await expect(a.panel.getByRole("alert")).toContainText("This task is gone");
  await a.press("Escape");
  await a.openTask("pear");
  await world.api.moveTask(board.ids["pear"]!, { listId: other.ids["Later"] });
  await expect(a.panel.getByRole("alert")).toContainText("This task is gone");
  await a.press("Escape");
  await expect(a.panel).toHaveCount(0);
  await world.expectSame(board, a, b);
});

test("a title that was being typed when its card was deleted can be put back with it", async ({ world }) => {
  world.expectComplaint(/status of 412/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("green pear");
  await world.api.deleteTask(board.ids["pear"]!);
  await expect(a.toast("“pear” left the board while you were typing: green pear")).toBeVisible();
  await a
    .toast(/^“pear” left/)
    .getByRole("button", { name: "Undo" })
    .click();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "green pear", "plum"] });
  await world.expectSame(board, a, b);
});

test("a task that was being typed when its list was deleted can be put back with it", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.button("Add a task to Doing").click();
  await a.field("Add a task to Doing").fill("half a thought");
  await world.api.send("DELETE", `/lists/${board.ids["Doing"]}`);
  await expect(a.toast("half a thought")).toContainText("Doing");
  await a.toast("half a thought").getByRole("button", { name: "Undo" }).click();
  await expect(a.field("Add a task to Doing")).toHaveValue("half a thought");
  await a.field("Add a task to Doing").press("Enter");
  await world.expectKept(board, { ...USUAL, Doing: ["quince", "half a thought"] });
  await world.expectSame(board, a, b);
});

test("a description that is being typed is there again after a look at another task", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.openTask("pear");
  await a.button("Add a description").click();
  await a.field("Description").fill("half a thought");
  await a.link("apple").click();
  await expect(a.panel.getByRole("heading", { name: "apple" })).toBeVisible();
  await a.button("Add a description").click();
  await a.field("Description").fill("another");
  await a.link("pear").click();
  await expect(a.field("Description")).toHaveValue("half a thought");
  await a.link("apple").click();
  await expect(a.field("Description")).toHaveValue("another");
  await a.button("Save").click();
  await a.link("pear").click();
  await a.button("Save").click();
  await expect(a.panel.getByText("half a thought")).toBeVisible();
  await expect.poll(async () => (await task(world, board, "pear")).description).toBe("half a thought");
  await expect.poll(async () => (await task(world, board, "apple")).description).toBe("another");
});

test("a title that is being typed goes on being typed while somebody moves its list", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("half a");
  // Whichever list the browser moves for it, each goes past the others.
  for (const list of ["Done", "Doing", "To do"]) {
    await world.api.send("PATCH", `/lists/${board.ids[list]}/move`, { position: "top" });
    await expect(a.page.locator("[data-list]").first()).toHaveAttribute("data-list", board.ids[list]!);
    await expect(a.field("Title")).toBeFocused();
  }
  await a.page.keyboard.type(" word");
  expect((await world.titles(board))["To do"]).toEqual(["apple", "pear", "plum"]);
  await a.press("Enter");
  await world.expectKept(board, { "To do": ["apple", "half a word", "plum"], Doing: ["quince"], Done: [] });
});

test("marking a text up to beyond the dialog's edge doesn't close the question", async ({ world }) => {
  const board = await world.board();
  world.expectComplaint(/412/);
  const a = await world.open(board);
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("my pear");
  await world.api.editTask(board.ids["pear"]!, "their pear");
  await a.press("Enter");
  const mine = a.dialog.getByRole("textbox");
  await mine.fill("our pear");
  const box = (await mine.boundingBox())!;
  await a.page.mouse.move(box.x + 20, box.y + 10);
  await a.page.mouse.down();
  await a.page.mouse.move(5, 5, { steps: 3 });
  await a.page.mouse.up();
  await expect(mine).toHaveValue("our pear");
});
