// Watches a board with the browser's own EventSource, from a page of the same origin: ?board=ID, and &after=CURSOR to
// begin there. It can't send headers; where there are accounts the session's cookie says who asks.
const asked = new URLSearchParams(location.search);
const stream = new URL(`/boards/${asked.get("board")}/events`, location.href);
// Where it begins; from the second connection on the id of the last event counts instead.
if (asked.has("after")) stream.searchParams.set("after", asked.get("after"));

const source = new EventSource(stream);

source.onmessage = ({ lastEventId, data }) => {
  const event = JSON.parse(data);
  console.log(JSON.stringify({ id: lastEventId, type: event.type, data: event }));
};

// It reconnects by itself after anything but an answer that isn't a stream. It can't see which: 204, never come back, or
// 401 or 404.
source.onerror = () => {
  if (source.readyState === EventSource.CLOSED) console.error("closed for good");
};
