// What becomes of typed text before it is sent: one line where the server takes one line, counted as the
// server counts.

/** Blanks and whatever the server refuses in a line: breaks, tabs, other control characters. */
const BREAK = /\s*\p{Cc}[\s\p{Cc}]*/gu;

/** A title or name on one line. A cell pasted from a table has tabs in it, a letter has breaks. */
export function oneLine(typed: string): string {
  return typed.replace(BREAK, " ").trim();
}

/** The lines of a text that hold something. */
export function linesOf(typed: string): string[] {
  return typed.split("\n").map(oneLine).filter(Boolean);
}

/** Whether it has more characters than that: Unicode's, not JavaScript's. */
export function isLongerThan(text: string, max: number): boolean {
  return text.length > max && [...text].length > max;
}
