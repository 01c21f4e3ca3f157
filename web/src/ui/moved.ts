// The browser takes the focus from what is moved in the document, as when somebody else moves the list it
// stands in, and from what is covered by the question who is there. That is not a person leaving it.

import { tick } from "svelte";

/** Whether what just lost the focus was moved with its card or its list, or covered. To be asked in the event. */
export async function wasMoved(element: HTMLElement): Promise<boolean> {
  const before = placeOf(element);
  await tick();
  if (isCovered(element)) return true;
  return element.isConnected && placeOf(element).some((one, at) => one !== before[at]);
}

/** Whether something stands in front of the whole page. */
export function isCovered(element: HTMLElement): boolean {
  return element.closest("[inert]") !== null;
}

/** Gives the focus back to what was moved. */
export async function keepFocus({ target }: FocusEvent): Promise<void> {
  if (!(target instanceof HTMLElement)) return;
  if ((await wasMoved(target)) && document.activeElement === document.body)
    target.focus({ preventScroll: true });
}

function placeOf(element: HTMLElement): (Element | null | undefined)[] {
  return ["[data-task]", "[data-list]"].map((part) => element.closest(part)?.previousElementSibling);
}
