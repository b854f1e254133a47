import { useEffect, useSyncExternalStore } from "react";
import { t } from "../i18n";
import { IconX } from "./icons";
import classes from "./toasts.module.css";

interface Toast {
  id: number;
  text: string;
  tone: "plain" | "good" | "bad";
  undo?: () => void;
  cancel?: (() => void) | undefined;
  /** Stays until it is replaced or closed. */
  stays?: boolean;
}

let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function change(list: Toast[]): void {
  toasts = list;
  listeners.forEach((fn) => fn());
}

/** Tells of something done, with a way to undo it; read out by screen readers. At most three are shown. */
export function toast(text: string, options: { tone?: Toast["tone"]; undo?: () => void } = {}): void {
  change([
    ...toasts.slice(-2),
    { id: next++, text, tone: options.tone ?? "plain", ...(options.undo ? { undo: options.undo } : {}) },
  ]);
}

/** Tells of work under way in one place, until its end is told there. */
export function workToast(text: string, cancel?: () => void) {
  const id = next++;
  const put = (item: Omit<Toast, "id">): void => {
    const others = toasts.filter((other) => other.id !== id);
    change([...others.slice(-2), { id, ...item }]);
  };
  put({ text, tone: "plain", stays: true, cancel });
  return {
    tell: (now: string): void => put({ text: now, tone: "plain", stays: true, cancel }),
    end: (now: string, options: { tone?: Toast["tone"]; undo?: (() => void) | undefined } = {}): void =>
      put({ text: now, tone: options.tone ?? "plain", ...(options.undo ? { undo: options.undo } : {}) }),
  };
}

/** Takes all toasts away, as between two tests. */
export function clearToasts(): void {
  change([]);
}

/** The place where toasts appear. */
export function Toasts() {
  const list = useSyncExternalStore(
    (fn) => {
      listeners.add(fn);
      return () => listeners.delete(fn);
    },
    () => toasts,
  );
  return (
    <div className={classes["region"]} role="status" aria-live="polite">
      {list.map((item) => (
        <ToastLine key={item.id} item={item} />
      ))}
    </div>
  );
}

function ToastLine({ item }: { item: Toast }) {
  const close = (): void => change(toasts.filter((other) => other.id !== item.id));
  useEffect(() => {
    if (item.stays) {
      return;
    }
    const timer = setTimeout(
      () => change(toasts.filter((other) => other.id !== item.id)),
      item.undo ? 8000 : 5000,
    );
    return () => clearTimeout(timer);
  }, [item]);
  return (
    <div className={classes["toast"]} data-tone={item.tone}>
      <span>{item.text}</span>
      {item.undo && (
        <button
          type="button"
          onClick={() => {
            close();
            item.undo?.();
          }}
        >
          {t("common.undo")}
        </button>
      )}
      {item.cancel && (
        <button type="button" onClick={item.cancel}>
          {t("common.cancel")}
        </button>
      )}
      <button type="button" aria-label={t("common.close")} onClick={close}>
        <IconX size={14} />
      </button>
    </div>
  );
}
