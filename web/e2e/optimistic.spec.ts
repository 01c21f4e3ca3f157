// A change shows before its answer, goes back with a reason if refused, and is sent once whatever happens.
import type { Route } from "@playwright/test";
import { expect, test, USUAL, type Person } from "./people.ts";

/** Refuses as the server would. */
async function refuse(
  person: Person,
  path: string,
  status: number,
  code: string,
  detail = "",
): Promise<void> {
  await person.page.route(path, (route: Route) =>
    route.request().method() === "GET"
      ? route.continue()
      : route.fulfill({
          status,
          contentType: "application/problem+json",
          body: JSON.stringify({ title: "Refused", status, code, detail }),
        }),
  );
}

test("what was asked for shows before the server answers", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  const letGo = await a.hold("**/{tasks,lists}**");
  const letGoDeep = await a.hold("**/{tasks,lists}/**");
  await a.add("Done", "cherry");
  await expect(a.link("cherry")).toBeVisible();
  await a.press("Escape");
  await a.link("apple").focus();
  await a.press("Alt+ArrowRight");
  await a.link("plum").focus();
  await a.press("Delete");
  await a.link("pear").focus();
  await a.press("e");
  await a.field("Title").fill("green pear");
  await a.press("Enter");
  const wanted = { "To do": ["green pear"], Doing: ["apple", "quince"], Done: ["cherry"] };
  await expect.poll(() => a.titles()).toEqual(wanted);
  expect(await world.titles(board)).toEqual(USUAL);
  expect(await b.titles()).toEqual(USUAL);
  letGo();
  letGoDeep();
  await world.expectKept(board, wanted);
  await world.expectSame(board, a, b);
});

test("a change under way and what others do at the same time both stay in view", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  const letGo = await a.hold("**/tasks/**");
  await a.link("pear").focus();
  await a.press("Alt+ArrowRight");
  await world.api.addTask(board.ids["Doing"]!, "cherry");
  await world.api.moveTask(board.ids["apple"]!, { listId: board.ids["Done"] });
  await expect
    .poll(() => a.titles())
    .toEqual({ "To do": ["plum"], Doing: ["quince", "pear", "cherry"], Done: ["apple"] });
  letGo();
  await expect.poll(async () => (await world.titles(board))["To do"]).toEqual(["plum"]);
  await world.expectSame(board, a, b);
});

test("a refused change goes back and says why", async ({ world }) => {
  world.expectComplaint(/status of 4\d\d/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  await refuse(a, "**/{tasks,lists,boards}**", 409, "board_full");
  await refuse(a, "**/{tasks,lists,boards}/**", 409, "board_full");
  await a.add("Done", "cherry");
  await expect(a.toast("Not added. The board is full")).toBeVisible();
  await a.press("Escape");
  await a.link("apple").focus();
  await a.press("Alt+ArrowRight");
  await expect(a.toast("Not moved. The board is full")).toBeVisible();
  await a.link("apple").focus();
  await a.press("Delete");
  await expect(a.toast("Not deleted. The board is full")).toBeVisible();
  await a.choose("Actions for the list To do", "Move right");
  await expect(a.toast("Not moved. The board is full").last()).toBeVisible();
  await a.choose("Actions for the list Done", "Delete list");
  await expect(a.toast("Not deleted. The board is full").last()).toBeVisible();
  await a.list("Doing").getByRole("heading").getByRole("button").click();
  await a.field("Name of the list Doing").fill("Under way");
  await a.press("Enter");
  await expect(a.toast("Not saved. The board is full")).toBeVisible();
  await expect(a.page.getByRole("button", { name: "Undo" })).toHaveCount(0);
  await expect.poll(() => a.titles()).toEqual(USUAL);
  await world.expectSame(board, a, b);
});

test("tasks that are refused go back to the box that they were typed in", async ({ world }) => {
  world.expectComplaint(/status of 409/);
  const board = await world.board();
  const a = await world.open(board);
  await refuse(a, "**/tasks", 409, "board_full");
  await a.add("Done", "cherry");
  await expect(a.toast(/^Not added\. /)).toBeVisible();
  await expect(a.field("Add a task to Done")).toHaveValue("cherry");
  await a.page.unroute("**/tasks");
  await a.press("Enter");
  await world.expectKept(board, { ...USUAL, Done: ["cherry"] });
  await world.expectSame(board, a);
});

test("a task on its way to a list that was deleted is back in the box when the list is", async ({
  world,
}) => {
  world.expectComplaint(/status of 422/);
  const board = await world.board();
  const a = await world.open(board);
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await a.page.route("**/tasks", async (route) => {
    await held;
    await route.continue();
  });
  await a.add("Doing", "on its way");
  await world.api.send("DELETE", `/lists/${board.ids["Doing"]}`);
  await expect(a.list("Doing")).toHaveCount(0);
  go();
  await expect(a.toast(/^Not added/)).toBeVisible();
  await world.api.send("POST", `/lists/${board.ids["Doing"]}/restore`);
  await expect(a.field("Add a task to Doing")).toHaveValue("on its way");
});

test("a real limit refuses: the two hundred and first list", async ({ world }) => {
  world.expectComplaint(/status of 409/);
  const board = await world.board({});
  const names = Array.from({ length: 200 }, (_, at) => `List ${at}`);
  for (const name of names) await world.api.addList(board.id, name);
  const a = await world.open(board);
  await a.button("Add a list").click();
  await a.field("Name of the list").fill("One too many");
  await a.press("Enter");
  await expect(a.toast("Not added. The board is full")).toBeVisible();
  await expect(a.list("One too many")).toHaveCount(0);
});

test("changes made without a network are kept, sent when it is back, in order and once", async ({
  world,
}) => {
  world.expectComplaint(/ERR_INTERNET_DISCONNECTED/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.context.setOffline(true);
  await a.add("Done", "cherry", "medlar");
  await a.press("Escape");
  await a.link("apple").focus();
  await a.press("Alt+ArrowRight");
  await expect(a.page.locator("[data-connection]")).toContainText("3");
  await expect(a.page.locator("[data-connection]")).toContainText("Offline");
  const wanted = { "To do": ["pear", "plum"], Doing: ["apple", "quince"], Done: ["cherry", "medlar"] };
  await expect.poll(() => a.titles()).toEqual(wanted);
  expect(await world.titles(board)).toEqual(USUAL);
  await a.context.setOffline(false);
  await world.expectKept(board, wanted);
  await a.isLive();
  await world.expectSame(board, a, b);
});

test("a change whose answer is lost is sent again under its key and happens once", async ({ world }) => {
  world.expectComplaint(/ERR_FAILED|ERR_CONNECTION/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  const keys: string[] = [];
  let isFirst = true;
  await a.page.route("**/tasks", async (route) => {
    keys.push(route.request().headers()["idempotency-key"] ?? "none");
    if (!isFirst) return route.continue();
    isFirst = false;
    await route.fetch();
    await route.abort();
  });
  await a.add("Done", "cherry");
  await expect.poll(() => keys.length).toBe(2);
  expect(keys[0]).toBe(keys[1]);
  await world.expectKept(board, { ...USUAL, Done: ["cherry"] });
  await world.expectSame(board, a, b);
});

test("a server that is busy is asked again", async ({ world }) => {
  world.expectComplaint(/status of 503/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  let refusals = 2;
  await a.page.route("**/tasks/**", (route) =>
    route.request().method() === "DELETE" && refusals-- > 0
      ? route.fulfill({ status: 503 })
      : route.continue(),
  );
  await a.link("pear").focus();
  await a.press("Delete");
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "plum"] });
  await world.expectSame(board, a, b);
});

test("a text that is refused stays where it was typed", async ({ world }) => {
  world.expectComplaint(/status of 4(13|22)/);
  const board = await world.board();
  const a = await world.open(board);
  const long = "long ".repeat(8_000);
  await a.openTask("pear");
  await a.button("Add a description").click();
  await a.field("Description").fill(long);
  await a.button("Save").click();
  await expect(a.toast(/^Not saved\. /)).toBeVisible();
  await expect(a.field("Description")).toHaveValue(long);
  await a.field("Description").fill("short");
  await a.button("Save").click();
  await expect(a.panel.getByText("short")).toBeVisible();
  await expect(a.field("Description")).toHaveCount(0);

  await a.press("Escape");
  await a.link("apple").focus();
  await a.press("e");
  await a.field("Title").fill("bell");
  await refuse(a, "**/tasks/*", 422, "invalid", "title can't be that.");
  await a.press("Enter");
  await expect(a.toast(/^Not saved\. /).last()).toBeVisible();
  await expect(a.field("Title")).toHaveValue("bell");
  await a.page.unroute("**/tasks/*");
  await a.field("Title").press("Enter");
  await world.expectKept(board, { ...USUAL, "To do": ["bell", "pear", "plum"] });
  await world.expectSame(board, a);
});
