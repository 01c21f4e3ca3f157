// Two people who do whatever comes to mind, at once: in the end both see what the server has.
import { expect, test, USUAL, type Board, type Person } from "./people.ts";

/** The same numbers for the same seed, so that a failure can be had again. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => (state = (state * 48_271) % 2_147_483_647) % sides;
}

const ROUNDS = 25;

/** One thing that a person does by keys, whatever the other is doing. */
async function doSomething(person: Person, roll: (sides: number) => number, round: string): Promise<void> {
  const { page } = person;
  const links = page.locator("[data-task] [data-focus]");
  const count = await links.count();
  const isFocused =
    count > 0 &&
    (await page.evaluate((at) => {
      const all = document.querySelectorAll<HTMLElement>("[data-task] [data-focus]");
      all[at % all.length]?.focus();
      return document.activeElement?.hasAttribute("data-focus") ?? false;
    }, roll(1_000)));
  const what = isFocused ? roll(8) : 0;
  if (what === 0) {
    await person.press("n");
    await page.keyboard.type(`new ${round}`);
    await person.press("Enter", "Escape");
  } else if (what === 1) await person.press("Delete");
  else if (what === 2) {
    await person.press("e");
    await page.keyboard.type(`edited ${round}`);
    await person.press("Enter");
    const question = person.dialog.getByRole("button", { name: "Save mine" });
    if (await question.isVisible()) await question.click();
  } else if (what === 3) await person.press("Control+z");
  else await person.press(`Alt+Arrow${["Up", "Down", "Left", "Right"][roll(4)]}`);
}

async function play(person: Person, seed: number, name: string): Promise<void> {
  const roll = dice(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const question = person.dialog.getByRole("button", { name: "Keep theirs" });
    if (await question.isVisible()) await question.click();
    await doSomething(person, roll, `${name}${round}`);
  }
  await person.press("Escape");
}

for (const seed of [1, 2]) {
  test(`two people at random end with one board, seed ${seed}`, async ({ world }) => {
    world.expectComplaint(/status of 4(04|09|12)/);
    const board: Board = await world.board(USUAL);
    const [a, b] = await world.two(board);
    await Promise.all([play(a, seed * 7_919, "a"), play(b, seed * 104_729, "b")]);
    for (const person of [a, b]) {
      await expect(async () => {
        const question = person.dialog.getByRole("button", { name: "Keep theirs" });
        if (await question.isVisible()) await question.click();
        await expect(person.dialog).toHaveCount(0, { timeout: 500 });
      }).toPass();
    }
    await world.expectSame(board, a, b);
    await a.page.reload();
    await a.isLive();
    await world.expectSame(board, a, b);
  });
}
