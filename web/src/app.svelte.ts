// The parts of the page that there is one of, put together.

import { Commands } from "./commands";
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
