// Hands: dragging with a mouse, and with a finger through the browser's own input, down to scrolling.
import { expect, type CDPSession, type Locator } from "@playwright/test";
import type { Person } from "./people.ts";

/** A point in a box, from 0 to 1. */
export interface Spot {
  x: number;
  y: number;
}

const MIDDLE: Spot = { x: 0.5, y: 0.5 };

export async function pointIn(target: Locator, spot: Spot = MIDDLE): Promise<{ x: number; y: number }> {
  const box = await target.boundingBox();
  if (box === null) throw new Error("it isn't drawn");
  return { x: box.x + box.width * spot.x, y: box.y + box.height * spot.y };
}

/** Takes something up with the mouse. */
export async function lift({ page }: Person, target: Locator, spot: Spot = MIDDLE): Promise<void> {
  const { x, y } = await pointIn(target, spot);
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 4, y + 8, { steps: 3 });
  await expect(page.locator(".ghost")).toBeVisible();
}

/** Carries it over something else. */
export async function carry({ page }: Person, target: Locator, spot: Spot = MIDDLE): Promise<void> {
  const { x, y } = await pointIn(target, spot);
  await page.mouse.move(x, y, { steps: 4 });
}

/** Carries a card until the gap stands before another. */
export async function carryBefore(person: Person, title: string): Promise<void> {
  await carry(person, person.card(title), { x: 0.5, y: 0.1 });
  await expect.poll(() => gap(person)).toBe(title);
}

/** Carries a card to the end of a list. */
export async function carryToEnd(person: Person, list: string): Promise<void> {
  await carry(person, person.list(list).locator("footer"));
  await expect.poll(() => gap(person)).toBe(`the end of ${list}`);
}

/** Where the gap stands: the title of the card after it, or the end of a list. */
export function gap({ page }: Person): Promise<string | null> {
  return page.evaluate(() => {
    const at = document.querySelector(".gap");
    if (at === null) return null;
    let after = at.nextElementSibling;
    while (after !== null && !(after.matches("[data-task]") && !after.matches(".lifted")))
      after = after.nextElementSibling;
    const list = at.closest("[data-list]")?.querySelector("h2")?.textContent?.trim();
    return after?.querySelector(".title")?.textContent?.trim() ?? `the end of ${list}`;
  });
}

/** One finger on a person's screen. */
export class Finger {
  private constructor(
    private readonly session: CDPSession,
    private readonly person: Person,
  ) {}

  static async of(person: Person): Promise<Finger> {
    return new Finger(await person.context.newCDPSession(person.page), person);
  }

  async down(target: Locator, spot: Spot = MIDDLE): Promise<{ x: number; y: number }> {
    const point = await pointIn(target, spot);
    await this.#send("touchStart", [point]);
    return point;
  }

  async moveTo(point: { x: number; y: number }): Promise<void> {
    await this.#send("touchMove", [point]);
  }

  async up(): Promise<void> {
    await this.#send("touchEnd", []);
  }

  /** Stays on a card until it is lifted. */
  async longPress(target: Locator): Promise<{ x: number; y: number }> {
    const point = await this.down(target);
    await expect(this.person.page.locator(".ghost")).toBeVisible();
    return point;
  }

  /** Swipes over something. It begins without a wait for answers: on a busy machine that made a long press of it. */
  async swipe(target: Locator, by: { x?: number; y?: number }, spot: Spot = MIDDLE): Promise<void> {
    const STEPS = 10;
    const { x, y } = await pointIn(target, spot);
    const way = Array.from({ length: STEPS + 1 }, (_, step) => ({
      x: x + ((by.x ?? 0) * step) / STEPS,
      y: y + ((by.y ?? 0) * step) / STEPS,
    }));
    const begun = [this.#send("touchStart", [way[0]!]), this.moveTo(way[1]!), this.moveTo(way[2]!)];
    await Promise.all(begun);
    for (const point of way.slice(3)) await this.moveTo(point);
    await this.up();
  }

  async #send(
    type: "touchStart" | "touchMove" | "touchEnd",
    touchPoints: { x: number; y: number }[],
  ): Promise<void> {
    await this.session.send("Input.dispatchTouchEvent", { type, touchPoints });
  }
}
