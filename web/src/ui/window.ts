// Which cards of a long list are drawn: those in view and some around them. Pure. Heights are measured as
// cards are drawn; a card that never was is taken for an average one.

export interface Range {
  /** First card drawn. */
  start: number;
  /** One past the last card drawn. */
  end: number;
  /** Pixels that stand for the cards above and below. */
  above: number;
  below: number;
}

/** Lists up to this length are drawn whole. */
export const WHOLE_MAX = 80;
const AROUND_PX = 600;
const HEIGHT_GUESS_PX = 44;

/** The cards to draw of a list that is scrolled to `top` in a view of `height`, both in pixels. */
export function visibleRange(
  ids: readonly string[],
  heights: ReadonlyMap<string, number>,
  top: number,
  height: number,
): Range {
  if (ids.length <= WHOLE_MAX) return { start: 0, end: ids.length, above: 0, below: 0 };
  const guess = average(heights);
  const from = top - AROUND_PX;
  const to = top + height + AROUND_PX;
  let [start, above, at] = [0, 0, 0];
  let end = 0;
  let below = 0;
  for (const [index, id] of ids.entries()) {
    const bottom = at + (heights.get(id) ?? guess);
    if (bottom < from) {
      start = index + 1;
      above = bottom;
    } else if (at <= to) end = index + 1;
    else below += bottom - at;
    at = bottom;
  }
  return { start, end: Math.max(start, end), above, below };
}

/** Where a card begins, in pixels from the list's top. */
export function offsetOf(
  index: number,
  ids: readonly string[],
  heights: ReadonlyMap<string, number>,
): number {
  const guess = average(heights);
  return ids.slice(0, index).reduce((sum, id) => sum + (heights.get(id) ?? guess), 0);
}

function average(heights: ReadonlyMap<string, number>): number {
  if (heights.size === 0) return HEIGHT_GUESS_PX;
  let sum = 0;
  for (const height of heights.values()) sum += height;
  return sum / heights.size;
}
