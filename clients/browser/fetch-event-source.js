// Watches a board with the npm package `@microsoft/fetch-event-source`, from a page of the same origin: ?board=ID, and
// &after=CURSOR to begin there. Where there are accounts the session's cookie says who asks.
import { fetchEventSource } from "@microsoft/fetch-event-source";

const asked = new URLSearchParams(location.search);
const cursor = asked.get("after");

class Refused extends Error {}

await fetchEventSource(`/boards/${asked.get("board")}/events`, {
  // In lower case: it sets the header by this name itself later on, and another spelling would be sent beside it.
  headers: cursor ? { "last-event-id": cursor } : {},
  openWhenHidden: true,

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
