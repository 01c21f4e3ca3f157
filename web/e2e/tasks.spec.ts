// Tasks: added, edited in place and in the panel, deleted and brought back; the addresses of what is shown.
import { expect, test } from "./people.ts";

test("Enter adds a task and keeps the box open; Escape closes it", async ({ world }) => {
  const board = await world.board({ "To do": ["apple"], Done: [] });
  const [a, b] = await world.two(board);
  await a.add("To do", "pear", "plum");
  await expect(a.field("Add a task to To do")).toBeFocused();
  await expect(a.field("Add a task to To do")).toHaveValue("");
  await a.press("Enter");
  await a.press("Escape");
  await expect(a.button("Add a task to To do")).toBeFocused();
  await world.expectKept(board, { "To do": ["apple", "pear", "plum"], Done: [] });
  await world.expectSame(board, a, b);
});

test("several pasted lines are offered as several tasks, or as one", async ({ world }) => {
  const board = await world.board({ "To do": [] });
  const [a, b] = await world.two(board);
  await a.button("Add a task to To do").click();
  const paste = (text: string) =>
    a.page.evaluate((pasted) => {
      const data = new DataTransfer();
      data.setData("text/plain", pasted);
      document.activeElement!.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
      document.execCommand("insertText", false, pasted);
    }, text);
  await paste("apple\n\n  pear \nplum\n");
  await expect(a.page.getByText("You pasted 3 lines.")).toBeVisible();
  await a.button("Add 3 tasks").click();
  await world.expectKept(board, { "To do": ["apple", "pear", "plum"] });
  await expect(a.announced).toContainText("Added 3 tasks");
  await paste("quince\nmedlar");
  await a.button("Add as one task").click();
  await world.expectKept(board, { "To do": ["apple", "pear", "plum", "quince medlar"] });
  await world.expectSame(board, a, b);
});

test("a title is edited in place: Enter and leaving save, Escape doesn't", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.link("apple").focus();
  await a.press("e");
  await a.field("Title").fill("never mind");
  await a.press("Escape");
  await expect(a.link("apple")).toBeFocused();
  await a.press("e");
  await expect(a.field("Title")).toHaveValue("apple");
  await a.field("Title").fill("  red apple ");
  await a.press("Enter");
  await expect(a.link("red apple")).toBeFocused();
  await a.choose("Actions for pear", "Edit title");
  await a.field("Title").fill("green pear");
  await a.page.getByRole("main").click({ position: { x: 900, y: 600 } });
  await world.expectKept(board, {
    "To do": ["red apple", "green pear", "plum"],
    Doing: ["quince"],
    Done: [],
  });
  await world.expectSame(board, a, b);
});

test("title and description are edited in the panel, and its address is the task's", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.openTask("pear");
  await expect(a.page).toHaveURL(new RegExp(`${board.path}/t/${board.ids["pear"]}$`));
  await a.panel.getByRole("button", { name: "Edit title" }).click();
  await a.panel.getByLabel("Title").fill("green pear");
  await a.press("Enter");
  await expect(a.panel.getByRole("heading", { name: "green pear" })).toBeVisible();
  await a.panel.getByRole("button", { name: "Add a description" }).click();
  await a.field("Description").fill("From the tree\nby the wall");
  await a.press("Control+Enter");
  await expect(a.panel.getByText("by the wall")).toBeVisible();
  await expect(b.card("green pear").getByText("Has a description")).toBeAttached();
  await b.openTask("green pear");
  await expect(b.panel.getByText("From the tree")).toBeVisible();
  await a.press("Escape");
  await expect(a.panel).toHaveCount(0);
  await expect(a.link("green pear")).toBeFocused();
  await expect(a.page).toHaveURL(new RegExp(`${board.path}$`));
  expect(await world.api.send("GET", `/tasks/${board.ids["pear"]}`)).toMatchObject({
    title: "green pear",
    description: "From the tree\nby the wall",
  });
  await world.expectSame(board, a, b);
});

test("a description that was typed is only thrown away after a question", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  await a.openTask("pear");
  await a.panel.getByRole("button", { name: "Add a description" }).click();
  await a.field("Description").fill("half a thought");
  await a.press("Escape");
  await a.dialog.getByRole("button", { name: "Keep typing" }).click();
  await expect(a.field("Description")).toHaveValue("half a thought");
  await expect(a.field("Description")).toBeFocused();
  await a.press("Escape");
  await a.dialog.getByRole("button", { name: "Discard" }).click();
  await expect(a.field("Description")).toHaveCount(0);
  await expect(a.panel).toBeFocused();
  await a.press("Escape");
  await expect(a.panel).toHaveCount(0);
});

test("a task is deleted from its menu and from its panel; the page of deleted things brings both back", async ({
  world,
}) => {
  const board = await world.board();
  const before = await world.kept(board);
  const [a, b] = await world.two(board);
  await a.choose("Actions for apple", "Delete");
  await a.openTask("plum");
  await a.panel.getByRole("button", { name: "Delete" }).click();
  await expect(a.panel).toHaveCount(0);
  await world.expectKept(board, { "To do": ["pear"], Doing: ["quince"], Done: [] });
  await world.expectSame(board, a, b);

  await a.choose("Board menu", "Deleted tasks and lists");
  await expect(a.page).toHaveURL(new RegExp(`${board.path}/deleted$`));
  await expect(a.page.getByRole("listitem").filter({ hasText: /apple|plum/ })).toHaveText([/plum/, /apple/]);
  await a.button("Restore apple").click();
  await expect(a.button("Restore apple")).toHaveCount(0);
  await a.button("Restore plum").click();
  await expect(a.page.getByText("Nothing was deleted in the last 30 days.")).toBeVisible();
  await a.page.getByRole("link", { name: "Back to the board" }).first().click();
  await a.isLive();
  expect(await world.kept(board)).toEqual(before);
  await world.expectSame(board, a, b);
});

test("a list on the page of deleted things comes back with its tasks", async ({ world }) => {
  const board = await world.board();
  const before = await world.kept(board);
  const b = await world.open(board);
  await world.api.send("DELETE", `/lists/${board.ids["To do"]}`);
  const a = await world.come(`${board.path}/deleted`);
  await a.button("Restore To do").click();
  await expect.poll(() => world.kept(board)).toEqual(before);
  await world.expectSame(board, b);
});

test("the filter is in the address, and holds for what comes in", async ({ world }) => {
  const board = await world.board({ "To do": ["red apple", "green pear", "green apple"], Done: [] });
  const [a, b] = await world.two(board);
  await a.press("/");
  await a.field("Filter tasks").fill("green");
  await expect(a.page).toHaveURL(/\?q=green$/);
  await expect.poll(() => a.titles()).toEqual({ "To do": ["green pear", "green apple"], Done: [] });
  await expect(a.list("To do").locator(".count")).toHaveText("2 of 3");
  await b.add("Done", "green plum", "blue plum");
  await expect(a.link("green plum")).toBeVisible();
  await expect(b.link("blue plum")).toBeVisible();
  await expect
    .poll(() => a.titles())
    .toEqual({
      "To do": ["green pear", "green apple"],
      Done: ["green plum"],
    });

  const c = await world.come(a.page.url().replace(world.server.url, ""));
  await expect(c.link("green plum")).toBeVisible();
  await expect(c.field("Filter tasks")).toHaveValue("green");
  expect(await c.titles()).toEqual(await a.titles());

  await a.field("Filter tasks").press("Escape");
  await expect(a.page).toHaveURL(new RegExp(`${board.path}$`));
  await world.expectSame(board, a, b);
});

test("back and forward lead through boards, tasks and the deleted", async ({ world }) => {
  const board = await world.board(undefined, "Orchard");
  const a = await world.come("/");
  await a.page.getByRole("link", { name: /Orchard/ }).click();
  await a.isLive();
  await a.openTask("apple");
  await a.link("pear").click();
  await expect(a.panel.getByRole("heading", { name: "pear" })).toBeVisible();
  await a.page.goBack();
  await expect(a.panel.getByRole("heading", { name: "apple" })).toBeVisible();
  await a.page.goBack();
  await expect(a.panel).toHaveCount(0);
  await expect(a.link("apple")).toBeVisible();
  await a.page.goBack();
  await expect(a.page.getByRole("heading", { name: "Boards", level: 1 })).toBeVisible();
  await a.page.goForward();
  await a.isLive();
  await a.page.goForward();
  await expect(a.panel.getByRole("heading", { name: "apple" })).toBeVisible();
  await world.expectSame(board, a);
});

test("a task's address opens its board with the task beside it", async ({ world }) => {
  const board = await world.board();
  const a = await world.come(`${board.path}/t/${board.ids["quince"]}`);
  await expect(a.panel.getByRole("heading", { name: "quince" })).toBeVisible();
  await expect(a.panel).toContainText("in Doing");
  await world.expectSame(board, a);
});

test("of more lines than are taken at once the rest stays in the box, and tabs are blanks", async ({
  world,
}) => {
  const board = await world.board({ A: [] });
  const a = await world.open(board);
  await a.button("Add a task to A").click();
  const lines = Array.from({ length: 203 }, (_, at) => `line\t${at + 1}`);
  await a.field("Add a task to A").fill(lines.join("\n"));
  await a.button("Add 200 tasks").click();
  await expect(a.field("Add a task to A")).toHaveValue("line 201\nline 202\nline 203");
  await expect.poll(async () => (await world.titles(board))["A"]!.length).toBe(200);
  expect((await world.titles(board))["A"]!.at(-1)).toBe("line 200");
});
