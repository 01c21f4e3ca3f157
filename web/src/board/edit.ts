// Saving a text that somebody else may be changing too. What the person typed was typed over `base`: if the
// field still says that, the text is saved whatever else has changed; if not, both texts go back to the
// person. If-Match makes sure that nothing comes in between unseen.

import type { Command } from "../commands";
import type { Outcome } from "../requests";
import type { Problem } from "../wire";

/** What came of saving. */
export type Saved<T> =
  { state: "saved"; thing: T } | { state: "conflict"; theirs: T } | { state: "refused"; outcome: Outcome };

/** Someone who changes one version after another faster than this many tries is no person. */
const TRIES_MAX = 5;

/** Sends the text for a version, and for another one if it is told to. */
export type Send = (about: Required<Pick<Command, "ifMatch" | "revise">>) => Promise<Outcome>;

/** Saves `mine` into a field of a thing that is known as `current`, if the field still holds `base`. */
export async function save<T extends { version: number }>(
  current: T,
  field: (thing: T) => string,
  base: string,
  mine: string,
  send: Send,
): Promise<Saved<T>> {
  const isFree = () => field(current) === base || field(current) === mine;
  if (!isFree()) return { state: "conflict", theirs: current };
  let tries = 0;
  const revise = (refusal: Problem) => {
    if (refusal.code !== "version_mismatch" || refusal.current === undefined) return undefined;
    current = refusal.current as unknown as T;
    return isFree() && ++tries < TRIES_MAX ? current.version : undefined;
  };
  const outcome = await send({ ifMatch: current.version, revise });
  if (outcome.ok) return { state: "saved", thing: outcome.body as T };
  return isFree() ? { state: "refused", outcome } : { state: "conflict", theirs: current };
}
