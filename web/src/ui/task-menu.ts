// What can be done with a card, for its menu and for the keys alike.

import { deleteTask, moveTask, slotsAt } from "../board/actions";
import { route } from "../app.svelte";
import { boardPath } from "../route.svelte";
import { t } from "../text";
import type { TaskSummary } from "../wire";
import type { BoardUi } from "./board-ui.svelte";
import type { Item } from "./Menu.svelte";

export function taskMenu(ui: BoardUi, task: TaskSummary): Item[] {
  const open: Item = { label: t.task.open, icon: "board", action: () => openTask(ui, task.id) };
  if (!ui.mayEdit) return [open];
  return [
    open,
    { label: t.task.edit, icon: "pen", action: () => ui.edit(task) },
    { label: t.task.moveTo, icon: "move", action: () => (ui.moving = task) },
    { label: t.task.delete, icon: "trash", isDanger: true, action: () => removeTask(ui, task) },
  ];
}

export function openTask(ui: BoardUi, id: string): void {
  route.go(boardPath(ui.board.id, id));
}

/** Deletes a card and gives the keys to its neighbour, or to what adds another in its place. */
export function removeTask(ui: BoardUi, task: TaskSummary): void {
  const list = ui.lists.find((other) => other.id === task.listId)?.tasks ?? [];
  const at = list.findIndex((other) => other.id === task.id);
  const next = list[at + 1] ?? list[at - 1];
  void deleteTask(ui.board, task);
  void (next ? ui.focus(next.id) : ui.focusAdd(task.listId));
}

export type Direction = "up" | "down" | "left" | "right";

/** Moves a card by one place, or to the same height of the list beside. */
export function nudgeTask(ui: BoardUi, id: string, direction: Direction): void {
  const column = ui.lists.findIndex((list) => list.tasks.some((task) => task.id === id));
  const list = ui.lists[column];
  if (!list) return;
  const at = list.tasks.findIndex((task) => task.id === id);
  if (direction === "up" || direction === "down") {
    const to = direction === "up" ? at - 1 : at + 1;
    if (to < 0 || to >= list.tasks.length) return;
    void moveTask(ui.board, id, list.id, slotsAt(list.tasks, to, id));
  } else {
    const target = ui.lists[direction === "left" ? column - 1 : column + 1];
    if (!target) return;
    void moveTask(ui.board, id, target.id, slotsAt(target.tasks, Math.min(at, target.tasks.length), id));
  }
  void ui.focus(id);
}

/** The card that an arrow leads to: within the list, or at the same height of the next list with cards. */
export function neighbourOf(ui: BoardUi, id: string, direction: Direction): string | null {
  const column = ui.lists.findIndex((list) => list.tasks.some((task) => task.id === id));
  const list = ui.lists[column];
  if (!list) return ui.stopId;
  const at = list.tasks.findIndex((task) => task.id === id);
  if (direction === "up") return list.tasks[at - 1]?.id ?? null;
  if (direction === "down") return list.tasks[at + 1]?.id ?? null;
  const beside = direction === "left" ? ui.lists.slice(0, column).reverse() : ui.lists.slice(column + 1);
  const target = beside.find((other) => other.tasks.length > 0);
  return target ? target.tasks[Math.min(at, target.tasks.length - 1)]!.id : null;
}
