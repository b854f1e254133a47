import { Modal, NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useUserNames } from "../../api/directory";
import type { User } from "../../api/model";
import { t, type MessageKey } from "../../i18n";
import { ErrorNote, SkeletonRows } from "../../parts/notes";
import { SettingsTable } from "../../parts/SettingsSection";
import { ACTIONS, KINDS } from "./grantCells";

interface Explanation {
  allowed?: boolean;
  reason: string;
  scope: string;
  grants?: { roleId: string; roleName: string; kind: string; action: string; scope: string }[];
  responsibleId?: string;
}

const RECORD = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

// Single records of these kinds can be looked into.
const WITH_RECORDS = new Set(["lead", "contact", "company", "deal"]);

/** Why a user may, or may not, do something: to records of a kind, or to one of them (ID-4, ID-5). */
export function AccessDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const [kind, setKind] = useState("deal");
  const [action, setAction] = useState<string>("VIEW");
  const [link, setLink] = useState("");
  const single = WITH_RECORDS.has(kind);
  const recordId = single ? (RECORD.exec(link)?.[0] ?? "") : "";
  const wrong = single && link.trim() !== "" && recordId === "";
  const answer = useQuery({
    queryKey: ["access", user.id, kind, action, recordId],
    queryFn: async ({ signal }) =>
      (await call(
        api.GET("/v1/users/{id}:explainAccess", {
          params: {
            path: { id: user.id },
            query: { kind, action: `ACTION_${action}` as never, ...(recordId ? { recordId } : {}) },
          },
          signal,
        }),
      )) as unknown as Explanation,
    enabled: !wrong,
    retry: false,
    staleTime: 0,
  });
  return (
    <Modal
      opened
      onClose={onClose}
      size={560}
      title={<b>{t("access.title", { name: user.name })}</b>}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <div style={{ display: "grid", gap: 10 }}>
        <NativeSelect
          label={t("access.action")}
          data={ACTIONS.map((a) => ({ value: a, label: t(`roles.action.${a}` as MessageKey) }))}
          value={action}
          onChange={(e) => setAction(e.currentTarget.value)}
        />
        <NativeSelect
          label={t("roles.records")}
          data={KINDS.filter((k) => k !== "*").map((k) => ({
            value: k,
            label: t(`roles.kind.${k}` as MessageKey),
          }))}
          value={kind}
          onChange={(e) => setKind(e.currentTarget.value)}
        />
        {single && (
          <TextInput
            label={t("access.record")}
            description={t("access.recordHint")}
            value={link}
            onChange={(e) => setLink(e.currentTarget.value)}
            error={wrong ? t("access.recordWrong") : undefined}
          />
        )}
        {answer.error ? (
          <ErrorNote error={answer.error} />
        ) : answer.data && !wrong ? (
          <Answer answer={answer.data} />
        ) : (
          !wrong && <SkeletonRows count={2} />
        )}
      </div>
    </Modal>
  );
}

function Answer({ answer }: { answer: Explanation }) {
  const names = useUserNames();
  const grants = answer.grants ?? [];
  const responsible = answer.responsibleId ? (names.get(answer.responsibleId)?.name ?? "") : "";
  return (
    <>
      <p role="status" style={{ margin: 0 }}>
        <b>{answer.allowed ? t("common.yes") : t("common.no")}.</b>{" "}
        {t(`access.${answer.reason}` as MessageKey)}
        {responsible && ` ${t("access.responsible", { name: responsible })}`}
      </p>
      {grants.length > 0 && (
        <SettingsTable
          label={t("roles.grants")}
          head={[t("access.role"), t("roles.records"), t("access.action"), t("access.reach")]}
        >
          {grants.map((grant) => (
            <tr key={`${grant.roleId} ${grant.kind} ${grant.action} ${grant.scope}`}>
              <td>{grant.roleName}</td>
              <td>{t(`roles.kind.${grant.kind}` as MessageKey)}</td>
              <td>
                {grant.action === "ACTION_UNSPECIFIED"
                  ? t("roles.kind.*")
                  : t(`roles.action.${grant.action.replace("ACTION_", "")}` as MessageKey)}
              </td>
              <td>{t(`roles.${grant.scope}` as MessageKey)}</td>
            </tr>
          ))}
        </SettingsTable>
      )}
    </>
  );
}
