// Changes that this page has asked for and not yet seen in the log, laid over what the log says. Pure:
// the board that a person sees is `overlay(confirmed, pending)`. A change stands here until its event
// has come, is refused, or has waited too long for an event that will not come.

import { putList, putTask, summaryOf, takeTask } from "../fold";
import type { Board, List, ListWithTasks, Snapshot, Task, TaskSummary } from "../wire";

/** A place among siblings, as a request names it; neither: the end. */
export type Slot = { before: string } | { after: string } | { position: "top" } | Record<string, never>;

/** What was asked for. */
export type Change =
  | { kind: "rename_board"; name: string }
  | { kind: "add_list"; id: string; name: string; slot: Slot }
  | { kind: "rename_list"; id: string; name: string }
  | { kind: "move_list"; id: string; slot: Slot }
  | { kind: "delete_list"; id: string }
  | { kind: "add_task"; id: string; listId: string; title: string; slot: Slot }
  | { kind: "edit_task"; id: string; title?: string; description?: string }
  | { kind: "move_task"; id: string; listId: string; slot: Slot }
  | { kind: "delete_task"; id: string };

/** A change under way; once answered it holds what it came to. */
export interface Pending {
  change: Change;
  answer?: Answer;
  /** The log took the thing away while this was under way. */
  wasRemoved?: boolean;
}

/** What the server answered: the thing as it then was, or that it is gone. */
export type Answer = { task: Task } | { list: List } | { board: Board } | "deleted";

/** The board as its viewer should see it. */
export function overlay(confirmed: Snapshot, pending: readonly Pending[]): Snapshot {
  let board = confirmed;
  for (let at = 0; at < pending.length;) {
    const run = newAtEnd(pending, at);
    board = run.length > 1 ? laidAtEnd(board, run) : laid(board, pending[at]!);
    at += Math.max(1, run.length);
  }
  return board;
}

/** Notes what an event, which led from one state of the log to the next, did to a change under way. */
export function witness(pending: Pending, before: Snapshot, after: Snapshot): void {
  const { change } = pending;
  if ("id" in change && find(before, change.id) && !find(after, change.id)) pending.wasRemoved = true;
}

/** Whether the log has caught up with an answered change. */
export function isSettled(pending: Pending, confirmed: Snapshot): boolean {
  const { answer, change, wasRemoved = false } = pending;
  if (answer === undefined) return false;
  if (answer === "deleted") {
    return "id" in change && (wasRemoved || !find(confirmed, change.id));
  }
  if ("board" in answer) return confirmed.version >= answer.board.version;
  const thing = "task" in answer ? answer.task : answer.list;
  const known = find(confirmed, thing.id);
  return known ? known.version >= thing.version : wasRemoved;
}

/** What is said of a thing: an event about it while a change of ours is under way is taken for ours. */
export function isAbout(pending: Pending, thingId: string): boolean {
  return "id" in pending.change ? pending.change.id === thingId : false;
}

function find(board: Snapshot, id: string): { version: number } | undefined {
  for (const list of board.lists) {
    if (list.id === id) return list;
    const task = list.tasks.find((other) => other.id === id);
    if (task) return task;
  }
  return undefined;
}

type AddTask = Extract<Change, { kind: "add_task" }>;

/** The new tasks for the end of one list that stand together from here, none of them answered. */
function newAtEnd(pending: readonly Pending[], from: number): AddTask[] {
  const run: AddTask[] = [];
  for (let at = from; at < pending.length; at++) {
    const { answer, change } = pending[at]!;
    const fits = answer === undefined && change.kind === "add_task" && Object.keys(change.slot).length === 0;
    if (!fits || (run[0] && run[0].listId !== change.listId)) break;
    run.push(change);
  }
  return run;
}

/** The same as one after the other. A paste makes hundreds, and each would look through the whole list. */
function laidAtEnd(board: Snapshot, run: AddTask[]): Snapshot {
  const ids = new Set(run.map((change) => change.id));
  const lists = board.lists.map((list) =>
    list.id === run[0]!.listId
      ? { ...list, tasks: [...list.tasks.filter((task) => !ids.has(task.id)), ...run.map(unbornTask)] }
      : list,
  );
  return { ...board, lists };
}

function laid(board: Snapshot, pending: Pending): Snapshot {
  const { answer, change } = pending;
  if (answer !== undefined && answer !== "deleted") return laidAnswer(board, answer);
  if (change.kind === "rename_board") return { ...board, name: change.name };
  return { ...board, lists: changed(board.lists, change) };
}

function laidAnswer(board: Snapshot, answer: Exclude<Answer, "deleted">): Snapshot {
  if ("board" in answer) return board.version < answer.board.version ? { ...board, ...answer.board } : board;
  const thing = "task" in answer ? answer.task : answer.list;
  const known = find(board, thing.id);
  if (known && known.version >= thing.version) return board;
  const lists =
    "task" in answer ? putTask(board.lists, summaryOf(answer.task)) : putList(board.lists, answer.list);
  return { ...board, lists };
}

function changed(lists: ListWithTasks[], change: Exclude<Change, { kind: "rename_board" }>): ListWithTasks[] {
  switch (change.kind) {
    case "add_list":
      return placed(lists, { ...unborn(change.id), boardId: "", name: change.name, tasks: [] }, change.slot);
    case "rename_list":
      return lists.map((list) => (list.id === change.id ? { ...list, name: change.name } : list));
    case "move_list": {
      const list = lists.find((other) => other.id === change.id);
      return list ? placed(without(lists, change.id), list, change.slot) : lists;
    }
    case "delete_list":
      return without(lists, change.id);
    case "add_task": {
      const task = unbornTask(change);
      return lists.map((list) =>
        list.id === change.listId ? { ...list, tasks: placed(list.tasks, task, change.slot) } : list,
      );
    }
    case "edit_task":
      return lists.map((list) => edited(list, change));
    case "move_task": {
      const task = lists.flatMap((list) => list.tasks).find((other) => other.id === change.id);
      if (!task) return lists;
      return takeTask(lists, change.id).map((list) =>
        list.id === change.listId
          ? { ...list, tasks: placed(list.tasks, { ...task, listId: list.id }, change.slot) }
          : list,
      );
    }
    case "delete_task":
      return takeTask(lists, change.id);
  }
}

function edited(list: ListWithTasks, change: Extract<Change, { kind: "edit_task" }>): ListWithTasks {
  if (!list.tasks.some((task) => task.id === change.id)) return list;
  const { title, description } = change;
  const tasks = list.tasks.map((task) =>
    task.id === change.id
      ? {
          ...task,
          ...(title !== undefined && { title }),
          ...(description !== undefined && { hasDescription: description !== "" }),
        }
      : task,
  );
  return { ...list, tasks };
}

/** A place by neighbours needs no rank; one whose neighbour has gone is the end. */
function placed<T extends { id: string }>(siblings: T[], one: T, slot: Slot): T[] {
  const others = without(siblings, one.id);
  return others.toSpliced(indexOf(others, slot), 0, one);
}

function indexOf(siblings: { id: string }[], slot: Slot): number {
  if ("position" in slot) return 0;
  const neighbour = "before" in slot ? slot.before : "after" in slot ? slot.after : undefined;
  const at = siblings.findIndex((other) => other.id === neighbour);
  if (at < 0) return siblings.length;
  return "before" in slot ? at : at + 1;
}

function without<T extends { id: string }>(things: T[], id: string): T[] {
  return things.filter((thing) => thing.id !== id);
}

function unbornTask({ id, listId, title }: AddTask): TaskSummary {
  return { ...unborn(id), listId, title, hasDescription: false };
}

/** The fields of a thing that the server has yet to give. */
function unborn(id: string) {
  return { id, rank: "", version: 0, createdAt: "", updatedAt: "" };
}
