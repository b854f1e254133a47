import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCan } from "../../api/directory";
import { t } from "../../i18n";
import { UserName } from "../../parts/fields/pickers";
import { messageOf } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { When } from "../../parts/When";
import { undoBatch } from "./BatchMerge";
import {
  mergesOptions,
  nameOf,
  peopleOptions,
  useMerges,
  type Merge,
  type MergedKind,
} from "./duplicateQueries";

/** How many merges are shown. */
const SHOWN = 20;

/** What was merged last, each to be undone, by itself or with the operation that it was part of (CON-16). */
export function LatestMerges({ kind }: { kind: MergedKind }) {
  const client = useQueryClient();
  const mayUndo = useCan(kind, "update");
  const merges = (useQuery(mergesOptions(kind)).data ?? []).filter((m) => !m.undoTime).slice(0, SHOWN);
  const ids = [...new Set(merges.map((m) => m.survivorId))].toSorted();
  const people = useQuery(peopleOptions(kind, ids)).data;
  const { undo } = useMerges(kind);
  const takeBack = (merge: Merge): void =>
    undo.mutate(merge.id, {
      onSuccess: () => toast(t("duplicates.parted"), { tone: "good" }),
      onError: (error) => toast(messageOf(error), { tone: "bad" }),
    });
  return (
    <SettingsSection title={t("duplicates.recent")}>
      {merges.length === 0 ? (
        <span className="muted">{t("duplicates.recentNone")}</span>
      ) : (
        <SettingsTable label={t("duplicates.recent")} head={["", "", "", ""]}>
          {merges.map((merge) => (
            <tr key={merge.id}>
              <td>
                {t("duplicates.mergedInto", {
                  count: merge.mergedIds.length,
                  name: nameOf(people?.get(merge.survivorId)) || t("contact.unnamed"),
                })}
              </td>
              <td>
                <UserName id={merge.userId} />
              </td>
              <td>
                <When at={merge.createTime} />
              </td>
              <td style={{ textAlign: "right" }}>
                {mayUndo && (
                  <>
                    {merge.operationId && (
                      <Button
                        size="compact-xs"
                        variant="subtle"
                        onClick={() => void undoBatch(client, kind, merge.operationId)}
                      >
                        {t("duplicates.undoBatch")}
                      </Button>
                    )}{" "}
                    <Button
                      size="compact-xs"
                      variant="default"
                      loading={undo.isPending && undo.variables === merge.id}
                      onClick={() => takeBack(merge)}
                    >
                      {t("common.undo")}
                    </Button>
                  </>
                )}
              </td>
            </tr>
          ))}
        </SettingsTable>
      )}
    </SettingsSection>
  );
}
