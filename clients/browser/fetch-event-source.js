// Watches a board with the npm package `@microsoft/fetch-event-source`, from a page of the same origin: ?board=ID, and
// &after=CURSOR to begin there. Where there are accounts the session's cookie says who asks.
import { fetchEventSource } from "@microsoft/fetch-event-source";

const asked = new URLSearchParams(location.search);
// Of the last event that was whole.
let lastId = asked.get("after");

class Refused extends Error {}

await fetchEventSource(`/boards/${asked.get("board")}/events`, {
  openWhenHidden: true,

  // It takes an id when it has read that line: if the connection ended before the blank line, it would miss the event.
  fetch(input, { headers, ...init }) {
    const ours = new Headers(headers);
    if (lastId) ours.set("Last-Event-ID", lastId);
    else ours.delete("Last-Event-ID");
    return fetch(input, { ...init, headers: ours });
  },

  async onopen({ status }) {
    // 204 says never to come back; the rest are refused for a reason that stays.
    if (status === 204 || (status >= 400 && status < 500 && status !== 429)) throw new Refused(status);
    if (status !== 200) throw new Error(status);
  },

  onmessage({ id, data }) {
    // A heartbeat, or the `retry` with which a server that stops says goodbye.
    if (data === "") return;
    const event = JSON.parse(data);
    console.log(JSON.stringify({ id, type: event.type, data: event }));
    lastId = id || lastId;
  },

  // Without this the end of a connection would be the end of it all.
  onclose() {
    throw new Error("the stream ended");
  },

  // What isn't thrown again is tried again, after what `retry` said.
  onerror(error) {
    if (error instanceof Refused) throw error;
  },
}).catch((error) => console.error(`closed for good: ${error.message}`));
