// Typed text on its way to being a title.

import { expect, test } from "vitest";
import { isLongerThan, linesOf, oneLine } from "./line";

test("a title is one line without what the server refuses", () => {
  expect(oneLine("  milk \n and\thoney\r\n")).toBe("milk and honey");
  expect(oneLine("a\u0000b\u007fc\u0085d")).toBe("a b c d");
  expect(oneLine("two  blanks")).toBe("two  blanks");
  expect(oneLine("\t\n")).toBe("");
});

test("what only looks like a control character stays", () => {
  for (const text of ["👩‍👩‍👧", "e\u0301", "\u202bשלום", "a\u00a0b"]) expect(oneLine(text)).toBe(text);
});

test("lines that hold nothing are no tasks", () => {
  expect(linesOf("one\n\n \t \ntwo\tthree\n")).toEqual(["one", "two three"]);
});

test("characters are counted as the server counts them", () => {
  expect(isLongerThan("😀".repeat(500), 500)).toBe(false);
  expect(isLongerThan("😀".repeat(501), 500)).toBe(true);
  expect(isLongerThan("e\u0301".repeat(251), 500)).toBe(true);
});
