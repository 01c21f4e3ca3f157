// The parts of the page that there is one of, put together.

import { Account } from "./account/account.svelte";
import { openAccountChannel } from "./account/channel";
import { Commands } from "./commands";
import { onAnswered } from "./requests";
import { Route } from "./route.svelte";
import { Settings } from "./settings.svelte";
import { openFeed, type ConnectionState } from "./stream/feed";
import { t } from "./text";
import { Messages } from "./undo.svelte";

export const route = new Route();
export const settings = new Settings();
export const messages = new Messages();
export const commands = new Commands();
export const feed = openFeed();

const drafts = new Set<() => boolean>();

/** For a component where texts are typed: how to ask it whether there is one that isn't sent. */
export function holdsDraft(isTyped: () => boolean): void {
  $effect(() => {
    drafts.add(isTyped);
    return () => void drafts.delete(isTyped);
  });
}

/** Whether anything would be lost with the page. */
export function hasWork(): boolean {
  return commands.waiting > 0 || [...drafts].some((isTyped) => isTyped());
}

export const account = new Account({
  hold() {
    commands.hold();
    feed.pause();
  },
  letGo() {
    commands.letGo();
    feed.resume();
  },
  hasWork,
  leave(path) {
    commands.abandon();
    if (path === null || path === location.pathname) location.reload();
    else location.replace(path);
  },
  openChannel: openAccountChannel,
});

onAnswered("unknown", () => account.doubt());
addEventListener("pageshow", ({ persisted }) => persisted && account.wake());
document.addEventListener("resume", () => account.wake());
// Somebody may have signed in elsewhere, where no channel leads from there to here.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && account.standing.is === "out") void account.look();
});
void account.look();

/** How current the page is, for whatever shows it. */
class Line {
  state = $state.raw<ConnectionState>({ connection: "connecting", currentAt: null });
  /** Changes that have no answer yet. */
  waiting = $state(0);
  /** Of these, the first was tried in vain. */
  isHeldUp = $state(false);

  constructor() {
    feed.onState((state) => {
      if (state.connection === "live" && this.state.connection !== "live") commands.retryNow();
      this.state = state;
    });
    commands.onWaiting((waiting, isHeldUp) => {
      this.waiting = waiting;
      this.isHeldUp = isHeldUp;
    });
    addEventListener("online", () => commands.retryNow());
    addEventListener("beforeunload", (event) => {
      if (commands.waiting === 0) return;
      event.preventDefault();
      event.returnValue = t.connection.leave;
    });
  }
}

export const line = new Line();
