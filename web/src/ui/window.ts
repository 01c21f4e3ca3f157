// Which cards of a long list are drawn: those in view, some around them, and a few that must not go
// wherever they are. Pure. Heights are measured as cards are drawn; a card that never was is taken for an
// average one.

/** What stands in a list: a card, by its place, or pixels in the place of cards that aren't drawn. */
export type Row = { key: string; at: number } | { key: string; height: number };

/** Lists up to this length are drawn whole. */
export const WHOLE_MAX = 30;
const AROUND_PX = 300;
const HEIGHT_GUESS_PX = 44;

/** Where each card begins, in pixels from the list's top; one more than there are cards. */
export function offsetsOf(ids: readonly string[], heights: ReadonlyMap<string, number>): Float64Array {
  const guess = average(heights);
  const offsets = new Float64Array(ids.length + 1);
  for (const [at, id] of ids.entries()) offsets[at + 1] = offsets[at]! + (heights.get(id) ?? guess);
  return offsets;
}

/** The first card to draw and one past the last, of a list that is scrolled to `top` in a view of `height`. */
export function visibleRange(
  offsets: Float64Array,
  top: number,
  height: number,
): { start: number; end: number } {
  const count = offsets.length - 1;
  if (count <= WHOLE_MAX) return { start: 0, end: count };
  const start = Math.min(count, firstEndingAfter(offsets, top - AROUND_PX));
  const end = Math.min(count, firstEndingAfter(offsets, top + height + AROUND_PX) + 1);
  return { start, end };
}

/** The rows of a list of which the cards from `start` to before `end` are drawn, and those at `pinned`. */
export function rowsOf(
  ids: readonly string[],
  offsets: Float64Array,
  { start, end }: { start: number; end: number },
  pinned: readonly number[],
): Row[] {
  const outside = pinned.filter((at) => at >= 0 && (at < start || at >= end));
  const drawn = new Set([...outside, ...Array.from({ length: end - start }, (_, at) => start + at)]);
  const rows: Row[] = [];
  let next = 0;
  const leave = (upTo: number) => {
    const height = offsets[upTo]! - offsets[next]!;
    if (height > 0) rows.push({ key: `space before ${ids[upTo] ?? ""}`, height });
  };
  for (const at of [...drawn].sort((a, b) => a - b)) {
    leave(at);
    rows.push({ key: ids[at]!, at });
    next = at + 1;
  }
  leave(ids.length);
  return rows;
}

/** The first card that reaches below `y`. */
function firstEndingAfter(offsets: Float64Array, y: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle + 1]! < y) low = middle + 1;
    else high = middle;
  }
  return low;
}

function average(heights: ReadonlyMap<string, number>): number {
  if (heights.size === 0) return HEIGHT_GUESS_PX;
  let sum = 0;
  for (const height of heights.values()) sum += height;
  return sum / heights.size;
}
