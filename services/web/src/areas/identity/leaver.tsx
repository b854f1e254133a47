import { Button, Select } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { usersOptions } from "../../api/directory";
import type { User } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { messageOf } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { When } from "../../parts/When";
import { handoverCountOptions, handoverRecordsOptions, handoversOptions, type Handover } from "./queries";

/** Takes the right to sign in away and says who gets the records (ID-2). */
export function LeaverDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const client = useQueryClient();
  const users = useQuery(usersOptions).data ?? [];
  const [successor, setSuccessor] = useState<string | null>(null);
  const leave = useMutation({
    mutationFn: () =>
      call(
        api.POST("/v1/users/{id}:deactivate", {
          params: { path: { id: user.id } },
          body: { id: user.id, ...(successor ? { successorId: successor } : {}) },
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["user"] });
      void client.invalidateQueries({ queryKey: ["handover"] });
      onClose();
      toast(t("users.deactivatedToast", { name: user.name }));
    },
  });
  return (
    <Dialog
      title={t("leaver.title", { name: user.name })}
      submitLabel={t("users.deactivate")}
      onClose={onClose}
      onSubmit={() => leave.mutate()}
      busy={leave.isPending}
      error={leave.error}
    >
      <Select
        label={t("leaver.successor")}
        description={t("leaver.hint")}
        placeholder={t("leaver.nobody")}
        searchable
        clearable
        data-autofocus
        data={users.filter((u) => u.active && u.id !== user.id).map((u) => ({ value: u.id, label: u.name }))}
        value={successor}
        onChange={setSuccessor}
      />
    </Dialog>
  );
}

/** The handovers of the last weeks: how far they are, what was left, and the way back. */
export function Handovers() {
  const client = useQueryClient();
  const handovers = useQuery(handoversOptions).data ?? [];
  const count = useQuery(handoverCountOptions).data ?? handovers.length;
  const users = useQuery(usersOptions).data ?? [];
  const [shown, setShown] = useState<string>();
  const nameOf = (id: string): string => users.find((u) => u.id === id)?.name ?? "–";
  const revert = useMutation({
    mutationFn: (id: string) =>
      call(api.POST("/v1/handovers/{id}:revert", { params: { path: { id } }, body: { id } })),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: handoversOptions.queryKey });
      void client.invalidateQueries({ queryKey: ["user"] });
    },
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  if (handovers.length === 0) {
    return null;
  }
  return (
    <SettingsSection title={t("leaver.count", { count })} description={t("leaver.text")}>
      <SettingsTable
        label={t("leaver.handovers")}
        head={[
          t("leaver.from"),
          t("leaver.to"),
          t("leaver.when"),
          t("users.state"),
          <span key="x" className="hidden">
            {t("card.more")}
          </span>,
        ]}
      >
        {handovers.map((h) => (
          <tr key={h.id}>
            <td>{nameOf(h.userId)}</td>
            <td>{nameOf(h.successorId)}</td>
            <td>
              <When at={h.createTime} />
            </td>
            <td>
              {t(`leaver.${h.state}`)} · {t("leaver.moved", { count: Number(h.moved) + Number(h.returned) })}
              {Number(h.left) + Number(h.kept) > 0 && (
                <Button size="compact-xs" variant="subtle" onClick={() => setShown(h.id)}>
                  {t("leaver.stayed", { count: Number(h.left) + Number(h.kept) })}
                </Button>
              )}
            </td>
            <td style={{ textAlign: "right" }}>
              {revertible(h) && (
                <Button
                  size="compact-xs"
                  variant="default"
                  loading={revert.isPending && revert.variables === h.id}
                  onClick={() => revert.mutate(h.id)}
                >
                  {t("leaver.revert")}
                </Button>
              )}
            </td>
          </tr>
        ))}
      </SettingsTable>
      {shown && <Stayed handover={shown} onClose={() => setShown(undefined)} />}
    </SettingsSection>
  );
}

function revertible(h: Handover): boolean {
  return h.state === "HANDOVER_STATE_DONE" && new Date(h.revertibleUntil).getTime() > Date.now();
}

function Stayed({ handover, onClose }: { handover: string; onClose: () => void }) {
  const records = useQuery(handoverRecordsOptions(handover)).data ?? [];
  return (
    <Dialog
      title={t("leaver.stayedTitle")}
      submitLabel={t("common.close")}
      onClose={onClose}
      onSubmit={onClose}
    >
      <ul>
        {records.map((r) => (
          <li key={r.recordId}>
            {r.name || r.recordId} <span className="muted">({r.reason})</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
