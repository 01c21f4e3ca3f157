// Watches a board with the npm package `eventsource`: node eventsource.js URL [CURSOR]. Where there are accounts,
// BOARDCAST_TOKEN holds a token.
import { EventSource } from "eventsource";

const [url, cursor] = process.argv.slice(2);
const token = process.env.BOARDCAST_TOKEN;

const stream = new URL(url);
// Where it begins; from the second connection on the id of the last event counts instead.
if (cursor) stream.searchParams.set("after", cursor);

const source = new EventSource(stream, {
  fetch: (input, init) =>
    fetch(input, {
      ...init,
      headers: { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) },
    }),
});

source.onmessage = ({ lastEventId, data }) => {
  const event = JSON.parse(data);
  console.log(JSON.stringify({ id: lastEventId, type: event.type, data: event }));
};

// It reconnects by itself after anything but an answer that isn't a stream, such as 204: never come back.
source.onerror = ({ code }) => {
  if (source.readyState === EventSource.CLOSED) console.error(`closed for good: ${code}`);
};
