// What the person in front of the page may do on one board. The server decides anew with every request; this
// is for showing no control that would only be refused.

import { read } from "../requests";
import type { Member, Role } from "../wire";
import type { Standing } from "./account.svelte";

export class BoardRole {
  members = $state.raw<readonly Member[]>([]);
  readonly role: Role | null = $derived.by(() => {
    const standing = this.standing();
    if (standing.is === "open") return "admin";
    const me = standing.is === "in" ? standing.user.id : null;
    return this.members.find(({ userId }) => userId === me)?.role ?? null;
  });
  readonly mayEdit = $derived(this.role === "editor" || this.role === "admin");
  readonly isAdmin = $derived(this.role === "admin");
  #reading: Promise<void> | null = null;

  constructor(
    readonly boardId: string,
    private readonly standing: () => Standing,
  ) {}

  /** Reads who takes part. Who asks meanwhile gets the same answer. */
  look(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #read(): Promise<void> {
    if (this.standing().is !== "in") return;
    const answer = await read<{ members: Member[] }>(`/boards/${this.boardId}/members`);
    if (answer.ok) this.members = answer.body.members;
  }
}
