// Takes the pictures of the README: the real program, a board as a bicycle club might have it, and two
// browsers, of which one has just moved a card. With `--look FOLDER` it also takes every screen in light and
// dark, wide and on a phone, to be looked at; those are kept nowhere.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "@playwright/test";
import { openBrowser, path, Program } from "./program";

const BOARD = "/b/workshop";
const WIDE = { width: 1280, height: 720 };
/** Of the README: no higher than its cards. */
const PICTURE = { width: 1280, height: 560 };
const NARROW = [
  { width: 375, height: 740 },
  { width: 320, height: 640 },
];
/** Past two beats of the stream the page must have noticed. */
const OFFLINE_MS_MAX = 40_000;
type Scheme = "light" | "dark";

const LISTS: Record<string, string[]> = {
  Ideas: [
    "Night ride along the river, with lights and soup at the end",
    "Borrow a cargo bike for the market stall",
    "Film night: a century of mountain stages",
    "Ask the school whether we may use its yard on Sundays",
  ],
  "To do": [
    "Order brake pads and cables for the repair day",
    "Draw the route of the autumn tour",
    "Print the poster and hang it in the library",
    "Find two people for first aid",
    "Write down who has which key",
    "Charge the lamps",
  ],
  "This week": [
    "True the wheels of the blue loan bike",
    "Clear the back shelf of the workshop",
    "Answer the newcomers from the open evening",
    "Check the pump: it loses air at the valve",
  ],
  Waiting: ["Permit for the street in front of the hall", "Offer for twenty reflective vests"],
  Done: [
    "Fetch the tables from the cellar",
    "Count the tyres and inner tubes",
    "Repair stand: new clamp",
    "Book the hall for the repair day",
    "Thank everybody who lent tools",
  ],
};

const DESCRIBED = {
  at: "Order brake pads and cables for the repair day",
  text: `Enough for about thirty bicycles:

– 20 pairs of rim brake pads, 10 pairs for discs
– 15 brake cables, 10 gear cables, end caps

The list of last year: https://example.org/repair-day/parts`,
};

export async function main(args: string[]): Promise<void> {
  const look = args[0] === "--look" ? args[1] : undefined;
  const program = await Program.start();
  const browser = await openBrowser();
  try {
    const ids = await fill(program);
    await pictureReadme(browser, program, "light", "../../docs/screenshot.png");
    await pictureReadme(browser, program, "dark", "../../docs/screenshot-dark.png");
    if (look) await pictureAll(browser, program, ids, look);
  } finally {
    await browser.close();
    await program.stop();
  }
}

async function fill(program: Program): Promise<Map<string, string>> {
  await program.send("POST", "/boards", { id: "workshop", name: "Repair day and autumn tour" });
  const ids = new Map<string, string>();
  for (const [name, titles] of Object.entries(LISTS)) {
    const list = await program.send<{ id: string }>("POST", "/lists", { boardId: "workshop", name });
    ids.set(name, list.id);
    for (const title of titles) {
      const description = title === DESCRIBED.at ? DESCRIBED.text : "";
      const task = await program.send<{ id: string }>("POST", "/tasks", {
        listId: list.id,
        title,
        description,
      });
      ids.set(title, task.id);
    }
  }
  return ids;
}

/** One watches, the other moves a card; it stays marked in the first one's picture. */
async function pictureReadme(browser: Browser, program: Program, scheme: Scheme, to: string): Promise<void> {
  const watcher = await open(browser, program, BOARD, scheme, PICTURE, 2);
  const mover = await open(browser, program, BOARD, scheme, PICTURE);
  const name = "True the wheels of the blue loan bike";
  const [from, by] = scheme === "light" ? ["This week", "Alt+ArrowRight"] : ["Waiting", "Alt+ArrowLeft"];
  await mover.locator("[data-list]").filter({ hasText: from }).getByRole("link", { name }).focus();
  await mover.keyboard.press(by);
  const moved = watcher.locator(".card.marked").filter({ hasText: name });
  await moved.waitFor();
  await watcher.screenshot({ path: path(to) });
  await mover.context().close();
  await watcher.context().close();
}

async function open(
  browser: Browser,
  program: Program,
  at: string,
  colorScheme: Scheme,
  viewport: { width: number; height: number },
  deviceScaleFactor = 1,
): Promise<Page> {
  const context = await browser.newContext({
    baseURL: program.url,
    colorScheme,
    viewport,
    deviceScaleFactor,
    hasTouch: viewport.width < 640,
  });
  const page = await context.newPage();
  await page.goto(at);
  await page.locator("main").waitFor();
  if (at.startsWith(BOARD) && !at.endsWith("deleted"))
    await page.locator('[data-connection="live"]').waitFor();
  return page;
}

/** Everything there is to see. */
async function pictureAll(
  browser: Browser,
  program: Program,
  ids: Map<string, string>,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await program.send("POST", "/boards", { id: "garden", name: "Garden" });
  await program.send("POST", "/boards", { id: "empty", name: "Winter programme" });
  await program.send("DELETE", `/tasks/${ids.get("Charge the lamps")}`);
  for (const viewport of [WIDE, ...NARROW])
    for (const scheme of ["light", "dark"] as const) {
      const shoot = async (name: string, at: string, act: (page: Page) => Promise<void> = async () => {}) => {
        const page = await open(browser, program, at, scheme, viewport);
        await page.locator("[data-task], h1, h2").first().waitFor();
        await act(page);
        await page.evaluate(() =>
          Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {}))),
        );
        await page.screenshot({ path: join(folder, `${name}-${scheme}-${viewport.width}.png`) });
        await page.context().close();
      };
      const task = `${BOARD}/t/${ids.get(DESCRIBED.at)}`;
      await shoot("boards", "/");
      await shoot("board", BOARD);
      await shoot("no-lists", "/b/empty");
      await shoot("nowhere", "/b/nowhere");
      await shoot("panel", task, async (page) => page.locator("[data-panel] .text").waitFor());
      await shoot("deleted", `${BOARD}/deleted`, async (page) =>
        page.getByText("Charge the lamps").first().waitFor(),
      );
      await shoot("help", BOARD, async (page) => page.keyboard.press("?"));
      await shoot("busy", BOARD, async (page) => {
        await page.getByRole("button", { name: "Add a task to Ideas" }).click();
        await page.keyboard.insertText("Sew new covers for the saddles");
        const first = page.locator("[data-task] [data-focus]").first();
        await first.focus();
        await page.keyboard.press("Alt+ArrowDown");
        await page.locator(".toast").first().waitFor();
        await page
          .getByRole("button", { name: /^Actions for/ })
          .nth(1)
          .click();
      });
      await shoot("move", BOARD, async (page) => {
        await page.locator("[data-task] [data-focus]").first().focus();
        await page.keyboard.press("m");
      });
      await shoot("offline", BOARD, async (page) => {
        // As if the stream had broken and the network were gone.
        await page.context().setOffline(true);
        const badge = page.locator('[data-connection]:not([data-connection="live"])');
        await badge.waitFor({ timeout: OFFLINE_MS_MAX });
        await badge.focus();
      });
    }
}
