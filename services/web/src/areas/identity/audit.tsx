import { Button, Group, Select, TextInput, UnstyledButton } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan, useUserNames } from "../../api/directory";
import { exportList } from "../../api/exports";
import type { AuditEntry } from "../../api/model";
import { t, type MessageKey } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { When } from "../../parts/When";

const CLASSES = ["", "sign_in", "permission", "record", "export", "playback", "settings"] as const;

/** The audit log: what was done, by whom, when and from where; and whether it is still what was written (ID-10). */
export function AuditPage() {
  const names = useUserNames();
  const [about, setAbout] = useState("");
  const [actor, setActor] = useState<string | null>(null);
  const [address, setAddress] = useState("");
  const [since, setSince] = useState("");
  const [open, setOpen] = useState<string>();
  const mayExport = useCan("audit", "export");
  const filter = [
    about && `class = ${about}`,
    actor && `actor = "${actor}"`,
    /^[0-9a-fA-F.:]+$/.test(address) && `address = "${address}"`,
    since && `happen_time >= "${since}"`,
  ]
    .filter(Boolean)
    .join(" AND ");
  const entries = useInfiniteQuery({
    queryKey: ["audit", filter],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      call(api.GET("/v1/audit-entries", { params: { query: { filter, pageToken: pageParam } }, signal })),
    getNextPageParam: (page) => page.nextPageToken || undefined,
  });
  const verify = useMutation({ mutationFn: verifyAll });
  const take = useMutation({
    mutationFn: () => exportList("audit", { filter }),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  const rows = (entries.data?.pages ?? []).flatMap((page) => (page.auditEntries ?? []) as AuditEntry[]);
  return (
    <SettingsSection title={t("audit.title")} description={t("audit.text")}>
      <Group gap="xs" align="end" mb="sm">
        <Select
          label={t("audit.class")}
          data={CLASSES.map((value) => ({ value, label: t(`audit.class.${value}` as MessageKey) }))}
          value={about}
          onChange={(value) => setAbout(value ?? "")}
        />
        <Select
          label={t("audit.actor")}
          placeholder={t("audit.anybody")}
          clearable
          searchable
          data={[...names.values()].map((user) => ({ value: user.id, label: user.name }))}
          value={actor}
          onChange={setActor}
        />
        <TextInput
          label={t("audit.address")}
          value={address}
          onChange={(e) => setAddress(e.currentTarget.value.trim())}
        />
        <TextInput
          label={t("audit.from")}
          type="date"
          value={since}
          onChange={(e) => setSince(e.currentTarget.value)}
        />
        <Button variant="default" loading={verify.isPending} onClick={() => verify.mutate()}>
          {t("audit.verify")}
        </Button>
        {mayExport && (
          <Button variant="default" loading={take.isPending} onClick={() => take.mutate()}>
            {t("audit.export")}
          </Button>
        )}
      </Group>
      <div role="status">
        {verify.data && <p className={verify.data.sound ? "good" : "bad"}>{verify.data.text}</p>}
      </div>
      {verify.error && <ErrorNote error={verify.error} />}
      {entries.error ? (
        <ErrorNote error={entries.error} retry={() => void entries.refetch()} />
      ) : entries.isPending ? (
        <SkeletonRows count={10} />
      ) : rows.length === 0 ? (
        <p>{t("audit.empty")}</p>
      ) : (
        <SettingsTable
          label={t("audit.title")}
          head={[
            t("audit.time"),
            t("audit.actor"),
            t("audit.action"),
            t("audit.record"),
            t("audit.fields"),
            t("audit.address"),
          ]}
        >
          {rows.map((entry) => (
            <tr key={entry.id}>
              <td>
                <When at={entry.happenTime} />
              </td>
              <td>{names.get(entry.actor)?.name ?? entry.actor}</td>
              <td>
                <UnstyledButton onClick={() => setOpen(entry.id)}>
                  {entry.action.replaceAll("_", " ")}
                </UnstyledButton>
              </td>
              <td title={entry.recordId}>{entry.kind.replaceAll("_", " ")}</td>
              <td>
                {(entry.changes ?? [])
                  .slice(0, 4)
                  .map((change) => change.field)
                  .join(", ")}
              </td>
              <td>{entry.address}</td>
            </tr>
          ))}
        </SettingsTable>
      )}
      {entries.hasNextPage && (
        <Button
          variant="default"
          loading={entries.isFetchingNextPage}
          onClick={() => void entries.fetchNextPage()}
        >
          {t("audit.more")}
        </Button>
      )}
      {open && <Entry id={open} onClose={() => setOpen(undefined)} />}
    </SettingsSection>
  );
}

/** Checks the log piece by piece. */
async function verifyAll(): Promise<{ sound: boolean; text: string }> {
  let count = 0;
  for (let firstSequence = "0"; ;) {
    const found = await call(api.POST("/v1/audit-entries:verify", { body: { firstSequence } }));
    count += Number(found.checked ?? 0);
    if (found.problem) {
      const { sequence, text } = found.problem;
      return { sound: false, text: t("audit.unsound", { at: Number(sequence ?? 0), text: text ?? "" }) };
    }
    if (!Number(found.nextSequence ?? 0)) {
      const { sequence, hash } = found.last ?? {};
      return { sound: true, text: t("audit.sound", { count, last: `${sequence ?? 0}:${hash ?? ""}` }) };
    }
    firstSequence = String(found.nextSequence);
  }
}

function Entry({ id, onClose }: { id: string; onClose: () => void }) {
  const entry = useQuery({
    queryKey: ["audit", "entry", id],
    queryFn: async ({ signal }) =>
      (await call(api.GET("/v1/audit-entries/{id}", { params: { path: { id } }, signal })))
        .auditEntry as AuditEntry,
  });
  if (entry.error || !entry.data) {
    return (
      <Dialog title={t("audit.title")} onClose={onClose} onSubmit={onClose} submitLabel={t("audit.close")}>
        {entry.error ? <ErrorNote error={entry.error} /> : <SkeletonRows count={4} />}
      </Dialog>
    );
  }
  const { data } = entry;
  const beside = [
    [t("audit.record"), `${data.kind} ${data.recordId}`],
    [t("audit.address"), data.address],
    [t("audit.request"), data.requestId],
    [t("audit.trace"), data.traceId],
    [t("audit.cause"), data.cause],
  ].filter(([, value]) => value);
  return (
    <Dialog
      title={t("audit.entry", { number: Number(data.sequence) })}
      onClose={onClose}
      onSubmit={onClose}
      submitLabel={t("audit.close")}
      size={720}
    >
      {beside.map(([label, value]) => (
        <p key={label}>
          {label}: {value}
        </p>
      ))}
      {data.erased ? (
        <p>{t("audit.erased")}</p>
      ) : (data.changes ?? []).length === 0 ? (
        <p>{t("audit.nothing")}</p>
      ) : (
        <SettingsTable
          label={t("audit.fields")}
          head={[t("audit.fields"), t("audit.before"), t("audit.after")]}
        >
          {(data.changes ?? []).map((change) => (
            <tr key={change.field}>
              <td>{change.field}</td>
              <td>{shown(change.oldValue)}</td>
              <td>{shown(change.newValue)}</td>
            </tr>
          ))}
        </SettingsTable>
      )}
    </Dialog>
  );
}

function shown(value: unknown): string {
  return value === undefined || value === null
    ? "–"
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
}
