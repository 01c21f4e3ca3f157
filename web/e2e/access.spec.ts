// For everybody: no rule of axe is broken on any screen, light and dark; the main job is done with keys
// alone, and by what a screen reader hears.
import { expectClean } from "./axe.ts";
import { expect, test, USUAL, type Person, type World } from "./people.ts";
import { Server, Api } from "./server.ts";

async function comeToBoard(world: World): Promise<Person> {
  const board = await world.board({
    "To do": ["apple", "pear with https://example.org/", "plum"],
    Doing: ["quince"],
    Done: [],
  });
  await world.api.send("PATCH", `/tasks/${board.ids["apple"]}`, {
    description: "From https://example.org/ and\nelsewhere",
  });
  return world.open(board);
}

test("the page of boards breaks no rule: with boards, deleted ones, a menu, a name and a question", async ({
  world,
}) => {
  await world.board(undefined, "Veranda");
  await world.api.send("DELETE", `/boards/${(await world.board()).id}`);
  const a = await world.come("/");
  await expect(a.page.getByRole("link", { name: /Veranda/ })).toBeVisible();
  await a.page.getByText(/^Deleted boards/).click();
  await expectClean(a, "boards");
  await a.button("Actions for Veranda").click();
  await expectClean(a, "the menu of a board");
  await a.page.getByRole("menuitem", { name: "Rename" }).click();
  await expectClean(a, "the name of a board");
  await a.press("Escape");
  await a.choose("Actions for Veranda", "Delete board");
  await expectClean(a, "the question before deleting");
  await a.press("Escape");
  await a.field("Name of the board").fill("x".repeat(201));
  await expectClean(a, "a name that is too long");
});

test("a server without boards breaks no rule", async ({ world }) => {
  const server = await Server.start();
  try {
    const a = await world.come(server.url);
    await expect(a.page.getByRole("heading", { name: "No boards yet" })).toBeVisible();
    await expectClean(a, "no boards");
    const board = await new Api(server.url).makeBoard("empty", {});
    await a.page.goto(`${server.url}/b/${board.id}`);
    await expect(a.page.getByText("This board has no lists yet")).toBeVisible();
    await expectClean(a, "a board without lists");
    await a.context.close();
  } finally {
    await server.remove();
  }
});

test("a board breaks no rule: with cards, marks, messages, boxes, menus and a filter", async ({ world }) => {
  const a = await comeToBoard(world);
  await expectClean(a, "a board");
  await a.button("Add a task to Doing").click();
  await a.field("Add a task to Doing").fill("one\ntwo");
  await expectClean(a, "the box for tasks");
  await a.press("Escape");
  await a.button("Add a list").click();
  await expectClean(a, "the box for lists");
  await a.press("Escape");
  await a.list("Doing").getByRole("heading").getByRole("button").click();
  await expectClean(a, "the name of a list");
  await a.press("Escape");
  await a.link("plum").focus();
  await a.press("e");
  await a.field("Title").fill("x".repeat(501));
  await expectClean(a, "a title that is too long");
  await a.press("Escape");
  await a.button("Actions for plum").click();
  await expectClean(a, "the menu of a card");
  await a.press("Escape");
  await a.choose("Actions for plum", "Delete");
  await expectClean(a, "a message");
  await a.button("Actions for the list To do").click();
  await expectClean(a, "the menu of a list");
  await a.press("Escape");
  await a.button("Board menu").click();
  await expectClean(a, "the menu of the board");
  await a.press("Escape");
  await a.field("Filter tasks").fill("apple");
  await expect(a.link("quince")).toHaveCount(0);
  await expectClean(a, "a filter");
});

test("a task breaks no rule: read, edited, contested, gone", async ({ world }) => {
  const a = await comeToBoard(world);
  await a.openTask("apple");
  await expectClean(a, "a task");
  await a.panel.getByRole("button", { name: "Edit", exact: true }).click();
  await a.field("Description").fill("mine");
  const id = new URL(a.page.url()).pathname.split("/").at(-1)!;
  await world.api.send("PATCH", `/tasks/${id}`, { description: "theirs" });
  await expect(a.panel.locator(".theirs")).toBeVisible();
  await expectClean(a, "a description");
  await a.button("Save").click();
  await expect(a.dialog).toBeVisible();
  await expectClean(a, "two texts");
  await a.dialog.getByRole("button", { name: "Keep theirs" }).click();
  await a.panel.getByRole("button", { name: "Edit title" }).click();
  await expectClean(a, "a title in the panel");
  await a.press("Escape");
  await a.panel.getByRole("button", { name: "Edit", exact: true }).click();
  await a.field("Description").fill("unsaved");
  await a.press("Escape");
  await expectClean(a, "the question before discarding");
  await a.dialog.getByRole("button", { name: "Keep typing" }).click();
  await world.api.deleteTask(id);
  await expect(a.panel.getByRole("alert")).toBeVisible();
  await expectClean(a, "a task that is gone");
});

test("the dialogs break no rule", async ({ world }) => {
  const a = await comeToBoard(world);
  await a.link("plum").focus();
  await a.press("m");
  await expectClean(a, "moving");
  await a.press("Escape");
  await a.press("?");
  await expectClean(a, "keys");
  await a.press("Escape");
  await a.choose("Board menu", "Delete board");
  await expectClean(a, "deleting a board");
});

test("the other pages break no rule: the deleted, nothing deleted, no board, no page, a board that is gone", async ({
  world,
}) => {
  world.expectComplaint(/status of 404/);
  const board = await world.board();
  const a = await world.come(`${board.path}/deleted`);
  await expect(a.page.getByText("Nothing was deleted")).toBeVisible();
  await expectClean(a, "nothing deleted");
  await world.api.deleteTask(board.ids["apple"]!);
  await world.api.send("DELETE", `/lists/${board.ids["Doing"]}`);
  await a.page.reload();
  await expect(a.button("Restore apple")).toBeVisible();
  await expectClean(a, "the deleted");
  await a.page.goto("/b/none");
  await expect(a.page.getByText("There is no board here")).toBeVisible();
  await expectClean(a, "no board");
  await a.page.goto("/b/none/what/is/this");
  await expect(a.page.getByText("There is no page at this address")).toBeVisible();
  await expectClean(a, "no page");
  await a.page.goto(board.path);
  await a.isLive();
  await world.api.send("DELETE", `/boards/${board.id}`);
  await expect(a.page.getByText("This board was deleted")).toBeVisible();
  await expectClean(a, "a board that is gone");
});

test("a phone breaks no rule: boards, a board, a task", async ({ world }) => {
  const board = await world.board();
  const a = await world.come("/", { viewport: { width: 320, height: 600 }, hasTouch: true, isMobile: true });
  await expect(a.page.getByRole("link").first()).toBeVisible();
  await expectClean(a, "boards");
  await a.page.goto(board.path);
  await a.isLive();
  await expectClean(a, "a board");
  await a.page.goto(`${board.path}/t/${board.ids["apple"]}`);
  await expect(a.button("Add a description")).toBeVisible();
  await expectClean(a, "a task");
});

/** Goes on with Tab until this has the focus. */
async function tabTo(person: Person, name: string): Promise<void> {
  await expect(async () => {
    await person.press("Tab");
    const focused = await person.page.evaluate(() => {
      const at = document.activeElement!;
      return at.getAttribute("aria-label") ?? at.textContent!.trim();
    });
    expect(focused).toContain(name);
  }).toPass({ intervals: [0], timeout: 10_000 });
}

test("the main job is done with keys alone", async ({ world }) => {
  const board = await world.board({ "To do": ["apple"], Doing: [], Done: [] }, "Greenhouse");
  const b = await world.open(board);
  const a = await world.come("/");
  await expect(a.page.getByRole("link", { name: /Greenhouse/ })).toBeVisible();
  await tabTo(a, "Greenhouse");
  await a.press("Enter");
  await a.isLive();
  await a.press("ArrowDown", "n");
  for (const title of ["pear", "plum"]) {
    await a.page.keyboard.type(title);
    await a.press("Enter");
  }
  await a.press("Escape");
  await world.expectKept(board, { "To do": ["apple", "pear", "plum"], Doing: [], Done: [] });
  await expect(a.button("Add a task to To do")).toBeFocused();
  await a.press("Shift+Tab");
  // Tab stops at one card, from which arrows go on.
  await expect(a.button("Actions for apple")).toBeFocused();
  await a.press("Shift+Tab", "ArrowDown");
  await expect(a.link("pear")).toBeFocused();
  await a.press("Alt+ArrowRight");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["pear"], Done: [] });
  await a.press("Enter");
  await expect(a.panel.getByRole("heading", { name: "pear" })).toBeVisible();
  await tabTo(a, "Add a description");
  await a.press("Enter");
  await a.page.keyboard.type("ripe");
  await a.press("Control+Enter");
  await expect(a.panel.getByText("ripe")).toBeVisible();
  await a.press("Escape");
  await expect(a.link("pear")).toBeFocused();
  await a.press("e");
  await a.page.keyboard.type("green pear");
  await a.press("Enter");
  await expect(b.link("green pear")).toBeVisible();
  await a.press("m");
  await expect(a.dialog.getByLabel("List")).toBeFocused();
  await a.press("ArrowDown");
  await tabTo(a, "Move");
  await a.press("Enter");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: [], Done: ["green pear"] });
  await expect(a.link("green pear")).toBeFocused();
  await a.press("Delete");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: [], Done: [] });
  await a.press("Control+z");
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: [], Done: ["green pear"] });
  await world.expectSame(board, a, b);
});

test("a screen reader hears the board, the cards, the task and what became of it", async ({ world }) => {
  const board = await world.board(USUAL, "Terrace");
  const b = await world.open(board);
  const a = await world.come("/");
  await a.page
    .getByRole("main")
    .getByRole("link", { name: /^Terrace/ })
    .click();
  await expect(a.page.getByRole("main").getByRole("list", { name: "Lists" })).toMatchAriaSnapshot(`
    - list "Lists":
      - listitem:
        - heading "To do" [level=2]
        - text: "3"
        - button "Actions for the list To do"
        - list "To do":
          - listitem:
            - link "apple"
            - button "Actions for apple"
          - listitem:
            - link "pear"
            - button "Actions for pear"
          - listitem:
            - link "plum"
            - button "Actions for plum"
        - button "Add a task to To do"
      - listitem:
        - heading "Doing" [level=2]
        - text: "1"
        - button "Actions for the list Doing"
        - list "Doing":
          - listitem:
            - link "quince"
            - button "Actions for quince"
        - button "Add a task to Doing"
      - listitem:
        - heading "Done" [level=2]
        - text: "0"
        - button "Actions for the list Done"
        - list "Done":
          - listitem: Nothing here yet
        - button "Add a task to Done"
      - listitem:
        - button "Add a list"
  `);
  await expect(a.page.getByRole("status").filter({ hasText: "Live" })).toBeAttached();
  const toDo = a.page.getByRole("list", { name: "To do" });
  await toDo.getByRole("button", { name: "Actions for pear" }).click();
  await a.page
    .getByRole("menu", { name: "Actions for pear" })
    .getByRole("menuitem", { name: "Move to…" })
    .click();
  const moving = a.page.getByRole("dialog", { name: "Move “pear”" });
  await moving.getByRole("combobox", { name: "List" }).selectOption("Doing");
  await moving.getByRole("button", { name: "Move", exact: true }).click();
  await expect(
    a.page.getByRole("status").filter({ hasText: "Moved “pear” to Doing, place 2 of 2" }),
  ).toBeAttached();
  await a.page.getByRole("list", { name: "Doing" }).getByRole("link", { name: "pear" }).click();
  const task = a.page.getByRole("dialog", { name: "pear" });
  await task.getByRole("button", { name: "Add a description" }).click();
  await task.getByRole("textbox", { name: "Description" }).fill("ripe");
  await task.getByRole("button", { name: "Save" }).click();
  await expect(a.page.getByRole("status").filter({ hasText: "Saved" })).toBeAttached();
  await task.getByRole("button", { name: "Delete" }).click();
  await expect(a.page.getByRole("status").filter({ hasText: "Deleted “pear”" })).toBeAttached();
  await a.page.getByRole("region", { name: "Messages" }).getByRole("button", { name: "Undo" }).last().click();
  await expect(a.page.getByRole("status").filter({ hasText: "“pear” is back" })).toBeAttached();
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince", "pear"], Done: [] });
  await expect(a.page.getByRole("link", { name: "pear Has a description" })).toBeVisible();
  await world.expectSame(board, a, b);
});
