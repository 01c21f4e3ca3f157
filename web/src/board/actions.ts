// What a person can do to a board: each shows at once, is sent, settles or goes back with a reason, and can
// be undone. The only place that knows which request a wish becomes.

import { commands, messages } from "../app.svelte";
import type { Command } from "../commands";
import type { Outcome } from "../requests";
import { newId } from "../ids";
import { reason, t } from "../text";
import type { Board, List, ListWithTasks, Snapshot, Task, TaskSummary } from "../wire";
import type { Undoable } from "../undo.svelte";
import { conflicts } from "./conflicts.svelte";
import { save, type Saved } from "./edit";
import type { OpenBoard } from "./open.svelte";
import type { Answer, Change, Pending, Slot } from "./pending";

/** Sends a change that is in view already. */
async function carryOut(
  board: OpenBoard,
  change: Change,
  command: Command,
  refused: (why: string) => string,
): Promise<Outcome> {
  const pending = board.begin(change);
  const outcome = await commands.submit(command);
  settle(board, pending, outcome);
  if (!outcome.ok) messages.problem(refused(reason(outcome.problem)));
  return outcome;
}

function settle(board: OpenBoard, pending: Pending, outcome: Outcome): void {
  if (outcome.ok) board.answer(pending, answerOf(pending.change, outcome.body));
  else board.refuse(pending);
}

function answerOf(change: Change, body: unknown): Answer {
  if (change.kind === "rename_board") return { board: body as Board };
  if (change.kind === "delete_list" || change.kind === "delete_task") return "deleted";
  return change.kind.endsWith("_list") ? { list: body as List } : { task: body as Task };
}

// Tasks

/** Adds tasks at the end of a list, in the order given. Returns those that were refused. */
export async function addTasks(board: OpenBoard, listId: string, titles: string[]): Promise<string[]> {
  const sent = titles.map((title) => {
    const id = newId("task");
    return carryOut(
      board,
      { kind: "add_task", id, listId, title, slot: {} },
      { method: "POST", path: "/tasks", body: { id, listId, title } },
      t.refusal.notAdded,
    );
  });
  const outcomes = await Promise.all(sent);
  const added = titles.filter((_, at) => outcomes[at]!.ok);
  if (added.length === 1) messages.announce(t.task.added(added[0]!));
  else if (added.length > 1) messages.announce(t.task.addedMany(added.length));
  return titles.filter((_, at) => !outcomes[at]!.ok);
}

/** Where a card stands among its neighbours, so that it can be put back there. */
interface Place {
  listId: string;
  slots: Slot[];
}

function placeOf(siblings: readonly { id: string }[], id: string, listId: string): Place {
  const at = siblings.findIndex((other) => other.id === id);
  return { listId, slots: slotsAt(siblings, at, id) };
}

/** The ways to name a place, best first: before the next one, after the one before, at an end. */
export function slotsAt(siblings: readonly { id: string }[], at: number, id: string): Slot[] {
  const others = siblings.filter((other) => other.id !== id);
  const [previous, next] = [others[at - 1], others[at]];
  const slots: Slot[] = [];
  if (next) slots.push({ before: next.id });
  if (previous) slots.push({ after: previous.id });
  slots.push(at <= 0 ? { position: "top" } : {});
  return slots;
}

/** Moves a task to the place that `slots` name, best first: if a neighbour has gone, the next one counts. */
export async function moveTask(
  board: OpenBoard,
  id: string,
  listId: string,
  slots: Slot[],
  how: "undoable" | "undo" = "undoable",
): Promise<void> {
  const from = board.view && listWith(board.view, id);
  const [slot = {}, ...others] = slots;
  const pending = board.begin({ kind: "move_task", id, listId, slot });
  let undoable: Undoable | null = null;
  // A task that isn't in view may be on its way back, by an undo before this one: the server knows.
  if (from) {
    const said = whereItIs(
      board,
      from.tasks.find((task) => task.id === id)!,
    );
    const back = placeOf(from.tasks, id, from.id);
    if (how === "undo") messages.announce(said);
    else undoable = messages.done(said, () => void moveTask(board, id, back.listId, back.slots, "undo"));
  }
  const path = `/tasks/${id}/move`;
  const outcome = await commands.submit({ method: "PATCH", path, body: { listId, ...slot } });
  settle(board, pending, outcome);
  if (outcome.ok) return;
  if (undoable) messages.forget(undoable);
  if (outcome.problem.code === "neighbour_gone" && others.length > 0)
    return moveTask(board, id, listId, others, how);
  tellNotMoved(outcome, how);
}

function whereItIs(board: OpenBoard, task: TaskSummary): string {
  const list = board.view && listWith(board.view, task.id);
  if (!list) return task.title;
  const place = list.tasks.findIndex((other) => other.id === task.id) + 1;
  return t.task.moved(task.title, list.name, place, list.tasks.length);
}

/** Moves a task to a list of another board, or back from there. */
export async function moveTaskToBoard(
  board: OpenBoard,
  task: TaskSummary,
  target: { board: Board; listId: string; slot: Slot },
): Promise<void> {
  const view = board.view;
  const from = view && listWith(view, task.id);
  if (!from) return;
  const back = placeOf(from.tasks, task.id, from.id);
  const path = `/tasks/${task.id}/move`;
  const undo = async () => {
    // Its old neighbours may have gone; then its old list's end is near enough.
    for (const slot of back.slots) {
      const outcome = await commands.submit({
        method: "PATCH",
        path,
        body: { listId: back.listId, ...slot },
      });
      if (outcome.ok || outcome.problem.code !== "neighbour_gone")
        return tellUndone(outcome, t.task.restored(task.title));
    }
  };
  const undoable = messages.done(t.task.movedToBoard(task.title, target.board.name), () => void undo());
  const outcome = await carryOut(
    board,
    { kind: "delete_task", id: task.id },
    { method: "PATCH", path, body: { listId: target.listId, ...target.slot } },
    t.refusal.notMoved,
  );
  if (!outcome.ok) messages.forget(undoable);
}

export async function deleteTask(board: OpenBoard, task: { id: string; title: string }): Promise<void> {
  const undoable = messages.done(t.task.deleted(task.title), () => void restoreTask(task));
  const outcome = await carryOut(
    board,
    { kind: "delete_task", id: task.id },
    { method: "DELETE", path: `/tasks/${task.id}` },
    t.refusal.notDeleted,
  );
  if (!outcome.ok) messages.forget(undoable);
}

/** Returns the task as it came back. */
export async function restoreTask(task: { id: string; title: string }): Promise<Task | null> {
  const outcome = await commands.submit({ method: "POST", path: `/tasks/${task.id}/restore` });
  return tellRestored(outcome, t.task.restored(task.title)) && outcome.ok ? (outcome.body as Task) : null;
}

/** A field of a task that is edited as a text. */
export type TaskField = "title" | "description";

/**
 * Saves a text that was typed over `base`. If somebody else changed it meanwhile, the person is asked.
 * Returns whether the text is settled: saved, or given up. One that was refused, or whose question was
 * closed, is still to be kept.
 */
export async function editTask(
  board: OpenBoard,
  known: TaskSummary | Task,
  field: TaskField,
  base: string,
  mine: string,
  undo: Pending | null = null,
): Promise<boolean> {
  if (mine === base) return true;
  const { id } = known;
  const change = (text: string): Change => ({ kind: "edit_task", id, [field]: text });
  const pending = undo ?? board.begin(change(mine));
  const read = (task: Task | TaskSummary) => (task as Task)[field] ?? base;
  const saving = save<Task | TaskSummary>(known, read, base, mine, (about) =>
    commands.submit({ method: "PATCH", path: `/tasks/${id}`, body: { [field]: mine }, ...about }),
  );
  const saved = await inItsTurn(
    board,
    saving,
    t.task.edited,
    undo
      ? null
      : {
          change: change(base),
          undo: (thing, undo) => editTask(board, thing, field, mine, base, undo),
        },
  );
  if (saved.state === "saved") {
    board.answer(pending, { task: saved.thing as Task });
    return true;
  }
  board.refuse(pending);
  if (saved.state === "taken_back") return true;
  if (saved.state === "refused") {
    tellRefused(saved.outcome, t.refusal.notSaved);
    return false;
  }
  const theirs = read(saved.theirs);
  const choice = await conflicts.ask({
    label: t.task[field],
    yours: mine,
    theirs,
    isLong: field === "description",
  });
  if (typeof choice !== "string") return choice === null;
  return editTask(board, saved.theirs, field, theirs, choice);
}

// Lists

export async function addList(board: OpenBoard, name: string): Promise<void> {
  const id = newId("list");
  const outcome = await carryOut(
    board,
    { kind: "add_list", id, name, slot: {} },
    { method: "POST", path: "/lists", body: { id, boardId: board.id, name } },
    t.refusal.notAdded,
  );
  if (outcome.ok) messages.announce(t.list.added(name));
}

export async function renameList(board: OpenBoard, list: List, base: string, name: string): Promise<void> {
  await rename(
    board,
    list,
    base,
    name,
    `/lists/${list.id}`,
    { kind: "rename_list", id: list.id, name },
    t.list.renamed,
  );
}

export async function moveList(
  board: OpenBoard,
  id: string,
  slots: Slot[],
  how: "undoable" | "undo" = "undoable",
): Promise<void> {
  const lists = board.view?.lists ?? [];
  const list = lists.find((other) => other.id === id);
  const [slot = {}, ...others] = slots;
  const pending = board.begin({ kind: "move_list", id, slot });
  let undoable: Undoable | null = null;
  if (list) {
    const place = (board.view?.lists.findIndex((other) => other.id === id) ?? 0) + 1;
    const said = t.list.moved(list.name, place, lists.length);
    const back = placeOf(lists, id, board.id);
    if (how === "undo") messages.announce(said);
    else undoable = messages.done(said, () => void moveList(board, id, back.slots, "undo"));
  }
  const outcome = await commands.submit({ method: "PATCH", path: `/lists/${id}/move`, body: slot });
  settle(board, pending, outcome);
  if (outcome.ok) return;
  if (undoable) messages.forget(undoable);
  if (outcome.problem.code === "neighbour_gone" && others.length > 0) return moveList(board, id, others, how);
  tellNotMoved(outcome, how);
}

export async function deleteList(board: OpenBoard, list: ListWithTasks): Promise<void> {
  const undoable = messages.done(t.list.deleted(list.name, list.tasks.length), () => void restoreList(list));
  const outcome = await carryOut(
    board,
    { kind: "delete_list", id: list.id },
    { method: "DELETE", path: `/lists/${list.id}` },
    t.refusal.notDeleted,
  );
  if (!outcome.ok) messages.forget(undoable);
}

export async function restoreList(list: { id: string; name: string }): Promise<boolean> {
  const outcome = await commands.submit({ method: "POST", path: `/lists/${list.id}/restore` });
  return tellRestored(outcome, t.list.restored(list.name));
}

// Boards

/** Makes a board with its first lists. Returns its id. */
export async function addBoard(name: string): Promise<string | null> {
  const id = newId("board");
  const lists = t.boards.firstLists.map((list) => ({ id: newId("list"), boardId: id, name: list }));
  const made = commands.submit({ method: "POST", path: "/boards", body: { id, name } });
  const filled = lists.map((body) => commands.submit({ method: "POST", path: "/lists", body }));
  const [board] = await Promise.all([made, ...filled]);
  tellRefused(board, t.refusal.notAdded);
  return board.ok ? id : null;
}

export async function renameBoard(board: OpenBoard, base: string, name: string): Promise<void> {
  if (!board.confirmed) return;
  const change: Change = { kind: "rename_board", name };
  await rename(board, board.confirmed, base, name, `/boards/${board.id}`, change, t.boards.renamed);
}

/** Renames a board that isn't open. */
export async function renameClosedBoard(board: Board, base: string, name: string): Promise<boolean> {
  if (name === base) return true;
  const saved = await save<Board>(
    board,
    (it) => it.name,
    base,
    name,
    (about) => commands.submit({ method: "PATCH", path: `/boards/${board.id}`, body: { name }, ...about }),
  );
  if (saved.state === "saved") {
    messages.announce(t.boards.renamed(name));
    return true;
  }
  if (saved.state === "refused") {
    tellRefused(saved.outcome, t.refusal.notSaved);
    return false;
  }
  const choice = await conflicts.ask({
    label: t.board.name,
    yours: name,
    theirs: saved.theirs.name,
    isLong: false,
  });
  return typeof choice === "string" ? renameClosedBoard(saved.theirs, saved.theirs.name, choice) : true;
}

export async function deleteBoard(
  board: { id: string; name: string },
  restored: () => void = () => {},
): Promise<boolean> {
  const undo = async () => {
    if (await restoreBoard(board)) restored();
  };
  const undoable = messages.done(t.boards.deleted(board.name), () => void undo());
  const outcome = await commands.submit({ method: "DELETE", path: `/boards/${board.id}` });
  if (outcome.ok) return true;
  messages.forget(undoable);
  messages.problem(t.refusal.notDeleted(reason(outcome.problem)));
  return false;
}

export async function restoreBoard(board: { id: string; name: string }): Promise<boolean> {
  const outcome = await commands.submit({ method: "POST", path: `/boards/${board.id}/restore` });
  return tellRestored(outcome, t.boards.restored(board.name));
}

// What they share

async function rename(
  board: OpenBoard,
  known: Board | List | Snapshot,
  base: string,
  name: string,
  path: string,
  change: Change,
  said: (name: string) => string,
  undo: Pending | null = null,
): Promise<void> {
  if (name === base) return;
  const pending = undo ?? board.begin(change);
  const saving = save<Board | List | Snapshot>(
    known,
    (it) => it.name,
    base,
    name,
    (about) => commands.submit({ method: "PATCH", path, body: { name }, ...about }),
  );
  const saved = await inItsTurn(
    board,
    saving,
    said(name),
    undo
      ? null
      : {
          change: { ...change, name: base } as Change,
          undo: (thing, undo) => rename(board, thing, name, base, path, undo.change, said, undo),
        },
  );
  if (saved.state === "saved") return board.answer(pending, answerOf(change, saved.thing));
  board.refuse(pending);
  if (saved.state === "taken_back") return;
  if (saved.state === "refused") return tellRefused(saved.outcome, t.refusal.notSaved);
  const theirs = saved.theirs.name;
  const choice = await conflicts.ask({ label: t.rename, yours: name, theirs, isLong: false });
  if (typeof choice !== "string") return;
  const again = { ...change, name: choice } as Change;
  await rename(board, saved.theirs as Board, theirs, choice, path, again, said);
}

/** How a text goes back: what shows at once, and what is done once it is known what to go back from. */
interface Back<T> {
  change: Change;
  undo: (thing: T, shown: Pending) => Promise<unknown>;
}

/** Undos of texts happen one after another: each goes back from what the one before it has left. */
let undone: Promise<unknown> = Promise.resolve();

/**
 * Waits until a text is saved, and says so. Its turn among the steps is when it was made, however long the
 * answer takes. One that is undone before that, and then can't be saved, is nobody's trouble any more.
 */
async function inItsTurn<T>(
  board: OpenBoard,
  saving: Promise<Saved<T>>,
  said: string,
  back: Back<T> | null,
): Promise<Saved<T> | { state: "taken_back" }> {
  let isTakenBack = false;
  const undo = ({ change, undo }: Back<T>) => {
    isTakenBack = true;
    const shown = board.begin(change);
    undone = undone.then(async () => {
      const saved = await saving;
      if (saved.state === "saved") await undo(saved.thing, shown);
      else board.refuse(shown);
    });
  };
  const step = back && messages.begin(() => undo(back));
  const saved = await saving;
  if (saved.state !== "saved" && isTakenBack) return { state: "taken_back" };
  if (saved.state !== "saved") step && messages.forget(step);
  else if (step) messages.offer(said, step);
  else messages.announce(said);
  return saved;
}

function tellRefused(outcome: Outcome, say: (why: string) => string): void {
  if (!outcome.ok) messages.problem(say(reason(outcome.problem)));
}

function tellNotMoved(outcome: Outcome, how: "undoable" | "undo"): void {
  tellRefused(outcome, how === "undo" ? t.refusal.notUndone : t.refusal.notMoved);
}

function tellUndone(outcome: Outcome, said: string): void {
  if (outcome.ok) messages.announce(said);
  else tellRefused(outcome, t.refusal.notUndone);
}

function tellRestored(outcome: Outcome, said: string): boolean {
  if (outcome.ok) messages.say(said);
  else tellRefused(outcome, t.refusal.notRestored);
  return outcome.ok;
}

/** The list that a task stands in. */
export function listWith(board: Snapshot, taskId: string): ListWithTasks | undefined {
  return board.lists.find((list) => list.tasks.some((task) => task.id === taskId));
}
