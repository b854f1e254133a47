import { Radio } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { t, tIfAny } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { previewOptions, useMerges, type MergedKind } from "./duplicateQueries";

interface Named {
  id: string;
  name: string;
}

function shown(value: unknown): string {
  if (value !== null && typeof value === "object") {
    return Object.values(value).map(shown).filter(Boolean).join(" ");
  }
  return typeof value === "boolean" ? t(value ? "common.yes" : "common.no") : String(value ?? "");
}

/** Makes one record of two: where they contradict each other, a person chooses. It can be undone (CON-16). */
export function MergeDialog({
  kind,
  survivor,
  other,
  onClose,
}: {
  kind: MergedKind;
  survivor: Named;
  other: Named;
  onClose: () => void;
}) {
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const plan = { kind, survivorId: survivor.id, mergedIds: [other.id], choices: [] };
  const preview = useQuery(previewOptions(plan));
  const { merge, undo } = useMerges(kind);
  const submit = (): void =>
    merge.mutate(
      {
        ...plan,
        choices: Object.entries(chosen).map(([field, recordId]) => ({ field, recordId })),
        ...(preview.data ? { etags: preview.data.etags } : {}),
      },
      {
        onSuccess: (done) => {
          onClose();
          toast(t("duplicates.merged", { name: other.name }), {
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
      title={t("duplicates.mergeTitle", { name: other.name, into: survivor.name })}
      submitLabel={t("duplicates.merge")}
      onClose={onClose}
      onSubmit={submit}
      busy={merge.isPending}
      disabled={!preview.data}
      error={merge.error}
      size={620}
    >
      {preview.error && <ErrorNote error={preview.error} retry={() => void preview.refetch()} />}
      {!preview.data && !preview.error && <SkeletonRows count={3} />}
      <p className="muted" style={{ margin: 0 }}>
        {t("duplicates.mergeText")}
      </p>
      {preview.data?.conflicts.map((conflict) => (
        <Radio.Group
          key={conflict.field}
          label={tIfAny(`duplicates.field.${conflict.field}`, conflict.field.replaceAll("_", " "))}
          value={chosen[conflict.field] ?? conflict.chosenId}
          onChange={(id) => setChosen({ ...chosen, [conflict.field]: id })}
        >
          <div style={{ display: "grid", gridTemplateColumns: "1fr 1fr", gap: 10 }}>
            {conflict.values.map((value) => (
              <Radio key={value.recordId} value={value.recordId} label={shown(value.value)} />
            ))}
          </div>
        </Radio.Group>
      ))}
    </Dialog>
  );
}
