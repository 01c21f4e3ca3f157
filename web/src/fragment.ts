// What stands behind the # of the address. It never reaches a server, so an invitation can stand there; it is
// taken out of the address and the history before anything else happens.

export type Fragment = { invite: string } | "setup" | null;

export function readFragment(hash: string): Fragment {
  if (hash === "#setup") return "setup";
  const invite = /^#invite=([\w.~-]{1,256})$/.exec(hash)?.[1];
  return invite === undefined ? null : { invite };
}

/** Reads it, and removes it where it means something. */
export function takeFragment(): Fragment {
  const fragment = readFragment(location.hash);
  if (fragment !== null) history.replaceState(history.state, "", location.pathname + location.search);
  return fragment;
}
