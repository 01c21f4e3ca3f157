// Keys and clicks that mean the same on every page.

import { messages, route } from "../app.svelte";

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select") !== null;
}

/** Ctrl+Z undoes, if there is something to undo. Returns whether the key was that. */
export function undoKey(event: KeyboardEvent): boolean {
  const isUndo =
    (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "z";
  if (isUndo && messages.undoLast()) event.preventDefault();
  return isUndo;
}

/** Follows a link without loading anything. Another tab, a window or a download is the browser's business. */
export function follow(event: MouseEvent): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
  event.preventDefault();
  route.go((event.currentTarget as HTMLAnchorElement).pathname);
}
