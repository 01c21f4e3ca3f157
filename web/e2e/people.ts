// People at one board, each in a browser of their own: what they see and touch, what the server keeps, and
// that both are the same in the end. A test fails on whatever any of their consoles complains about.
import {
  expect,
  test as base,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Locator,
  type Page,
} from "@playwright/test";
import { Api, Server } from "./server.ts";

/** What a board looks like: its lists in order, each with its cards in order. */
export type Drawn = { id: string; name: string; count: number; tasks: [id: string, title: string][] }[];

/** Somebody in front of a page. */
export class Person {
  constructor(
    readonly page: Page,
    readonly context: BrowserContext,
  ) {}

  list(name: string): Locator {
    return this.page
      .locator("[data-list]")
      .filter({ has: this.page.getByRole("heading", { name, exact: true, level: 2 }) });
  }

  card(title: string): Locator {
    return this.page.locator("[data-task]").filter({ hasText: title });
  }

  /** What has the keys of a card. */
  link(title: string): Locator {
    return this.card(title).locator("[data-focus]");
  }

  get panel(): Locator {
    return this.page.locator("[data-panel]");
  }

  get dialog(): Locator {
    return this.page.locator("dialog[open]");
  }

  /** What a screen reader is told. */
  get announced(): Locator {
    return this.page.locator('[role="status"][aria-live="polite"]');
  }

  toast(text: string | RegExp): Locator {
    return this.page.locator(".toast").filter({ hasText: text });
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", { name, exact: typeof name === "string" });
  }

  field(name: string | RegExp): Locator {
    return this.page.getByRole("textbox", { name, exact: typeof name === "string" });
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Chooses from the menu that a button opens. */
  async choose(button: string, item: string): Promise<void> {
    await this.button(button).click();
    await this.page.getByRole("menuitem", { name: item, exact: true }).click();
  }

  async openTask(title: string): Promise<void> {
    await this.link(title).click();
    await expect(this.panel.getByRole("heading", { name: title, level: 2 })).toBeVisible();
    await expect(this.panel.getByRole("button", { name: "Edit title" })).toBeVisible();
  }

  /** Gives the pear another title, by keys; it has the word in it. */
  async renamePear(title: string): Promise<void> {
    await this.link("pear").focus();
    await this.press("e");
    await this.field("Title").fill(title);
    await this.press("Enter");
    await expect(this.link(title)).toBeFocused();
  }

  /** Adds tasks as most people do. */
  async add(list: string, ...titles: string[]): Promise<void> {
    await this.button(`Add a task to ${list}`).click();
    for (const title of titles) {
      await this.field(`Add a task to ${list}`).fill(title);
      await this.press("Enter");
    }
  }

  /** Holds back what this person sends there until it is let go. */
  async hold(path: string): Promise<() => void> {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    await this.page.route(path, async (route) => {
      if (route.request().method() !== "GET") await held;
      await route.continue();
    });
    return letGo;
  }

  drawn(): Promise<Drawn> {
    return this.page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("[data-board] > [data-list]")].map((list) => ({
        id: list.dataset["list"]!,
        name: list.querySelector("h2")?.innerText.trim() ?? "",
        count: Number(list.querySelector(".count")?.textContent?.split(" ").at(-1)),
        tasks: [...list.querySelectorAll<HTMLElement>("[data-task]")].map(
          (card) =>
            [card.dataset["task"]!, card.querySelector(".title")?.firstChild?.textContent?.trim() ?? ""] as [
              string,
              string,
            ],
        ),
      })),
    );
  }

  /** Titles by list, to be read in a test. */
  async titles(): Promise<Record<string, string[]>> {
    return titlesOf(await this.drawn());
  }

  async isLive(): Promise<void> {
    await expect(this.page.locator('[data-connection="live"]')).toBeVisible();
  }
}

export interface Board {
  id: string;
  path: string;
  /** Ids by name or title. */
  ids: Record<string, string>;
}

export const USUAL = { "To do": ["apple", "pear", "plum"], Doing: ["quince"], Done: [] };

/** One server and whoever came to it in one test. */
export class World {
  readonly complaints: string[] = [];
  #people: Person[] = [];
  #expected: RegExp[] = [];
  static #boards = 0;

  constructor(
    private readonly browser: Browser,
    readonly server: Server,
    public api: Api,
  ) {}

  /** A board with these lists and tasks, made through the API. */
  async board(lists: Record<string, string[]> = USUAL, name?: string): Promise<Board> {
    const id = `board-${process.pid}-${++World.#boards}`;
    const ids: Record<string, string> = {};
    await this.api.send("POST", "/boards", { id, name: name ?? `Fruit ${World.#boards}` });
    for (const [list, titles] of Object.entries(lists)) {
      ids[list] = (await this.api.addList(id, list)).id;
      for (const title of titles) ids[title] = (await this.api.addTask(ids[list], title)).id;
    }
    return { id, path: `/b/${id}`, ids };
  }

  /** Somebody comes to an address, in a browser of their own. */
  async come(path: string, options: BrowserContextOptions = {}): Promise<Person> {
    const context = await this.browser.newContext({ baseURL: this.server.url, ...options });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(`thrown: ${error.message}`));
    const person = new Person(page, context);
    this.#people.push(person);
    await page.goto(path);
    return person;
  }

  /** Somebody opens a board and sees it live. */
  async open(board: Board, options: BrowserContextOptions = {}): Promise<Person> {
    const person = await this.come(board.path, options);
    await person.isLive();
    return person;
  }

  /** Two people at one board. */
  async two(board: Board): Promise<[Person, Person]> {
    return Promise.all([this.open(board), this.open(board)]);
  }

  /** Chromium reports each refused or failed request; this one belongs to the test. */
  expectComplaint(about: RegExp): void {
    this.#expected.push(about);
  }

  async kept(board: { id: string }): Promise<Drawn> {
    const { lists } = await this.api.board(board.id);
    return lists.map(({ id, name, tasks }) => ({
      id,
      name,
      count: tasks.length,
      tasks: tasks.map((task) => [task.id, task.title]),
    }));
  }

  /** What the server has, by name. */
  async titles(board: { id: string }): Promise<Record<string, string[]>> {
    return titlesOf(await this.kept(board));
  }

  /** The server has come to this. */
  async expectKept(board: { id: string }, titles: Record<string, string[]>): Promise<void> {
    await expect.poll(() => this.titles(board)).toEqual(titles);
  }

  /** All of them see what the server has; of a list that is long or far away, as much as is drawn. */
  async expectSame(board: { id: string }, ...people: Person[]): Promise<void> {
    for (const person of people)
      await expect(async () => {
        const [drawn, kept] = [await person.drawn(), await this.kept(board)];
        expect(drawn).toEqual(kept.map((list, at) => asFarAsDrawn(list, drawn[at])));
      }).toPass({ timeout: 15_000 });
  }

  async end(): Promise<void> {
    for (const { context } of this.#people) await context.close();
    const unexpected = this.complaints.filter((text) => !this.#expected.some((about) => about.test(text)));
    expect(unexpected, "no console complains").toEqual([]);
  }
}

/** Lists up to this length are drawn whole where they are near; a list far away isn't drawn at all. */
const WHOLE_MAX = 30;

function asFarAsDrawn(list: Drawn[number], drawn: Drawn[number] | undefined): Drawn[number] {
  if (drawn === undefined || (list.tasks.length <= WHOLE_MAX && drawn.tasks.length > 0)) return list;
  const ids = new Set(drawn.tasks.map(([id]) => id));
  return { ...list, tasks: list.tasks.filter(([id]) => ids.has(id)) };
}

function titlesOf(lists: Drawn): Record<string, string[]> {
  return Object.fromEntries(lists.map(({ name, tasks }) => [name, tasks.map(([, title]) => title)]));
}

export const test = base.extend<{ world: World }, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.remove();
    },
    { scope: "worker" },
  ],
  world: async ({ browser, server }, use) => {
    const world = new World(browser, server, new Api(server.url));
    await use(world);
    await world.end();
  },
});

export { expect };
