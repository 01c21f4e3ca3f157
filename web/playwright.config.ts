// How browser tests run: Chromium that the machine has, on the server that was built, no second tries.
import { defineConfig } from "@playwright/test";

const EXECUTABLE = process.env["BOARDCAST_CHROMIUM"] ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  fullyParallel: true,
  // Most tests mostly wait.
  workers: 4,
  retries: 0,
  // As long as the slowest machine needs; what takes that long elsewhere hangs.
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 800 },
    actionTimeout: 15_000,
    trace: "off",
    launchOptions: {
      executablePath: EXECUTABLE,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
});
