// Lists of a board: added, named, put in order, deleted and brought back.
import { carry, lift } from "./hands.ts";
import { expect, test } from "./people.ts";

test("lists are added one after another, and the last box closes with Escape", async ({ world }) => {
  const board = await world.board({});
  const [a, b] = await world.two(board);
  await a.button("Add a list").click();
  for (const name of ["One", "Two"]) {
    await a.field("Name of the list").fill(name);
    await a.press("Enter");
  }
  await expect(a.field("Name of the list")).toHaveValue("");
  await a.press("Escape");
  await expect(a.button("Add a list")).toBeFocused();
  await world.expectKept(board, { One: [], Two: [] });
  await world.expectSame(board, a, b);
});

test("a list is renamed in place: Enter and leaving save, Escape doesn't", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  const begin = (name: string) => a.list(name).getByRole("heading").getByRole("button").click();
  await begin("Doing");
  await a.field("Name of the list Doing").fill("Never mind");
  await a.press("Escape");
  await begin("Doing");
  await a.field("Name of the list Doing").fill("Under way");
  await a.press("Enter");
  await expect(b.list("Under way")).toBeVisible();
  await expect(a.list("Under way").getByRole("heading").getByRole("button")).toBeFocused();
  await begin("Done");
  await a.field("Name of the list Done").fill("Ready");
  await a.page.locator("body").click({ position: { x: 5, y: 790 } });
  await world.expectKept(board, { "To do": ["apple", "pear", "plum"], "Under way": ["quince"], Ready: [] });
  await world.expectSame(board, a, b);
});

test("lists change places by their menus, and undo puts them back", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  const order = async () => Object.keys(await world.titles(board));
  await a.choose("Actions for the list Done", "Move left");
  await expect.poll(order).toEqual(["To do", "Done", "Doing"]);
  await expect(a.announced).toContainText("Moved “Done” to place 2 of 3");
  await a.choose("Actions for the list To do", "Move right");
  await expect.poll(order).toEqual(["Done", "To do", "Doing"]);
  await world.expectSame(board, a, b);
  await a.press("Control+z");
  await expect.poll(order).toEqual(["To do", "Done", "Doing"]);
  await a.press("Control+z");
  await expect.poll(order).toEqual(["To do", "Doing", "Done"]);
  await world.expectSame(board, a, b);
});

test("a list is dragged by its head, and a gap shows where it lands", async ({ world }) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await lift(a, a.list("To do").locator("header"));
  await carry(a, a.list("Doing"), { x: 0.9, y: 0.1 });
  await expect(a.page.locator(".list-gap + [data-list]")).toHaveAttribute("data-list", board.ids["Done"]!);
  await a.page.mouse.up();
  await expect.poll(async () => Object.keys(await world.titles(board))).toEqual(["Doing", "To do", "Done"]);
  await world.expectSame(board, a, b);
});

test("a deleted list comes back with its tasks, at its place", async ({ world }) => {
  const board = await world.board();
  const before = await world.kept(board);
  const [a, b] = await world.two(board);
  await a.choose("Actions for the list To do", "Delete list");
  await expect(a.list("To do")).toHaveCount(0);
  await world.expectKept(board, { Doing: ["quince"], Done: [] });
  await expect(b.list("To do")).toHaveCount(0);
  await expect(b.toast("Somebody deleted the list “To do”")).toBeVisible();
  await a.toast("Deleted “To do” with 3 tasks").getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => world.kept(board)).toEqual(before);
  await world.expectSame(board, a, b);
});

test("a name that is being typed stays as it is while others change the list and the board", async ({
  world,
}) => {
  const board = await world.board();
  const [a, b] = await world.two(board);
  await a.list("To do").getByRole("heading").getByRole("button").click();
  await a.field("Name of the list To do").fill("Half a na");
  await world.api.addTask(board.ids["To do"]!, "cherry");
  await world.api.send("PATCH", `/boards/${board.id}`, { name: "Another" });
  await expect(a.link("cherry")).toBeVisible();
  await expect(a.page).toHaveTitle(/Another/);
  await expect(a.field("Name of the list To do")).toHaveValue("Half a na");
  await expect(a.field("Name of the list To do")).toBeFocused();
  await a.press("m", "e", "Enter");
  await expect(b.list("Half a name")).toBeVisible();
  await world.expectSame(board, a, b);
});
