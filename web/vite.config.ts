// How the interface is built: one page, hashed files under /assets/, nothing inline, so that the
// server's content security policy needs no exception.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { compress } from "./compress.ts";

export default defineConfig({
  plugins: [svelte(), compress()],
  build: {
    target: "es2022",
    // A file of its own for everything: data: URLs would need an exception in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` beside a server on its default address; only what is no page goes there.
    proxy: Object.fromEntries(
      ["boards", "lists", "tasks", "events", "healthz", "me", "setup", "session", "invites", "users"].map(
        (name) => [`^/${name}(/|\\?|$)`, "http://localhost:3000"],
      ),
    ),
  },
});
