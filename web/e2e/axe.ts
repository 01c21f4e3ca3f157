// Whether a screen breaks a rule of axe, in its light and in its dark look.
import AxeBuilder from "@axe-core/playwright";
import { expect, type Person } from "./people.ts";

/** Every rule in one state, and those of colour in its dark look too, which differs in nothing else. */
export async function expectClean(person: Person, state: string): Promise<void> {
  await expectCleanIn(person, "light", state, (axe) => axe);
  await expectCleanIn(person, "dark", state, (axe) =>
    axe.withRules(["color-contrast", "link-in-text-block"]),
  );
}

async function expectCleanIn(
  { page }: Person,
  colorScheme: "light" | "dark",
  state: string,
  narrow: (axe: AxeBuilder) => AxeBuilder,
): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  // Colours that fade are judged when they have.
  await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {}))));
  const { violations } = await narrow(new AxeBuilder({ page }).setLegacyMode()).analyze();
  const found = violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => node.html) }));
  expect(found, `${state}, ${colorScheme}`).toEqual([]);
}
