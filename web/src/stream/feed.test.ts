// The rules of the stream, one by one, in a simulated browser.
import { beforeEach, describe, expect, test } from "vitest";
import { type Tab, World } from "./simulation";

let world: World;

beforeEach(() => {
  world = new World(1);
  for (const boardId of ["a", "b", "c"]) world.server.create(boardId);
});

/** Opens tabs on a board each, and lets them settle. */
function open(...boardIds: string[]): Tab[] {
  const tabs = boardIds.map((boardId) => {
    const tab = world.open();
    tab.open(boardId);
    world.run(100);
    return tab;
  });
  world.run(5_000);
  return tabs;
}

function holder(): Tab {
  const holders = world.holders();
  expect(holders.map((tab) => tab.name)).toHaveLength(1);
  return holders[0]!;
}

function others(tabs: Tab[]): Tab[] {
  return tabs.filter((tab) => tab !== holder());
}

function expectAllRight(tabs: Tab[]): void {
  for (const tab of tabs) {
    expect(tab.faults).toEqual([]);
    expect(tab.state.connection, tab.name).toBe("live");
    for (const [boardId, view] of tab.views) expect(view.cursor, tab.name).toBe(world.server.head(boardId));
  }
}

/** The pages of the log that tabs asked for. */
function pages(tabs: Tab[]): string[] {
  return tabs.flatMap((tab) => tab.requests).filter((url) => url.includes("/events"));
}

describe("one stream", () => {
  test("a tab alone follows its board on the board's own stream", () => {
    const [tab] = open("a");
    expect(world.server.opened).toHaveLength(1);
    expect(world.server.opened[0]).toMatch(/^\/boards\/a\/events\?after=1-[0-9a-f]+&heartbeat=event$/);
    expectAllRight([tab!]);
  });

  test("without channels a tab is alone, and opens its stream at once", () => {
    world.channels = false;
    const tab = world.open();
    tab.open("a");
    world.run(300);
    expectAllRight([tab]);
  });

  test("ten tabs on three boards share one stream of three boards", () => {
    const tabs = open("a", "b", "c", "a", "b", "c", "a", "b", "c", "a");
    for (const boardId of ["a", "b", "c"]) world.server.append(boardId);
    world.run(500);
    expectAllRight(tabs);
    expect(world.server.watches.size).toBe(1);
    expect(world.server.opened.at(-1)).toMatch(/^\/events\?boards=a,b,c&after=a%3A/);
    expect(pages(tabs)).toEqual([]);
  });

  test("a board that no tab shows any more leaves the stream", () => {
    const tabs = open("a", "b");
    tabs[1]!.unfollow("b");
    world.run(1_000);
    expect(world.server.opened.at(-1)).toMatch(/^\/boards\/a\//);
    tabs[0]!.unfollow("a");
    world.run(1_000);
    expect(world.server.watches.size).toBe(0);
  });

  test("forty boards take two streams, and when ten are left, one", () => {
    const tab = world.open();
    const boardIds = Array.from({ length: 40 }, (_, number) => `board-${number}`);
    for (const boardId of boardIds) world.server.create(boardId);
    for (const boardId of boardIds) tab.open(boardId);
    world.run(5_000);
    expectAllRight([tab]);
    expect(world.server.watches.size).toBe(2);
    for (const boardId of boardIds.slice(10)) tab.unfollow(boardId);
    for (const boardId of boardIds) world.server.append(boardId);
    world.run(5_000);
    expectAllRight([tab]);
    expect(world.server.watches.size).toBe(1);
  });

  test("boards past three streams are left out, and their tab says that it may be old", () => {
    const boardIds = Array.from({ length: 97 }, (_, number) => `board-${number}`);
    for (const boardId of boardIds) world.server.create(boardId);
    const [full] = open("a");
    full!.unfollow("a");
    for (const boardId of boardIds.slice(0, 96)) full!.open(boardId);
    world.run(5_000);
    const [late] = open("board-96");
    world.run(30_000);
    expectAllRight([full!]);
    expect(world.server.watches.size).toBe(3);
    expect(late!.state.connection).toBe("outdated");
  });
});

describe("who holds it", () => {
  test("when the holder is closed, another takes over within a second and nobody notices", () => {
    const tabs = open("a", "b", "a");
    const closing = holder();
    const left = others(tabs);
    closing.close();
    world.run(1_000);
    for (const boardId of ["a", "b"]) world.server.append(boardId);
    world.run(200);
    expectAllRight(left);
    expect(holder()).not.toBe(closing);
    expect(left.flatMap((tab) => tab.states)).not.toContain("reconnecting");
  });

  test("it hands on to a tab that is seen rather than to a hidden one", () => {
    const tabs = open("a", "a", "a", "a");
    const [seen, ...hidden] = others(tabs);
    for (const tab of hidden) tab.hide();
    world.run(50_000);
    holder().close();
    world.run(500);
    expect(holder()).toBe(seen);
  });

  test("a holder that crashed is missed, also by tabs that say that they aren't live meanwhile", () => {
    const tabs = open("a", "a", "b");
    const left = others(tabs);
    holder().crash();
    world.run(9_500);
    for (const tab of left) expect(tab.states).toContain("reconnecting");
    world.run(6_000);
    expectAllRight(left);
    holder();
  });

  test("a hidden tab that is looked at finds a crashed holder out at once", () => {
    const tabs = open("a", "a");
    const [left] = others(tabs);
    left!.hide();
    world.run(400_000);
    holder().crash();
    world.server.append("a");
    world.run(1_000);
    left!.show();
    world.run(1_500);
    expectAllRight([left!]);
  });

  test("a hidden holder whose timers hardly run stays the holder", () => {
    const tabs = open("a", "a");
    const first = holder();
    first.hide();
    world.run(1_200_000);
    expect(holder()).toBe(first);
    expect(world.server.opened).toHaveLength(1);
    expectAllRight(tabs);
  });

  test("a holder frozen unawares wakes, gives way, and shows nothing twice", () => {
    const tabs = open("a", "a", "a");
    const frozen = holder();
    frozen.freeze(false);
    for (let count = 0; count < 20; count += 1) {
      world.server.append("a");
      world.run(2_000);
    }
    frozen.thaw();
    world.run(1_000);
    expect(holder()).not.toBe(frozen);
    expectAllRight(tabs);
  });

  test("a holder that is told of its freezing lets go, and comes back as a follower by cursor", () => {
    const tabs = open("a", "a");
    const frozen = holder();
    frozen.freeze(true);
    world.run(1_000);
    expect(frozen.streams).toBe(0);
    holder();
    for (let count = 0; count < 20; count += 1) world.server.append("a");
    world.run(60_000);
    frozen.thaw();
    world.run(1_000);
    expectAllRight(tabs);
    expect(frozen.views.get("a")!.snapshots).toBe(0);
  });

  test("of two tabs that come at the same moment one is the holder in the end", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      world = new World(seed);
      world.server.create("a");
      const tabs = [world.open(), world.open(), world.open()];
      for (const tab of tabs) tab.open("a");
      world.run(3_000);
      holder();
      expectAllRight(tabs);
    }
  });
});

describe("coming back", () => {
  test("pages that failed while the line was down are asked for as soon as it is back", () => {
    open("a");
    const early = world.server.head("a");
    world.server.append("a");
    world.run(1_000);
    const tab = world.open();
    world.server.mode = "unreachable";
    tab.follow("a", early, 1);
    world.server.cut();
    world.run(300_000);
    world.server.mode = "up";
    world.run(200);
    for (const one of world.tabs) if (one !== tab) one.signal("online");
    world.run(500);
    expectAllRight([tab]);
  });

  test("a tab whose board was loaded a while ago reads the pages after it, not the board", () => {
    open("a");
    const early = world.server.head("a");
    for (let count = 0; count < 30; count += 1) world.server.append("a");
    world.run(1_000);
    const tab = world.open();
    tab.follow("a", early, 1);
    world.run(5_000);
    expectAllRight([tab]);
    expect(tab.requests.length).toBeGreaterThan(1);
    expect(pages([tab])).toEqual(tab.requests);
  });

  test("a tab whose place the log has forgotten gets the board once, as a snapshot", () => {
    open("a");
    const early = world.server.head("a");
    for (let count = 0; count < 30; count += 1) world.server.append("a");
    world.server.prune("a");
    world.run(1_000);
    const tab = world.open();
    tab.follow("a", early, 1);
    world.run(5_000);
    expectAllRight([tab]);
    expect(tab.views.get("a")!.snapshots).toBe(1);
  });

  test("a tab ahead of the pipe gets nothing twice and asks the log once", () => {
    const [tab] = open("a");
    world.server.stall();
    for (let count = 0; count < 5; count += 1) world.server.append("a");
    const ahead = world.open();
    ahead.open("a");
    world.run(5_000);
    expect(pages([ahead])).toHaveLength(1);
    world.run(60_000);
    expectAllRight([tab!, ahead]);
    expect(pages([ahead])).toHaveLength(1);
  });

  test("after a cut it goes on from its cursor, on a stream and without pages", () => {
    const tabs = open("a", "b");
    world.server.cut();
    for (const boardId of ["a", "b"]) world.server.append(boardId);
    world.run(3_000);
    expectAllRight(tabs);
    expect(pages(tabs)).toEqual([]);
  });

  test("an older copy of the data comes back as a snapshot", () => {
    const tabs = open("a", "a", "b");
    for (let count = 0; count < 5; count += 1) world.server.append("a");
    world.run(1_000);
    world.server.rollBack("a");
    world.server.append("a");
    world.run(5_000);
    expectAllRight(tabs);
  });

  test("events of unknown types are passed on and move the cursor", () => {
    const [tab] = open("a");
    world.server.append("a", "never_heard_of");
    world.run(500);
    expectAllRight([tab!]);
    expect(tab!.views.get("a")!.count).toBe(2);
  });
});

describe("a line in trouble", () => {
  test("a refused stream is tried again, further and further apart, and at once when it is back", () => {
    const [tab] = open("a");
    world.server.mode = "refuses";
    world.server.cut();
    world.run(600_000);
    const tries = world.server.opened.length;
    expect(tries).toBeGreaterThan(20);
    expect(tries).toBeLessThan(60);
    expect(tab!.state.connection).toBe("outdated");
    world.server.mode = "up";
    world.run(31_000);
    expectAllRight([tab!]);
  });

  test("a cut soon after the line came back isn't held against it", () => {
    const [tab] = open("a");
    world.server.mode = "refuses";
    world.server.cut();
    world.run(300_000);
    world.server.mode = "up";
    tab!.signal("online");
    world.run(500);
    world.server.cut();
    world.run(1_700);
    expectAllRight([tab!]);
  });

  test.each(["online", "visible"] as const)("the browser's %s signal has it tried at once", (signal) => {
    const tabs = open("a", "a");
    world.server.mode = "unreachable";
    world.server.cut();
    world.run(300_000);
    world.server.mode = "up";
    for (const tab of tabs) tab.signal(signal);
    world.run(500);
    expectAllRight(tabs);
  });

  test("looking at a follower makes a hidden holder try", () => {
    const tabs = open("a", "a");
    const [follower] = others(tabs);
    world.server.mode = "unreachable";
    world.server.cut();
    for (const tab of tabs) tab.hide();
    world.run(900_000);
    world.server.mode = "up";
    follower!.show();
    world.run(500);
    expectAllRight(tabs);
  });

  test("a stream that never comes to be is given up after ten seconds", () => {
    world.server.mode = "hangs";
    const [tab] = open("b");
    tab!.follow("a", world.server.head("a"), 1);
    world.run(9_000);
    world.server.mode = "up";
    world.run(6_000);
    expectAllRight([tab!]);
  });

  test("a line that falls silent is reopened after two beats", () => {
    const tabs = open("a", "a");
    world.server.stall();
    world.run(29_000);
    expect(world.server.opened).toHaveLength(1);
    world.server.append("a");
    world.run(15_000);
    expect(world.server.opened).toHaveLength(2);
    expectAllRight(tabs);
  });

  test("a quiet board stays live on beats alone", () => {
    const tabs = open("a", "a");
    world.run(3_600_000);
    expectAllRight(tabs);
    for (const tab of tabs) expect(tab.states).toEqual(["connecting", "live"]);
    expect(world.server.opened).toHaveLength(1);
  });

  test("after a sleep of the machine the old line isn't believed", () => {
    const tabs = open("a", "b");
    world.server.stall();
    for (const boardId of ["a", "b"]) world.server.append(boardId);
    world.sleep(3_600_000);
    world.run(5_000);
    expectAllRight(tabs);
  });
});

describe("a board that is gone", () => {
  test("its last event comes before its end, in every tab, and other boards go on", () => {
    const tabs = open("a", "b", "a");
    world.server.delete("a");
    world.server.append("b");
    world.run(2_000);
    for (const tab of tabs) expect(tab.faults).toEqual([]);
    expect(tabs[0]!.views.get("a")).toMatchObject({ gone: true, count: 2 });
    expect(tabs[2]!.views.get("a")).toMatchObject({ gone: true, count: 2 });
    expectAllRight([tabs[1]!]);
  });

  test.each([["a"], ["a", "b"]])(
    "one deleted while the line was down is found out (%s, %s)",
    (...boardIds) => {
      const tabs = open(...boardIds);
      world.server.mode = "unreachable";
      world.server.cut();
      world.server.delete("a");
      world.run(5_000);
      world.server.mode = "up";
      world.run(31_000);
      expect(tabs[0]!.views.get("a")!.gone).toBe(true);
      expectAllRight(tabs.slice(1));
      expect(world.server.watches.size).toBe(tabs.length - 1);
    },
  );

  test("a proxy's 502 doesn't make a board gone", () => {
    const [tab] = open("a");
    world.server.mode = "refuses";
    world.server.cut();
    world.run(60_000);
    expect(tab!.views.get("a")!.gone).toBe(false);
  });
});

describe("what the page says of itself", () => {
  test("connecting, then live", () => {
    const [tab] = open("a");
    expect(tab!.states).toEqual(["connecting", "live"]);
    expect(tab!.state.currentAt).not.toBeNull();
  });

  test("a page that never was live says so, and after twenty seconds that it may be old", () => {
    const tab = world.open();
    tab.open("a");
    world.run(100);
    world.server.mode = "unreachable";
    world.run(18_000);
    expect(tab.states).toEqual(["connecting"]);
    world.run(3_000);
    expect(tab.state).toEqual({ connection: "outdated", currentAt: null });
  });

  test("it isn't live while a board of it still catches up", () => {
    open("a");
    const early = world.server.head("a");
    world.server.append("a");
    world.run(1_000);
    const tab = world.open();
    world.run(1_000);
    world.server.mode = "refuses";
    tab.follow("a", early, 1);
    world.run(10_000);
    expect(tab.states).toEqual(["connecting"]);
    world.server.mode = "up";
    world.run(31_000);
    expectAllRight([tab]);
  });

  test("a line that is back within a second was never away", () => {
    const tabs = open("a", "a");
    const late = world.open();
    late.open("b");
    world.run(5_000);
    expect(world.server.opened).toHaveLength(2);
    for (const tab of tabs) expect(tab.states).toEqual(["connecting", "live"]);
  });

  test("reconnecting, and twenty seconds later outdated, in every tab, with when it was current", () => {
    const tabs = open("a", "a");
    const before = world.now;
    world.server.mode = "unreachable";
    world.server.cut();
    world.run(2_000);
    for (const tab of tabs) expect(tab.state.connection).toBe("reconnecting");
    world.run(20_000);
    for (const tab of tabs) {
      expect(tab.state.connection).toBe("outdated");
      expect(tab.state.currentAt).toBeLessThanOrEqual(before + 20);
    }
  });

  test("offline when the browser says so and the server is out of reach", () => {
    const tabs = open("a", "a");
    world.server.mode = "unreachable";
    world.setOnline(false);
    world.run(2_000);
    for (const tab of tabs) expect(tab.state.connection).toBe("offline");
    world.server.mode = "up";
    world.setOnline(true);
    world.run(1_000);
    expectAllRight(tabs);
  });

  test("a server on this machine is live without a network", () => {
    const tabs = open("a", "a");
    world.setOnline(false);
    world.run(60_000);
    expectAllRight(tabs);
    for (const tab of tabs) expect(tab.states).toEqual(["connecting", "live"]);
  });

  test("a feed that was closed holds nothing and says nothing", () => {
    const [tab] = open("a");
    tab!.feed.close();
    world.server.append("a");
    world.run(60_000);
    expect(world.server.watches.size).toBe(0);
    expect(tab!.views.get("a")!.count).toBe(1);
    expect(tab!.states).toEqual(["connecting", "live"]);
  });
});

describe("nobody is signed in", () => {
  test("a page that waits for somebody asks for nothing, whatever happens, and then goes on where it was", () => {
    const tabs = open("a", "a", "b");
    world.server.mode = "signed out";
    world.server.cut();
    world.run(2_000);
    for (const tab of tabs) tab.feed.pause();
    world.run(5_000);
    const asked = () => [...world.server.opened, ...tabs.flatMap((tab) => tab.requests)].length;
    const before = asked();
    world.server.append("a");
    for (const tab of tabs) for (const signal of ["visible", "online", "back"] as const) tab.signal(signal);
    world.run(120_000);
    expect(asked()).toBe(before);
    expect(world.server.watches.size).toBe(0);
    world.server.mode = "up";
    for (const tab of tabs) tab.feed.resume();
    world.run(10_000);
    expectAllRight(tabs);
    holder();
  });

  test("a board whose log was answered 401 is read again when somebody has signed in", () => {
    const [tab] = open("a");
    world.server.mode = "signed out";
    world.server.cut();
    for (let at = 0; at < 20; at++) world.server.append("a");
    world.run(60_000);
    tab!.feed.pause();
    world.server.mode = "up";
    tab!.feed.resume();
    world.run(10_000);
    expectAllRight([tab!]);
  });
});
