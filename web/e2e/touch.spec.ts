// The same with a finger: a long press lifts, a swipe only scrolls.
import { Finger, gap, pointIn } from "./hands.ts";
import { expect, test, USUAL } from "./people.ts";

const TABLET = { hasTouch: true, viewport: { width: 1024, height: 700 } };
const PHONE = { hasTouch: true, isMobile: true, viewport: { width: 390, height: 700 } };

test("a long press lifts a card, and the finger carries it to another list", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await Promise.all([world.open(board, TABLET), world.open(board)]);
  const finger = await Finger.of(a);
  await finger.longPress(a.card("apple"));
  await finger.moveTo(await pointIn(a.card("quince"), { x: 0.5, y: 0.05 }));
  await expect.poll(() => gap(a)).toBe("quince");
  await finger.up();
  await world.expectKept(board, { "To do": ["pear", "plum"], Doing: ["apple", "quince"], Done: [] });
  await expect(a.panel).toHaveCount(0);
  await world.expectSame(board, a, b);
});

test("a long press on a list's head drags the list", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await Promise.all([world.open(board, TABLET), world.open(board)]);
  const finger = await Finger.of(a);
  await finger.longPress(a.list("To do").locator("header"));
  await finger.moveTo(await pointIn(a.list("Doing"), { x: 0.95, y: 0.1 }));
  await expect(a.page.locator(".list-gap + [data-list]")).toHaveAttribute("data-list", board.ids["Done"]!);
  await finger.up();
  await expect.poll(async () => Object.keys(await world.titles(board))).toEqual(["Doing", "To do", "Done"]);
  await world.expectSame(board, a, b);
});

test("a swipe over cards scrolls the list and lifts nothing", async ({ world }) => {
  const many = Array.from({ length: 40 }, (_, at) => `task ${String(at).padStart(2, "0")}`);
  const board = await world.board({ Long: many, Short: [] });
  const a = await world.open(board, PHONE);
  const cards = a.list("Long").locator("[data-cards]");
  const finger = await Finger.of(a);
  await finger.swipe(a.card("task 08"), { y: -200 });
  await expect.poll(() => cards.evaluate((element) => element.scrollTop)).toBeGreaterThan(100);
  await expect(a.page.locator(".ghost")).toHaveCount(0);
  await expect(a.panel).toHaveCount(0);
  expect((await world.titles(board))["Long"]).toEqual(many);
  await world.expectSame(board, a);
});

test("a sideways swipe goes to the next list of a phone, one list a screen", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board, PHONE);
  const finger = await Finger.of(a);
  await finger.swipe(a.card("pear"), { x: -280 }, { x: 0.9, y: 0.5 });
  await expect
    .poll(async () => {
      const box = await a.list("Doing").boundingBox();
      return box !== null && box.x >= 0 && box.x + box.width <= 390;
    })
    .toBe(true);
  expect(await world.titles(board)).toEqual(USUAL);
});

test("near the edge of a phone the board goes on to the next list under the finger", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await Promise.all([world.open(board, PHONE), world.open(board)]);
  const finger = await Finger.of(a);
  const { y } = await finger.longPress(a.card("plum"));
  await finger.moveTo({ x: 380, y });
  await expect.poll(() => gap(a)).toMatch(/quince|Doing|Done/);
  await expect.poll(() => gap(a)).toBe("the end of Done");
  await finger.up();
  await world.expectKept(board, { "To do": ["apple", "pear"], Doing: ["quince"], Done: ["plum"] });
  await a.page.locator("[data-board]").evaluate((element) => (element.scrollLeft = 0));
  await world.expectSame(board, a, b);
});

test("a tap opens the task, and a tap on the menu's button moves it without dragging", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await Promise.all([world.open(board, PHONE), world.open(board)]);
  await a.button("Actions for pear").tap();
  await a.page.getByRole("menuitem", { name: "Move to…" }).tap();
  await a.dialog.getByLabel("List").selectOption("Done");
  await a.dialog.getByRole("button", { name: "Move", exact: true }).tap();
  await world.expectKept(board, { "To do": ["apple", "plum"], Doing: ["quince"], Done: ["pear"] });
  await world.expectSame(board, a, b);
  await a.link("pear").tap();
  await expect(a.panel.getByRole("heading", { name: "pear" })).toBeVisible();
});
