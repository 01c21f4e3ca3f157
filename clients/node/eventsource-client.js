// Watches a board with the npm package `eventsource-client`: node eventsource-client.js URL [CURSOR]. Where there are
// accounts, BOARDCAST_TOKEN holds a token.
import { createEventSource } from "eventsource-client";

const [url, cursor] = process.argv.slice(2);
const token = process.env.BOARDCAST_TOKEN;

const source = createEventSource({
  url,
  initialLastEventId: cursor,
  headers: token ? { authorization: `Bearer ${token}` } : {},
  fetch: async (input, init) => {
    const response = await fetch(input, init);
    // It would take any other answer for a stream that ended, and ask for ever.
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      console.error(`refused: ${response.status}`);
      source.close();
    }
    return response;
  },
});

for await (const { id, data } of source) {
  const event = JSON.parse(data);
  console.log(JSON.stringify({ id, type: event.type, data: event }));
}

// It reconnects by itself after anything but 204: never come back.
console.error("closed for good");
