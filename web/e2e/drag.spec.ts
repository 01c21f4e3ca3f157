// Dragging cards with the mouse, alone and while others change the board.
import { carry, carryBefore, carryToEnd, gap, lift } from "./hands.ts";
import { expect, test, USUAL } from "./people.ts";

test("a card is dragged within its list; the gap shows where it lands", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await lift(a, a.card("plum"));
  await carryBefore(a, "apple");
  await a.page.mouse.up();
  await world.expectKept(board, { ...USUAL, "To do": ["plum", "apple", "pear"] });
  await expect(a.announced).toContainText("Moved “plum” to To do, place 1 of 3");
  await expect(a.link("plum")).toBeFocused();
  await expect(a.panel).toHaveCount(0);
  await lift(a, a.card("plum"));
  await carryBefore(a, "pear");
  await a.page.mouse.up();
  await world.expectKept(board, { ...USUAL, "To do": ["apple", "plum", "pear"] });
  await world.expectSame(board, a, b);
});

test("a card is dragged to other lists: between cards, to the end and into an empty one", async ({
  world,
}) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await lift(a, a.card("pear"));
  await carryBefore(a, "quince");
  await a.page.mouse.up();
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["pear", "quince"], Done: [] });
  await lift(a, a.card("apple"));
  await carryToEnd(a, "Doing");
  await a.page.mouse.up();
  await world.expectKept(board, { "To do": ["plum"], Doing: ["pear", "quince", "apple"], Done: [] });
  await lift(a, a.card("quince"));
  await carryToEnd(a, "Done");
  await a.page.mouse.up();
  await world.expectKept(board, { "To do": ["plum"], Doing: ["pear", "apple"], Done: ["quince"] });
  await world.expectSame(board, a, b);
});

test("Escape puts a card back, and a drop where it was sends nothing", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board);
  const sent: string[] = [];
  a.page.on("request", (request) => request.method() !== "GET" && sent.push(request.url()));
  await lift(a, a.card("apple"));
  await carryBefore(a, "quince");
  await a.press("Escape");
  await expect(a.page.locator(".ghost, .gap")).toHaveCount(0);
  await a.page.mouse.up();
  await lift(a, a.card("pear"));
  await carryBefore(a, "plum");
  await a.page.mouse.up();
  await expect(a.page.locator(".ghost, .gap")).toHaveCount(0);
  await expect(a.panel).toHaveCount(0);
  expect(sent).toEqual([]);
  expect(await a.titles()).toEqual(USUAL);
  await world.expectSame(board, a);
});

test("a list scrolls under a card that is held near its edge", async ({ world }) => {
  const many = Array.from({ length: 60 }, (_, at) => `task ${String(at).padStart(2, "0")}`);
  const board = await world.board({ Long: many, Short: [] });
  const [a, b] = await world.two(board);
  const cards = a.list("Long").locator("[data-cards]");
  await lift(a, a.card("task 00"));
  await carry(a, cards, { x: 0.5, y: 0.98 });
  const room = await cards.evaluate((element) => element.scrollHeight - element.clientHeight);
  expect(room).toBeGreaterThan(500);
  await expect
    .poll(() => cards.evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop))
    .toBeLessThan(2);
  await expect.poll(() => gap(a)).toBe("the end of Long");
  await a.page.mouse.up();
  await expect.poll(async () => (await world.titles(board))["Long"]!.at(-1)).toBe("task 00");
  await world.expectSame(board, a, b);
});

test("the board scrolls sideways under a card that is held near its edge", async ({ world }) => {
  const lists = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`List ${at}`, [`task ${at}`]]));
  const board = await world.board(lists);
  const [a, b] = await world.two(board);
  const lane = a.page.locator("[data-board]");
  await lift(a, a.card("task 0"));
  await carry(a, lane, { x: 0.985, y: 0.2 });
  await expect
    .poll(() => lane.evaluate((element) => element.scrollWidth - element.clientWidth - element.scrollLeft))
    .toBeLessThan(2);
  await carryToEnd(a, "List 7");
  await a.page.mouse.up();
  await expect.poll(async () => (await world.titles(board))["List 7"]).toEqual(["task 7", "task 0"]);
  await world.expectSame(board, a, b);
});

test("a drop lands before the same card although others were moved in between", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  // What others do reaches the page only after the drop.
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await a.page.route("**/tasks/*/move", async (route) => {
    await held;
    await route.continue();
  });
  await lift(a, a.card("quince"));
  await carryBefore(a, "pear");
  await a.page.mouse.up();
  await world.api.addTask(board.ids["To do"]!, "cherry");
  await world.api.moveTask(board.ids["plum"]!, { listId: board.ids["To do"], position: "top" });
  await expect(a.link("cherry")).toBeVisible();
  letGo();
  await world.expectKept(board, {
    "To do": ["plum", "apple", "quince", "pear", "cherry"],
    Doing: [],
    Done: [],
  });
  await world.expectSame(board, a, b);
});

test("a drop whose neighbour has just gone lands beside the other one", async ({ world }) => {
  world.expectComplaint(/status of 409/);
  const board = await world.board();
  const [a, b] = await world.two(board);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await a.page.route("**/tasks/*/move", async (route) => {
    await held;
    await route.continue();
  });
  await lift(a, a.card("quince"));
  await carryBefore(a, "pear");
  await a.page.mouse.up();
  await world.api.deleteTask(board.ids["pear"]!);
  letGo();
  await world.expectKept(board, { "To do": ["apple", "quince", "plum"], Doing: [], Done: [] });
  await world.expectSame(board, a, b);
});

test("a drag goes on while others add, move and delete cards and edit the one in the air", async ({
  world,
}) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await lift(a, a.card("apple"));
  await carryBefore(a, "quince");
  await world.api.editTask(board.ids["apple"]!, "red apple");
  await world.api.addTask(board.ids["Doing"]!, "cherry");
  await world.api.moveTask(board.ids["plum"]!, { listId: board.ids["Doing"], position: "top" });
  await world.api.deleteTask(board.ids["pear"]!);
  await expect(a.link("cherry")).toBeVisible();
  await expect(a.card("pear")).toHaveCount(0);
  await expect(a.page.locator(".ghost")).toBeVisible();
  await carryBefore(a, "cherry");
  await a.page.mouse.up();
  await world.expectKept(board, { "To do": [], Doing: ["plum", "quince", "red apple", "cherry"], Done: [] });
  await world.expectSame(board, a, b);
});

test("a card that somebody moves while it is in the air lands where it is dropped", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await lift(a, a.card("apple"));
  await carryToEnd(a, "Done");
  await world.api.moveTask(board.ids["apple"]!, { listId: board.ids["Doing"], position: "top" });
  await expect(b.list("Doing").locator("[data-task]")).toHaveCount(2);
  await expect(a.list("Doing").locator("[data-task]")).toHaveCount(2);
  await expect(a.page.locator(".ghost")).toBeVisible();
  await carryToEnd(a, "Done");
  await a.page.mouse.up();
  await world.expectKept(board, { "To do": ["pear", "plum"], Doing: ["quince"], Done: ["apple"] });
  await world.expectSame(board, a, b);
});

test("a drag ends with a word when somebody deletes the card, or its list", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await lift(a, a.card("apple"));
  await carryBefore(a, "quince");
  await world.api.deleteTask(board.ids["apple"]!);
  await expect(a.toast("“apple” left the board while you were moving it")).toBeVisible();
  await expect(a.page.locator(".ghost, .gap")).toHaveCount(0);
  await a.page.mouse.up();
  await lift(a, a.card("pear"));
  await carryBefore(a, "quince");
  await world.api.send("DELETE", `/lists/${board.ids["To do"]}`);
  await expect(a.toast("Somebody deleted the list “To do”")).toBeVisible();
  await expect(a.page.locator(".ghost, .gap")).toHaveCount(0);
  await a.page.mouse.up();
  await world.expectKept(board, { Doing: ["quince"], Done: [] });
  await world.expectSame(board, a, b);
});

test("scroll, focus, an open menu and typed text stay while others change the board", async ({ world }) => {
  const many = Array.from({ length: 50 }, (_, at) => `task ${String(at).padStart(2, "0")}`);
  const board = await world.board({ Long: many, Short: ["quince"] });
  const [a, b] = await world.two(board);
  const cards = a.list("Long").locator("[data-cards]");

  await a.button("Add a task to Short").click();
  await a.field("Add a task to Short").fill("half a th");
  await cards.evaluate((element) => (element.scrollTop = 400));
  const yOf = async () => (await a.card("task 15").boundingBox())!.y;
  const before = await yOf();
  await world.api.deleteTask(board.ids["task 02"]!);
  await world.api.send("POST", "/tasks", { listId: board.ids["Long"], title: "on top", position: "top" });
  await world.api.addTask(board.ids["Short"]!, "cherry");
  await expect(a.link("cherry")).toBeVisible();
  await expect(a.card("task 02")).toHaveCount(0);
  await expect(a.field("Add a task to Short")).toBeFocused();
  await expect(a.field("Add a task to Short")).toHaveValue("half a th");
  expect(Math.abs((await yOf()) - before)).toBeLessThan(2);
  await a.press("Escape");

  await a.link("quince").focus();
  await world.api.moveTask(board.ids["quince"]!, { listId: board.ids["Long"], position: "top" });
  await expect(a.list("Long").locator("[data-task]").first()).toContainText("quince");
  await expect(a.link("quince")).toBeFocused();

  await a.button("Actions for cherry").click();
  await expect(a.page.getByRole("menu")).toBeVisible();
  await world.api.addTask(board.ids["Short"]!, "medlar");
  await world.api.editTask(board.ids["task 15"]!, "task fifteen");
  await expect(a.link("medlar")).toBeVisible();
  await expect(a.page.getByRole("menu")).toBeVisible();
  await expect(a.page.getByRole("menuitem", { name: "Open" })).toBeFocused();
  await a.press("Escape");
  await expect(a.button("Actions for cherry")).toBeFocused();
  await world.expectSame(board, a, b);
});

test("what somebody else changed is marked for a moment", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await b.link("pear").focus();
  await b.press("Alt+ArrowUp");
  await expect(a.card("pear")).toHaveClass(/marked/);
  await expect(b.card("pear")).not.toHaveClass(/marked/);
  await expect(a.card("pear")).not.toHaveClass(/marked/);
  await world.expectKept(board, { ...USUAL, "To do": ["pear", "apple", "plum"] });
  await world.expectSame(board, a, b);
});
