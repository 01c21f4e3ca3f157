// Saving a text that somebody else may be changing too. What the person typed was typed over `base`: if the
// field still says that, the text is saved whatever else has changed; if not, both texts go back to the
// person. If-Match makes sure that nothing comes in between unseen.

import type { Outcome } from "../requests";

/** What came of saving. */
export type Saved<T> =
  { state: "saved"; thing: T } | { state: "conflict"; theirs: T } | { state: "refused"; outcome: Outcome };

/** Someone who changes one version after another faster than this many tries is no person. */
const TRIES_MAX = 5;

/** Saves `mine` into a field of a thing that is known as `current`, if the field still holds `base`. */
export async function save<T extends { version: number }>(
  current: T,
  field: (thing: T) => string,
  base: string,
  mine: string,
  send: (ifMatch: number) => Promise<Outcome>,
): Promise<Saved<T>> {
  for (let tries = 0; ; tries++) {
    if (field(current) !== base && field(current) !== mine) return { state: "conflict", theirs: current };
    const outcome = await send(current.version);
    if (outcome.ok) return { state: "saved", thing: outcome.body as T };
    const theirs = outcome.problem.code === "version_mismatch" ? outcome.problem.current : undefined;
    if (theirs === undefined || tries === TRIES_MAX) return { state: "refused", outcome };
    current = theirs as unknown as T;
  }
}
