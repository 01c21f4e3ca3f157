// From 320 pixels wide to a wall; less motion for who wants less.
import { expect, test, type Person } from "./people.ts";

const NARROW = { viewport: { width: 320, height: 600 }, hasTouch: true, isMobile: true };

async function expectNoSidewaysScroll({ page }: Person, where: string): Promise<void> {
  const excess = await page.evaluate(() => ({
    page: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    // A phone shows a page that is too wide smaller, rather than scrolling it.
    shown: Math.round(visualViewport!.width) - 320,
  }));
  expect(excess, where).toEqual({ page: 0, shown: 0 });
}

async function expectInView(person: Person, name: string | RegExp): Promise<void> {
  const button = person.button(name);
  await button.scrollIntoViewIfNeeded();
  const box = (await button.boundingBox())!;
  expect(box.x).toBeGreaterThanOrEqual(0);
  expect(box.x + box.width).toBeLessThanOrEqual(320);
}

test("at 320 pixels only the board scrolls sideways, and everything can be reached", async ({ world }) => {
  const board = await world.board(
    {
      "To do": ["apple", "pear and a title that goes on for longer than any phone is wide", "p".repeat(300)],
      "A list with a rather long name of its own": ["quince"],
      Done: [],
    },
    "A board whose name is too long for any phone to show in one line, truly",
  );
  const a = await world.come("/", NARROW);
  await expect(a.page.getByRole("heading", { name: "Boards", level: 1 })).toBeVisible();
  await expectNoSidewaysScroll(a, "the page of boards");
  await expectInView(a, "Create board");

  await a.page.goto(board.path);
  await a.isLive();
  await expectNoSidewaysScroll(a, "the board");
  await expectInView(a, "Board menu");
  await expect(a.page.locator("[data-connection]")).toBeInViewport();
  await expect(a.field("Filter tasks")).toBeInViewport();
  await expectInView(a, "Add a task to To do");
  await a.page.getByRole("navigation", { name: "Go to a list" }).getByText("Done").tap();
  await expect(a.list("Done")).toBeInViewport({ ratio: 0.9 });
  await expect(a.button("Add a task to Done")).toBeInViewport();
  await expectInView(a, "Add a list");
  await expectNoSidewaysScroll(a, "the end of the board");

  await a.button("Board menu").tap();
  await expect(a.page.getByRole("menuitem", { name: "Delete board" })).toBeInViewport({ ratio: 1 });
  await a.press("Escape");

  await a.page.goto(`${board.path}/t/${board.ids["apple"]}`);
  await expect(a.panel.getByRole("heading", { name: "apple" })).toBeVisible();
  await expectNoSidewaysScroll(a, "a task");
  await a.button("Add a description").tap();
  await a.field("Description").fill("w".repeat(400));
  await expectNoSidewaysScroll(a, "a description");
  await a.button("Save").tap();
  await a.button("Move to…").tap();
  await expect(a.dialog.getByRole("button", { name: "Move", exact: true })).toBeInViewport({ ratio: 1 });
  await expectNoSidewaysScroll(a, "the dialog for moving");
  await a.press("Escape");
  await a.panel.getByRole("button", { name: "Close" }).tap();
  await expect(a.panel).toHaveCount(0);

  await a.button("Board menu").tap();
  await a.page.getByRole("menuitem", { name: "Keyboard shortcuts" }).tap();
  await expectNoSidewaysScroll(a, "the dialog of keys");
  await expect(a.dialog.getByRole("button", { name: "Close" })).toBeInViewport({ ratio: 1 });
  await a.press("Escape");
  await a.page.goto(`${board.path}/deleted`);
  await expect(a.page.getByText("Nothing was deleted")).toBeVisible();
  await expectNoSidewaysScroll(a, "the deleted");
});

test("a message on a phone leaves its undo in reach", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board, NARROW);
  await a.button("Actions for apple").tap();
  await a.page.getByRole("menuitem", { name: "Delete" }).tap();
  await a.toast("Deleted “apple”").getByRole("button", { name: "Undo" }).tap();
  await expect(a.link("apple")).toBeVisible();
  await world.expectKept(board, { "To do": ["apple", "pear", "plum"], Doing: ["quince"], Done: [] });
  await world.expectSame(board, a);
});

test("on a wall the board uses the room, without scrolling sideways", async ({ world }) => {
  const lists = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`List ${at}`, [`task ${at}`]]));
  const board = await world.board(lists);
  const a = await world.open(board, { viewport: { width: 2560, height: 1300 } });
  const lane = a.page.locator("[data-board]");
  expect(await lane.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
  await world.expectSame(board, a);
});

test("who wants less motion gets none: colours fade, and nothing glides", async ({ world }) => {
  const board = await world.board();
  const a = await world.open(board, { ...NARROW, reducedMotion: "reduce" });
  await a.choose("Actions for apple", "Delete");
  await expect(a.toast("Deleted “apple”")).toBeVisible();
  const moving = await a.page.evaluate(() => {
    const isLong = (durations: string) => durations.split(",").some((text) => parseFloat(text) > 0.001);
    return [...document.querySelectorAll("*")]
      .map((element) => ({ element, style: getComputedStyle(element) }))
      .filter(
        ({ style }) =>
          isLong(style.animationDuration) ||
          (isLong(style.transitionDuration) && style.transitionProperty !== "background-color"),
      )
      .map(({ element }) => element.className);
  });
  expect(moving).toEqual([]);
  const isThere = await a.page.evaluate(() => {
    const picker = document.querySelectorAll<HTMLElement>(".picker button");
    picker[picker.length - 1]!.click();
    return document.querySelector("[data-board]")!.scrollLeft > 300;
  });
  expect(isThere).toBe(true);
});
