// Two people in browsers of their own and others through the API do whatever comes to hand, while lines
// break and the server dies in between. In the end all three show the same.
import type { Page } from "@playwright/test";
import type { Deleted, DeletedPage, EventPage, Snapshot } from "../src/wire.ts";
import { Proxy } from "./proxy.ts";
import type { Api } from "./server.ts";
import { expect, expectConnection, openBoard, recordConsole, seeded, test } from "./watching.ts";

const OPERATIONS = 500;
/** Past these nobody adds more, so that every card is drawn in a window this large. */
const TASKS_MAX = 55;
const LISTS_MAX = 6;
/** After this long somebody stops reaching for what has gone. */
const REACH_MS = 1_000;
/** While each of the two does one thing, others do so many. */
const OTHERS_AT_ONCE = 3;
const WINDOW = { width: 1_900, height: 3_000 };
const SEED = Number(process.env["BOARDCAST_SEED"] ?? Date.now() % 1_000_000);

test.describe.configure({ timeout: 240_000 });

test.afterEach(({}, { status, expectedStatus }) => {
  if (status !== expectedStatus) console.error(`to try the same again: BOARDCAST_SEED=${SEED}`);
});

class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  pick<T>(things: readonly T[]): T | undefined {
    return things[this.below(things.length)];
  }

  /** One of these, as often as its weight says. */
  weighed<T>(things: readonly (readonly [weight: number, T])[]): T {
    let at = this.below(things.reduce((sum, [weight]) => sum + weight, 0));
    return things.find(([weight]) => (at -= weight) < 0)![1];
  }
}

type Board = { id: string; name: string; tasks: [id: string, title: string][] }[];

/** With ids, since titles may be equal. */
function drawn(page: Page): Promise<Board> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("[data-board] > [data-list]")].map((list) => ({
      id: list.dataset["list"]!,
      name: list.querySelector("h2")!.innerText.trim(),
      tasks: [...list.querySelectorAll<HTMLElement>("[data-task]")].map(
        (card) =>
          [card.dataset["task"]!, card.querySelector<HTMLElement>(".title")?.innerText.trim() ?? ""] as [
            string,
            string,
          ],
      ),
    })),
  );
}

function kept(board: Snapshot): Board {
  return board.lists.map(({ id, name, tasks }) => ({
    id,
    name,
    tasks: tasks.map((task) => [task.id, task.title]),
  }));
}

/** Somebody at a page. What they reach for may be gone in that moment; then they try something else. */
class Person {
  #count = 0;

  constructor(
    readonly name: string,
    readonly page: Page,
    private readonly chance: Chance,
  ) {}

  async act(): Promise<void> {
    await this.answerQuestions();
    const act = this.chance.weighed([
      [22, () => this.#add()],
      [20, () => this.#edit()],
      [30, () => this.#nudge()],
      [6, () => this.#drag()],
      [4, () => this.#moveByDialog()],
      [12, () => this.#remove()],
      [12, () => this.page.keyboard.press("Control+z")],
      [2, () => this.#addList()],
      [3, () => this.#renameList()],
      [3, () => this.#fromListMenu(["Move left", "Move right"])],
      [1, () => this.#fromListMenu(["Delete list"])],
    ]);
    await act();
  }

  /** Two people changed the same text: one of the two answers. */
  async answerQuestions(): Promise<void> {
    const dialogs = this.page.locator("dialog[open]");
    while ((await dialogs.count()) > 0) {
      const answer = this.page.getByRole("button", { name: this.chance.pick(["Keep theirs", "Save mine"])! });
      // A question may come up over a dialog that was open already.
      if (!(await answer.isVisible()) || !(await this.#click(answer)))
        await this.page.keyboard.press("Escape");
    }
  }

  #newTitle(): string {
    return `${this.name}${++this.#count}`;
  }

  /** Gives a random card the keys. */
  #focusCard(): Promise<boolean> {
    return this.page.evaluate(
      (random) => {
        const cards = [...document.querySelectorAll<HTMLElement>("[data-task] [data-focus]")];
        const card = cards[Math.floor(random * cards.length)];
        card?.focus();
        return card !== undefined && document.activeElement === card;
      },
      this.chance.below(1_000) / 1_000,
    );
  }

  /** Types into what has the keys, if that is a field by now. */
  async #type(text: string): Promise<void> {
    const isField = await this.page.evaluate(() => document.activeElement?.matches(".field") ?? false);
    if (!isField) return;
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.insertText(text);
    await this.page.keyboard.press("Enter");
  }

  async #add(): Promise<void> {
    if ((await this.page.locator("[data-task]").count()) >= TASKS_MAX) return this.#remove();
    await this.#focusCard();
    await this.page.keyboard.press("n");
    await this.#type(this.#newTitle());
    await this.page.keyboard.press("Escape");
  }

  async #edit(): Promise<void> {
    if (!(await this.#focusCard())) return;
    await this.page.keyboard.press("e");
    await this.#type(this.#newTitle());
  }

  async #nudge(): Promise<void> {
    if (!(await this.#focusCard())) return;
    const arrow = this.chance.pick(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"])!;
    await this.page.keyboard.press(`Alt+${arrow}`);
  }

  async #remove(): Promise<void> {
    if (await this.#focusCard()) await this.page.keyboard.press("Delete");
  }

  async #moveByDialog(): Promise<void> {
    if (!(await this.#focusCard())) return;
    await this.page.keyboard.press("m");
    const dialog = this.page.getByRole("dialog", { name: /^Move “/ });
    if (!(await dialog.isVisible())) return;
    const lists = dialog.getByRole("combobox", { name: "List" });
    const index = this.chance.below(await lists.locator("option").count());
    // What somebody else does may take the choice away, or put a question in front of it.
    await lists.selectOption({ index }, { timeout: REACH_MS }).catch(() => {});
    await this.#click(dialog.getByRole("button", { name: "Move" }));
  }

  async #drag(): Promise<void> {
    const [from, to] = await this.page.evaluate(
      (randoms) => {
        const cards = [...document.querySelectorAll("[data-task]")];
        return randoms.map((random) => {
          const { x, y } = cards[Math.floor(random * cards.length)]?.getBoundingClientRect() ?? new DOMRect();
          return { x: x + 30, y: y + 12 };
        });
      },
      [this.chance.below(1_000) / 1_000, this.chance.below(1_000) / 1_000],
    );
    const { mouse } = this.page;
    await mouse.move(from!.x, from!.y);
    await mouse.down();
    await mouse.move(to!.x, to!.y, { steps: 4 });
    await mouse.up();
    await mouse.move(0, 0);
  }

  async #addList(): Promise<void> {
    if ((await drawn(this.page)).length >= LISTS_MAX) return;
    if (!(await this.#click(this.page.getByRole("button", { name: "Add a list" })))) return;
    await this.#type(this.#newTitle());
    await this.page.keyboard.press("Escape");
  }

  async #renameList(): Promise<void> {
    const names = this.page.locator("[data-list] h2 button");
    const at = this.chance.below(await names.count());
    if (!(await this.#click(names.nth(at)))) return;
    await this.#type(this.#newTitle());
  }

  async #fromListMenu(items: string[]): Promise<void> {
    const buttons = this.page.locator("[data-list] header [aria-haspopup=menu]");
    const count = await buttons.count();
    if (count < 3 && items.includes("Delete list")) return;
    if (!(await this.#click(buttons.nth(this.chance.below(count))))) return;
    const item = this.page.getByRole("menuitem", { name: this.chance.pick(items)! });
    if (await item.isEnabled().catch(() => false)) await this.#click(item);
    else await this.page.keyboard.press("Escape");
  }

  async #click(what: ReturnType<Page["locator"]>): Promise<boolean> {
    return what.click({ timeout: REACH_MS }).then(
      () => true,
      () => false,
    );
  }
}

/** Everybody else, through the API. Refusals of what just became impossible are part of it. */
class Others {
  #count = 0;

  constructor(
    private readonly api: Api,
    private readonly chance: Chance,
  ) {}

  async act(): Promise<void> {
    const board = await this.api.board("a");
    const tasks = board.lists.flatMap((list) => list.tasks);
    const [list, other] = [this.chance.pick(board.lists), this.chance.pick(board.lists)];
    const [task, neighbour] = [this.chance.pick(tasks), this.chance.pick(tasks)];
    const send = (method: string, path: string, body?: unknown) =>
      this.api.send(method, path, body).catch(onlyRefusals);
    const title = `other${++this.#count}`;
    const place =
      neighbour && neighbour !== task
        ? { listId: neighbour.listId, [this.chance.pick(["before", "after"])!]: neighbour.id }
        : {};
    const act = this.chance.weighed([
      [
        25,
        () =>
          list &&
          tasks.length < TASKS_MAX &&
          send("POST", "/tasks", {
            listId: list.id,
            title,
            ...(task && { before: task.id, listId: task.listId }),
          }),
      ],
      [25, () => task && send("PATCH", `/tasks/${task.id}`, { title })],
      [25, () => task && send("PATCH", `/tasks/${task.id}/move`, place)],
      [12, () => task && send("DELETE", `/tasks/${task.id}`)],
      [12, () => this.#restore()],
      [2, () => board.lists.length < LISTS_MAX && send("POST", "/lists", { boardId: "a", name: title })],
      [3, () => list && send("PATCH", `/lists/${list.id}`, { name: title })],
      [3, () => list && list !== other && send("PATCH", `/lists/${list.id}/move`, { before: other!.id })],
      [1, () => list && board.lists.length > 3 && send("DELETE", `/lists/${list.id}`)],
    ] as const);
    await act();
  }

  async #restore(): Promise<void> {
    const { deleted } = await this.api.send<DeletedPage>("GET", "/boards/a/deleted?limit=20");
    const thing = this.chance.pick<Deleted>(deleted);
    if (thing === undefined) return;
    const path = "task" in thing ? `/tasks/${thing.task.id}` : `/lists/${thing.list.id}`;
    await this.api.send("POST", `${path}/restore`).catch(onlyRefusals);
  }
}

function onlyRefusals(error: Error): void {
  if (!/: (404|409|422) /.test(error.message)) throw error;
}

test(`two browsers and the server agree after ${OPERATIONS} random operations, cuts and a crash`, async ({
  browser,
  server,
  api,
  between,
}) => {
  await api.makeBoard("a", {
    "To do": Array.from({ length: 8 }, (_, at) => `todo${at}`),
    Doing: Array.from({ length: 4 }, (_, at) => `doing${at}`),
    Done: ["done"],
  });
  const second = await Proxy.before(server.port);
  const lines = [between, second];
  const chance = new Chance(SEED);
  const pages = await Promise.all(
    lines.map(async (line) => openBoard(await browser.newContext({ viewport: WINDOW }), line.url, "a")),
  );
  const complaints = pages.map(recordConsole);
  const people = pages.map((page, at) => new Person(["ann", "bob"][at]!, page, new Chance(SEED + 1 + at)));
  const others = new Others(api, new Chance(SEED + 3));

  let [done, restarted] = [0, false];
  while (done < OPERATIONS) {
    for (const line of lines) {
      const trouble = chance.below(40);
      if (trouble === 0) line.cutStreams();
      else if (trouble === 1) line.mode = chance.pick(["bad gateway", "refuse"] as const)!;
      else if (trouble < 9) line.mode = "pass";
    }
    if (!restarted && done > OPERATIONS / 2) {
      restarted = true;
      await server.kill();
      await Promise.all(people.map((person) => person.act()));
      done += people.length;
      await server.start();
    }
    const meanwhile = async () => {
      for (let at = 0; at < OTHERS_AT_ONCE; at++) await others.act();
    };
    await Promise.all([...people.map((person) => person.act()), meanwhile()]);
    done += people.length + OTHERS_AT_ONCE;
  }

  for (const line of lines) line.mode = "pass";
  for (const page of pages) await expectConnection(page, "live", 45_000);
  await expect(async () => {
    for (const person of people) await person.answerQuestions();
    const board = kept(await api.board("a"));
    for (const { name, page } of people) expect(await drawn(page), name).toEqual(board);
  }).toPass({ timeout: 45_000 });
  expect(complaints.flat()).toEqual([]);
  // Most of it did something.
  const { events } = await api.send<EventPage>("GET", "/boards/a/events?limit=1000");
  expect(events.length).toBeGreaterThan(OPERATIONS / 2);
  for (const page of pages) await page.context().close();
  await second.close();
});
