// Pages of something, read once each however often somebody asks.

import { afterEach, expect, test, vi } from "vitest";
import { Paged } from "./paged.svelte";

/** A server with so many things. Returns what it was asked for. */
function serve(count: number): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    const query = new URLSearchParams(url.split("?")[1]);
    const from = Number(query.get("cursor") ?? 0);
    const to = Math.min(count, from + Number(query.get("limit")));
    const things = Array.from({ length: to - from }, (_, at) => from + at);
    return Response.json({ things, next: to < count ? `${to}` : null });
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test("two clicks for more show two more pages, nothing twice", async () => {
  serve(250);
  const paged = new Paged<number>("/things?", "things");
  await paged.refresh();
  expect(paged.hasMore).toBe(true);
  await Promise.all([paged.more(), paged.more(), paged.more()]);
  expect(paged.items).toEqual(Array.from({ length: 250 }, (_, at) => at));
  expect(paged.hasMore).toBe(false);
});

test("what is shown is read anew as far as it is shown", async () => {
  const asked = serve(250);
  const paged = new Paged<number>("/things?", "things");
  await paged.refresh();
  await paged.more();
  await paged.refresh();
  expect(paged.items).toHaveLength(200);
  expect(asked.at(-1)).toBe("/things?limit=200");
});

test("whoever asks while a read waits for its turn shares it", async () => {
  const asked = serve(10);
  const paged = new Paged<number>("/things?", "things");
  const first = paged.refresh();
  await Promise.resolve();
  await Promise.all([first, ...Array.from({ length: 20 }, () => paged.refresh())]);
  expect(asked).toHaveLength(2);
});
