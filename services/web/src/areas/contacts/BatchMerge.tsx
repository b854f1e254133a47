import { useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import type { Operation } from "../../api/model";
import { cancelOperation, follow, undoOperation } from "../../api/operations";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { formatNumber } from "../../parts/format";
import { ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { toast, workToast } from "../../parts/toasts";
import { mergeDuplicates, type MergedKind, type PairQuery } from "./duplicateQueries";

type Counts = Partial<Record<"merged" | "records" | "left" | "restored", number>>;

function countsOf(operation: Operation): Counts {
  return (operation as unknown as { result?: Counts }).result ?? {};
}

function leftOf(operation: Operation): string[] {
  const left = countsOf(operation).left ?? 0;
  return left > 0
    ? [t("duplicates.batchLeft", { count: left, reason: operation.errors[0]?.message ?? "" })]
    : [];
}

/** Says what a merge of all that is shown would do, found out by trying it, and does it. */
export function BatchDialog({ query, onClose }: { query: PairQuery; onClose: () => void }) {
  const client = useQueryClient();
  const trial = useQuery({
    queryKey: [query.kind, "duplicates", "trial", query],
    queryFn: async () => follow(await mergeDuplicates(query, true), () => undefined),
    gcTime: 0,
    staleTime: Infinity,
    retry: false,
  });
  const counts = trial.data && countsOf(trial.data);
  const merged = counts?.merged ?? 0;
  return (
    <Dialog
      title={t("duplicates.batchTitle")}
      submitLabel={merged > 0 ? t("duplicates.batchConfirm", { count: merged }) : t("duplicates.merge")}
      onClose={onClose}
      onSubmit={() => {
        onClose();
        void mergeAll(client, query);
      }}
      disabled={merged === 0}
      size={520}
    >
      <p style={{ margin: 0 }}>{t("duplicates.batchText")}</p>
      {trial.error && <ErrorNote error={trial.error} retry={() => void trial.refetch()} />}
      {trial.isPending && (
        <div role="status">
          <span className="muted">{t("duplicates.batchTrying")}</span>
          <SkeletonRows count={2} />
        </div>
      )}
      {trial.data?.state === "STATE_FAILED" && <p className="bad">{trial.data.error}</p>}
      {counts && (
        <p style={{ margin: 0 }} role="status">
          {[
            merged > 0
              ? t("duplicates.batchRecords", { count: counts.records ?? 0 })
              : t("duplicates.batchNone"),
            ...leftOf(trial.data),
          ].join(" ")}
        </p>
      )}
    </Dialog>
  );
}

/** Merges all groups, telling how far it is, with a way to stop it and to take all of it back. */
async function mergeAll(client: QueryClient, query: PairQuery): Promise<void> {
  try {
    const operation = await mergeDuplicates(query, false);
    await watch(client, query.kind, operation, () => void undoBatch(client, query.kind, operation.id));
  } catch (error) {
    toast(messageOf(error), { tone: "bad" });
  }
}

/** Takes a whole operation back. */
export async function undoBatch(client: QueryClient, kind: MergedKind, operationId: string): Promise<void> {
  try {
    await watch(client, kind, await undoOperation(operationId));
  } catch (error) {
    toast(messageOf(error), { tone: "bad" });
  }
}

async function watch(
  client: QueryClient,
  kind: MergedKind,
  operation: Operation,
  undo?: () => void,
): Promise<void> {
  const work = workToast(
    t("duplicates.batchStarting"),
    () => void cancelOperation(operation.id).catch(() => undefined),
  );
  try {
    const end = await follow(operation, (now) =>
      work.tell(
        t("duplicates.batchProgress", {
          done: formatNumber(Number(now.done)),
          total: formatNumber(Number(now.total)),
        }),
      ),
    );
    const counts = countsOf(end);
    const texts = [
      t(undo ? "duplicates.batchDone" : "duplicates.batchUndone", {
        count: (undo ? counts.merged : counts.restored) ?? 0,
      }),
      ...leftOf(end),
    ];
    if (end.state === "STATE_CANCELLED") {
      texts.unshift(t("duplicates.batchCancelled"));
    }
    const failed = end.state === "STATE_FAILED";
    work.end(failed ? end.error : texts.join(" · "), {
      tone: failed ? "bad" : "good",
      undo: (counts.merged ?? 0) > 0 ? undo : undefined,
    });
  } catch (error) {
    work.end(messageOf(error), { tone: "bad" });
  }
  await client.invalidateQueries({ queryKey: [kind] });
}
