import { Button, Checkbox, Menu, Select, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { departmentsOptions, reach, useMe } from "../../api/directory";
import { createView, deleteView, updateView, viewsOptions, type View } from "../../api/views";
import { t } from "../../i18n";
import { Dialog } from "../Dialog";
import { IconChevronDown } from "../icons";
import { messageOf } from "../notes";
import { toast } from "../toasts";
import { printColumns, type ChosenColumn } from "./columns";
import type { ListSearch } from "./listState";

interface Props {
  kind: string;
  /** What the list shows now. */
  filter: string;
  sort: string;
  columns: ChosenColumn[];
  search: ListSearch;
  /** Replaces what is in the address bar. */
  show: (search: ListSearch) => void;
}

/** What the address bar holds when a view is shown. */
export function searchOf(view: View): ListSearch {
  return {
    view: view.id,
    where: view.filter || undefined,
    sort: view.orderBy || undefined,
    cols: printColumns(view.columns.map((c) => ({ id: c.field, width: c.width }))) || undefined,
  };
}

/** The saved views of a list: to open one, to save what is shown as one, to change and delete one's own. */
export function ViewsMenu({ kind, filter, sort, columns, search, show }: Props) {
  const client = useQueryClient();
  const views = useQuery(viewsOptions(kind)).data ?? [];
  const [saving, setSaving] = useState(false);
  const current = views.find((view) => view.id === search["view"]);
  const content = {
    filter,
    orderBy: sort,
    columns: columns.map((column) => ({ field: column.id, width: column.width })),
  };
  const told = async (doing: Promise<unknown>, text: string): Promise<void> => {
    try {
      await doing;
      toast(text);
    } catch (error) {
      toast(messageOf(error), { tone: "bad" });
    }
    await client.invalidateQueries({ queryKey: ["view", kind] });
  };
  return (
    <>
      <Menu position="bottom-start" withinPortal>
        <Menu.Target>
          <Button size="compact-xs" variant="default" rightSection={<IconChevronDown size={12} />}>
            {current?.name ?? t("view.menu")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown mah={420} style={{ overflow: "auto" }}>
          <Menu.Item onClick={() => show({})}>{t("view.none")}</Menu.Item>
          {views.map((view) => (
            <Menu.Item key={view.id} onClick={() => show(searchOf(view))}>
              {view.name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={() => setSaving(true)}>{t("view.saveAs")}</Menu.Item>
          {current?.editable && (
            <>
              <Menu.Item onClick={() => void told(updateView(current.id, content), t("view.saved"))}>
                {t("view.update")}
              </Menu.Item>
              <Menu.Item
                onClick={() =>
                  void told(deleteView(current.id), t("view.deleted")).then(() =>
                    show({ ...search, view: undefined }),
                  )
                }
              >
                {t("view.delete")}
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {saving && (
        <SaveView
          kind={kind}
          content={content}
          onClose={() => setSaving(false)}
          onSaved={(view) => {
            void client.invalidateQueries({ queryKey: ["view", kind] });
            toast(t("view.saved"));
            show(searchOf(view));
          }}
        />
      )}
    </>
  );
}

interface SaveProps {
  kind: string;
  content: Pick<View, "filter" | "orderBy" | "columns">;
  onClose: () => void;
  onSaved: (view: View) => void;
}

function SaveView({ kind, content, onClose, onSaved }: SaveProps) {
  const me = useMe();
  const departments = useQuery(departmentsOptions).data;
  const [name, setName] = useState("");
  const [audience, setAudience] = useState("VIEW_AUDIENCE_PERSONAL");
  const [isDefault, setDefault] = useState(false);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  // What a list opens with for others is not for everybody to say.
  const decides =
    audience === "VIEW_AUDIENCE_PERSONAL" ||
    reach(me, "settings", "update") === "SCOPE_ALL" ||
    (audience === "VIEW_AUDIENCE_DEPARTMENT" &&
      departments?.find((department) => department.id === me.user.departmentId)?.headId === me.user.id);
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      const view = await createView({
        ...content,
        kind,
        name,
        audience: audience as View["audience"],
        departmentId: audience === "VIEW_AUDIENCE_DEPARTMENT" ? me.user.departmentId : "",
        defaultView: isDefault && decides,
      });
      onSaved(view);
      onClose();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <Dialog
      title={t("view.saveAs")}
      submitLabel={t("view.save")}
      disabled={!name.trim()}
      busy={busy}
      error={error}
      onClose={onClose}
      onSubmit={() => void save()}
    >
      <TextInput
        label={t("view.name")}
        value={name}
        maxLength={100}
        data-autofocus
        onChange={(e) => setName(e.currentTarget.value)}
      />
      <Select
        label={t("view.audience")}
        allowDeselect={false}
        data={[
          { value: "VIEW_AUDIENCE_PERSONAL", label: t("view.personal") },
          ...(me.user.departmentId
            ? [{ value: "VIEW_AUDIENCE_DEPARTMENT", label: t("view.department") }]
            : []),
          { value: "VIEW_AUDIENCE_EVERYONE", label: t("view.everyone") },
        ]}
        value={audience}
        onChange={(value) => setAudience(value ?? "VIEW_AUDIENCE_PERSONAL")}
      />
      {decides && (
        <Checkbox
          label={t("view.default")}
          checked={isDefault}
          onChange={(e) => setDefault(e.currentTarget.checked)}
        />
      )}
    </Dialog>
  );
}
