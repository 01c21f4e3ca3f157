// What somebody may do on a board, as far as the page has heard.

import { afterEach, expect, it, vi } from "vitest";
import type { Role } from "../wire";
import type { Standing } from "./account.svelte";
import { BoardRole } from "./role.svelte";

const ada = { id: "user_a", login: "ada", name: "Ada", isAdmin: true };

afterEach(() => void vi.unstubAllGlobals());

function serverWith(role: Role | null) {
  const members = role ? [{ userId: "user_a", name: "Ada", login: "ada", role, disabled: false }] : [];
  const fetched = vi.fn(() => Promise.resolve(Response.json({ members })));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

it("without accounts everybody may do everything, and nothing is asked", async () => {
  const fetched = serverWith(null);
  const rights = new BoardRole("b", () => ({ is: "open", canSetUp: true }));
  await rights.look();
  expect([rights.mayEdit, rights.isAdmin]).toEqual([true, true]);
  expect(fetched).not.toHaveBeenCalled();
});

it.each<[Role | null, boolean, boolean]>([
  ["viewer", false, false],
  ["editor", true, false],
  ["admin", true, true],
  [null, false, false],
])("as %s", async (role, mayEdit, isAdmin) => {
  serverWith(role);
  const rights = new BoardRole("b", () => ({ is: "in", user: ada }));
  expect([rights.mayEdit, rights.isAdmin], "before it is known").toEqual([false, false]);
  await rights.look();
  expect([rights.role, rights.mayEdit, rights.isAdmin]).toEqual([role, mayEdit, isAdmin]);
});

it("who asks while the answer is under way asks no second time", async () => {
  const fetched = serverWith("editor");
  const rights = new BoardRole("b", () => ({ is: "in", user: ada }));
  await Promise.all([rights.look(), rights.look()]);
  expect(fetched).toHaveBeenCalledOnce();
});

it("nobody may do anything while it isn't known who is there", async () => {
  serverWith("admin");
  let standing: Standing = { is: "in", user: ada };
  const rights = new BoardRole("b", () => standing);
  await rights.look();
  standing = { is: "out", before: ada, isBegun: true };
  expect(new BoardRole("b", () => standing).mayEdit).toBe(false);
});
