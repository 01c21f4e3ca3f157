// One page and a line that breaks in every way that lines break: it says so, comes back by itself, shows
// what it missed by cursor, and sends once what was done meanwhile.
import type { Page } from "@playwright/test";
import {
  addTask,
  card,
  drawn,
  expect,
  expectConnection,
  expectSame,
  openBoard,
  recordConsole,
  recordRequests,
  seeded,
  test,
  watchTitle,
} from "./watching.ts";

test.describe.configure({ timeout: 120_000 });

const BOARD = { "To do": ["one", "two", "three"], Done: ["four"] };
/** Two beats of the server, and a look at the clock after them. */
const SILENCE_NOTICED_MS = 42_000;
/** The longest that the page waits between tries, and the time that a loaded machine takes. */
const BACK_MS = 45_000;

async function expectWaiting(page: Page, changes: number): Promise<void> {
  await expect(page.locator("[data-connection] .waiting")).toHaveText(`${changes}`);
}

/** Three changes by hand, as they should look at once. */
async function changeThings(page: Page): Promise<void> {
  await addTask(page, "To do", "added while away");
  await page.keyboard.press("Escape");
  await card(page, "two").focus();
  await page.keyboard.press("Alt+ArrowUp");
  await card(page, "four").focus();
  await page.keyboard.press("Delete");
  await expect(card(page, "four")).toHaveCount(0);
  expect(await drawn(page)).toEqual([["To do", "two", "one", "three", "added while away"], ["Done"]]);
}

/** What the page asked for to catch up: its place in the log, never the board again. */
function expectCaughtUpByCursor(requests: { all: string[]; urls: string[] }): void {
  expect(requests.all).not.toContain("GET /boards/a");
  const streams = requests.urls.filter((url) => url.startsWith("/boards/a/events"));
  expect(streams.length).toBeGreaterThan(0);
  for (const url of streams) expect(url).toMatch(/[?&]after=\d+-[0-9a-f]+/);
}

test("a server that was killed for ten seconds: said, and nothing missed", async ({
  context,
  server,
  api,
}) => {
  const board = await api.makeBoard("a", BOARD);
  const page = await openBoard(context, server.url, "a");
  const said = recordConsole(page);
  const requests = recordRequests(page);

  await server.kill();
  const back = new Promise((resolve) => setTimeout(resolve, 10_000));
  await expectConnection(page, "reconnecting");
  await changeThings(page);
  await expectWaiting(page, 3);

  await back;
  // Somebody else is faster: the server is back, but not yet where this page looks for it.
  const aside = await server.start(0);
  const [list] = board.lists;
  await api.at(aside).addTask(list!.id, "by somebody else");
  await api.at(aside).editTask(list!.tasks[2]!.id, "three, edited");
  await server.stop();
  await server.start();

  await expectConnection(page, "live", BACK_MS);
  await expectSame(page, api, "a");
  expect(await drawn(page)).toEqual([
    ["To do", "two", "one", "three, edited", "by somebody else", "added while away"],
    ["Done"],
  ]);
  await expect(page.locator("[data-connection] .waiting")).toHaveCount(0);
  expectCaughtUpByCursor(requests);
  expect(said).toEqual([]);
});

test("a proxy that answers 502 for long: out of date, then back by cursor", async ({
  context,
  between,
  api,
}) => {
  const board = await api.makeBoard("a", BOARD);
  const page = await openBoard(context, between.url, "a");
  const said = recordConsole(page);
  const requests = recordRequests(page);

  between.mode = "bad gateway";
  await expectConnection(page, "reconnecting");
  await changeThings(page);
  await expectConnection(page, "outdated", 40_000);
  await expectWaiting(page, 3);
  await api.addTask(board.lists[1]!.id, "by somebody else");

  between.mode = "pass";
  await expectConnection(page, "live", BACK_MS);
  await expectSame(page, api, "a");
  expect(await drawn(page)).toEqual([
    ["To do", "two", "one", "three", "added while away"],
    ["Done", "by somebody else"],
  ]);
  expectCaughtUpByCursor(requests);
  // The server may have it before its answer has come back through the proxy.
  await expect
    .poll(() => between.passed.filter(({ method, status }) => method === "POST" && status === 201).length)
    .toBe(1);
  expect(said).toEqual([]);
});

test("a line that falls silent is noticed within two missed beats", async ({ context, between, api }) => {
  const board = await api.makeBoard("a", BOARD);
  const page = await openBoard(context, between.url, "a");
  const requests = recordRequests(page);

  between.mode = "silent";
  await api.addTask(board.lists[0]!.id, "by somebody else");
  await expectConnection(page, "reconnecting", SILENCE_NOTICED_MS);
  await changeThings(page);
  await expectWaiting(page, 3);

  between.mode = "pass";
  await expectConnection(page, "live", BACK_MS);
  await expectSame(page, api, "a");
  await expect(page.locator("[data-connection] .waiting")).toHaveCount(0);
  expectCaughtUpByCursor(requests);
});

test("a stream that fell silent while requests still pass: what was done stays in view", async ({
  context,
  between,
  api,
}) => {
  await api.makeBoard("a", BOARD);
  const page = await openBoard(context, between.url, "a");
  const flips = await watchFor(page, "added while away");

  between.silenceStreams();
  await changeThings(page);
  await expect.poll(() => between.streamsOpened.length, { timeout: SILENCE_NOTICED_MS }).toBe(2);
  await expectConnection(page, "live");
  await expectSame(page, api, "a");
  expect(await flips()).toBe(1);
});

/** Counts how often a card with this title comes into view. */
async function watchFor(page: Page, title: string): Promise<() => Promise<number>> {
  const counter = await page.evaluateHandle((wanted) => {
    const count = { times: 0, isThere: false };
    const look = () => {
      const titles = [...document.querySelectorAll("[data-task] .title")];
      const isThere = titles.some((card) => card.textContent?.trim() === wanted);
      if (isThere && !count.isThere) count.times++;
      count.isThere = isThere;
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
    return count;
  }, title);
  return () => counter.evaluate((count) => count.times);
}

test("a proxy that holds back and cuts anywhere: each event once, in order", async ({
  context,
  between,
  api,
}) => {
  const board = await api.makeBoard("a", BOARD);
  const random = seeded(7);
  between.harm = { cutAfter: () => 1 + Math.floor(random() * 2_500), holdMs: () => random() * 100 };
  const page = await context.newPage();
  const said = recordConsole(page);
  await page.goto(`${between.url}/b/a`);
  await expect(card(page, "one")).toBeVisible();
  const requests = recordRequests(page);
  const seen = await watchTitle(page, board.lists[0]!.tasks[0]!.id);

  let edits = 0;
  const before = between.streamsOpened.length;
  await expect(async () => {
    for (let burst = 0; burst < 5; burst++) await api.editTask(board.lists[0]!.tasks[0]!.id, `${++edits}`);
    expect(between.streamsOpened.length - before).toBeGreaterThanOrEqual(6);
  }).toPass({ timeout: 60_000, intervals: [150] });

  between.harm = {};
  await api.addTask(board.lists[1]!.id, "the last");
  between.cutStreams();
  await expectConnection(page, "live", BACK_MS);
  await expectSame(page, api, "a");
  expectCaughtUpByCursor(requests);
  const titles = await seen();
  expect(titles.at(-1)).toBe(edits);
  expect(titles).toEqual(titles.toSorted((one, other) => one - other));
  expect(new Set(titles).size).toBe(titles.length);
  expect(said).toEqual([]);
});

test("a device without network says so, keeps changes and sends them once it is back", async ({
  context,
  server,
  api,
}) => {
  const board = await api.makeBoard("a", BOARD);
  const page = await openBoard(context, server.url, "a");
  const requests = recordRequests(page);
  await context.setOffline(true);
  await expectConnection(page, "offline");
  await changeThings(page);
  await expectWaiting(page, 3);
  await api.addTask(board.lists[1]!.id, "by somebody else");

  await context.setOffline(false);
  await expectConnection(page, "live", BACK_MS);
  await expectSame(page, api, "a");
  expect(await drawn(page)).toEqual([
    ["To do", "two", "one", "three", "added while away"],
    ["Done", "by somebody else"],
  ]);
  expectCaughtUpByCursor(requests);
});

test("an answer that was lost: the change is sent again and happens once", async ({
  context,
  between,
  api,
}) => {
  await api.makeBoard("a", BOARD);
  const page = await openBoard(context, between.url, "a");
  between.loseAnswers = 1;
  await addTask(page, "Done", "sent twice");
  await expect.poll(() => between.passed.filter(({ path }) => path === "/tasks").length).toBe(2);
  await expectSame(page, api, "a");
  expect(await drawn(page)).toContainEqual(["Done", "four", "sent twice"]);
});

test("a board that can't be read at first is shown once the server answers", async ({
  context,
  between,
  api,
}) => {
  await api.makeBoard("a", BOARD);
  const page = await openBoard(context, between.url, "a");
  between.failing = (request) => request === "GET /boards/a";
  await page.reload();
  await expect(page.getByText("The board can't be read right now")).toBeVisible();
  between.failing = null;
  await expectConnection(page, "live");
  await expectSame(page, api, "a");
});

test("changes that don't get through are counted although the line is live", async ({
  context,
  between,
  api,
}) => {
  await api.makeBoard("a", BOARD);
  const page = await openBoard(context, between.url, "a");
  between.failing = (request) => request === "POST /tasks";
  await addTask(page, "Done", "held up");
  await expectWaiting(page, 1);
  await expectConnection(page, "live");
  between.failing = null;
  await expect(page.locator("[data-connection] .waiting")).toHaveCount(0);
  await expectSame(page, api, "a");
});

test("a server whose data was put back to an older copy: the page shows that, and goes on", async ({
  context,
  server,
  api,
}) => {
  const board = await api.makeBoard("a", BOARD);
  await server.stop();
  const putBack = server.keepCopy();
  await server.start();
  await api.addTask(board.lists[1]!.id, "will be lost");
  await api.editTask(board.lists[0]!.tasks[0]!.id, "one, edited");
  const page = await openBoard(context, server.url, "a");
  const said = recordConsole(page);
  await addTask(page, "Done", "will be lost too");
  await expectSame(page, api, "a");

  await server.stop();
  // Else it might look live still, and not be back for a while.
  await expectConnection(page, "reconnecting");
  putBack();
  await server.start();
  await expectConnection(page, "live", BACK_MS);
  await api.addTask(board.lists[0]!.id, "after it");
  await expectSame(page, api, "a");
  expect(await drawn(page)).toEqual([
    ["To do", "one", "two", "three", "after it"],
    ["Done", "four"],
  ]);
  expect(said).toEqual([]);
});

test("the server ends in order: the page is back as soon as it is, and typing went on", async ({
  context,
  server,
  api,
}) => {
  await api.makeBoard("a", BOARD);
  const page = await openBoard(context, server.url, "a");
  const requests = recordRequests(page);
  await card(page, "one").focus();
  await page.keyboard.press("e");
  await page.keyboard.type("one, ty");
  await server.stop();
  await expectConnection(page, "reconnecting");
  await page.keyboard.type("ped");
  await server.start();
  await expectConnection(page, "live", BACK_MS);
  await expect(page.getByRole("textbox", { name: "Title" })).toHaveValue("one, typed");
  await page.keyboard.press("Enter");
  await expect(card(page, "one, typed")).toBeVisible();
  await expectSame(page, api, "a");
  expectCaughtUpByCursor(requests);
});
