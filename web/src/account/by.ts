// Whoever changed something, in words, and whether it was the person in front of this page.

import { t } from "../text";
import type { By, User } from "../wire";

export function isMe(by: By | null, me: User | null): boolean {
  return by?.type === "person" && by.id === me?.id;
}

/** A name to end a sentence with. */
export function byWhom(by: By, me: User | null): string {
  return isMe(by, me) ? t.by.byYou : whoOf(by, me);
}

/** A name to begin a sentence with. */
export function whoOf(by: By | null, me: User | null): string {
  if (by === null) return t.by.somebody;
  if (by.type === "token") return t.by.token(by.name, by.tokenName);
  return isMe(by, me) ? t.by.you : by.name;
}
