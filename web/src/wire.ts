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

interface Numbered {
  boardId: string;
  /** Who did it; nobody has a name without accounts. */
  by: unknown;
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

/** A page of boards. */
export interface BoardPage {
  boards: Board[];
  next: string | null;
}

export type DeletedBoard = Board & { deletedAt: string };

export const TITLE_CHARS_MAX = 500;
export const NAME_CHARS_MAX = 200;
