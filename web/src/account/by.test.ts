// Names for whoever changed something.

import { expect, it } from "vitest";
import { byWhom, isMe, whoOf } from "./by";

const me = { id: "user_a", login: "ada", name: "Ada", isAdmin: false };
const ada = { type: "person", id: "user_a", name: "Ada" } as const;
const bob = { type: "person", id: "user_b", name: "Bob" } as const;
const script = { type: "token", id: "user_a", name: "Ada", tokenId: "token_1", tokenName: "script" } as const;

it("nobody in particular is somebody, a person is their name or you, a token is its person's", () => {
  expect([null, ada, bob, script].map((by) => whoOf(by, me))).toEqual([
    "Somebody",
    "You",
    "Bob",
    "Ada’s token script",
  ]);
  expect([ada, bob, script].map((by) => byWhom(by, me))).toEqual(["you", "Bob", "Ada’s token script"]);
});

it("only a person is the one in front of the page, and nobody is where nobody is signed in", () => {
  expect([null, ada, bob, script].map((by) => isMe(by, me))).toEqual([false, true, false, false]);
  expect(isMe(ada, null)).toBe(false);
  expect(isMe(null, null)).toBe(false);
});
