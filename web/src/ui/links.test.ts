// Which parts of a text are addresses; put together, the parts are the text.

import { expect, it } from "vitest";
import { pieces } from "./links";

const addresses = (text: string) => pieces(text).flatMap(({ href }) => (href === null ? [] : [href]));

it.each([
  ["nothing to follow", []],
  ["", []],
  ["https://example.org", ["https://example.org"]],
  ["see http://example.org/a?b=c#d and go", ["http://example.org/a?b=c#d"]],
  ["two: https://a.example, https://b.example.", ["https://a.example", "https://b.example"]],
  ["(https://example.org/a)", ["https://example.org/a"]],
  ["https://example.org/a_(b)", ["https://example.org/a_(b)"]],
  ["(https://example.org/a_(b))!", ["https://example.org/a_(b)"]],
  ["[https://example.org/x[1]]", ["https://example.org/x[1]"]],
  ["is it https://example.org/?", ["https://example.org/"]],
  ["<https://example.org/>", ["https://example.org/"]],
  ['"https://example.org/"', ["https://example.org/"]],
  ["HTTPS://EXAMPLE.ORG/A", ["HTTPS://EXAMPLE.ORG/A"]],
  ["https://example.org/ü/東京", ["https://example.org/ü/東京"]],
  ["line\nhttps://example.org\nline", ["https://example.org"]],
  ["https://", []],
  ["https://...", []],
  ["http://[", []],
])("in %j", (text, expected) => {
  expect(addresses(text)).toEqual(expected);
});

it.each([
  "javascript:alert(1)",
  "JAVASCRIPT:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:x",
  "file:///etc/passwd",
  "ftp://example.org",
  "mailto:somebody@example.org",
  "//example.org",
  "java\nscript:alert(1)",
])("%j is no address to follow", (text) => {
  expect(addresses(text)).toEqual([]);
});

it("every address is http or https, whatever stands around it, and no text is lost", () => {
  const parts = [
    "javascript:",
    "https://",
    "http://",
    "a.example",
    "/(",
    ")",
    "]",
    "<",
    '"',
    " ",
    "\n",
    "…",
    ".",
  ];
  let seed = 7;
  const next = () => (seed = (seed * 48_271) % 2_147_483_647);
  for (let round = 0; round < 2_000; round++) {
    const text = Array.from({ length: 8 }, () => parts[next() % parts.length]).join("");
    const found = pieces(text);
    expect(found.map((piece) => piece.text).join("")).toBe(text);
    for (const { href } of found) if (href !== null) expect(new URL(href).protocol).toMatch(/^https?:$/);
  }
});

it("a long text of brackets takes no time to speak of", () => {
  const text = `https://example.org/${")".repeat(20_000)}`;
  expect(addresses(text)).toEqual(["https://example.org/"]);
});
