// Measures a board of 5,000 tasks in Chromium, against the real program, in three shapes. Prints a table;
// with `--write` it also becomes the section of docs/benchmarks.md that stands between its two markers.

import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import type { Browser, CDPSession, Page } from "@playwright/test";
import type { Snapshot } from "../src/wire";
import { openBrowser, path, Program } from "./program";

const SHAPES = [
  { lists: 1, each: 5_000 },
  { lists: 10, each: 500 },
  { lists: 200, each: 25 },
];
/** 1 is this machine; 4 is what a slow laptop or a phone takes, by Chromium's own throttle. */
const SLOWNESS = [1, 4];
const LOADS = 3;
const EVENTS = 10;
const TYPED = "list 1 ";
const DRAG_STEPS = 60;
/** How long the page is watched after the last thing was done to it. */
const SETTLE_MS = 1_000;
const BEGIN = "<!-- a board of 5,000 tasks: written by `npm run bench` -->";
const END = "<!-- end of: a board of 5,000 tasks -->";
const COMMAND = "npm run build && npm run bench -- --write";

interface Figures {
  firstCardsMs: number;
  loadScriptMs: number;
  cards: number;
  heapMb: number;
  eventScriptMs: number;
  eventTaskMs: number;
  eventLongestMs: number;
  dragScriptMs: number;
  dragLongestMs: number;
  keyScriptMs: number;
  keyLongestMs: number;
}

export async function main(args: string[]): Promise<void> {
  const program = await Program.start();
  const browser = await openBrowser();
  try {
    const rows: string[][] = [];
    for (const { lists, each } of SHAPES) {
      const boardId = `board-${lists}`;
      await program.fill(boardId, `${lists} lists of ${each}`, lists, each);
      for (const slowness of SLOWNESS) {
        const figures = await measure(browser, program, boardId, slowness);
        rows.push([`${lists} × ${each}`, `${slowness}×`, ...shown(figures)]);
        console.log(rows.at(-1)!.join("\t"));
      }
    }
    const section = sectionOf(rows, browser.version());
    console.log(`\n${section}`);
    if (args.includes("--write")) await write(section);
  } finally {
    await browser.close();
    await program.stop();
  }
}

async function measure(
  browser: Browser,
  program: Program,
  boardId: string,
  slowness: number,
): Promise<Figures> {
  const loads: { firstCardsMs: number; loadScriptMs: number }[] = [];
  for (let load = 1; load < LOADS; load++) {
    const tab = await Tab.open(browser, program, boardId, slowness);
    loads.push(tab.load);
    await tab.close();
  }
  const tab = await Tab.open(browser, program, boardId, slowness);
  loads.push(tab.load);
  const cards = await tab.page.locator("[data-task]").count();
  const heapMb = await tab.heapMb();
  const board = await program.send<Snapshot>("GET", `/boards/${boardId}`);
  const events = await tab.during(() => changeTenTimes(program, board));
  const drag = await tab.during(() => dragAcross(tab.page, board.lists.length));
  const keys = await tab.during(async () => {
    await tab.page.getByRole("textbox", { name: "Filter tasks" }).click();
    await tab.page.keyboard.type(TYPED, { delay: 120 });
  });
  await tab.close();
  return {
    firstCardsMs: median(loads.map((load) => load.firstCardsMs)),
    loadScriptMs: median(loads.map((load) => load.loadScriptMs)),
    cards,
    heapMb,
    eventScriptMs: events.scriptMs / EVENTS,
    eventTaskMs: events.taskMs / EVENTS,
    eventLongestMs: events.longestMs,
    dragScriptMs: drag.scriptMs / drag.frames,
    dragLongestMs: drag.longestMs,
    keyScriptMs: keys.scriptMs / TYPED.length,
    keyLongestMs: keys.longestMs,
  };
}

/** One tab with a board in it, cold: its own profile, nothing cached. */
class Tab {
  private constructor(
    readonly page: Page,
    private readonly cdp: CDPSession,
    readonly load: { firstCardsMs: number; loadScriptMs: number },
  ) {}

  static async open(browser: Browser, program: Program, boardId: string, slowness: number): Promise<Tab> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: slowness });
    await page.addInitScript(timeFirstCard);
    const before = await metricsOf(cdp);
    await page.goto(`${program.url}/b/${boardId}`, { waitUntil: "commit" });
    const firstCardsMs = await page.evaluate(() => window.firstCardMs);
    await pause(SETTLE_MS);
    const after = await metricsOf(cdp);
    return new Tab(page, cdp, { firstCardsMs, loadScriptMs: ms(after, before, "ScriptDuration") });
  }

  async heapMb(): Promise<number> {
    await this.cdp.send("HeapProfiler.enable");
    await this.cdp.send("HeapProfiler.collectGarbage");
    return (await metricsOf(this.cdp))["JSHeapUsedSize"]! / 2 ** 20;
  }

  /** What the page's main thread did while something was done to it. */
  async during(
    done: () => Promise<void>,
  ): Promise<{ scriptMs: number; taskMs: number; longestMs: number; frames: number }> {
    const browser = this.page.context().browser()!;
    await browser.startTracing(this.page, { categories: ["toplevel", "devtools.timeline"] });
    const before = await metricsOf(this.cdp);
    await done();
    await pause(SETTLE_MS);
    const after = await metricsOf(this.cdp);
    const trace = JSON.parse(String(await browser.stopTracing())) as { traceEvents: TraceEvent[] };
    return {
      scriptMs: ms(after, before, "ScriptDuration"),
      taskMs: ms(after, before, "TaskDuration"),
      ...tasksOf(trace.traceEvents),
    };
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}

declare global {
  interface Window {
    firstCardMs: Promise<number>;
  }
}

/** In the page, before anything else: when the first card was painted, since the navigation began. */
function timeFirstCard(): void {
  window.firstCardMs = new Promise((seen) => {
    const look = () => {
      if (!document.querySelector("[data-task]")) return requestAnimationFrame(look);
      // The frame that holds it is painted before the next message is taken.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => seen(performance.now());
      return requestAnimationFrame(() => port2.postMessage(null));
    };
    requestAnimationFrame(look);
  });
}

/** From outside, as another client would: new, edited and moved tasks, in view and far from it. */
async function changeTenTimes(program: Program, board: Snapshot): Promise<void> {
  const [first, last] = [board.lists[0]!, board.lists.at(-1)!];
  const [shown, next] = first.tasks;
  const far = last.tasks.at(-1)!;
  const create = (listId: string, position: string) =>
    program.send("POST", "/tasks", { listId, title: "Another one", position });
  const edit = (id: string, title: string) => program.send("PATCH", `/tasks/${id}`, { title });
  const move = (id: string, listId: string, position: string) =>
    program.send("PATCH", `/tasks/${id}/move`, { listId, position });
  await create(first.id, "top");
  await edit(shown!.id, "Edited in view");
  await move(next!.id, last.id, "bottom");
  await create(last.id, "bottom");
  await edit(far.id, "Edited far away");
  await move(far.id, first.id, "top");
  await create(first.id, "bottom");
  await edit(shown!.id, "Edited in view, again");
  await move(next!.id, first.id, "top");
  await program.send("DELETE", `/tasks/${far.id}`);
}

/** Lifts the second card, takes it to the bottom of its list, where it scrolls, and on across the board. */
async function dragAcross(page: Page, lists: number): Promise<void> {
  const card = (await page.locator("[data-task]").nth(1).boundingBox())!;
  const { mouse } = page;
  await mouse.move(card.x + 40, card.y + 10);
  await mouse.down();
  await mouse.move(card.x + 40, 700, { steps: DRAG_STEPS });
  await pause(SETTLE_MS);
  if (lists > 1) {
    await mouse.move(1_250, 400, { steps: DRAG_STEPS });
    await pause(SETTLE_MS);
    await mouse.move(1_000, 300, { steps: DRAG_STEPS });
  }
  await mouse.move(card.x + 40, 300, { steps: DRAG_STEPS });
  await page.keyboard.press("Escape");
  await mouse.up();
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  /** The same as the processor's time, which other programs take nothing from. */
  tdur?: number;
  args: { name?: string };
}

/** The longest task and the number of frames on the page's main thread. Several pages may be traced; ours works most. */
function tasksOf(events: TraceEvent[]): { longestMs: number; frames: number } {
  const threads = events.filter((one) => one.name === "thread_name" && one.args.name === "CrRendererMain");
  const perThread = threads.map((thread) => {
    const own = events.filter((one) => one.pid === thread.pid && one.tid === thread.tid);
    const tasks = own.filter((one) => one.ph === "X" && one.name === "ThreadControllerImpl::RunTask");
    const longest = tasks.reduce((most, one) => Math.max(most, one.tdur ?? one.dur ?? 0), 0);
    return {
      longestMs: longest / 1_000,
      frames: own.filter((one) => one.name === "FireAnimationFrame").length,
      total: tasks.reduce((sum, one) => sum + (one.dur ?? 0), 0),
    };
  });
  const { longestMs, frames } = perThread.reduce((most, one) => (one.total > most.total ? one : most));
  return { longestMs, frames: Math.max(1, frames) };
}

type Metrics = Record<string, number>;

async function metricsOf(cdp: CDPSession): Promise<Metrics> {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

function ms(after: Metrics, before: Metrics, name: string): number {
  return ((after[name] ?? 0) - (before[name] ?? 0)) * 1_000;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const pause = (forMs: number) => new Promise((resolve) => setTimeout(resolve, forMs));

const COLUMNS = [
  "lists × tasks",
  "CPU slowed",
  "first cards, ms",
  "script of the load, ms",
  "cards drawn",
  "JS heap, MiB",
  "script per event, ms",
  "main thread per event, ms",
  "longest task, ms",
  "drag: script per frame, ms",
  "drag: longest task, ms",
  "filter: script per key, ms",
  "filter: longest task, ms",
];

function shown(figures: Figures): string[] {
  const [whole, tenth] = [(x: number) => x.toFixed(0), (x: number) => x.toFixed(1)];
  return [
    whole(figures.firstCardsMs),
    whole(figures.loadScriptMs),
    whole(figures.cards),
    tenth(figures.heapMb),
    tenth(figures.eventScriptMs),
    tenth(figures.eventTaskMs),
    tenth(figures.eventLongestMs),
    tenth(figures.dragScriptMs),
    tenth(figures.dragLongestMs),
    tenth(figures.keyScriptMs),
    tenth(figures.keyLongestMs),
  ];
}

function sectionOf(rows: string[][], chromium: string): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const cpu = cpus();
  return `${BEGIN}
## A board of 5,000 tasks in the browser

${[line(COLUMNS), line(COLUMNS.map(() => "---")), ...rows.map(line)].join("\n")}

- **First cards**: from the start of the navigation, with nothing cached, to the frame that shows the first card being
  painted; the median of ${LOADS} loads, server and browser on one machine.
- **Events**: ${EVENTS} changes by another client, one after the other: created, edited, moved and deleted, in view and out of it.
  Script is what Chromium counts as such, the main thread's time has style, layout and paint in it.
- **Drag**: a card by mouse down its list, which scrolls, and across the board, which scrolls, and back.
- **Filter**: ${TYPED.length} letters typed, one every 120 ms.
- All but the first cards is processor time of the page's main thread, so that what else the machine does counts less.

\`${COMMAND}\` in \`web/\`, ${new Date().toISOString().slice(0, 10)}, at ${commit()}, on ${cpu.length} × ${cpu[0]?.model ?? "CPU"},
${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Chromium ${chromium} without a GPU, 1280 × 800;
the machine's load average was ${loadavg()[1]!.toFixed(1)}.
${END}`;
}

function commit(): string {
  return execFileSync("git", ["rev-parse", "--short=10", "HEAD"], { encoding: "utf8" }).trim();
}

async function write(section: string): Promise<void> {
  const file = path("../../docs/benchmarks.md");
  const old = await readFile(file, "utf8").catch(() => "# Benchmarks\n");
  const [begin, end] = [old.indexOf(BEGIN), old.indexOf(END)];
  const isThere = begin >= 0 && end > begin;
  const text = isThere
    ? old.slice(0, begin) + section + old.slice(end + END.length)
    : `${old.trimEnd()}\n\n${section}\n`;
  await writeFile(file, text);
}
