// Many tabs of one browser: all live on one stream, whoever holds it and whatever becomes of that tab.
import type { BrowserContext, CDPSession, Page } from "@playwright/test";
import type { Proxy } from "./proxy.ts";
import type { Api } from "./server.ts";
import {
  card,
  expect,
  expectConnection,
  expectSame,
  openBoard,
  recordConsole,
  test,
  watchTitle,
} from "./watching.ts";

/** A holder that says nothing is asked twice, three seconds apart, and then another takes over. */
const HANDED_OVER_MS = 20_000;
test.describe.configure({ timeout: 120_000 });

const BOARDS = ["a", "b", "c"];

/** A tab, the board it shows and the task on it that is renamed to 1, 2, 3, … */
interface Tab {
  page: Page;
  boardId: string;
  titles: () => Promise<number[]>;
}

/** The tabs of one browser, and which of them opened the last stream. */
class Tabs {
  readonly all: Tab[] = [];
  readonly complaints: string[][] = [];
  #holder: Page | null = null;

  constructor(
    readonly context: BrowserContext,
    private readonly between: Proxy,
    private readonly tasks: Map<string, string>,
  ) {
    context.on("request", (request) => {
      if (request.url().includes("heartbeat=event")) this.#holder = request.frame().page();
    });
  }

  async open(boardId: string): Promise<Tab> {
    const page = await openBoard(this.context, this.between.url, boardId);
    this.complaints.push(recordConsole(page));
    const tab = { page, boardId, titles: await watchTitle(page, this.tasks.get(boardId)!) };
    this.all.push(tab);
    return tab;
  }

  get holder(): Tab {
    return this.all.find(({ page }) => page === this.#holder)!;
  }

  without(left: Tab): Tab[] {
    return this.all.filter((tab) => tab !== left);
  }
}

/** Renames a task on each board to one number after the other. */
class Writer {
  readonly #stop = new AbortController();
  #last = 0;
  #done: Promise<void>;

  constructor(api: Api, taskIds: string[]) {
    this.#done = (async () => {
      while (!this.#stop.signal.aborted) {
        this.#last++;
        for (const id of taskIds) await api.editTask(id, `${this.#last}`);
      }
    })();
  }

  get written(): number {
    return this.#last;
  }

  async stop(): Promise<number> {
    this.#stop.abort();
    await this.#done;
    return this.#last;
  }
}

async function makeBoards(api: Api): Promise<Map<string, string>> {
  const tasks = new Map<string, string>();
  for (const boardId of BOARDS) {
    const board = await api.makeBoard(boardId, { "To do": ["0", "one"], Done: [] });
    tasks.set(boardId, board.lists[0]!.tasks[0]!.id);
  }
  return tasks;
}

/** Each tab is live, shows what the server has, and saw the numbers go up to the last. */
async function expectNothingMissed(tabs: Tab[], api: Api, last: number): Promise<void> {
  for (const { page, boardId, titles } of tabs) {
    await expectConnection(page, "live");
    await expectSame(page, api, boardId);
    const seen = await titles();
    expect(seen.at(-1)).toBe(last);
    expect(seen).toEqual([...new Set(seen)].toSorted((one, other) => one - other));
  }
}

async function expectOneStream(between: Proxy, boardIds: string[]): Promise<void> {
  await expect.poll(() => between.openStreams.map(boardsOf), { timeout: HANDED_OVER_MS }).toEqual([boardIds]);
}

function boardsOf(path: string): string[] {
  const url = new URL(path, "http://localhost");
  const boards = url.searchParams.get("boards")?.split(",") ?? [url.pathname.split("/")[2]!];
  return boards.toSorted();
}

async function devtools({ page }: Tab): Promise<CDPSession> {
  return page.context().newCDPSession(page);
}

/** Lets a few numbers through, so that what happens next happens in the middle of them. */
async function someWrites(writer: Writer, count = 5): Promise<void> {
  const from = writer.written;
  await expect.poll(() => writer.written).toBeGreaterThanOrEqual(from + count);
}

test("ten tabs on three boards are live on one stream, and each change reaches each of its tabs once", async ({
  context,
  between,
  api,
}) => {
  const tasks = await makeBoards(api);
  const tabs = new Tabs(context, between, tasks);
  // As when a browser comes back with all its tabs.
  await Promise.all(Array.from({ length: 10 }, (_, at) => tabs.open(BOARDS[at % 3]!)));
  await expectOneStream(between, BOARDS);
  const opened = between.streamsOpened.length;
  const reads = () => between.passed.filter(({ path }) => /^\/boards\/.\/events\?.*limit=/.test(path)).length;
  const readBefore = reads();

  const writer = new Writer(api, [...tasks.values()]);
  await someWrites(writer, 20);
  await expectNothingMissed(tabs.all, api, await writer.stop());
  expect(between.streamsOpened).toHaveLength(opened);
  expect(reads()).toBe(readBefore);

  // With one of six connections taken, the others are free for requests of every tab.
  for (const { page } of tabs.all) {
    await card(page, "one").focus();
    await page.keyboard.press("Alt+ArrowUp");
  }
  for (const { page, boardId } of tabs.all) await expectSame(page, api, boardId);
  await expectOneStream(between, BOARDS);
  expect(tabs.complaints.flat()).toEqual([]);
});

test("when the tab that holds the stream is closed, another goes on at once", async ({
  context,
  between,
  api,
}) => {
  const tasks = await makeBoards(api);
  const tabs = new Tabs(context, between, tasks);
  for (const boardId of ["a", "b", "c", "a"]) await tabs.open(boardId);
  await expectOneStream(between, BOARDS);

  const writer = new Writer(api, [...tasks.values()]);
  await someWrites(writer);
  const { holder } = tabs;
  const left = tabs.without(holder);
  const words = await Promise.all(left.map(watchConnection));
  await holder.page.close({ runBeforeUnload: true });
  await someWrites(writer, 20);
  await expectOneStream(between, [...new Set(left.map(({ boardId }) => boardId))].toSorted());
  await expectNothingMissed(left, api, await writer.stop());
  for (const said of words) expect(await said()).toEqual([]);
});

/** What the page's badge changes to from here on. */
async function watchConnection({ page }: Tab): Promise<() => Promise<string[]>> {
  const handle = await page.evaluateHandle(() => {
    const said: string[] = [];
    new MutationObserver((changes) => {
      for (const { target } of changes) said.push((target as HTMLElement).dataset["connection"]!);
    }).observe(document.body, { subtree: true, attributeFilter: ["data-connection"] });
    return said;
  });
  return () => handle.jsonValue();
}

for (const [name, harm] of [
  ["is killed by the system", (tab: Tab) => crash(tab)],
  ["vanishes without a word", ({ page }: Tab) => page.close()],
] as const) {
  test(`when the tab that holds the stream ${name}, another takes over`, async ({
    context,
    between,
    api,
  }) => {
    const tasks = await makeBoards(api);
    const tabs = new Tabs(context, between, tasks);
    for (const boardId of ["a", "b", "c"]) await tabs.open(boardId);
    await expectOneStream(between, BOARDS);
    const writer = new Writer(api, [...tasks.values()]);
    await someWrites(writer);
    const { holder } = tabs;
    const left = tabs.without(holder);
    await harm(holder);
    await expectOneStream(between, left.map(({ boardId }) => boardId).toSorted());
    await expectNothingMissed(left, api, await writer.stop());
  });
}

async function crash(tab: Tab): Promise<void> {
  const session = await devtools(tab);
  const crashed = tab.page.waitForEvent("crash");
  session.send("Page.crash").catch(() => {});
  await crashed;
}

test("when the tab that holds the stream is frozen, another goes on; thawed, it catches up", async ({
  context,
  between,
  api,
}) => {
  const tasks = await makeBoards(api);
  const tabs = new Tabs(context, between, tasks);
  for (const boardId of ["a", "b", "a"]) await tabs.open(boardId);
  await expectOneStream(between, ["a", "b"]);
  const writer = new Writer(api, [...tasks.values()]);
  await someWrites(writer);
  const { holder } = tabs;
  const left = tabs.without(holder);
  const boardsLeft = [...new Set(left.map(({ boardId }) => boardId))].toSorted();

  const session = await devtools(holder);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await expectOneStream(between, boardsLeft);
  await someWrites(writer, 20);
  const last = await writer.stop();
  await expectNothingMissed(left, api, last);

  await session.send("Page.setWebLifecycleState", { state: "active" });
  await expectNothingMissed(tabs.all, api, last);
  await expectOneStream(between, ["a", "b"]);
});

test("when the tab that holds the stream hangs, another takes over after two missed beats", async ({
  context,
  between,
  api,
}) => {
  const tasks = await makeBoards(api);
  const tabs = new Tabs(context, between, tasks);
  for (const boardId of ["a", "b", "a"]) await tabs.open(boardId);
  await expectOneStream(between, ["a", "b"]);
  const writer = new Writer(api, [...tasks.values()]);
  await someWrites(writer);
  const { holder } = tabs;
  const left = tabs.without(holder);
  const opened = between.streamsOpened.length;

  const session = await devtools(holder);
  await session.send("Debugger.enable");
  await session.send("Debugger.pause");
  await expect.poll(() => between.streamsOpened.length, { timeout: HANDED_OVER_MS }).toBeGreaterThan(opened);
  await someWrites(writer, 20);
  const last = await writer.stop();
  await expectNothingMissed(left, api, last);

  await session.send("Debugger.disable");
  await expectNothingMissed(tabs.all, api, last);
  await expectOneStream(between, ["a", "b"]);
});

test("a board that is deleted is gone in every tab, and the others go on", async ({
  context,
  between,
  api,
}) => {
  const tasks = await makeBoards(api);
  const tabs = new Tabs(context, between, tasks);
  for (const boardId of ["a", "b", "a", "a"]) await tabs.open(boardId);
  await api.send("DELETE", "/boards/a");
  for (const { page, boardId } of tabs.all.filter((tab) => tab.boardId === "a"))
    await expect(page.getByText("This board was deleted"), boardId).toBeVisible();
  // The server ended this board's part by itself; what else the stream carries goes on.
  await expect.poll(() => between.openStreams.length).toBe(1);
  await api.editTask(tasks.get("b")!, "1");
  const other = tabs.all.find((tab) => tab.boardId === "b")!;
  await expectNothingMissed([other], api, 1);
});

test("a laptop that slept for an hour is up to date a moment after it wakes", async ({
  context,
  between,
  api,
}) => {
  const tasks = await makeBoards(api);
  await context.clock.install();
  const tabs = new Tabs(context, between, tasks);
  for (const boardId of ["a", "b"]) await tabs.open(boardId);
  await expectOneStream(between, ["a", "b"]);
  between.mode = "silent";
  for (const id of tasks.values()) await api.editTask(id, "1");
  between.mode = "pass";
  await Promise.all(tabs.all.map(({ page }) => page.clock.fastForward("01:00:00")));
  await expectNothingMissed(tabs.all, api, 1);
  await expectOneStream(between, ["a", "b"]);
});

test("opening and closing boards fifty times leaves one stream, and no timers or listeners", async ({
  context,
  between,
  api,
}) => {
  await makeBoards(api);
  await context.addInitScript(countTimers);
  const page = await context.newPage();
  await page.goto(between.url);
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  const visit = async (boardId: string) => {
    await page.getByRole("link", { name: `Board ${boardId}` }).click();
    await expectConnection(page, "live");
    await page.getByRole("link", { name: "All boards" }).click();
    await expect(page.getByRole("link", { name: "Board a" })).toBeVisible();
  };
  for (const boardId of BOARDS) await visit(boardId);
  const before = await footprint(page, session);
  for (let at = 0; at < 50; at++) await visit(BOARDS[at % 3]!);
  const after = await footprint(page, session);
  expect(between.openStreams.length).toBeLessThanOrEqual(1);
  expect(after.listeners).toBeLessThanOrEqual(before.listeners + 20);
  expect(after.timers).toBeLessThanOrEqual(before.timers + 5);
  expect(after.nodes).toBeLessThanOrEqual(before.nodes * 1.5);
  await expect.poll(() => between.openStreams).toEqual([]);
});

/** Runs in the page: keeps count of the timers that are set. */
function countTimers(): void {
  const timers = new Set<number>();
  Object.assign(window, { timers });
  const { setTimeout, setInterval, clearTimeout, clearInterval } = window;
  const set = window as unknown as Record<string, unknown>;
  set["setTimeout"] = (run: () => void, ms?: number) => {
    const id = setTimeout(() => {
      timers.delete(id);
      run();
    }, ms);
    timers.add(id);
    return id;
  };
  set["setInterval"] = (run: () => void, ms?: number) => {
    const id = setInterval(run, ms);
    timers.add(id);
    return id;
  };
  set["clearTimeout"] = (id: number) => {
    timers.delete(id);
    clearTimeout(id);
  };
  set["clearInterval"] = (id: number) => {
    timers.delete(id);
    clearInterval(id);
  };
}

async function footprint(page: Page, session: CDPSession) {
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const value = (name: string) => metrics.find((metric) => metric.name === name)!.value;
  return {
    listeners: value("JSEventListeners"),
    nodes: value("Nodes"),
    timers: await page.evaluate(() => (window as unknown as { timers: Set<number> }).timers.size),
  };
}
