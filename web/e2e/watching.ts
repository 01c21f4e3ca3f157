// What these tests look at: a board as a page draws it and as the server has it, the page's word on its
// connection, the requests it makes, and its console.
import { expect, test as base, type BrowserContext, type ConsoleMessage, type Page } from "@playwright/test";
import type { Connection } from "../src/stream/feed.ts";
import { Proxy } from "./proxy.ts";
import { Api, Server } from "./server.ts";

interface World {
  server: Server;
  api: Api;
  /** Between the browser and the server, for who goes by its address. */
  between: Proxy;
}

export const test = base.extend<World>({
  // eslint-disable-next-line no-empty-pattern
  server: async ({}, use) => {
    const server = await Server.start();
    await use(server);
    await server.remove();
  },
  api: async ({ server }, use) => use(new Api(server.url)),
  between: async ({ server }, use) => {
    const between = await Proxy.before(server.port);
    await use(between);
    await between.close();
  },
});
export { expect };

/** Lists in their order, each with the titles of its cards in theirs. */
export type Lists = [name: string, ...titles: string[]][];

export function drawn(page: Page): Promise<Lists> {
  return page.evaluate(() =>
    [...document.querySelectorAll("[data-board] > [data-list]")].map((list) => [
      list.querySelector("h2")?.innerText.trim() ?? "",
      ...[...list.querySelectorAll("[data-task]")].map(
        (card) => card.querySelector<HTMLElement>(".title")?.innerText.trim() ?? "",
      ),
    ]),
  ) as Promise<Lists>;
}

export async function kept(api: Api, boardId: string): Promise<Lists> {
  const { lists } = await api.board(boardId);
  return lists.map(({ name, tasks }) => [name, ...tasks.map(({ title }) => title)]);
}

/** The page shows what the server has. */
export async function expectSame(page: Page, api: Api, boardId: string): Promise<void> {
  await expect(async () => expect(await drawn(page)).toEqual(await kept(api, boardId))).toPass({
    timeout: 20_000,
  });
}

export async function expectConnection(page: Page, connection: Connection, withinMs = 15_000): Promise<void> {
  await expect(page.locator("[data-connection]")).toHaveAttribute("data-connection", connection, {
    timeout: withinMs,
  });
}

/** Opens a board and waits until it is live. */
export async function openBoard(context: BrowserContext, url: string, boardId: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${url}/b/${boardId}`);
  await expectConnection(page, "live");
  return page;
}

/** The requests to the API that a page makes from here on: `GET /boards/a/events`, without their queries. */
export function recordRequests(page: Page): { all: string[]; urls: string[] } {
  const record = { all: [] as string[], urls: [] as string[] };
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith("/assets/") || request.isNavigationRequest()) return;
    record.all.push(`${request.method()} ${pathname}`);
    record.urls.push(pathname + search);
  });
  return record;
}

/** What a page's console says, but for requests that failed: those are what these tests are about. */
export function recordConsole(page: Page): string[] {
  const said: string[] = [];
  page.on("pageerror", (error) => said.push(`${error.message}\n${error.stack}`));
  page.on("console", (message: ConsoleMessage) => {
    const isNetwork = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !isNetwork) said.push(message.text());
  });
  return said;
}

export async function addTask(page: Page, list: string, title: string): Promise<void> {
  const box = page.getByRole("textbox", { name: `Add a task to ${list}` });
  if (!(await box.isVisible())) await page.getByRole("button", { name: `Add a task to ${list}` }).click();
  await box.fill(title);
  await box.press("Enter");
}

export function card(page: Page, title: string) {
  return page.locator("[data-task] .title").filter({ hasText: title });
}

/** The numbers that a card shows as its title, one after the other. */
export async function watchTitle(page: Page, taskId: string): Promise<() => Promise<number[]>> {
  const handle = await page.evaluateHandle((id) => {
    const seen: number[] = [];
    const look = () => {
      const title = Number(document.querySelector(`[data-task="${id}"] .title`)?.textContent);
      if (!Number.isNaN(title) && title !== seen.at(-1)) seen.push(title);
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    return seen;
  }, taskId);
  return () => handle.jsonValue();
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
