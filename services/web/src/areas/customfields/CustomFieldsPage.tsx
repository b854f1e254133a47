import { ActionIcon, Badge, Button, Menu, SegmentedControl, Switch } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { CUSTOM_KINDS, customFieldsOptions, type CustomField, type CustomKind } from "../../api/customFields";
import { useCan } from "../../api/directory";
import { t } from "../../i18n";
import { IconArrowDown, IconArrowUp, IconDots, IconPlus } from "../../parts/icons";
import { useListState } from "../../parts/list/listState";
import { Empty, ErrorNote, messageOf, SkeletonRows } from "../../parts/notes";
import { SettingsSection, SettingsTable } from "../../parts/SettingsSection";
import { toast } from "../../parts/toasts";
import { FieldDialog } from "./FieldDialog";
import { typeLabel } from "./types";

/** The fields that the organisation has added to its records (CON-12). */
export function CustomFieldsPage() {
  const { search, set } = useListState();
  const asked = search["kind"] as CustomKind | undefined;
  const kind = asked && CUSTOM_KINDS.includes(asked) ? asked : "contact";
  const [retired, setRetired] = useState(false);
  const [editing, setEditing] = useState<CustomField | "new">();
  const mayUpdate = useCan("settings", "update");
  const fields = useQuery(customFieldsOptions(kind, retired));
  const inUse = (fields.data ?? []).filter((field) => !field.retireTime);
  return (
    <SettingsSection
      title={t("customFields.of", { kind: t(`customFields.kind.${kind}`) })}
      description={t("customFields.text")}
      action={
        mayUpdate && (
          <Button leftSection={<IconPlus size={14} />} onClick={() => setEditing("new")}>
            {t("customFields.new")}
          </Button>
        )
      }
    >
      <div style={{ display: "flex", flexWrap: "wrap", gap: 16, alignItems: "center" }}>
        <SegmentedControl
          aria-label={t("customFields.kindLabel")}
          size="xs"
          value={kind}
          data={CUSTOM_KINDS.map((value) => ({ value, label: t(`customFields.kind.${value}`) }))}
          onChange={(value) => set({ kind: value })}
        />
        <Switch
          label={t("customFields.showRetired")}
          checked={retired}
          onChange={(e) => setRetired(e.currentTarget.checked)}
        />
      </div>
      {fields.error ? (
        <ErrorNote error={fields.error} retry={() => void fields.refetch()} />
      ) : fields.isPending ? (
        <SkeletonRows count={6} />
      ) : fields.data.length === 0 ? (
        <Empty title={t("customFields.empty")}>{t("customFields.emptyText")}</Empty>
      ) : (
        <SettingsTable
          label={t("customFields.of", { kind: t(`customFields.kind.${kind}`) })}
          head={[
            t("customFields.label"),
            t("customFields.key"),
            t("customFields.type"),
            t("customFields.section"),
            t("customFields.rules"),
            "",
          ]}
        >
          {fields.data.map((field) => (
            <Row
              key={field.id}
              field={field}
              ids={inUse.map((f) => f.id)}
              editable={mayUpdate}
              onEdit={() => setEditing(field)}
            />
          ))}
        </SettingsTable>
      )}
      {editing && (
        <FieldDialog
          kind={kind}
          {...(editing === "new" ? {} : { field: editing })}
          others={inUse}
          onClose={() => setEditing(undefined)}
        />
      )}
    </SettingsSection>
  );
}

function Row({
  field,
  ids,
  editable,
  onEdit,
}: {
  field: CustomField;
  ids: string[];
  editable: boolean;
  onEdit: () => void;
}) {
  const client = useQueryClient();
  const at = ids.indexOf(field.id);
  const settled = {
    onSettled: () => void client.invalidateQueries({ queryKey: ["customField"] }),
    onError: (error: unknown) => toast(messageOf(error), { tone: "bad" }),
  };
  const path = { kind: field.kind, id: field.id };
  const restore = useMutation({
    mutationFn: () =>
      call(api.POST("/v1/customFields/{kind}/{id}:restore", { params: { path }, body: {} as never })),
    ...settled,
  });
  const retire = useMutation({
    mutationFn: () =>
      call(api.POST("/v1/customFields/{kind}/{id}:retire", { params: { path }, body: {} as never })),
    ...settled,
    onSuccess: () =>
      toast(t("customFields.retired", { label: field.label }), { undo: () => restore.mutate() }),
  });
  const move = useMutation({
    mutationFn: (to: number) => {
      const order = ids.filter((id) => id !== field.id);
      order.splice(to, 0, field.id);
      return call(
        api.POST("/v1/customFields/{kind}:reorder", {
          params: { path: { kind: field.kind } },
          body: { ids: order } as never,
        }),
      );
    },
    ...settled,
  });
  return (
    <tr>
      <td>
        <b>{field.label}</b>
        {field.retireTime && (
          <Badge size="xs" color="gray" ml={6}>
            {t("customFields.retiredMark")}
          </Badge>
        )}
        {field.help && <div className="muted">{field.help}</div>}
      </td>
      <td>
        <code>{field.key}</code>
      </td>
      <td>{typeLabel(field.type)}</td>
      <td>{field.section}</td>
      <td>
        {[
          field.required === "REQUIRED_ALWAYS" && t("customFields.required.REQUIRED_ALWAYS"),
          field.required === "REQUIRED_FROM_STAGE" && t("customFields.required.REQUIRED_FROM_STAGE"),
          field.unique && uniqueText(field),
          field.visibleWhen && t("customFields.conditional"),
        ]
          .filter(Boolean)
          .join(", ")}
        {field.conflicts.length > 0 && (
          <div className="bad">
            {field.conflicts
              .slice(0, 5)
              .map((conflict) => `${conflict.value} (${conflict.recordIds.length})`)
              .join(", ")}
          </div>
        )}
      </td>
      <td style={{ whiteSpace: "nowrap", textAlign: "right" }}>
        {editable && (
          <>
            {at > 0 && (
              <ActionIcon
                size={24}
                aria-label={t("customFields.up", { label: field.label })}
                onClick={() => move.mutate(at - 1)}
              >
                <IconArrowUp size={15} />
              </ActionIcon>
            )}
            {at >= 0 && at < ids.length - 1 && (
              <ActionIcon
                size={24}
                aria-label={t("customFields.down", { label: field.label })}
                onClick={() => move.mutate(at + 1)}
              >
                <IconArrowDown size={15} />
              </ActionIcon>
            )}
            <Menu position="bottom-end" withinPortal>
              <Menu.Target>
                <ActionIcon size={24} aria-label={t("customFields.menu", { label: field.label })}>
                  <IconDots size={15} />
                </ActionIcon>
              </Menu.Target>
              <Menu.Dropdown>
                {field.retireTime ? (
                  <Menu.Item onClick={() => restore.mutate()}>{t("customFields.restore")}</Menu.Item>
                ) : (
                  <>
                    <Menu.Item onClick={onEdit}>{t("customFields.edit")}</Menu.Item>
                    <Menu.Item onClick={() => retire.mutate()}>{t("customFields.retire")}</Menu.Item>
                  </>
                )}
              </Menu.Dropdown>
            </Menu>
          </>
        )}
      </td>
    </tr>
  );
}

function uniqueText(field: CustomField): string {
  switch (field.uniqueState) {
    case "UNIQUE_STATE_CHECKING":
      return t("customFields.unique.checking");
    case "UNIQUE_STATE_CONFLICTS":
      return t("customFields.unique.conflicts");
    default:
      return t("customFields.unique");
  }
}
