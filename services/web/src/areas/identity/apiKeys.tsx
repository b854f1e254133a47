import { Button, MultiSelect, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan } from "../../api/directory";
import type { ApiKey, ServiceAccount } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { formatInstant } from "../../parts/format";
import { IconPlus } from "../../parts/icons";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { When } from "../../parts/When";
import { keysOptions, rolesOptions } from "./queries";
import classes from "./identity.module.css";

/** Service accounts and the keys by which programs act as them (ID-8). */
export function ApiKeysPage() {
  const client = useQueryClient();
  const query = useQuery(keysOptions);
  const mayUpdate = useCan("settings", "update");
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState("");
  const revoke = useMutation({
    mutationFn: (id: string) => call(api.DELETE("/v1/apiKeys/{id}", { params: { path: { id } } })),
    onSuccess: () => void client.invalidateQueries({ queryKey: keysOptions.queryKey }),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  const accounts = new Map((query.data?.accounts ?? []).map((a) => [a.id, a.name]));
  return (
    <SettingsSection
      title={t("settings.apiKeys")}
      description={t("keys.text")}
      action={
        mayUpdate && (
          <Button leftSection={<IconPlus size={14} />} onClick={() => setAdding(true)}>
            {t("keys.new")}
          </Button>
        )
      }
    >
      {secret && (
        <div className={classes["secret"]} role="status">
          <span>{t("keys.once")}</span>
          <code>{secret}</code>
          <Button
            variant="default"
            onClick={() => void navigator.clipboard.writeText(secret).then(() => toast(t("keys.copied")))}
          >
            {t("keys.copy")}
          </Button>
        </div>
      )}
      {query.error ? (
        <ErrorNote error={query.error} retry={() => void query.refetch()} />
      ) : query.isPending ? (
        <SkeletonRows count={4} />
      ) : query.data.keys.length === 0 ? (
        <Empty title={t("keys.empty")}>{t("keys.emptyText")}</Empty>
      ) : (
        <SettingsTable
          label={t("settings.apiKeys")}
          head={[
            t("users.name"),
            t("keys.account"),
            t("keys.lastUse"),
            t("keys.expires"),
            t("field.created"),
            <span key="x" className="hidden">
              {t("card.more")}
            </span>,
          ]}
        >
          {query.data.keys.map((key) => (
            <KeyRow
              key={key.id}
              apiKey={key}
              account={accounts.get(key.serviceAccountId) ?? ""}
              onRevoke={mayUpdate ? () => revoke.mutate(key.id) : undefined}
            />
          ))}
        </SettingsTable>
      )}
      {adding && (
        <NewKey accounts={query.data?.accounts ?? []} onClose={() => setAdding(false)} onMade={setSecret} />
      )}
    </SettingsSection>
  );
}

function KeyRow({
  apiKey,
  account,
  onRevoke,
}: {
  apiKey: ApiKey;
  account: string;
  onRevoke: (() => void) | undefined;
}) {
  return (
    <tr data-off={apiKey.revokeTime ? true : undefined}>
      <td>{apiKey.name}</td>
      <td>{account}</td>
      <td>
        {apiKey.lastUseTime ? (
          <>
            <When at={apiKey.lastUseTime} /> <span className="muted">{apiKey.lastUseAddress}</span>
          </>
        ) : (
          <span className="muted">{t("keys.never")}</span>
        )}
      </td>
      <td>{apiKey.expireTime ? formatInstant(apiKey.expireTime) : t("keys.noExpiry")}</td>
      <td>
        <When at={apiKey.createTime} />
      </td>
      <td style={{ textAlign: "right" }}>
        {apiKey.revokeTime
          ? t("keys.revoked")
          : onRevoke && (
              <Button size="compact-xs" variant="default" onClick={onRevoke}>
                {t("keys.revoke")}
              </Button>
            )}
      </td>
    </tr>
  );
}

const NEW = "+";

function NewKey({
  accounts,
  onClose,
  onMade,
}: {
  accounts: ServiceAccount[];
  onClose: () => void;
  onMade: (secret: string) => void;
}) {
  const client = useQueryClient();
  const roles = useQuery(rolesOptions).data ?? [];
  const active = accounts.filter((a) => a.active);
  const [name, setName] = useState("");
  const [account, setAccount] = useState(active[0]?.id ?? NEW);
  const [accountName, setAccountName] = useState("");
  const [roleIds, setRoleIds] = useState<string[]>([]);
  const [networks, setNetworks] = useState("");
  const [expires, setExpires] = useState("");
  const make = useMutation({
    mutationFn: async () => {
      let serviceAccountId = account;
      if (account === NEW) {
        const made = await call(
          api.POST("/v1/serviceAccounts", { body: { name: accountName.trim(), roleIds } as never }),
        );
        serviceAccountId = made.serviceAccount?.id ?? "";
        setAccount(serviceAccountId);
      }
      return call(
        api.POST("/v1/apiKeys", {
          body: {
            name: name.trim(),
            serviceAccountId,
            allowedNetworks: networks.split(/[\s,]+/).filter(Boolean),
            ...(expires ? { expireTime: new Date(`${expires}T23:59:59`).toISOString() } : {}),
          } as never,
        }),
      );
    },
    onSuccess: (answer) => {
      onMade(answer.secret ?? "");
      onClose();
    },
    onSettled: () => void client.invalidateQueries({ queryKey: keysOptions.queryKey }),
  });
  const ready = name.trim() !== "" && (account !== NEW || (accountName.trim() !== "" && roleIds.length > 0));
  return (
    <Dialog
      title={t("keys.new")}
      submitLabel={t("common.create")}
      onClose={onClose}
      onSubmit={() => make.mutate()}
      busy={make.isPending}
      disabled={!ready}
      error={make.error}
    >
      <TextInput
        label={t("keys.what")}
        placeholder={t("keys.whatHint")}
        data-autofocus
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
      />
      <Select
        label={t("keys.account")}
        data={[
          ...active.map((a) => ({ value: a.id, label: a.name })),
          { value: NEW, label: t("keys.newAccount") },
        ]}
        value={account}
        allowDeselect={false}
        onChange={(v) => setAccount(v ?? NEW)}
      />
      {account === NEW && (
        <>
          <TextInput
            label={t("keys.accountName")}
            value={accountName}
            onChange={(e) => setAccountName(e.currentTarget.value)}
          />
          <MultiSelect
            label={t("users.roles")}
            data={roles.map((r) => ({ value: r.id, label: r.name }))}
            value={roleIds}
            onChange={setRoleIds}
          />
        </>
      )}
      <Textarea
        label={t("keys.networks")}
        description={t("keys.networksHint")}
        minRows={1}
        value={networks}
        onChange={(e) => setNetworks(e.currentTarget.value)}
      />
      <TextInput
        type="date"
        label={t("keys.expires")}
        value={expires}
        onChange={(e) => setExpires(e.currentTarget.value)}
      />
    </Dialog>
  );
}
