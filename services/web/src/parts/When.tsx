import { useSyncExternalStore } from "react";
import type { CivilDate } from "../api/model";
import { daysUntil, formatCivil, formatInstant, formatRelative } from "./format";

// One clock for all relative times on the screen.
const listeners = new Set<() => void>();
let minute = Math.floor(Date.now() / 60_000);
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(fn: () => void): () => void {
  listeners.add(fn);
  timer ??= setInterval(() => {
    minute = Math.floor(Date.now() / 60_000);
    listeners.forEach((listener) => listener());
  }, 20_000);
  return () => {
    listeners.delete(fn);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The current minute; components that use it are drawn again when it changes. */
export function useMinute(): number {
  return useSyncExternalStore(subscribe, () => minute) * 60_000;
}

/** An instant as people say it, with the exact one on hover. */
export function When({ at }: { at: string | undefined }) {
  useMinute();
  if (!at) {
    return null;
  }
  return (
    <time dateTime={at} title={formatInstant(at, true)}>
      {formatRelative(at)}
    </time>
  );
}

/** A calendar day; red when it has passed and something is still to be done. */
export function Day({ date, due }: { date: CivilDate | undefined; due?: boolean }) {
  if (!date?.year) {
    return null;
  }
  const left = daysUntil(date);
  return (
    <span className={due && left < 0 ? "bad" : due && left <= 3 ? "warn" : undefined}>
      {formatCivil(date)}
    </span>
  );
}
