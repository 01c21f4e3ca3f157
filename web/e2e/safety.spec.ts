// What people write is text and nothing else, and the page asks nobody but its own server.
import { expect, test } from "./people.ts";

const NASTY = "<img src=x onerror=alert(1)>";

test("markup in a title, a name and a description is text everywhere it is shown", async ({ world }) => {
  const board = await world.board({ "To do": ["apple"] }, `Board ${NASTY}`);
  const [a, b] = await world.two(board);
  for (const { page } of [a, b])
    page.on("dialog", () => world.complaints.push("a script of a title was carried out"));
  await a.add("To do", NASTY);
  await a.press("Escape");
  await a.list("To do").getByRole("heading").getByRole("button").click();
  await a.field("Name of the list To do").fill(`List ${NASTY}`);
  await a.press("Enter");
  await expect(b.list(`List ${NASTY}`)).toBeVisible();
  await expect(b.link(NASTY)).toBeVisible();
  await a.openTask(NASTY);
  await a.button("Add a description").click();
  await a.field("Description").fill(`${NASTY}\n<script>alert(2)</script>`);
  await a.button("Save").click();
  await expect(a.panel.getByText("<script>alert(2)</script>")).toBeVisible();
  await a.button("Move to…").click();
  await expect(a.dialog).toContainText(NASTY);
  await a.press("Escape");
  await a.panel.getByRole("button", { name: "Delete" }).click();
  await expect(a.toast(`Deleted “${NASTY}”`)).toBeVisible();
  await a.choose("Board menu", "Deleted tasks and lists");
  await expect(a.button(`Restore ${NASTY}`)).toBeVisible();
  await a.button(`Restore ${NASTY}`).click();
  const c = await world.come("/");
  await expect(c.page.getByRole("link", { name: NASTY })).toBeVisible();
  for (const { page } of [a, b, c])
    expect(await page.locator('img[src="x"], script:not([src])').count()).toBe(0);
  await world.expectSame(board, b);
});

test("a title of ten thousand characters is stopped where it is typed, and nothing is lost", async ({
  world,
}) => {
  const board = await world.board({ "To do": ["apple"] });
  const [a, b] = await world.two(board);
  const long = "x".repeat(10_000);
  await a.button("Add a task to To do").click();
  await a.field("Add a task to To do").fill(long);
  await expect(a.page.getByText("A title is at most 500 characters.")).toBeVisible();
  await a.press("Enter");
  await expect(a.field("Add a task to To do")).toHaveValue(long);
  await expect(a.button("Add")).toBeDisabled();
  await a.press("Escape");
  await a.link("apple").focus();
  await a.press("e");
  await a.field("Title").fill(long);
  await a.press("Enter");
  await expect(a.page.getByText("A title is at most 500 characters.")).toBeVisible();
  await expect(a.field("Title")).toHaveValue(long);
  await a.field("Title").fill("x".repeat(500));
  await a.press("Enter");
  await world.expectKept(board, { "To do": ["x".repeat(500)] });
  await expect(b.link("x".repeat(500))).toBeVisible();
  expect(await b.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
  const box = await b.card("xxx").boundingBox();
  const list = await b.list("To do").boundingBox();
  expect(box!.width).toBeLessThan(list!.width);
  await world.expectSame(board, a, b);
});

test("names of boards and lists that are too long are stopped where they are typed", async ({ world }) => {
  const board = await world.board({ "To do": [] });
  const a = await world.open(board);
  await a.list("To do").getByRole("heading").getByRole("button").click();
  await a.field("Name of the list To do").fill("x".repeat(201));
  await a.press("Enter");
  await expect(a.page.getByText("A name is at most 200 characters.")).toBeVisible();
  await a.press("Escape");
  await a.button("Add a list").click();
  await a.field("Name of the list").fill("x".repeat(201));
  await expect(a.button("Add list")).toBeDisabled();
  await world.expectKept(board, { "To do": [] });
});

test("addresses in a text can be followed and tell the other side nothing; only http is an address", async ({
  world,
}) => {
  const board = await world.board({ "To do": ["see https://example.org/title"] });
  await world.api.send("PATCH", `/tasks/${board.ids["see https://example.org/title"]}`, {
    description:
      "See http://example.org/a_(b), then javascript:alert(1) and data:text/html,x and HTTPS://EXAMPLE.ORG.",
  });
  const a = await world.open(board);
  await a.openTask("see https://example.org/title");
  const links = a.panel.getByRole("link");
  await expect(links).toHaveText([
    "https://example.org/title",
    "http://example.org/a_(b)",
    "HTTPS://EXAMPLE.ORG",
  ]);
  for (const link of await links.all()) {
    await expect(link).toHaveAttribute("target", "_blank");
    await expect(link).toHaveAttribute("rel", /noopener noreferrer/);
    expect(await link.getAttribute("href")).toMatch(/^https?:/i);
  }
  expect(await a.page.locator('[href^="javascript:" i], [href^="data:" i]').count()).toBe(0);
});

test("the policy of the page has no exception, and nothing comes from elsewhere", async ({ world }) => {
  const board = await world.board();
  const asked: string[] = [];
  const a = await world.come("/");
  a.page.on("request", (request) => asked.push(new URL(request.url()).origin));
  const answer = await a.page.goto(board.path);
  const policy = answer!.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("default-src");
  expect(policy).not.toContain("unsafe-");
  expect(policy).not.toContain("data:");
  expect(policy).not.toMatch(/\*|https?:/);
  await a.isLive();
  await a.openTask("apple");
  await a.press("Escape");
  await a.press("?");
  await expect(a.dialog).toBeVisible();
  expect(new Set(asked)).toEqual(new Set([world.server.url]));
  // The policy works: what it forbids is refused, and reported where these tests look.
  world.expectComplaint(/Content Security Policy/);
  await a.page.evaluate(() => {
    const image = document.createElement("img");
    image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
    document.body.append(image);
  });
  await expect
    .poll(() => world.complaints.some((text) => text.includes("Content Security Policy")))
    .toBe(true);
});
