// Follows boards, each on a stream of its own.
import type { BoardEvent, Cursor, SnapshotEvent } from "../wire";
export type Connection = "connecting" | "live" | "reconnecting" | "offline" | "outdated";
export interface ConnectionState {
  connection: Connection;
  currentAt: number | null;
}
export interface BoardSink {
  event(event: BoardEvent | SnapshotEvent, cursor: Cursor): void;
  gone(): void;
}
export interface Feed {
  follow(boardId: string, cursor: Cursor, sink: BoardSink): () => void;
  onState(l: (s: ConnectionState) => void): () => void;
  close(): void;
}
export function openFeed(): Feed {
  const ls = new Set<(s: ConnectionState) => void>();
  let st: ConnectionState = { connection: "connecting", currentAt: null };
  const set = (c: Connection) => {
    st = { connection: c, currentAt: Date.now() };
    ls.forEach((l) => l(st));
  };
  return {
    follow(id, cursor, sink) {
      const es = new EventSource(`/boards/${id}/events?after=${cursor}&heartbeat=event`);
      es.onmessage = (m) => {
        const d = JSON.parse(m.data);
        if (d.type === "connected") set("live");
        else sink.event(d, m.lastEventId);
      };
      es.onerror = () => set("reconnecting");
      return () => es.close();
    },
    onState(l) {
      ls.add(l);
      l(st);
      return () => ls.delete(l);
    },
    close() {},
  };
}
