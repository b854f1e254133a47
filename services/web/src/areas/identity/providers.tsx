import {
  Button,
  MultiSelect,
  PasswordInput,
  Select,
  Switch,
  TagsInput,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { departmentsOptions, useCan } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { Role } from "../../api/model";
import { maskOf } from "../../api/resource";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { IconPlus } from "../../parts/icons";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { providersOptions, rolesOptions, type OidcProvider } from "./queries";

/** The OpenID Connect providers that users sign in with (ID-7). */
export function ProvidersPage() {
  const query = useQuery(providersOptions);
  const mayUpdate = useCan("settings", "update");
  const [open, setOpen] = useState<OidcProvider | "new">();
  const link = query.data?.[0]?.signInUri;
  return (
    <SettingsSection
      title={t("settings.providers")}
      description={t("providers.text")}
      action={
        mayUpdate && (
          <Button leftSection={<IconPlus size={14} />} onClick={() => setOpen("new")}>
            {t("providers.new")}
          </Button>
        )
      }
    >
      {query.error ? (
        <ErrorNote error={query.error} retry={() => void query.refetch()} />
      ) : query.isPending ? (
        <SkeletonRows count={3} />
      ) : query.data.length === 0 ? (
        <Empty title={t("providers.empty")}>{t("providers.emptyText")}</Empty>
      ) : (
        <>
          <SettingsTable
            label={t("settings.providers")}
            head={[
              t("settings.name"),
              t("providers.issuer"),
              t("providers.domains"),
              t("providers.redirect"),
              <span key="x" className="hidden">
                {t("card.more")}
              </span>,
            ]}
          >
            {query.data.map((provider) => (
              <ProviderRow
                key={provider.id}
                provider={provider}
                onEdit={mayUpdate ? () => setOpen(provider) : undefined}
              />
            ))}
          </SettingsTable>
          {link && (
            <p className="muted">
              {t("providers.link")} <code>{link}</code>
            </p>
          )}
        </>
      )}
      {open && (
        <ProviderDialog provider={open === "new" ? undefined : open} onClose={() => setOpen(undefined)} />
      )}
    </SettingsSection>
  );
}

function ProviderRow({ provider, onEdit }: { provider: OidcProvider; onEdit: (() => void) | undefined }) {
  const client = useQueryClient();
  const params = { path: { id: provider.id } };
  const check = useMutation({
    mutationFn: () =>
      call(api.POST("/v1/oidcProviders/{id}:check", { params, body: { id: provider.id } as never })),
    onSuccess: () => toast(t("providers.answers", { name: provider.name })),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  const remove = useMutation({
    mutationFn: () => call(api.DELETE("/v1/oidcProviders/{id}", { params })),
    onSuccess: () => void client.invalidateQueries({ queryKey: providersOptions.queryKey }),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  return (
    <tr data-off={provider.active ? undefined : true}>
      <td>
        {provider.name} {!provider.active && <span className="muted">{t("providers.off")}</span>}
      </td>
      <td>{provider.issuer}</td>
      <td>{(provider.emailDomains ?? []).join(", ")}</td>
      <td>
        <code>{provider.redirectUri}</code>
      </td>
      <td style={{ textAlign: "right", whiteSpace: "nowrap" }}>
        {onEdit && (
          <>
            <Button
              size="compact-xs"
              variant="default"
              loading={check.isPending}
              onClick={() => check.mutate()}
            >
              {t("providers.check")}
            </Button>{" "}
            <Button size="compact-xs" variant="default" onClick={onEdit}>
              {t("users.edit")}
            </Button>{" "}
            <Button
              size="compact-xs"
              variant="default"
              loading={remove.isPending}
              onClick={() => remove.mutate()}
            >
              {t("action.delete")}
            </Button>
          </>
        )}
      </td>
    </tr>
  );
}

function ProviderDialog({ provider, onClose }: { provider: OidcProvider | undefined; onClose: () => void }) {
  const client = useQueryClient();
  const departments = useQuery(departmentsOptions).data ?? [];
  const roles = useQuery(rolesOptions).data ?? [];
  const [draft, setDraft] = useState({
    name: provider?.name ?? "",
    issuer: provider?.issuer ?? "",
    clientId: provider?.clientId ?? "",
    clientSecret: "",
    emailDomains: provider?.emailDomains ?? [],
    createUsers: provider?.createUsers ?? false,
    defaultRoleIds: provider?.defaultRoleIds ?? [],
    departmentId: provider?.departmentId ?? "",
    roleClaim: provider?.roleClaim ?? "",
    secondFactorAtProvider: provider?.secondFactorAtProvider ?? false,
    active: provider?.active ?? true,
  });
  const [mappings, setMappings] = useState(() => linesOf(provider?.roleMappings ?? [], roles));
  const change = (patch: Partial<typeof draft>): void => setDraft({ ...draft, ...patch });
  const save = useMutation({
    mutationFn: () => {
      const body = { ...draft, roleMappings: mappingsOf(mappings, roles) };
      if (!provider) {
        return call(api.POST("/v1/oidcProviders", { body: body as never }));
      }
      const { issuer: _issuer, clientSecret, ...rest } = body;
      const patch = clientSecret ? { ...rest, clientSecret } : rest;
      return call(
        api.PATCH("/v1/oidcProviders/{id}", {
          params: { path: { id: provider.id }, query: { updateMask: maskOf(patch) } },
          body: { ...patch, etag: provider.etag } as never,
        }),
      );
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: providersOptions.queryKey });
      onClose();
      toast(t("field.saved", { label: draft.name }));
    },
  });
  return (
    <Dialog
      title={provider ? provider.name : t("providers.new")}
      submitLabel={provider ? t("common.save") : t("common.create")}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      busy={save.isPending}
      disabled={!draft.name.trim() || !draft.issuer.trim() || !draft.clientId.trim()}
      error={save.error}
    >
      <TextInput
        label={t("settings.name")}
        description={t("providers.nameHint")}
        data-autofocus
        value={draft.name}
        onChange={(e) => change({ name: e.currentTarget.value })}
        error={faultOf(save.error, "name")}
      />
      <TextInput
        label={t("providers.issuer")}
        placeholder="https://login.example.com"
        disabled={provider !== undefined}
        value={draft.issuer}
        onChange={(e) => change({ issuer: e.currentTarget.value })}
        error={faultOf(save.error, "issuer")}
      />
      <TextInput
        label={t("providers.clientId")}
        value={draft.clientId}
        onChange={(e) => change({ clientId: e.currentTarget.value })}
        error={faultOf(save.error, "client_id")}
      />
      <PasswordInput
        label={t("providers.clientSecret")}
        description={provider?.clientSecretSet ? t("providers.secretKept") : undefined}
        autoComplete="off"
        visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
        value={draft.clientSecret}
        onChange={(e) => change({ clientSecret: e.currentTarget.value })}
        error={faultOf(save.error, "client_secret")}
      />
      <TagsInput
        label={t("providers.domains")}
        description={t("providers.domainsHint")}
        value={draft.emailDomains}
        onChange={(emailDomains) => change({ emailDomains })}
        error={faultOf(save.error, "email_domains")}
      />
      <Switch
        label={t("providers.createUsers")}
        checked={draft.createUsers}
        onChange={(e) => change({ createUsers: e.currentTarget.checked })}
      />
      {draft.createUsers && (
        <>
          <MultiSelect
            label={t("providers.roles")}
            data={roles.map((r) => ({ value: r.id, label: r.name }))}
            value={draft.defaultRoleIds}
            onChange={(defaultRoleIds) => change({ defaultRoleIds })}
          />
          <Select
            label={t("users.department")}
            searchable
            clearable
            data={departments.map((d) => ({ value: d.id, label: d.name }))}
            value={draft.departmentId || null}
            onChange={(id) => change({ departmentId: id ?? "" })}
          />
          <TextInput
            label={t("providers.claim")}
            placeholder="groups"
            value={draft.roleClaim}
            onChange={(e) => change({ roleClaim: e.currentTarget.value })}
            error={faultOf(save.error, "role_claim")}
          />
          {draft.roleClaim.trim() !== "" && (
            <Textarea
              label={t("providers.mappings")}
              description={t("providers.mappingsHint")}
              value={mappings}
              onChange={(e) => setMappings(e.currentTarget.value)}
            />
          )}
        </>
      )}
      <Switch
        label={t("providers.factor")}
        checked={draft.secondFactorAtProvider}
        onChange={(e) => change({ secondFactorAtProvider: e.currentTarget.checked })}
      />
      <Switch
        label={t("providers.active")}
        checked={draft.active}
        onChange={(e) => change({ active: e.currentTarget.checked })}
      />
    </Dialog>
  );
}

type Mappings = NonNullable<OidcProvider["roleMappings"]>;

/** One "value = role" on each line. */
function linesOf(mappings: Mappings, roles: Role[]): string {
  return mappings
    .map((m) => `${m.value} = ${roles.find((r) => r.id === m.roleId)?.name ?? m.roleId}`)
    .join("\n");
}

/** The lines as mappings; a role that there is none of is left to the server to refuse. */
function mappingsOf(text: string, roles: Role[]): Mappings {
  return text
    .split("\n")
    .map((line) => {
      const cut = line.lastIndexOf("=");
      const name = line.slice(cut + 1).trim();
      const role = roles.find((r) => r.name.toLowerCase() === name.toLowerCase());
      return { value: line.slice(0, Math.max(0, cut)).trim(), roleId: role?.id ?? name };
    })
    .filter((m) => m.value !== "");
}
