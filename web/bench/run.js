// Runs a TypeScript file of this folder: Node 20 can't by itself, and Vite is here anyway.
import { argv } from "node:process";
import { runnerImport } from "vite";

const { module } = await runnerImport(new URL(argv[2], import.meta.url).pathname, { configFile: false });
await module.main(argv.slice(3));
