// The contract's fold table: what each event does to a viewer's state. Pure, and tested with the vectors
// that the server's own fold is tested with. States are never changed in place: what an event doesn't
// touch stays the same object, so that only what changed is drawn again.

import type {
  BoardEvent,
  Cursor,
  List,
  ListWithTasks,
  Snapshot,
  SnapshotEvent,
  Task,
  TaskSummary,
} from "./wire";

/** Folds the event at `cursor` onto a board; `null` is a board that doesn't exist. */
export function apply(
  state: Snapshot | null,
  event: BoardEvent | SnapshotEvent,
  cursor: Cursor,
): Snapshot | null {
  switch (event.type) {
    case "snapshot":
      return event.board;
    case "board_created":
    case "board_updated":
    case "board_restored":
      return { ...event.board, lists: state?.lists ?? [], updatedAt: event.at, cursor };
    case "board_deleted":
      return null;
  }
  if (state === null) return null;
  return { ...state, lists: changedLists(state.lists, event), updatedAt: event.at, cursor };
}

type ThingEvent = Exclude<
  BoardEvent,
  { type: "board_created" | "board_updated" | "board_restored" | "board_deleted" }
>;

function changedLists(lists: ListWithTasks[], event: ThingEvent): ListWithTasks[] {
  switch (event.type) {
    case "list_created":
    case "list_updated":
    case "list_moved":
      return putList(lists, event.list);
    case "list_deleted":
      return lists.filter((list) => list.id !== event.listId);
    case "task_created":
    case "task_updated":
    case "task_moved":
      return putTask(lists, summaryOf(event.task));
    case "task_deleted":
      return takeTask(lists, event.taskId);
    default:
      // A type that this page is too old to know changes nothing but the cursor.
      return lists;
  }
}

/** A task as a snapshot shows it. */
export function summaryOf({ description, ...task }: Task): TaskSummary {
  return { ...task, hasDescription: description !== "" };
}

/** The lists with this one set, placed by its rank; a list that is known keeps its tasks. */
export function putList(lists: ListWithTasks[], list: List): ListWithTasks[] {
  const tasks = lists.find((other) => other.id === list.id)?.tasks ?? [];
  return inserted(
    lists.filter((other) => other.id !== list.id),
    { ...list, tasks },
  );
}

/** The lists with this task set, placed by its list and rank. */
export function putTask(lists: ListWithTasks[], task: TaskSummary): ListWithTasks[] {
  return takeTask(lists, task.id).map((list) =>
    list.id === task.listId ? { ...list, tasks: inserted(list.tasks, task) } : list,
  );
}

/** The lists without this task. */
export function takeTask(lists: ListWithTasks[], id: string): ListWithTasks[] {
  return lists.map((list) =>
    list.tasks.some((task) => task.id === id)
      ? { ...list, tasks: list.tasks.filter((task) => task.id !== id) }
      : list,
  );
}

/** Ordered by rank, then id, as bytes; both are ASCII. */
function inserted<T extends { id: string; rank: string }>(sorted: T[], one: T): T[] {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = sorted[middle]!;
    const isBefore = other.rank < one.rank || (other.rank === one.rank && other.id < one.id);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return sorted.toSpliced(low, 0, one);
}
