// Which page the address names, and changing the address without loading anything.

export type Page =
  | { page: "boards" }
  | { page: "board"; boardId: string; taskId: string | null }
  | { page: "deleted"; boardId: string }
  | { page: "account" }
  | { page: "people" }
  | { page: "unknown" };

const ID = "([A-Za-z0-9_-]{1,64})";
const BOARD = new RegExp(`^/b/${ID}(?:/t/${ID})?/?$`);
const DELETED = new RegExp(`^/b/${ID}/deleted/?$`);

// No board's id has a ~ in it.
export const ACCOUNT_PATH = "/b/~account";
export const PEOPLE_PATH = "/b/~people";

/** What a path names. */
export function readPath(path: string): Page {
  if (path === "/") return { page: "boards" };
  if (path === ACCOUNT_PATH) return { page: "account" };
  if (path === PEOPLE_PATH) return { page: "people" };
  const deleted = DELETED.exec(path);
  if (deleted) return { page: "deleted", boardId: deleted[1]! };
  const board = BOARD.exec(path);
  if (board) return { page: "board", boardId: board[1]!, taskId: board[2] ?? null };
  return { page: "unknown" };
}

export function boardPath(boardId: string, taskId: string | null = null): string {
  return taskId === null ? `/b/${boardId}` : `/b/${boardId}/t/${taskId}`;
}

/** The address, as the page reacts to it. */
export class Route {
  #path = $state(location.pathname);
  /** What cards are filtered by; part of the address, so that it can be passed on. */
  filter = $state(filterOf(location.search));
  page = $derived(readPath(this.#path));

  constructor() {
    addEventListener("popstate", () => this.#read());
  }

  /** Goes to a path. A filter stays as long as the board does. */
  go(path: string, how: "push" | "replace" = "push"): void {
    const search = sameBoard(path, this.#path) ? location.search : "";
    if (path + search !== location.pathname + location.search)
      history[how === "push" ? "pushState" : "replaceState"](null, "", path + search);
    this.#read();
  }

  setFilter(text: string): void {
    this.filter = text;
    const search = text === "" ? "" : `?${new URLSearchParams({ q: text })}`;
    // Last, because a browser may refuse when somebody types fast.
    history.replaceState(null, "", location.pathname + search);
  }

  #read(): void {
    this.#path = location.pathname;
    this.filter = filterOf(location.search);
  }
}

function filterOf(search: string): string {
  return new URLSearchParams(search).get("q") ?? "";
}

function sameBoard(one: string, other: string): boolean {
  return one.split("/")[1] === "b" && one.split("/")[2] === other.split("/")[2];
}
