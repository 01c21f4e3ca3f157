// The words in use, and how moments are written. One language so far; which one it is, is decided here.

import { en, type Text } from "./en";
import type { Problem } from "../wire";

export const t: Text = en;

/** The language of the words, for the document and for dates. */
export const LANGUAGE = "en";

/** Why something was refused, in words for the person who asked. */
export function reason(problem: Problem): string {
  if (problem.status === 429) return t.refusal.tooOften(duration(problem.retryAfter ?? 60));
  const words: unknown = t.refusal[problem.code as keyof Text["refusal"]];
  if (problem.code === "invalid") return problem.detail || t.refusal.invalid;
  return typeof words === "string" ? words : t.refusal.other(problem.detail);
}

/** How long to wait, as a person would say it. */
export function duration(seconds: number): string {
  const [count, unit] = seconds < 90 ? [seconds, "second"] : [seconds / 60, "minute"];
  return new Intl.NumberFormat(LANGUAGE, { style: "unit", unit, unitDisplay: "long" }).format(
    Math.ceil(count),
  );
}

/** The day of a moment. */
export function day(moment: string | number): string {
  return new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" }).format(new Date(moment));
}

/** A moment as a person would say it: "3 minutes ago", else the date and time. */
export function ago(moment: string | number, now = Date.now()): string {
  const seconds = Math.round((new Date(moment).getTime() - now) / 1000);
  const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
  if (seconds > -60) return relative.format(Math.min(0, seconds), "second");
  if (seconds > -3_600) return relative.format(Math.round(seconds / 60), "minute");
  if (seconds > -86_400) return relative.format(Math.round(seconds / 3_600), "hour");
  if (seconds > -7 * 86_400) return relative.format(Math.round(seconds / 86_400), "day");
  return day(moment);
}
