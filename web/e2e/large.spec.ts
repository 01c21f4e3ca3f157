// A board of 5,000 tasks: few of its cards are drawn, and nobody notices. How fast that is, is measured by
// `npm run bench`; nothing here looks at a clock.
import type { Locator } from "@playwright/test";
import { gap, lift } from "./hands.ts";
import { expect, test, type Board, type Person } from "./people.ts";
import { Api } from "./server.ts";

/** More cards than this in the document, and a browser would labour. */
const DRAWN_MAX = 200;
const FILLING_MAX = 32;
const FILL_MS_MAX = 240_000;

const one = boardOf("large-one");
const many = boardOf("large-many");

test.describe.configure({ mode: "default" });

test.beforeAll(async ({ server }) => {
  test.setTimeout(FILL_MS_MAX);
  const api = new Api(server.url);
  await fill(api, one, 1, 5_000);
  await fill(api, many, 100, 50);
});

test("few cards are drawn, and the last one and the box below it can be reached", async ({ world }) => {
  const a = await world.open(one);
  await expect(cards(a).first()).toBeVisible();
  expect(await cards(a).count()).toBeLessThan(DRAWN_MAX);
  const tasks = await tasksOf(world.api, one);
  await showEnd(a, tasks.at(-1)!);
  expect(await cards(a).count()).toBeLessThan(DRAWN_MAX);

  await a.add("List 1", "the very last");
  await expect(a.card("the very last")).toBeInViewport();
  await expect(a.list("List 1").locator(".count")).toHaveText("5001");
});

test("a change where nothing is drawn counts, and moves nothing that is seen", async ({ world }) => {
  const a = await world.open(one);
  const tasks = await tasksOf(world.api, one);
  await scrollTo(a, 40_000);
  const seen = await cardInView(a);
  const before = await topOf(seen);
  await world.api.send("POST", "/tasks", { listId: "large-one-0", title: "above", position: "top" });
  await world.api.send("POST", "/tasks", { listId: "large-one-0", title: "below" });
  await world.api.editTask(
    tasks[3]!,
    "edited above, and so long that it takes a second line of its card now",
  );
  await world.api.moveTask(tasks[5]!, { listId: "large-one-0", position: "bottom" });
  await world.api.moveTask(tasks.at(-1)!, { listId: "large-one-0", position: "top" });
  await world.api.deleteTask(tasks[7]!);
  await expect(a.list("List 1").locator(".count")).toHaveText(String(tasks.length + 1));
  expect(Math.abs((await topOf(seen)) - before)).toBeLessThanOrEqual(1);
});

test("the keys walk out of what was drawn, and stay where they are when the list is scrolled", async ({
  world,
}) => {
  const a = await world.open(one);
  const tasks = await tasksOf(world.api, one);
  await cards(a).first().locator("[data-focus]").focus();
  for (let step = 0; step < 90; step++) await a.press("ArrowDown");
  await expect.poll(() => focused(a)).toBe(tasks[90]);
  await expect(card(a, tasks[90]!)).toBeInViewport();

  await scrollTo(a, 60_000);
  await expect(card(a, tasks[90]!)).not.toBeInViewport();
  expect(await focused(a)).toBe(tasks[90]);
  await a.press("ArrowDown");
  await expect.poll(() => focused(a)).toBe(tasks[91]);
  await expect(card(a, tasks[91]!)).toBeInViewport();
});

test("every one of 5,000 cards can be opened by its address", async ({ world }) => {
  const tasks = await tasksOf(world.api, one);
  const a = await world.come(`${one.path}/t/${tasks[3_333]}`);
  await expect(a.panel.getByRole("heading", { level: 2 })).toHaveText(/Task \d+/);
  await a.press("Escape");
  await expect.poll(() => focused(a)).toBe(tasks[3_333]);
  await expect(card(a, tasks[3_333]!)).toBeInViewport();
});

test("a card that is held near the edge goes far, and lands where the gap is", async ({ world }) => {
  const a = await world.open(one);
  const tasks = await tasksOf(world.api, one);
  const list = (await a.list("List 1").locator("[data-cards]").boundingBox())!;
  await lift(a, cards(a).first(), { x: 0.3, y: 0.5 });
  await a.page.mouse.move(list.x + 80, list.y + list.height - 8, { steps: 4 });
  await expect(card(a, tasks[120]!)).toBeInViewport();
  await a.page.mouse.move(list.x + 80, list.y + list.height / 2, { steps: 4 });
  await expect.poll(() => a.page.locator(".gap").count()).toBe(1);
  const shown = await gap(a);
  await a.page.mouse.up();
  const moved = () => tasksOf(world.api, one).then((now) => now[now.indexOf(tasks[0]!) + 1]);
  await expect.poll(moved).not.toBe(tasks[1]);
  expect((await world.api.send<{ title: string }>("GET", `/tasks/${await moved()}`)).title).toBe(shown);
  await expect.poll(() => focused(a)).toBe(tasks[0]);
  await expect(card(a, tasks[0]!)).toBeInViewport();
});

test("a card is carried to a list that was far out of view", async ({ world }) => {
  const a = await world.open(many);
  await expect(cards(a).first()).toBeVisible();
  expect(await cards(a).count()).toBeLessThan(DRAWN_MAX);
  await lift(a, cards(a).first(), { x: 0.3, y: 0.5 });
  await a.page.mouse.move(1_272, 400, { steps: 4 });
  await expect(a.list("List 15")).toBeInViewport({ ratio: 0.9 });
  await a.page.mouse.move(640, 300, { steps: 4 });
  await expect(a.page.locator(".gap")).toBeInViewport();
  const [list, before] = [await gapList(a), await gap(a)];
  await a.page.mouse.up();
  const titles = () => world.titles(many).then((all) => all[list] ?? []);
  await expect.poll(async () => (await titles()).length).toBe(51);
  const now = await titles();
  expect(
    now[now.findIndex((title) => title.endsWith(" of list 1") || title.includes(" of list 1,")) + 1],
  ).toBe(before);
});

function boardOf(id: string): Board {
  return { id, path: `/b/${id}`, ids: {} };
}

/** Lists of tasks with titles of one line and of two. Within a list they stand as they arrived. */
async function fill(api: Api, { id }: Board, lists: number, each: number): Promise<void> {
  await api.send("POST", "/boards", { id, name: id });
  const tasks: object[] = [];
  for (let list = 0; list < lists; list++) {
    const listId = `${id}-${list}`;
    await api.send("POST", "/lists", { id: listId, boardId: id, name: `List ${list + 1}` });
    for (let task = 0; task < each; task++) {
      const more = task % 4 === 3 ? ", which has more to say than fits on a line" : "";
      tasks.push({ id: `${listId}-${task}`, listId, title: `Task ${task + 1} of list ${list + 1}${more}` });
    }
  }
  const work = tasks.values();
  const filler = async () => {
    for (const task of work) await api.send("POST", "/tasks", task);
  };
  await Promise.all(Array.from({ length: FILLING_MAX }, filler));
}

async function tasksOf(api: Api, board: Board): Promise<string[]> {
  return (await api.board(board.id)).lists[0]!.tasks.map((task) => task.id);
}

function cards({ page }: Person): Locator {
  return page.locator("[data-board] [data-task]");
}

function card({ page }: Person, id: string): Locator {
  return page.locator(`[data-board] [data-task="${id}"]`);
}

function focused({ page }: Person): Promise<string | undefined> {
  return page.evaluate(() => document.activeElement?.closest<HTMLElement>("[data-task]")?.dataset["task"]);
}

async function scrollTo({ page }: Person, top: number): Promise<void> {
  const list = page.locator("[data-cards]").first();
  await list.evaluate((element, to) => (element.scrollTop = to), top);
  await expect(page.locator("[data-cards]").first().locator("[data-task]").nth(5)).toBeAttached();
}

/** Heights were guesses until a card was drawn, so the end is where it is only once it is in view. */
async function showEnd(person: Person, last: string): Promise<void> {
  await expect(async () => {
    await scrollTo(person, 10_000_000);
    await expect(card(person, last)).toBeInViewport({ timeout: 500 });
  }).toPass();
}

/** A card that is wholly in view. */
async function cardInView(person: Person): Promise<Locator> {
  const find = () =>
    person.page.evaluate(() => {
      const list = document.querySelector("[data-cards]")!.getBoundingClientRect();
      return [...document.querySelectorAll<HTMLElement>("[data-cards] [data-task]")].find((one) => {
        const box = one.getBoundingClientRect();
        return box.top > list.top + 100 && box.bottom < list.bottom;
      })?.dataset["task"];
    });
  await expect.poll(find).toBeDefined();
  return card(person, (await find())!);
}

function topOf(locator: Locator): Promise<number> {
  return locator.evaluate((element) => element.getBoundingClientRect().top);
}

function gapList({ page }: Person): Promise<string> {
  return page.evaluate(
    () =>
      document.querySelector(".gap")?.closest("[data-list]")?.querySelector("h2")?.textContent?.trim() ?? "",
  );
}
