// Which cards of a long list are drawn.

import { expect, test } from "vitest";
import { offsetsOf, rowsOf, visibleRange, WHOLE_MAX } from "./window";

const ids = Array.from({ length: 1_000 }, (_, at) => `card-${at}`);
const heights = new Map(ids.map((id, at) => [id, at % 2 === 0 ? 40 : 60]));
const offsets = offsetsOf(ids, heights);

const heightOf = (rows: ReturnType<typeof rowsOf>) =>
  rows.reduce((sum, row) => sum + ("height" in row ? row.height : heights.get(row.key)!), 0);

test("a short list is drawn whole", () => {
  const few = offsetsOf(ids.slice(0, WHOLE_MAX), heights);
  expect(visibleRange(few, 0, 100)).toEqual({ start: 0, end: WHOLE_MAX });
});

test("what is drawn covers the view, wherever the list is scrolled to", () => {
  for (const top of [0, 1, 39, 40, 5_000, 49_300, 60_000]) {
    const { start, end } = visibleRange(offsets, top, 700);
    expect(end - start).toBeLessThan(40);
    expect(offsets[start]!).toBeLessThanOrEqual(top);
    expect(offsets[end]!).toBeGreaterThanOrEqual(Math.min(top + 700, 50_000));
  }
});

test("blank pixels stand for what isn't drawn, so that a list is as high as its cards", () => {
  const rows = rowsOf(ids, offsets, { start: 100, end: 120 }, [-1, 3, 110, 999]);
  expect(heightOf(rows)).toBe(50_000);
  expect(rows.flatMap((row) => ("at" in row ? [row.at] : []))).toEqual([
    3,
    ...Array.from({ length: 20 }, (_, at) => 100 + at),
    999,
  ]);
});

test("a card that was never measured is taken for an average one", () => {
  expect([...offsetsOf(["a", "b", "c"], new Map([["b", 50]]))]).toEqual([0, 50, 100, 150]);
});
