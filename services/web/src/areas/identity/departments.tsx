import { ActionIcon, Button, Menu, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { departmentsOptions, useCan, usersOptions } from "../../api/directory";
import { faultOf } from "../../api/errors";
import type { Department, User } from "../../api/model";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { useUserChoice } from "../../parts/fields/pickers";
import { IconDots, IconPlus } from "../../parts/icons";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import classes from "./identity.module.css";

interface Editing {
  department?: Department;
  parentId: string;
}

/** The tree of departments with their heads (ID-3). */
export function DepartmentsPage() {
  const departments = useQuery(departmentsOptions);
  const users = useQuery(usersOptions).data ?? [];
  const mayCreate = useCan("department", "create");
  const mayUpdate = useCan("department", "update");
  const [editing, setEditing] = useState<Editing>();
  const all = departments.data ?? [];
  const ids = new Set(all.map((d) => d.id));
  const top = all.filter((d) => !d.parentId || !ids.has(d.parentId));
  return (
    <SettingsSection
      title={t("departments.count", { count: all.length })}
      description={t("departments.text")}
      action={
        mayCreate && (
          <Button leftSection={<IconPlus size={14} />} onClick={() => setEditing({ parentId: "" })}>
            {t("departments.new")}
          </Button>
        )
      }
    >
      {departments.error ? (
        <ErrorNote error={departments.error} retry={() => void departments.refetch()} />
      ) : departments.isPending ? (
        <SkeletonRows count={6} />
      ) : top.length === 0 ? (
        <Empty title={t("departments.empty")} />
      ) : (
        <ul className={classes["tree"]}>
          {top.map((department) => (
            <Node
              key={department.id}
              department={department}
              all={all}
              users={users}
              editable={mayUpdate}
              onEdit={setEditing}
            />
          ))}
        </ul>
      )}
      {editing && <DepartmentDialog editing={editing} all={all} onClose={() => setEditing(undefined)} />}
    </SettingsSection>
  );
}

function Node({
  department,
  all,
  users,
  editable,
  onEdit,
}: {
  department: Department;
  all: Department[];
  users: User[];
  editable: boolean;
  onEdit: (editing: Editing) => void;
}) {
  const client = useQueryClient();
  const children = all.filter((d) => d.parentId === department.id);
  const members = users.filter((u) => u.departmentId === department.id && u.active);
  const head = users.find((u) => u.id === department.headId);
  const refresh = (): void => void client.invalidateQueries({ queryKey: ["department"] });
  const restore = useMutation({
    mutationFn: () =>
      call(
        api.POST("/v1/departments/{id}:undelete", {
          params: { path: { id: department.id } },
          body: { id: department.id },
        }),
      ),
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: () =>
      call(
        api.DELETE("/v1/departments/{id}", {
          params: { path: { id: department.id }, query: { etag: department.etag } },
        }),
      ),
    onSuccess: () => {
      refresh();
      toast(t("record.deleted", { name: department.name }), { undo: () => restore.mutate() });
    },
    onError: (error) => toast(messageOf(error), { tone: "bad" }),
  });
  return (
    <li>
      <div className={classes["node"]}>
        <b>{department.name}</b>
        {head && <span>{t("departments.headedBy", { name: head.name })}</span>}
        <span className="muted" title={members.map((m) => m.name).join(", ")}>
          {t("departments.members", { count: members.length })}
        </span>
        <span>
          {editable && (
            <Menu position="bottom-end" withinPortal>
              <Menu.Target>
                <ActionIcon size={24} aria-label={t("departments.menu", { name: department.name })}>
                  <IconDots size={15} />
                </ActionIcon>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => onEdit({ department, parentId: department.parentId })}>
                  {t("departments.edit")}
                </Menu.Item>
                <Menu.Item onClick={() => onEdit({ parentId: department.id })}>
                  {t("departments.newBelow")}
                </Menu.Item>
                <Menu.Item onClick={() => remove.mutate()}>{t("action.delete")}</Menu.Item>
              </Menu.Dropdown>
            </Menu>
          )}
        </span>
      </div>
      {children.length > 0 && (
        <ul>
          {children.map((child) => (
            <Node
              key={child.id}
              department={child}
              all={all}
              users={users}
              editable={editable}
              onEdit={onEdit}
            />
          ))}
        </ul>
      )}
    </li>
  );
}

function DepartmentDialog({
  editing,
  all,
  onClose,
}: {
  editing: Editing;
  all: Department[];
  onClose: () => void;
}) {
  const client = useQueryClient();
  const users = useUserChoice();
  const { department } = editing;
  const [name, setName] = useState(department?.name ?? "");
  const [parentId, setParentId] = useState(editing.parentId);
  const [headId, setHeadId] = useState(department?.headId ?? "");
  const save = useMutation({
    mutationFn: async () => {
      const body = { name: name.trim(), parentId, headId };
      if (department) {
        await call(
          api.PATCH("/v1/departments/{id}", {
            params: { path: { id: department.id }, query: { updateMask: "name,parent_id,head_id" } },
            body: { ...body, etag: department.etag } as never,
          }),
        );
      } else {
        await call(api.POST("/v1/departments", { body: body as never }));
      }
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["department"] });
      onClose();
    },
  });
  return (
    <Dialog
      title={department ? department.name : t("departments.new")}
      submitLabel={department ? t("common.save") : t("common.create")}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      busy={save.isPending}
      disabled={!name.trim()}
      error={save.error}
    >
      <TextInput
        label={t("users.name")}
        data-autofocus
        value={name}
        onChange={(e) => setName(e.currentTarget.value)}
        error={faultOf(save.error, "name")}
      />
      <Select
        label={t("departments.parent")}
        searchable
        clearable
        data={all.filter((d) => d.id !== department?.id).map((d) => ({ value: d.id, label: d.name }))}
        value={parentId || null}
        onChange={(id) => setParentId(id ?? "")}
        error={faultOf(save.error, "parent_id")}
      />
      <Select
        label={t("departments.head")}
        searchable
        clearable
        data={users}
        value={headId || null}
        onChange={(id) => setHeadId(id ?? "")}
        error={faultOf(save.error, "head_id")}
      />
    </Dialog>
  );
}
