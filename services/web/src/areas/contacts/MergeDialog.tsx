import { Radio } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { t, tIfAny } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { formatInstant } from "../../parts/format";
import { ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { nameOf, previewOptions, useMerges, type MergedKind, type Person } from "./duplicateQueries";
import classes from "./duplicates.module.css";

/** As much of a record as its choice takes. */
export type Merging = { id: string; name: string } & Partial<
  Pick<Person, "createTime" | "phones" | "emails">
>;

function shown(value: unknown): string {
  if (value !== null && typeof value === "object") {
    return Object.values(value).map(shown).filter(Boolean).join(" ");
  }
  return typeof value === "boolean" ? t(value ? "common.yes" : "common.no") : String(value ?? "");
}

/** What tells a record from another of its name. */
function tell(record: Merging): string {
  return [record.phones?.[0]?.number, record.emails?.[0]?.address, formatInstant(record.createTime)]
    .filter(Boolean)
    .join(" · ");
}

/**
 * Makes one record of several: a person chooses which of them stays and, where they contradict each other, whose value; what
 * comes of it is shown first. It can be undone (CON-16).
 */
export function MergeDialog({
  kind,
  records,
  onClose,
}: {
  kind: MergedKind;
  /** The records; the one that stays unless another is chosen first. */
  records: Merging[];
  onClose: () => void;
}) {
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const [survivorId, setSurvivorId] = useState(records[0]?.id ?? "");
  const survivor = records.find((record) => record.id === survivorId);
  const others = records.filter((record) => record.id !== survivorId);
  const plan = {
    kind,
    survivorId,
    mergedIds: others.map((record) => record.id),
    choices: Object.entries(chosen).map(([field, recordId]) => ({ field, recordId })),
  };
  const preview = useQuery({ ...previewOptions(plan), placeholderData: keepPreviousData });
  const { merge, undo } = useMerges(kind);
  const result = preview.data?.record;
  const names = others.map((record) => record.name).join(", ");
  const submit = (): void =>
    merge.mutate(
      { ...plan, ...(preview.data ? { etags: preview.data.etags } : {}) },
      {
        onSuccess: (done) => {
          onClose();
          toast(t("duplicates.merged", { name: names }), {
            tone: "good",
            undo: () =>
              undo.mutate(done.id, {
                onSuccess: () => toast(t("duplicates.parted"), { tone: "good" }),
                onError: (error) => toast(messageOf(error), { tone: "bad" }),
              }),
          });
        },
      },
    );
  return (
    <Dialog
      title={
        others.length === 1
          ? t("duplicates.mergeTitle", { name: names, into: survivor?.name ?? "" })
          : t("duplicates.mergeManyTitle", { count: records.length })
      }
      submitLabel={t("duplicates.merge")}
      onClose={onClose}
      onSubmit={submit}
      busy={merge.isPending}
      disabled={!preview.data || preview.isPlaceholderData || Boolean(preview.error)}
      error={merge.error}
      size={640}
    >
      {preview.error && <ErrorNote error={preview.error} retry={() => void preview.refetch()} />}
      <p className="muted" style={{ margin: 0 }}>
        {t("duplicates.mergeText")}
      </p>
      <Radio.Group
        label={t("duplicates.into")}
        description={t("duplicates.intoHint")}
        value={survivorId}
        onChange={setSurvivorId}
      >
        <div className={classes["choice"]}>
          {records.map((record) => (
            <Radio key={record.id} value={record.id} label={record.name} description={tell(record)} />
          ))}
        </div>
      </Radio.Group>
      {!preview.data && !preview.error && <SkeletonRows count={3} />}
      {preview.data?.conflicts.map((conflict) => (
        <Radio.Group
          key={conflict.field}
          label={tIfAny(`duplicates.field.${conflict.field}`, conflict.field.replaceAll("_", " "))}
          value={chosen[conflict.field] ?? conflict.chosenId}
          onChange={(id) => setChosen({ ...chosen, [conflict.field]: id })}
        >
          <div className={classes["choice"]}>
            {conflict.values.map((value) => (
              <Radio key={value.recordId} value={value.recordId} label={shown(value.value)} />
            ))}
          </div>
        </Radio.Group>
      ))}
      {result && (
        <div className={classes["result"]} aria-live="polite">
          <span className="muted">{t("duplicates.result")}</span>
          <b>{nameOf(result)}</b>
          <span>
            {[...result.phones.map((p) => p.number), ...result.emails.map((e) => e.address)].join(" · ")}
          </span>
        </div>
      )}
    </Dialog>
  );
}
