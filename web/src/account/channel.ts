// How the tabs of a browser tell each other that its cookie changes.

import type { Word } from "./account.svelte";

const CHANNEL = "boardcast-account-1";

export function openAccountChannel(hear: (word: Word) => void): ((word: Word) => void) | null {
  if (typeof BroadcastChannel === "undefined") return null;
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }) => hear(data as Word);
  return (word) => channel.postMessage(word);
}
