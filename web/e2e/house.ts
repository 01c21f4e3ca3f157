// A server of its own with accounts: Ada, who switched them on, and whoever she adds. People come to it with
// a browser that is signed in already, or use its API.
import type { BrowserContextOptions } from "@playwright/test";
import { expect, test as people, World, type Person } from "./people.ts";
import { Api, Server } from "./server.ts";

export const PASSWORD = "correct horse battery";

interface Cookie {
  name: string;
  value: string;
}

/** Somebody with an account. */
export class Inhabitant {
  readonly api: Api;

  constructor(
    readonly id: string,
    readonly login: string,
    readonly name: string,
    url: string,
    readonly cookie: Cookie,
  ) {
    this.api = new Api(url, { cookie: `${cookie.name}=${cookie.value}` });
  }

  /** A browser that is signed in as them. */
  get signedIn(): BrowserContextOptions {
    const rest = { domain: "127.0.0.1", path: "/", expires: -1, httpOnly: true, secure: false } as const;
    return { storageState: { cookies: [{ ...this.cookie, ...rest, sameSite: "Lax" }], origins: [] } };
  }
}

export class House extends World {
  ada!: Inhabitant;

  /** What the server says for it, which may come after its first answer. */
  async setUpCode(): Promise<string> {
    await expect.poll(() => this.server.setUpCode).not.toBe("");
    return this.server.setUpCode;
  }

  /** Switches accounts on. */
  async setUp(): Promise<void> {
    const body = { code: await this.setUpCode(), login: "ada", name: "Ada", password: PASSWORD };
    this.ada = await this.#enter("/setup", body);
    this.api = this.ada.api;
  }

  /** Adds somebody who has chosen a password. */
  async add(name: string): Promise<Inhabitant> {
    return this.#enter("/invites/accept", { invite: await this.invite(name), password: PASSWORD });
  }

  /** Adds somebody who has got no further than their one-time link. */
  async invite(name: string): Promise<string> {
    const body = { name, login: name.toLowerCase() };
    return (await this.ada.api.send<{ invite: string }>("POST", "/users", body)).invite;
  }

  /** The same person on another device. */
  async again({ login }: Inhabitant): Promise<Inhabitant> {
    return this.#enter("/session", { login, password: PASSWORD });
  }

  async join(board: { id: string }, { login }: Inhabitant, role: string): Promise<void> {
    await this.ada.api.send("POST", `/boards/${board.id}/members`, { login, role });
  }

  /** Signs in on the page that asks for it. */
  async signIn(person: Person, login: string, password = PASSWORD): Promise<void> {
    await person.field("Login").fill(login);
    await person.field("Password").fill(password);
    await person.press("Enter");
  }

  async #enter(path: string, body: object): Promise<Inhabitant> {
    const response = await new Api(this.server.url).ask("POST", path, body);
    expect(response.ok, `${path}: ${response.status}`).toBe(true);
    const { user } = (await response.json()) as { user: { id: string; login: string; name: string } };
    const set = response.headers.getSetCookie().find((one) => /^(__Host-)?boardcast=/.test(one))!;
    const [name, value] = set.split(";")[0]!.split("=") as [string, string];
    return new Inhabitant(user.id, user.login, user.name, this.server.url, { name, value });
  }
}

export const test = people.extend<{ house: House; open: House }>({
  /** Accounts aren't on yet. */
  open: async ({ browser }, use) => {
    const server = await Server.start();
    const house = new House(browser, server, new Api(server.url));
    // A stream whose reader lost the right to it is cut in the middle.
    house.expectComplaint(/net::ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_\w+|EMPTY_RESPONSE)/);
    await use(house);
    await house.end();
    await server.remove();
  },
  house: async ({ open }, use) => {
    await open.setUp();
    await use(open);
  },
});

export { expect };
