// Finds the addresses in a text, so that they can be followed. Only http and https: what a person wrote is
// never given to the browser as anything but text and these two kinds of address.

export type Piece = { text: string; href: string | null };

const ADDRESS = /https?:\/\/[^\s<>"'`]+/gi;
/** Ends a sentence rather than an address. */
const ENDING = new Set(".,;:!?…)]}");
const BRACKETS = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);

/** The text in pieces that put together are the text again. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!URL.canParse(address)) continue;
    if (match.index > at) found.push({ text: text.slice(at, match.index), href: null });
    found.push({ text: address, href: address });
    at = match.index + address.length;
  }
  if (at < text.length) found.push({ text: text.slice(at), href: null });
  return found;
}

/** Without what ends the sentence. A closing bracket belongs to the address if it was opened in it. */
function trimmed(address: string): string {
  const surplus = surplusOf(address);
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1]!;
    if (!ENDING.has(last)) break;
    const closed = surplus.get(last);
    if (closed === undefined) continue;
    if (closed <= 0) break;
    surplus.set(last, closed - 1);
  }
  return address.slice(0, end);
}

/** How many more brackets of each kind are closed than opened. */
function surplusOf(text: string): Map<string, number> {
  const surplus = new Map([...BRACKETS.values()].map((closing) => [closing, 0]));
  for (const character of text) {
    const opened = BRACKETS.get(character);
    if (opened) surplus.set(opened, surplus.get(opened)! - 1);
    else if (surplus.has(character)) surplus.set(character, surplus.get(character)! + 1);
  }
  return surplus;
}
