import { Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError } from "../api/errors";
import { t, tIfAny } from "../i18n";
import classes from "./notes.module.css";

/** What an error says to a person: our words for known reasons, else the server's. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.status === 0) {
      return t("error.offline");
    }
    const text = error.stale ? t("error.stale") : tIfAny(`reason.${error.reason}`, error.message);
    const fields = error.fields
      .filter((f) => !text.includes(f.description))
      .map((f) => `${f.field}: ${f.description}`);
    return [text, ...fields].join(" · ");
  }
  return error instanceof Error ? error.message : String(error);
}

/** Says what went wrong where it happened, with a way to try again. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className={classes["error"]} role="alert">
      <span>
        {messageOf(error)}
        {error instanceof ApiError && error.traceId && error.status >= 500 && (
          <small className={classes["trace"]}>{t("error.trace", { id: error.traceId })}</small>
        )}
      </span>
      {retry && (
        <Button size="compact-xs" variant="default" onClick={retry}>
          {t("common.retry")}
        </Button>
      )}
    </div>
  );
}

/** Says what belongs here and offers the first step. */
export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={classes["empty"]}>
      <p className={classes["emptyTitle"]}>{title}</p>
      {children && <p className="muted">{children}</p>}
      {action}
    </div>
  );
}

/** Grey bars of the size of the rows to come. */
export function SkeletonRows({
  count = 8,
  height = 14,
  gap = 12,
}: {
  count?: number;
  height?: number;
  gap?: number;
}) {
  return (
    <div aria-hidden style={{ display: "grid", gap, padding: 12 }}>
      {Array.from({ length: count }, (_, i) => (
        <Skeleton key={i} height={height} width={`${92 - ((i * 17) % 40)}%`} radius={3} />
      ))}
    </div>
  );
}
