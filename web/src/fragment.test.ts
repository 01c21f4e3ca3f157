// What may stand behind the # of the address, and that it doesn't stay there.

import { afterEach, expect, it, vi } from "vitest";
import { readFragment, takeFragment } from "./fragment";

afterEach(() => void vi.unstubAllGlobals());

it.each([
  ["#setup", "setup"],
  ["#invite=bci_0123abc", { invite: "bci_0123abc" }],
  ["", null],
  ["#", null],
  ["#invite=", null],
  ["#invite=a b", null],
  ["#invite=<script>", null],
  [`#invite=${"x".repeat(257)}`, null],
  ["#setup2", null],
  ["#anything", null],
])("%s", (hash, fragment) => {
  expect(readFragment(hash)).toEqual(fragment);
});

it("an invitation is taken out of the address and the history; what means nothing stays", () => {
  const replaceState = vi.fn();
  vi.stubGlobal("history", { state: null, replaceState });
  vi.stubGlobal("location", { hash: "#invite=secret", pathname: "/b/x", search: "?q=1" });
  expect(takeFragment()).toEqual({ invite: "secret" });
  expect(replaceState).toHaveBeenCalledExactlyOnceWith(null, "", "/b/x?q=1");
  vi.stubGlobal("location", { hash: "#anything", pathname: "/", search: "" });
  expect(takeFragment()).toBeNull();
  expect(replaceState).toHaveBeenCalledOnce();
});
