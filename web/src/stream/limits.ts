// Every time and size that the stream's keepers go by, each with its reason.

/** How often a tab looks whether the stream's holder is still there. */
export const TICK_MS = 3_000;
/** So many asks without an answer, and the holder is taken for dead. */
export const UNANSWERED_MAX = 2;
/** A tab that comes waits this long for a holder to answer, and up to as long again by chance: tabs that
 * a browser restores all at once then don't all claim the stream. */
export const JOIN_MS = 300;
/** A follower says at least this often what it follows, even while it hears the holder anyway. */
export const REPEAT_MS = 45_000;
/** A tab not heard of for so long is gone. Browsers let a hidden tab's timers run once a minute. */
export const FORGET_MS = 150_000;
/** Tabs that a holder keeps in mind. */
export const TABS_MAX = 256;

/** The server beats every 15 s; two missed ones and some slack mean that the line is dead. */
export const SILENCE_MS = 35_000;
/** From opening a stream to its `connected`. */
export const ESTABLISH_MS = 10_000;
/** Boards come and go in bursts (a page that changes boards, tabs that answer a new holder); one
 * reopening serves a burst. */
export const SETTLE_MS = 50;
/** Waits before a try again: a fixed part, and a random one that doubles with every failure. */
export const RETRY_FIXED_MS = 500;
export const RETRY_SPREAD_MS = 1_000;
export const RETRY_MS_MAX = 30_000;
/** Somebody who looks may have it tried at once, but not more often than this. */
export const HURRY_MS = 1_000;

/** The server's limit of boards on one stream. */
export const STREAM_BOARDS_MAX = 32;
/** HTTP/1.1 gives a browser six connections to a server; half of them stay free for requests. */
export const STREAMS_MAX = 3;

/** Events of a page of the log: the server's most. */
export const PAGE_EVENTS = 1_000;
/** What a board may hold back while it catches up. Past it everything is dropped and read from the log. */
export const HELD_MAX = 1_000;
/** A request that takes longer failed. */
export const REQUEST_MS = 15_000;

/** Breaks shorter than this are nobody's business: a reopened stream, another holder, a page read. */
export const BLIP_MS = 1_000;
/** Not live for this long: what the page shows may be old. */
export const OUTDATED_AFTER_MS = 20_000;

/** How long to wait before a try, after so many failures in a row. `random` is in [0, 1). */
export function retryWaitMs(failures: number, random: number): number {
  const spread = Math.min(RETRY_SPREAD_MS * 2 ** failures, RETRY_MS_MAX - RETRY_FIXED_MS);
  return RETRY_FIXED_MS + random * spread;
}
