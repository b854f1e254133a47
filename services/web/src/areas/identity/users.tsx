import {
  Button,
  Menu,
  MultiSelect,
  PasswordInput,
  Select,
  Switch,
  Textarea,
  TextInput,
  ActionIcon,
} from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { departmentsOptions, useCan, useMe, usersOptions } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { User } from "../../api/model";
import { maskOf } from "../../api/resource";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { useDraft } from "../../parts/draft";
import { IconDots, IconPlus } from "../../parts/icons";
import { ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { AccessDialog } from "./access";
import { InvitationItems, InvitationLink, InvitationState } from "./invitations";
import { Handovers, LeaverDialog } from "./leaver";
import { rolesOptions } from "./queries";
import classes from "./identity.module.css";

type UserPhone = Pick<User["phones"][number], "number"> & Partial<User["phones"][number]>;

/** Everybody of the organisation, with roles and departments (ID-2, ID-4). */
export function UsersPage() {
  const users = useQuery(usersOptions);
  const departments = useQuery(departmentsOptions).data ?? [];
  const roles = useQuery(rolesOptions).data ?? [];
  const mayCreate = useCan("user", "create");
  const mayUpdate = useCan("user", "update");
  const [text, setText] = useState("");
  const [inactive, setInactive] = useState(false);
  const [editing, setEditing] = useState<User | "new">();
  const [password, setPassword] = useState<User>();
  const [leaving, setLeaving] = useState<User>();
  const [asked, setAsked] = useState<User>();
  const [link, setLink] = useState("");
  const mayDelete = useCan("user", "delete");
  const departmentNames = new Map(departments.map((d) => [d.id, d.name]));
  const roleNames = new Map(roles.map((r) => [r.id, r.name]));
  const needle = text.trim().toLowerCase();
  const shown = (users.data ?? []).filter(
    (u) => (inactive || u.active) && `${u.name} ${u.email}`.toLowerCase().includes(needle),
  );
  return (
    <SettingsSection
      title={t("users.count", { count: shown.length })}
      action={
        <div className={classes["bar"]}>
          <Switch
            label={t("users.inactive")}
            checked={inactive}
            onChange={(e) => setInactive(e.currentTarget.checked)}
          />
          <TextInput
            type="search"
            aria-label={t("list.search")}
            placeholder={t("list.searchHint")}
            value={text}
            onChange={(e) => setText(e.currentTarget.value)}
          />
          {mayCreate && (
            <Button leftSection={<IconPlus size={14} />} onClick={() => setEditing("new")}>
              {t("users.new")}
            </Button>
          )}
        </div>
      }
    >
      {users.error ? (
        <ErrorNote error={users.error} retry={() => void users.refetch()} />
      ) : users.isPending ? (
        <SkeletonRows />
      ) : (
        <SettingsTable
          label={t("settings.users")}
          head={[
            t("users.name"),
            t("field.email"),
            t("users.department"),
            t("users.roles"),
            t("users.state"),
            <span key="x" className="hidden">
              {t("card.more")}
            </span>,
          ]}
        >
          {shown.map((user) => (
            <tr key={user.id} data-off={user.active ? undefined : true}>
              <td>
                {mayUpdate ? (
                  <button type="button" className={classes["rowButton"]} onClick={() => setEditing(user)}>
                    {user.name}
                  </button>
                ) : (
                  user.name
                )}
              </td>
              <td>{user.email}</td>
              <td>{departmentNames.get(user.departmentId)}</td>
              <td>{user.roleIds.map((id) => roleNames.get(id)).join(", ")}</td>
              <td>
                {!user.active ? (
                  t("users.deactivated")
                ) : user.canSignIn ? (
                  t("users.active")
                ) : (
                  <InvitationState user={user} />
                )}
              </td>
              <td style={{ width: 32 }}>
                {mayUpdate && (
                  <UserMenu
                    user={user}
                    onEdit={() => setEditing(user)}
                    onPassword={() => setPassword(user)}
                    onLeave={() => setLeaving(user)}
                    onLink={setLink}
                    onAccess={() => setAsked(user)}
                  />
                )}
              </td>
            </tr>
          ))}
        </SettingsTable>
      )}
      {editing && (
        <UserDialog user={editing === "new" ? undefined : editing} onClose={() => setEditing(undefined)} />
      )}
      {password && <PasswordDialog user={password} onClose={() => setPassword(undefined)} />}
      {link && <InvitationLink link={link} onClose={() => setLink("")} />}
      {asked && <AccessDialog user={asked} onClose={() => setAsked(undefined)} />}
      {leaving && <LeaverDialog user={leaving} onClose={() => setLeaving(undefined)} />}
      {mayDelete && <Handovers />}
    </SettingsSection>
  );
}

interface UserMenuProps {
  user: User;
  onEdit: () => void;
  onPassword: () => void;
  onLeave: () => void;
  onLink: (link: string) => void;
  onAccess: () => void;
}

function UserMenu({ user, onEdit, onPassword, onLeave, onLink, onAccess }: UserMenuProps) {
  const maySeeRoles = useCan("role", "view");
  const me = useMe();
  const client = useQueryClient();
  const activate = useMutation({
    mutationFn: () =>
      call(api.POST("/v1/users/{id}:activate", { params: { path: { id: user.id } }, body: { id: user.id } })),
    onSuccess: () => void client.invalidateQueries({ queryKey: ["user"] }),
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  const reset = useMutation({
    mutationFn: () =>
      call(api.POST("/v1/users/{id}:resetSecondFactor", { params: { path: { id: user.id } } })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["user"] });
      toast(t("factor.resetDone", { name: user.name }));
    },
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon size={24} aria-label={t("users.menu", { name: user.name })}>
          <IconDots size={15} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={onEdit}>{t("users.edit")}</Menu.Item>
        <Menu.Item onClick={onPassword}>{t("users.setPassword")}</Menu.Item>
        <InvitationItems user={user} onLink={onLink} />
        {maySeeRoles && <Menu.Item onClick={onAccess}>{t("access.why")}</Menu.Item>}
        {user.secondFactor && user.id !== me.user.id && (
          <Menu.Item onClick={() => reset.mutate()}>{t("factor.reset")}</Menu.Item>
        )}
        {user.id !== me.user.id && (
          <Menu.Item onClick={() => (user.active ? onLeave() : activate.mutate())}>
            {user.active ? t("users.deactivate") : t("users.activate")}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function UserDialog({ user, onClose }: { user: User | undefined; onClose: () => void }) {
  const client = useQueryClient();
  const departments = useQuery(departmentsOptions).data ?? [];
  const roles = useQuery(rolesOptions).data ?? [];
  const manager = roles.find((r) => r.code === "manager")?.id;
  const initial = {
    name: user?.name ?? "",
    email: user?.email ?? "",
    departmentId: user?.departmentId ?? "",
    roleIds: user?.roleIds ?? (manager ? [manager] : []),
    sipExtension: user?.sipExtension ?? "",
    locale: user?.locale ?? "",
    timeZone: user?.timeZone ?? "",
    phones: (user?.phones ?? []) as UserPhone[],
  };
  const [draft, change, clear] = useDraft(`user.${user?.id ?? "new"}.${user?.etag ?? ""}`, initial);
  const save = useMutation({
    mutationFn: async () => {
      if (!user) {
        return (
          await call(
            api.POST("/v1/users", {
              body: { ...draft, name: draft.name.trim(), email: draft.email.trim() } as never,
            }),
          )
        ).user;
      }
      const { email: _email, ...patch } = draft;
      return (
        await call(
          api.PATCH("/v1/users/{id}", {
            params: { path: { id: user.id }, query: { updateMask: maskOf(patch) } },
            body: { ...patch, etag: user.etag } as never,
          }),
        )
      ).user;
    },
    onSuccess: () => {
      clear();
      void client.invalidateQueries({ queryKey: ["user"] });
      onClose();
      toast(t("field.saved", { label: draft.name }));
    },
  });
  return (
    <Dialog
      title={user ? user.name : t("users.new")}
      submitLabel={user ? t("common.save") : t("common.create")}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      busy={save.isPending}
      disabled={!draft.name.trim() || !draft.email.trim()}
      error={save.error}
    >
      <TextInput
        label={t("users.name")}
        data-autofocus
        value={draft.name}
        onChange={(e) => change({ name: e.currentTarget.value })}
        error={faultOf(save.error, "name")}
      />
      <TextInput
        label={t("field.email")}
        type="email"
        disabled={user !== undefined}
        value={draft.email}
        onChange={(e) => change({ email: e.currentTarget.value })}
        error={faultOf(save.error, "email")}
      />
      <Select
        label={t("users.department")}
        searchable
        clearable
        data={departments.map((d) => ({ value: d.id, label: d.name }))}
        value={draft.departmentId || null}
        onChange={(id) => change({ departmentId: id ?? "" })}
      />
      <MultiSelect
        label={t("users.roles")}
        data={roles.map((r) => ({ value: r.id, label: r.name }))}
        value={draft.roleIds}
        onChange={(roleIds) => change({ roleIds })}
        error={faultOf(save.error, "role_ids")}
      />
      <TextInput
        label={t("users.extension")}
        value={draft.sipExtension}
        onChange={(e) => change({ sipExtension: e.currentTarget.value })}
        error={faultOf(save.error, "sip_extension")}
      />
      <Textarea
        label={t("users.phones")}
        autosize
        minRows={1}
        defaultValue={draft.phones.map((p) => p.number).join("\n")}
        onChange={(e) => change({ phones: phonesOf(e.currentTarget.value, initial.phones) })}
        error={faultOf(save.error, "phones")}
      />
      <TextInput
        label={t("users.locale")}
        description={t("users.localeHint")}
        value={draft.locale}
        onChange={(e) => change({ locale: e.currentTarget.value })}
        error={faultOf(save.error, "locale")}
      />
      <Select
        label={t("users.timeZone")}
        searchable
        clearable
        data={Intl.supportedValuesOf("timeZone")}
        value={draft.timeZone || null}
        onChange={(timeZone) => change({ timeZone: timeZone ?? "" })}
        error={faultOf(save.error, "time_zone")}
      />
      {!user && (
        <p className="muted" style={{ margin: 0 }}>
          {t("users.newHint")}
        </p>
      )}
    </Dialog>
  );
}

/** The lines as numbers; a number that was there keeps its kind. */
function phonesOf(text: string, before: UserPhone[]): UserPhone[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((number) => before.find((p) => p.number === number) ?? { number });
}

function PasswordDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const [mustChange, setMustChange] = useState(true);
  const save = useMutation({
    mutationFn: () =>
      call(
        api.POST("/v1/users/{id}:setPassword", {
          params: { path: { id: user.id } },
          body: { id: user.id, password, mustChange },
        }),
      ),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["user"] });
      onClose();
      toast(t("users.passwordSet", { name: user.name }));
    },
  });
  return (
    <Dialog
      title={t("users.passwordFor", { name: user.name })}
      submitLabel={t("users.setPassword")}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      busy={save.isPending}
      disabled={password === ""}
      error={save.error}
    >
      <PasswordInput
        label={t("signIn.newPassword")}
        description={t("password.rule")}
        autoComplete="new-password"
        data-autofocus
        visibilityToggleButtonProps={{ "aria-label": t("signIn.show") }}
        value={password}
        onChange={(e) => setPassword(e.currentTarget.value)}
      />
      <Switch
        label={t("users.mustChange")}
        checked={mustChange}
        onChange={(e) => setMustChange(e.currentTarget.checked)}
      />
    </Dialog>
  );
}
