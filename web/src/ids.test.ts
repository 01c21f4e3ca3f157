// Ids that the page chooses have the form of the server's own, and keys never repeat.

import { afterEach, expect, it, vi } from "vitest";
import { newId, newKey } from "./ids";

afterEach(() => void vi.useRealTimers());

it("an id is a kind and a UUIDv7 in base 32, as the contract allows ids", () => {
  for (const kind of ["board", "list", "task"] as const) {
    const id = newId(kind);
    expect(id).toMatch(new RegExp(`^${kind}_[0-7][0-9a-hjkmnp-tv-z]{25}$`));
    expect(id.length).toBeLessThanOrEqual(64);
  }
});

it("an id tells its time: version 7 of the moment that it was made", () => {
  vi.useFakeTimers({ now: 0x0193_4b2c_3d4e });
  const digits = newId("task").split("_")[1]!;
  const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  const value = [...digits].reduce((sum, digit) => (sum << 5n) | BigInt(alphabet.indexOf(digit)), 0n);
  const hex = value.toString(16).padStart(32, "0");
  expect(hex.slice(0, 12)).toBe("01934b2c3d4e");
  expect(hex[12]).toBe("7");
  expect(hex[16]).toMatch(/[89ab]/);
});

it("later ids sort after earlier ones", () => {
  vi.useFakeTimers({ now: 1_000_000 });
  const earlier = newId("task");
  vi.advanceTimersByTime(1);
  expect(newId("task") > earlier).toBe(true);
});

it("no two are alike", () => {
  expect(new Set(Array.from({ length: 5_000 }, newKey)).size).toBe(5_000);
});
