// The shapes of the wire contract as the browser sees them: things, events, refusals. Types only, and
// the limits a form must know; nothing here decides or draws.

/** A place in one board's log. Opaque: compared for equality, never taken apart. */
export type Cursor = string;

/** A board's own fields. */
export interface Board {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  updatedAt: string;
}

/** A list's own fields. */
export interface List {
  id: string;
  boardId: string;
  name: string;
  rank: string;
  version: number;
  createdAt: string;
  updatedAt: string;
}

/** A task as events and single reads carry it. */
export interface Task {
  id: string;
  listId: string;
  title: string;
  description: string;
  rank: string;
  version: number;
  createdAt: string;
  updatedAt: string;
}

/** A task as it stands in a snapshot. */
export interface TaskSummary extends Omit<Task, "description"> {
  hasDescription: boolean;
}

export interface ListWithTasks extends List {
  tasks: TaskSummary[];
}

/** A whole board, true at its cursor. */
export interface Snapshot extends Board {
  lists: ListWithTasks[];
  cursor: Cursor;
}

/** Who changed something, named as of then. */
export type By =
  | { type: "person"; id: string; name: string }
  | { type: "token"; id: string; name: string; tokenId: string; tokenName: string };

interface Numbered {
  boardId: string;
  /** Who did it; nobody has a name without accounts. */
  by: By | null;
  at: string;
}

/** What happened on a board, with a cursor of its own each. */
export type BoardEvent = Numbered &
  (
    | { type: "board_created" | "board_updated" | "board_restored"; board: Board }
    | { type: "board_deleted" }
    | { type: "list_created" | "list_updated" | "list_moved"; list: List }
    | { type: "list_deleted"; listId: string }
    | { type: "task_created" | "task_updated" | "task_moved"; task: Task }
    | { type: "task_deleted"; taskId: string }
  );

/** The board anew: what it holds replaces everything known of it. */
export interface SnapshotEvent {
  type: "snapshot";
  board: Snapshot;
}

/** What a stream can bring. Types that aren't known here are passed over. */
export type StreamEvent =
  BoardEvent | SnapshotEvent | { type: "connected" } | { type: "board_gone"; boardId: string };

/** A page of a board's log. */
export interface EventPage {
  events: { id: Cursor; data: BoardEvent }[];
  cursor: Cursor;
}

/** RFC 9457, with what the contract adds. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  field?: string;
  /** Seconds to wait, where the answer named them. */
  retryAfter?: number;
  /** The thing as it is, with a 412. */
  current?: Task | List | Board;
}

/** Something of a board that was deleted and can come back: a task, or a list with its tasks. */
export type Deleted = ({ task: Task } | { list: List }) & { deletedAt: string };

/** A page of what was deleted on a board, newest first. */
export interface DeletedPage {
  deleted: Deleted[];
  next: string | null;
}

/** A board among others; with accounts it says what the asker is there. */
export type ListedBoard = Board & { role?: Role };

/** A page of boards. */
export interface BoardPage {
  boards: ListedBoard[];
  next: string | null;
}

export type DeletedBoard = ListedBoard & { deletedAt: string };

/** What somebody may do on one board. */
export type Role = "viewer" | "editor" | "admin";

/** What a token may do at most. */
export type Scope = "read" | "write" | "admin";

export interface User {
  id: string;
  login: string;
  name: string;
  isAdmin: boolean;
}

/** Who is asking, as the server sees it. */
export interface Me {
  mode: "open" | "accounts";
  user: User | null;
  /** Accounts can be switched on here. */
  canSetUp: boolean;
}

/** Somebody who takes part in a board. A service has no login. */
export interface Member {
  userId: string;
  name: string;
  login: string | null;
  role: Role;
  disabled: boolean;
}

/** A person or a service, as those see them who keep the accounts. */
export interface ListedUser {
  id: string;
  kind: "person" | "service";
  login: string | null;
  name: string;
  isAdmin: boolean;
  /** Whether a person has chosen one; before that there is only the link they were given. */
  hasPassword: boolean;
  disabled: boolean;
}

/** A browser or program that somebody is signed in with. */
export interface Session {
  id: string;
  createdAt: string;
  seenAt: string;
  agent: string;
  current: boolean;
}

export interface Token {
  id: string;
  name: string;
  scope: Scope;
  /** The boards that it is limited to, as far as they are still there; `null`: it isn't. */
  boards: string[] | null;
  createdAt: string;
  endsAt: string | null;
  usedAt: string | null;
}

export const TITLE_CHARS_MAX = 500;
export const NAME_CHARS_MAX = 200;
export const PERSON_NAME_CHARS_MAX = 100;
export const PASSWORD_CHARS_MIN = 10;
export const PASSWORD_CHARS_MAX = 200;
