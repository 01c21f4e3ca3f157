// Requests and their answers. All of the page's go out here, so that there is one place that hears when the
// server doesn't know any longer who asks, or doesn't let them.

import type { Problem } from "./wire";

/** What came of a request that changes something, or of one whose answer is taken as it comes. */
export type Outcome<T = unknown> = { ok: true; body: T } | { ok: false; problem: Problem };

/** An answer that takes longer is taken for lost. */
export const ANSWER_MS_MAX = 20_000;

export const UNREACHABLE: Problem = { title: "", status: 0, code: "unreachable", detail: "" };

/** What an answer may say about whoever asked. */
type Word = "unknown" | "not_allowed";

const listeners: Record<Word, Set<() => void>> = { unknown: new Set(), not_allowed: new Set() };

/** Calls when a request was answered 401, or 403. Returns how to stop. */
export function onAnswered(word: Word, listener: () => void): () => void {
  listeners[word].add(listener);
  return () => listeners[word].delete(listener);
}

/** The browser's `fetch`, overheard. */
export const request: typeof fetch = async (...args) => {
  const response = await fetch(...args);
  const word = response.status === 401 ? "unknown" : response.status === 403 ? "not_allowed" : null;
  if (word) for (const listener of listeners[word]) listener();
  return response;
};

/** Reads something that is only looked at. */
export function read<T>(path: string): Promise<Outcome<T>> {
  return ask<T>("GET", path);
}

/** Asks once, beside the queue of commands: for what a person waits for in front of a form. */
export async function ask<T>(
  method: string,
  path: string,
  body?: unknown,
  send: typeof fetch = request,
): Promise<Outcome<T>> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const response = await send(path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    if (!response.ok) return { ok: false, problem: await readProblem(response) };
    return { ok: true, body: (response.status === 204 ? null : await response.json()) as T };
  } catch {
    return { ok: false, problem: UNREACHABLE };
  }
}

export async function readProblem(response: Response): Promise<Problem> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null;
  const retryAfter = Number(response.headers.get("Retry-After") ?? NaN);
  return {
    title: response.statusText,
    code: "unknown",
    detail: "",
    ...problem,
    ...(Number.isFinite(retryAfter) && { retryAfter }),
    status: response.status,
  };
}
