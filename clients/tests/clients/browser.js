// One Chromium for all pages of the test. Takes a line of JSON for each page to open, {page, url, cookie?}, and says line by
// line what the pages say: {page, said} to the console, {page, complained} about its end.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.env.BOARDCAST_CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
  ],
});

const tell = (what) => console.log(JSON.stringify(what));

async function open({ page: number, url, cookie }) {
  // A context each: cookies know no ports.
  const context = await browser.newContext();
  if (cookie)
    await context.addCookies([{ name: "boardcast", value: cookie, url, httpOnly: true, sameSite: "Lax" }]);
  const page = await context.newPage();
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "log") tell({ page: number, said: text });
    // Chromium itself complains, too, of each connection that was cut.
    else if (text.startsWith("closed for good")) tell({ page: number, complained: text });
  });
  page.on("pageerror", (error) => tell({ page: number, complained: `error: ${error.message}` }));
  await page.goto(url);
}

for await (const line of createInterface({ input: process.stdin })) {
  const wish = JSON.parse(line);
  open(wish).catch((error) => tell({ page: wish.page, complained: `error: ${error.message}` }));
}
await browser.close();
