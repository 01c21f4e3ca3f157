// Accounts in the browser: who is there, what they may do, what others see of it, and that what somebody
// typed is theirs alone, however sessions end and in however many tabs.
import { expectClean } from "./axe.ts";
import { expect, PASSWORD, test } from "./house.ts";
import { USUAL, type Person } from "./people.ts";

const NARROW = { viewport: { width: 320, height: 600 }, hasTouch: true, isMobile: true };
const NEVER_THAT = "never said aloud";

const title = ({ page }: Person, name: string | RegExp) => page.getByRole("heading", { name, level: 1 });
const choice = ({ page }: Person, name: string) => page.getByRole("combobox", { name, exact: true });

async function isIn(person: Person, name: string): Promise<void> {
  await expect(person.button(`Signed in as ${name}`)).toBeVisible();
}

async function signOut(person: Person, name: string): Promise<void> {
  await person.choose(`Signed in as ${name}`, "Sign out");
}

test("accounts are switched on from the page, and whoever was there has to sign in", async ({ open }) => {
  open.expectComplaint(/status of (401|403)/);
  const board = await open.board();
  const b = await open.open(board);
  const a = await open.come("/");
  await a.page.getByRole("link", { name: "Switch accounts on" }).click();
  await expect(title(a, "Switch accounts on")).toBeVisible();
  expect(new URL(a.page.url()).hash, "no trace of it stays in the address").toBe("");
  await a.field("Code").fill("wrong-wrong-wrong");
  await a.field("Name").fill("Ada");
  await a.field("Login").fill("ada");
  await a.field("New password").fill("too short");
  await expect(a.button("Switch accounts on")).toBeDisabled();
  await a.field("New password").fill(PASSWORD);
  await a.press("Enter");
  await expect(a.page.getByRole("alert")).toContainText("That isn't the code");
  await a.field("Code").fill(await open.setUpCode());
  await a.press("Enter");
  await isIn(a, "Ada");
  await expect(a.page.getByRole("link", { name: /Fruit/ })).toBeVisible();
  await expect(title(b, "Accounts were switched on")).toBeVisible();
  await expect(b.page.getByText("apple")).not.toBeVisible();
  await open.signIn(b, "ada");
  await b.isLive();
});

test("where nobody asks for accounts there is nothing of them but a link", async ({ world }) => {
  const a = await world.open(await world.board());
  await expect(a.button(/Signed in/)).toHaveCount(0);
  await a.button("Board menu").click();
  await expect(a.page.getByRole("menuitem")).toHaveCount(5);
  await a.page.goto("/#setup");
  await a.button("Cancel").click();
  await expect(title(a, "Boards")).toBeVisible();
});

test("an address leads to its board by way of the sign-in, with keys alone", async ({ house }) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const a = await house.come(board.path);
  await expect(title(a, "Sign in")).toBeVisible();
  await expect(a.field("Login")).toBeFocused();
  await a.page.keyboard.type("ada");
  await a.press("Tab");
  await a.page.keyboard.type("wrong password");
  await a.press("Enter");
  await expect(a.page.getByRole("alert")).toHaveText("That login and password don't go together.");
  await a.field("Password").focus();
  await a.page.keyboard.type(PASSWORD);
  await a.press("Enter");
  await a.isLive();
  expect(new URL(a.page.url()).pathname).toBe(board.path);
  await expect(a.page).toHaveTitle(/Fruit/);
});

test("Escape, however often, doesn't get past the sign-in", async ({ house }) => {
  house.expectComplaint(/status of 401/);
  const a = await house.come("/");
  await a.press("Escape", "Escape", "Escape");
  await expect(title(a, "Sign in")).toBeVisible();
  await expect(a.page.locator("dialog:modal")).toBeVisible();
});

test("a one-time link leaves the address at once, and is good once", async ({ house }) => {
  house.expectComplaint(/status of (401|410)/);
  const invite = await house.invite("Bob");
  const b = await house.come("/");
  const asked: string[] = [];
  b.page.on("request", (request) => asked.push(request.url() + JSON.stringify(request.headers())));
  await b.page.goto(`/#invite=${invite}`);
  await expect(title(b, "Welcome")).toBeVisible();
  expect(b.page.url()).not.toContain(invite);
  await b.field("New password").fill(PASSWORD);
  await b.press("Enter");
  await isIn(b, "Bob");
  await b.page.goBack();
  expect(b.page.url()).not.toContain(invite);
  expect(asked.filter((text) => text.includes(invite))).toEqual([]);
  const c = await house.come(`/#invite=${invite}`);
  await c.field("New password").fill(PASSWORD);
  await c.press("Enter");
  await expect(c.page.getByRole("alert")).toContainText("used already");
});

test("a session that ends hides the board, and signing in again brings back what was typed", async ({
  house,
}) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await a.button("Add a task to Done").click();
  await a.field("Add a task to Done").fill("half a thought");
  await house.ada.api.send("DELETE", "/me/sessions");
  await expect(title(a, "You are signed out")).toBeVisible();
  await expect(a.page).toHaveTitle(/You are signed out/);
  await expect(a.page.getByText("apple")).not.toBeVisible();
  await expect(a.field("Login")).toHaveValue("ada");
  await expect(a.field("Password")).toBeFocused();
  await house.signIn(a, "ada");
  await a.isLive();
  await expect(a.field("Add a task to Done")).toHaveValue("half a thought");
  await expect(a.field("Add a task to Done")).toBeFocused();
  await a.press("Enter");
  house.api = (await house.again(house.ada)).api;
  await house.expectKept(board, { ...USUAL, Done: ["half a thought"] });
});

test("a card's title that is being typed isn't saved by the sign-in that covers it", async ({ house }) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await a.link("apple").focus();
  await a.press("e");
  await a.field("Title").fill("half a ti");
  await house.ada.api.send("DELETE", "/me/sessions");
  await expect(title(a, "You are signed out")).toBeVisible();
  await house.signIn(a, "ada");
  await a.isLive();
  await expect(a.field("Title")).toHaveValue("half a ti");
  house.api = (await house.again(house.ada)).api;
  expect(await house.titles(board)).toEqual(USUAL);
});

test("a question that was open stands behind the sign-in, and is there again after it", async ({ house }) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await a.choose("Board menu", "Members");
  await expect(choice(a, "Role of Ada")).toBeVisible();
  await house.ada.api.send("DELETE", "/me/sessions");
  await expect(title(a, "You are signed out")).toBeVisible();
  await expect(a.page.getByText("Members of")).not.toBeVisible();
  await house.signIn(a, "ada");
  await expect(choice(a, "Role of Ada")).toBeVisible();
  await a.press("Escape");
  await expect(a.dialog).toHaveCount(0);
  await expect(a.button("Board menu")).toBeFocused();
});

test("an invitation that is opened over what is being typed keeps it", async ({ house }) => {
  const board = await house.board();
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await a.button("Add a task to Done").click();
  await a.field("Add a task to Done").fill("half a thought");
  await a.page.evaluate(() => (location.hash = "#invite=bci_something"));
  await expect(title(a, "Welcome")).toBeVisible();
  expect(new URL(a.page.url()).hash).toBe("");
  await a.button("Cancel").click();
  await expect(a.field("Add a task to Done")).toHaveValue("half a thought");
  await expect(a.field("Add a task to Done")).toBeFocused();
});

test("changes that could not be sent are sent when the same person is back, and not as another", async ({
  house,
}) => {
  house.expectComplaint(/status of 401|Failed to load resource/);
  const board = await house.board();
  const bob = await house.add("Bob");
  await house.join(board, bob, "editor");
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await a.page.route("**/tasks", (route) => route.abort());
  await a.add("Done", NEVER_THAT);
  await expect(a.page.locator("[data-connection] .waiting")).toBeVisible();
  const b = await a.context.newPage();
  await b.goto("/");
  const other = Object.assign(Object.create(a) as Person, { page: b });
  await signOut(other, "Ada");
  await expect(title(other, "Sign in")).toBeVisible();
  await house.signIn(other, "bob");
  await isIn(other, "Bob");
  await expect(title(a, "Bob is signed in now")).toBeVisible();
  await expect(a.page.getByText("1 change of Ada")).toBeVisible();
  await a.page.unroute("**/tasks");
  await a.button("Sign in as Ada").click();
  await house.signIn(a, "ada");
  house.api = (await house.again(house.ada)).api;
  await house.expectKept(board, { ...USUAL, Done: [NEVER_THAT] });
  await expect(a.button("Signed in as Ada")).toBeVisible();
  await isIn(other, "Ada");
});

test("who discards what another typed goes on as themselves, and nothing of it was sent", async ({
  house,
}) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const bob = await house.add("Bob");
  await house.join(board, bob, "editor");
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await a.button("Add a task to Done").click();
  await a.field("Add a task to Done").fill(NEVER_THAT);
  await house.ada.api.send("DELETE", "/me/sessions");
  await expect(title(a, "You are signed out")).toBeVisible();
  await house.signIn(a, "bob");
  await a.button("Discard that and go on as Bob").click();
  await isIn(a, "Bob");
  await a.isLive();
  await expect(a.page.getByText(NEVER_THAT)).toHaveCount(0);
  house.api = bob.api;
  await expect(a.link("apple")).toBeVisible();
  house.api = (await house.again(house.ada)).api;
  expect(await house.titles(board)).toEqual(USUAL);
});

test("a name that is being typed is asked about too before it is discarded", async ({ house }) => {
  const bob = await house.add("Bob");
  const a = await house.come("/", house.ada.signedIn);
  await a.field("Name of the board").fill("Nearly a board");
  await a.choose("Signed in as Ada", "Sign out");
  await expect(a.dialog).toContainText("Something was typed and not saved.");
  await a.press("Escape");
  const page = await a.context.newPage();
  const other = Object.assign(Object.create(a) as Person, { page });
  await page.goto("/b/~account");
  await isIn(other, "Ada");
  await a.context.addCookies([{ ...bob.cookie, domain: "127.0.0.1", path: "/" }]);
  await other.field("Current password").fill("wrong password");
  await other.field("New password").fill("another good password");
  await other.press("Enter");
  await expect(title(a, "Bob is signed in now")).toBeVisible();
  await a.button("Discard that and go on as Bob").click();
  await isIn(a, "Bob");
  await expect(a.field("Name of the board")).toHaveValue("");
});

test("signing out and in works for all tabs of a browser", async ({ house }) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  const page = await a.context.newPage();
  await page.goto(board.path);
  const other = Object.assign(Object.create(a) as Person, { page });
  await other.isLive();
  await signOut(other, "Ada");
  await expect(title(other, "Sign in")).toBeVisible();
  await expect(title(a, "You are signed out")).toBeVisible();
  await house.signIn(a, "ada");
  await a.isLive();
  await isIn(other, "Ada");
  await other.page.goto(board.path);
  await other.isLive();
  await a.add("Done", "seen in both");
  await expect(other.link("seen in both")).toBeVisible();
});

test("a viewer sees everything, is offered nothing to change it with, and is told why", async ({ house }) => {
  const board = await house.board();
  const bob = await house.add("Bob");
  await house.join(board, bob, "viewer");
  const b = await house.come(board.path, bob.signedIn);
  await b.isLive();
  await expect(b.page.locator(".role")).toHaveText("Viewer");
  for (const name of [/^Add a/, /^Actions for the list/, "Rename board"])
    await expect(b.button(name)).toHaveCount(0);
  await b.button("Actions for apple").click();
  await expect(b.page.getByRole("menuitem")).toHaveText(["Open"]);
  await b.press("Escape");
  await b.button("Board menu").click();
  await expect(b.page.getByRole("menuitem")).toHaveText([
    "Members",
    "Deleted tasks and lists",
    "Keyboard shortcuts",
  ]);
  await b.press("Escape");
  for (const key of ["n", "e", "m", "Delete", "Alt+ArrowDown"]) {
    await b.link("apple").focus();
    await b.press(key);
    await expect(b.toast(/You are a viewer/).last()).toBeVisible();
  }
  await b.card("apple").dragTo(b.list("Done"));
  await b.link("apple").click();
  await expect(b.panel.getByRole("heading", { name: "apple" })).toBeVisible();
  for (const name of ["Edit title", "Add a description", "Move to…", "Delete"])
    await expect(b.panel.getByRole("button", { name })).toHaveCount(0);
  expect(await house.titles(board)).toEqual(USUAL);
});

test("a role that changes underneath is noticed where something is refused", async ({ house }) => {
  house.expectComplaint(/status of 403/);
  const board = await house.board();
  const bob = await house.add("Bob");
  await house.join(board, bob, "editor");
  const b = await house.come(board.path, bob.signedIn);
  await b.isLive();
  await b.button("Add a task to Done").click();
  await house.ada.api.send("PUT", `/boards/${board.id}/members/${bob.id}`, { role: "viewer" });
  await b.field("Add a task to Done").fill("one more");
  await b.press("Enter");
  await expect(b.toast(/Not added\. You may look/)).toBeVisible();
  await expect(b.field("Add a task to Done")).toHaveValue("one more");
  await expect(b.page.locator(".role")).toHaveText("Viewer");
  await expect(b.card("one more")).toHaveCount(0);
  expect(await house.titles(board)).toEqual(USUAL);
});

test("who is taken off a board sees it go at once, and it isn't said to be deleted", async ({ house }) => {
  house.expectComplaint(/status of 404/);
  const board = await house.board();
  const bob = await house.add("Bob");
  await house.join(board, bob, "editor");
  const b = await house.come(board.path, bob.signedIn);
  await b.isLive();
  await house.ada.api.send("DELETE", `/boards/${board.id}/members/${bob.id}`);
  await expect(b.page.getByRole("heading", { name: "You can't see this board any more" })).toBeVisible();
  await expect(b.page.getByText("apple")).toHaveCount(0);
  await expect(b.button("Restore")).toHaveCount(0);
});

test("members are added, changed and removed from the board, and the last admin stays", async ({ house }) => {
  house.expectComplaint(/status of (404|409|422)/);
  const board = await house.board();
  const bob = await house.add("Bob");
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await a.choose("Board menu", "Members");
  await a.field(/^Login of/).fill("nobody-here");
  await a.press("Enter");
  await expect(a.dialog.getByRole("alert")).toContainText("Nobody has this login");
  await a.field(/^Login of/).fill("bob");
  await choice(a, "Role").selectOption("viewer");
  await a.button("Add member").click();
  await expect(choice(a, "Role of Bob")).toHaveValue("viewer");
  const b = await house.come(board.path, bob.signedIn);
  await b.isLive();
  await choice(a, "Role of Bob").selectOption("editor");
  await expect
    .poll(async () => (await bob.api.ask("POST", "/lists", { boardId: board.id, name: "x" })).status)
    .toBe(201);
  await choice(a, "Role of Ada").selectOption("viewer");
  await expect(a.dialog.getByRole("alert")).toContainText("Somebody has to be admin");
  await expect(choice(a, "Role of Ada")).toHaveValue("admin");
  await a.button("Remove Bob").click();
  await a.dialog.last().getByRole("button", { name: "Remove", exact: true }).click();
  await expect(choice(a, "Role of Bob")).toHaveCount(0);
  await expect(b.page.getByRole("heading", { name: "You can't see this board any more" })).toBeVisible();
});

test("whoever leaves a board is led away from it, and doesn't find it among theirs", async ({ house }) => {
  house.expectComplaint(/status of 404/);
  const board = await house.board(undefined, "Veranda");
  const bob = await house.add("Bob");
  await house.join(board, bob, "viewer");
  const b = await house.come(board.path, bob.signedIn);
  await b.isLive();
  await b.choose("Board menu", "Members");
  await b.button("Leave").click();
  await b.dialog.last().getByRole("button", { name: "Leave" }).click();
  await expect(title(b, "Boards")).toBeVisible();
  await expect(b.toast("You left “Veranda”")).toBeVisible();
  await expect(b.page.getByRole("heading", { name: "No boards yet" })).toBeVisible();
});

test("an admin adds a person, whose link is shown once, and disables them", async ({ house }) => {
  house.expectComplaint(/status of (401|409)/);
  const a = await house.come("/", house.ada.signedIn);
  await a.choose("Signed in as Ada", "People");
  await expect(title(a, "People")).toBeVisible();
  await a.field("Name").fill("Bob");
  await a.field("Login").fill("bob");
  await a.button("Add person").click();
  const link = await a.field("Link for Bob").inputValue();
  await a.button("Done").click();
  await expect(a.field("Link for Bob")).toHaveCount(0);
  await a.field("Name").fill("Another");
  await a.field("Login").fill("bob");
  await a.button("Add person").click();
  await expect(a.page.getByRole("alert")).toContainText("Somebody has this login already");
  const b = await house.come(new URL(link).pathname + new URL(link).hash);
  await b.field("New password").fill(PASSWORD);
  await b.press("Enter");
  await isIn(b, "Bob");
  await a.choose("Actions for Bob", "Disable");
  await a.dialog.getByRole("button", { name: "Disable" }).click();
  await expect(a.page.getByText("bob · disabled")).toBeVisible();
  await b.page.reload();
  await house.signIn(b, "bob");
  await expect(b.page.getByRole("alert")).toContainText("don't go together");
  await a.choose("Actions for Bob", "Enable");
  await expect(a.page.getByText("bob · disabled")).toHaveCount(0);
});

test("only who keeps the accounts finds the page of people", async ({ house }) => {
  const bob = await house.add("Bob");
  const b = await house.come("/b/~people", bob.signedIn);
  await expect(b.page.getByRole("heading", { name: "There is no page at this address" })).toBeVisible();
  await b.page.goto("/");
  await b.button("Signed in as Bob").click();
  await expect(b.page.getByRole("menuitem")).toHaveText(["Your account", "Sign out"]);
});

test("a token's secret is shown once; what it does bears its name until it is revoked", async ({ house }) => {
  const board = await house.board({ "To do": ["apple"] });
  const b = await house.come(board.path, house.ada.signedIn);
  await b.isLive();
  const a = await house.come("/b/~account", house.ada.signedIn);
  await a.page.getByText("New token").click();
  await a.field("Name of the token").fill("deploy script");
  await a.button("Make token").click();
  const secret = await a.field("The token").inputValue();
  await a.button("Done").click();
  const send = (method: string, path: string, body?: object) =>
    fetch(house.server.url + path, {
      method,
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
  expect((await send("PATCH", `/tasks/${board.ids["apple"]}`, { title: "quince" })).status).toBe(200);
  await expect(b.card("quince").getByText("Changed by Ada’s token deploy script")).toBeVisible();
  await b.openTask("quince");
  await expect(b.panel.getByText(/changed .* by Ada’s token deploy script$/)).toBeVisible();
  await a.page.reload();
  await expect(a.field("The token")).toHaveCount(0);
  await a.button("Revoke deploy script").click();
  await a.dialog.getByRole("button", { name: "Revoke" }).click();
  await expect(a.page.getByText("No tokens yet.")).toBeVisible();
  expect((await send("GET", "/boards")).status).toBe(401);
});

test("a service gets tokens from an admin, and takes part in boards like a person", async ({ house }) => {
  const a = await house.come("/b/~people", house.ada.signedIn);
  await a.field("Name of the service").fill("Importer");
  await a.button("Add service").click();
  await a.choose("Actions for Importer", "Tokens");
  await a.page.getByText("New token").click();
  await a.field("Name of the token").fill("nightly");
  await a.button("Make token").click();
  await expect(a.field("The token")).toHaveValue(/^bct_/);
});

test("sessions are listed, and one that is ended is out at once", async ({ house }) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const elsewhere = await house.again(house.ada);
  const b = await house.come(board.path, elsewhere.signedIn);
  await b.isLive();
  const a = await house.come("/b/~account", house.ada.signedIn);
  await expect(a.page.getByText("This browser")).toBeVisible();
  await a.page
    .getByRole("button", { name: /^Sign out (?!everywhere)/ })
    .first()
    .click();
  await expect(title(b, "You are signed out")).toBeVisible();
});

test("a new password and a new name take effect, and other sessions end", async ({ house }) => {
  house.expectComplaint(/status of (401|403)/);
  const board = await house.board();
  const elsewhere = await house.again(house.ada);
  const b = await house.come(board.path, elsewhere.signedIn);
  await b.isLive();
  const a = await house.come("/b/~account", house.ada.signedIn);
  await a.field("Name").fill("Ada B.");
  await a.button("Save").click();
  await isIn(a, "Ada B.");
  await a.field("Current password").fill("not the password");
  await a.field("New password").fill("another good password");
  await a.button("Change password").click();
  await expect(a.page.getByRole("alert")).toContainText("That isn't your password");
  await a.field("Current password").fill(PASSWORD);
  await a.button("Change password").click();
  await expect(a.toast(/^Password changed/)).toBeVisible();
  await expect(title(b, "You are signed out")).toBeVisible();
  await house.signIn(b, "ada", "another good password");
  await b.isLive();
  await a.page.goto(board.path);
  await a.isLive();
});

test("others' changes bear their names; one's own from another device isn't marked", async ({ house }) => {
  const board = await house.board();
  const bob = await house.add("Bob");
  await house.join(board, bob, "editor");
  const a = await house.come(board.path, house.ada.signedIn);
  await a.isLive();
  await bob.api.moveTask(board.ids["apple"]!, { listId: board.ids["Done"]! });
  await expect(a.card("apple").getByText("Moved by Bob")).toBeVisible();
  await house.ada.api.moveTask(board.ids["pear"]!, { listId: board.ids["Done"]! });
  await expect(a.list("Done").locator("[data-task]")).toHaveCount(2);
  await expect(a.card("pear")).not.toHaveClass(/marked/);
  await bob.api.send("DELETE", `/lists/${board.ids["Doing"]}`);
  await expect(a.toast("Bob deleted the list “Doing”")).toBeVisible();
});

test("too many tries say when to come back", async ({ house }) => {
  house.expectComplaint(/status of (401|429)/);
  const a = await house.come("/");
  for (let tries = 0; tries < 30; tries++) {
    const answer = a.page.waitForResponse((response) => response.url().endsWith("/session"));
    await house.signIn(a, "ada", `wrong password ${tries}`);
    const status = (await answer).status();
    // The page empties the field when it has seen the answer, whatever is typed there by then.
    await expect(a.field("Password")).toHaveValue("");
    if (status === 429) break;
  }
  await expect(a.page.getByRole("alert")).toContainText(/^Too many tries\. Try again in \d+ (second|minute)/);
  await a.field("Password").fill(PASSWORD);
  await expect(a.button("Sign in")).toBeDisabled();
});

test("the screens of accounts break no rule", async ({ open }) => {
  open.expectComplaint(/status of (401|409)/);
  const s = await open.come("/#setup");
  await expect(title(s, "Switch accounts on")).toBeVisible();
  await expectClean(s, "switching accounts on");
  await open.setUp();
  const board = await open.board();
  const bob = await open.add("Bob");
  await open.join(board, bob, "viewer");
  const out = await open.come("/");
  await expect(title(out, "Sign in")).toBeVisible();
  await open.signIn(out, "ada", "wrong password");
  await expect(out.page.getByRole("alert")).toBeVisible();
  await expectClean(out, "signing in");
  const invited = await open.come(`/#invite=${await open.invite("Cleo")}`);
  await expect(title(invited, "Welcome")).toBeVisible();
  await expectClean(invited, "an invitation");
  const b = await open.come(board.path, bob.signedIn);
  await expect(b.page.locator(".role")).toBeVisible();
  await expectClean(b, "a viewer's board");
  await b.link("apple").click();
  await expect(b.panel.getByText("There is none.")).toBeVisible();
  await expectClean(b, "a viewer's task");
  const a = await open.come(board.path, open.ada.signedIn);
  await a.isLive();
  await a.button("Signed in as Ada").click();
  await expectClean(a, "the menu of who is there");
  await a.press("Escape");
  await a.choose("Board menu", "Members");
  await expect(choice(a, "Role of Bob")).toBeVisible();
  await expectClean(a, "members");
  await a.page.goto("/b/~people");
  await a.field("Name of the service").fill("Importer");
  await a.button("Add service").click();
  await a.choose("Actions for Importer", "Tokens");
  await a.page.getByText("New token").click();
  await expectClean(a, "people");
  await a.page.goto("/b/~account");
  await a.page.getByText("New token").click();
  await a.field("Name of the token").fill("script");
  await a.button("Make token").click();
  await expect(a.field("The token")).toBeVisible();
  await expectClean(a, "an account");
});

test("at 320 pixels the screens of accounts fit", async ({ house }) => {
  house.expectComplaint(/status of 401/);
  const board = await house.board();
  const fits = async ({ page }: Person) =>
    expect(
      await page.evaluate(() => ({
        page: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        shown: Math.round(visualViewport!.width),
      })),
      page.url(),
    ).toEqual({ page: 0, shown: 320 });
  const out = await house.come("/", NARROW);
  await expect(title(out, "Sign in")).toBeVisible();
  await fits(out);
  const a = await house.come(board.path, { ...NARROW, ...house.ada.signedIn });
  await a.isLive();
  await expect(a.button("Signed in as Ada")).toBeInViewport();
  await fits(a);
  await a.choose("Board menu", "Members");
  await expect(choice(a, "Role of Ada")).toBeVisible();
  await fits(a);
  for (const path of ["/b/~account", "/b/~people"]) {
    await a.page.goto(path);
    await expect(a.button("Signed in as Ada")).toBeVisible();
    await expect(a.page.getByRole("listitem").first()).toBeVisible();
    await fits(a);
  }
});
