import { ActionIcon, Button, Menu, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { useCan } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { Role } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { IconDots, IconPlus } from "../../parts/icons";
import { ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { rolesOptions } from "./queries";
import { FieldRules, type FieldRule } from "./fieldRules";
import { GrantMatrix } from "./grants";
import { cellsOf, grantsOf, type Cells } from "./grantCells";
import classes from "./identity.module.css";

/** What is open: a role to look at or change, or one to begin a new one with. */
interface Editing {
  role?: Role;
  from?: Role;
}

/** The roles of the organisation and what they grant (ID-4). */
export function RolesPage() {
  const client = useQueryClient();
  const query = useQuery(rolesOptions);
  const mayCreate = useCan("role", "create");
  const mayDelete = useCan("role", "delete");
  const [editing, setEditing] = useState<Editing>();
  const remove = useMutation({
    mutationFn: (role: Role) =>
      call(api.DELETE("/v1/roles/{id}", { params: { path: { id: role.id }, query: { etag: role.etag } } })),
    onSuccess: (_, role) => {
      void client.invalidateQueries({ queryKey: ["role"] });
      toast(t("roles.deleted", { name: role.name }));
    },
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  const roles = query.data ?? [];
  return (
    <SettingsSection
      title={t("roles.count", { count: roles.length })}
      description={t("roles.text")}
      action={
        mayCreate && (
          <Button leftSection={<IconPlus size={14} />} onClick={() => setEditing({})}>
            {t("roles.new")}
          </Button>
        )
      }
    >
      {query.error ? (
        <ErrorNote error={query.error} retry={() => void query.refetch()} />
      ) : query.isPending ? (
        <SkeletonRows count={4} />
      ) : (
        <SettingsTable
          label={t("settings.roles")}
          head={[
            t("users.name"),
            t("roles.description"),
            t("roles.kind"),
            <span key="x" className="hidden">
              {t("card.more")}
            </span>,
          ]}
        >
          {roles.map((role) => (
            <tr key={role.id}>
              <td>
                <button type="button" className={classes["rowButton"]} onClick={() => setEditing({ role })}>
                  {role.name}
                </button>
              </td>
              <td>{role.description}</td>
              <td className="muted">{role.code ? t("roles.readyMade") : t("roles.own")}</td>
              <td style={{ textAlign: "right" }}>
                {mayCreate && (
                  <Menu position="bottom-end" withinPortal>
                    <Menu.Target>
                      <ActionIcon size={24} aria-label={t("roles.menu", { name: role.name })}>
                        <IconDots size={15} />
                      </ActionIcon>
                    </Menu.Target>
                    <Menu.Dropdown>
                      <Menu.Item onClick={() => setEditing({ from: role })}>{t("roles.copy")}</Menu.Item>
                      {mayDelete && !role.code && (
                        <Menu.Item onClick={() => remove.mutate(role)}>{t("action.delete")}</Menu.Item>
                      )}
                    </Menu.Dropdown>
                  </Menu>
                )}
              </td>
            </tr>
          ))}
        </SettingsTable>
      )}
      {editing && <RoleDialog editing={editing} onClose={() => setEditing(undefined)} />}
    </SettingsSection>
  );
}

function RoleDialog({ editing: { role, from }, onClose }: { editing: Editing; onClose: () => void }) {
  const client = useQueryClient();
  const mayUpdate = useCan("role", "update");
  const fixed = role !== undefined && (role.code !== "" || !mayUpdate);
  const [name, setName] = useState(role?.name ?? (from ? t("roles.copyOf", { name: from.name }) : ""));
  const [description, setDescription] = useState((role ?? from)?.description ?? "");
  const [cells, setCells] = useState<Cells>(() => cellsOf((role ?? from)?.grants ?? []));
  const [fields, setFields] = useState<FieldRule[]>((role ?? from)?.fields ?? []);
  const save = useMutation({
    mutationFn: async () => {
      const body = { name: name.trim(), description: description.trim(), grants: grantsOf(cells), fields };
      if (role) {
        await call(
          api.PATCH("/v1/roles/{id}", {
            params: { path: { id: role.id }, query: { updateMask: "name,description,grants,fields" } },
            body: { ...body, etag: role.etag } as never,
          }),
        );
      } else {
        await call(api.POST("/v1/roles", { body: body as never }));
      }
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["role"] });
      onClose();
    },
  });
  return (
    <Dialog
      title={role ? role.name : t("roles.new")}
      size={860}
      submitLabel={role ? t("common.save") : t("common.create")}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      busy={save.isPending}
      disabled={fixed || !name.trim()}
      error={save.error}
    >
      {role?.code && <p className="muted">{t("roles.fixed")}</p>}
      <div className={classes["two"]}>
        <TextInput
          label={t("users.name")}
          data-autofocus
          disabled={fixed}
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          error={faultOf(save.error, "name")}
        />
        <TextInput
          label={t("roles.description")}
          disabled={fixed}
          value={description}
          onChange={(e) => setDescription(e.currentTarget.value)}
          error={faultOf(save.error, "description")}
        />
      </div>
      <GrantMatrix cells={cells} disabled={fixed} onChange={setCells} />
      <FieldRules
        rules={fields}
        disabled={fixed}
        faults={(i) => faultOf(save.error, `fields[${i}].field`)}
        onChange={setFields}
      />
    </Dialog>
  );
}
