import type { QueryClient } from "@tanstack/react-query";
import {
  bulkOf,
  cancelOperation,
  follow,
  undoOperation,
  type BulkChange,
  type Selection,
} from "../api/operations";
import { keys } from "../api/resource";
import type { Operation } from "../api/model";
import { t } from "../i18n";
import { formatNumber } from "./format";
import { messageOf } from "./notes";
import { toast, workToast } from "./toasts";

/** Changes many records on the server, telling how far it is, with a way to stop it and to take all of it back. */
export async function runBulk(
  client: QueryClient,
  kind: string,
  selection: Selection,
  change: BulkChange,
): Promise<void> {
  const start = bulkOf(kind);
  if (!start) {
    return;
  }
  try {
    const operation = await start(selection, change);
    await watch(client, kind, operation, "changed", () => void takeBack(client, kind, operation));
  } catch (error) {
    toast(messageOf(error), { tone: "bad" });
  }
}

async function takeBack(client: QueryClient, kind: string, operation: Operation): Promise<void> {
  try {
    await watch(client, kind, await undoOperation(operation.id), "restored");
  } catch (error) {
    toast(messageOf(error), { tone: "bad" });
  }
}

async function watch(
  client: QueryClient,
  kind: string,
  operation: Operation,
  counts: "changed" | "restored",
  undo?: () => void,
): Promise<void> {
  const work = workToast(t("bulk.starting"), () => void cancelOperation(operation.id).catch(() => undefined));
  try {
    const end = await follow(operation, (now) =>
      work.tell(
        t("bulk.progress", { done: formatNumber(Number(now.done)), total: formatNumber(Number(now.total)) }),
      ),
    );
    const result = (end as unknown as { result?: Record<string, number> }).result ?? {};
    const count = result[counts] ?? 0;
    const texts = [t(counts === "changed" ? "bulk.changed" : "bulk.undone", { count })];
    if (end.state === "STATE_CANCELLED") {
      texts.unshift(t("bulk.cancelled"));
    }
    const rejected = Number(end.rejected);
    if (rejected > 0) {
      texts.push(t("bulk.failed", { count: rejected, reason: end.errors[0]?.message ?? "" }));
    }
    const failed = end.state === "STATE_FAILED";
    work.end(failed ? end.error : texts.join(". "), {
      tone: failed || (count === 0 && rejected > 0) ? "bad" : "plain",
      undo: count > 0 ? undo : undefined,
    });
  } catch (error) {
    work.end(messageOf(error), { tone: "bad" });
  }
  await client.invalidateQueries({ queryKey: [kind] });
  await client.invalidateQueries({ queryKey: keys.counts(kind) });
}
