// Finds the addresses in a text, so that they can be followed. Only http and https: what a person wrote is
// never given to the browser as anything but text and these two kinds of address.

export type Piece = { text: string; href: string | null };

const ADDRESS = /https?:\/\/[^\s<>"'`]+/gi;
/** Ends a sentence rather than an address. */
const TRAILING = /[.,;:!?…)\]}]+$/;

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

/** A closing bracket belongs to the address if it was opened in it. */
function trimmed(address: string): string {
  let end = address.length;
  for (;;) {
    const trailing = TRAILING.exec(address.slice(0, end))?.[0];
    if (!trailing) return address.slice(0, end);
    const last = address[end - 1];
    const opened = last === ")" ? "(" : last === "]" ? "[" : last === "}" ? "{" : null;
    const inside = address.slice(0, end);
    if (opened && inside.split(opened).length === inside.split(last!).length) return inside;
    end--;
  }
}
