// No component holds words of its own: whatever a person reads or hears comes from text/.

import { parse } from "svelte/compiler";
import { expect, it } from "vitest";

/** Attributes that are read or heard, of elements and of our own components. */
const SPOKEN =
  /^(aria-(label|description|roledescription|valuetext)|title|placeholder|alt|label|hint|action|yes|no)$/;

interface Node {
  type: string;
  name?: string;
  data?: string;
  value?: unknown;
  [key: string]: unknown;
}

function* nodesIn(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const one of value) yield* nodesIn(one);
  else if (typeof value === "object" && value !== null) {
    if (typeof (value as Node).type === "string") yield value as Node;
    for (const inner of Object.values(value)) yield* nodesIn(inner);
  }
}

/** Words in a component's markup, wherever they stand. */
function wordsIn(source: string): string[] {
  const found: string[] = [];
  for (const node of nodesIn(parse(source, { modern: true }).fragment)) {
    if (node.type === "Attribute" && SPOKEN.test(node.name ?? "")) found.push(...literals(node.value));
    else if (node.type === "Fragment") found.push(...literals(node["nodes"]));
  }
  return found.filter((text) => /\p{L}/u.test(text));
}

/** Texts that an attribute or an expression shows as they are; not those it only compares or looks up. */
function literals(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(literals);
  const node = value as Node;
  switch (node.type) {
    case "Text":
      return [node.data ?? ""];
    case "Literal":
      return typeof node.value === "string" ? [node.value] : [];
    case "ExpressionTag":
      return literals(node["expression"]);
    case "TemplateLiteral":
      return (node["quasis"] as { value: { raw: string } }[]).map((part) => part.value.raw);
    case "ConditionalExpression":
      return [...literals(node["consequent"]), ...literals(node["alternate"])];
    case "LogicalExpression":
    case "BinaryExpression":
      return node["operator"] === "===" ? [] : [...literals(node["left"]), ...literals(node["right"])];
    default:
      return [];
  }
}

const components = Object.entries(
  import.meta.glob<string>("../**/*.svelte", { query: "?raw", import: "default", eager: true }),
);

it("there are components to look at", () => {
  expect(components.length).toBeGreaterThan(20);
});

it.each(components)("%s holds no words", (_, source) => {
  expect(wordsIn(source)).toEqual([]);
});

it("words are found wherever they could be hidden", () => {
  expect(wordsIn("<p>Hello</p>")).toEqual(["Hello"]);
  expect(wordsIn("{#if a}<b>Deep</b>{/if}")).toEqual(["Deep"]);
  expect(wordsIn('<button aria-label="Close">×</button>')).toEqual(["Close"]);
  expect(wordsIn('<input placeholder={"Name"} title={a ? "Yes" : b} />')).toEqual(["Name", "Yes"]);
  expect(wordsIn("<p>{a ? `Hi ${b}` : c}</p>")).toEqual(["Hi "]);
  expect(wordsIn("<p class=\"card\" role='list'>{a} · 1/2 {b === 'x' ? c : d}</p>")).toEqual([]);
});
