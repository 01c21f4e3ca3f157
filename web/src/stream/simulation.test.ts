// Random worlds from seeds: whatever tabs, lines and server go through, in the end every tab shows what
// the log holds, got each event once and in order, and the browser has one stream.
import { expect, test } from "vitest";
import { type Mode, type Tab, World } from "./simulation";

const SEEDS = 400;
const STEPS = 120;
/** A few seconds, and no measure of anything: machines differ. */
const LIMIT_MS = 120_000;
const BOARDS = ["a", "b", "c", "d"];
const MODES: readonly Mode[] = ["up", "refuses", "unreachable", "drains", "hangs"];

test(
  `${SEEDS} random worlds end with every tab right, live, and on one stream`,
  () => {
    const only = Number(import.meta.env["VITE_SEED"] ?? Number.NaN);
    const seeds = Number.isNaN(only) ? Array.from({ length: SEEDS }, (_, seed) => seed) : [only];
    for (const seed of seeds) {
      try {
        live(new World(seed));
      } catch (cause) {
        throw new Error(`VITE_SEED=${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
  },
  LIMIT_MS,
);

function live(world: World): void {
  for (const boardId of BOARDS) world.server.create(boardId);
  for (let step = 0; step < STEPS; step += 1) {
    happen(world);
    world.run(world.random() < 0.6 ? world.below(200) : world.below(20_000));
  }
  comeToRest(world);
  judge(world);
  for (const boardId of BOARDS) world.server.append(boardId);
  world.run(1_000);
  judge(world);
}

function happen(world: World): void {
  const { server } = world;
  const alive = world.tabs.filter((tab) => tab.alive);
  const tab = world.pick(alive);
  const boardId = world.pick(BOARDS)!;
  const chance = world.below(100);
  if (chance < 30) server.append(boardId);
  else if (chance < 40) alive.length < 8 && openTab(world, boardId);
  else if (chance < 48) tab?.does(() => tab.open(boardId));
  else if (chance < 53) tab?.does(() => tab.unfollow(boardId));
  else if (chance < 57) tab?.close();
  else if (chance < 60) tab?.crash();
  else if (chance < 64) tab?.freeze(world.random() < 0.5);
  else if (chance < 70) tab?.thaw();
  else if (chance < 74) tab?.hide();
  else if (chance < 78) tab?.does(() => tab.show());
  else if (chance < 82) server.cut();
  else if (chance < 84) server.stall();
  else if (chance < 90) server.mode = world.random() < 0.5 ? "up" : world.pick(MODES)!;
  else if (chance < 92) server.prune(boardId);
  else if (chance < 93) server.rollBack(boardId);
  else if (chance < 94) boardId === "d" && server.delete("d");
  else if (chance < 96) world.sleep(world.below(3_600_000));
  else if (chance < 98) world.setOnline(!world.online);
  else world.run(world.below(600_000));
}

function openTab(world: World, boardId: string): void {
  const tab = world.open();
  tab.open(boardId);
}

function comeToRest(world: World): void {
  world.server.mode = "up";
  world.setOnline(true);
  for (const tab of world.tabs) if (world.random() < 0.7) tab.thaw();
  world.run(300_000);
}

function judge(world: World): void {
  for (const tab of world.tabs) expect(tab.faults, tab.name).toEqual([]);
  const running = world.tabs.filter((tab) => tab.alive && !tab.frozen);
  for (const tab of running) judgeTab(world, tab);
  const followed = new Set(running.flatMap((tab) => living(tab)));
  const streams = running.reduce((sum, tab) => sum + tab.streams, 0);
  expect(streams, "streams").toBe(followed.size > 0 ? 1 : 0);
}

function judgeTab(world: World, tab: Tab): void {
  for (const [boardId, view] of tab.views) {
    const log = world.server.logs.get(boardId)!;
    expect(view.gone, `${tab.name}: ${boardId} is gone`).toBe(log.gone);
    if (!log.gone)
      expect(view, `${tab.name}: ${boardId}`).toMatchObject({
        cursor: world.server.head(boardId),
        count: log.events.length,
      });
  }
  if (living(tab).length > 0) expect(tab.state.connection, tab.name).toBe("live");
}

function living(tab: Tab): string[] {
  return [...tab.views].filter(([, view]) => !view.gone).map(([boardId]) => boardId);
}
