import { Checkbox, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, call } from "../../api/client";
import { CUSTOM_KINDS, type CustomField, type CustomKind } from "../../api/customFields";
import { faultOf } from "../../api/errors";
import { t } from "../../i18n";
import { Dialog } from "../../parts/Dialog";
import { CustomFieldEditor } from "../../parts/fields/CustomFields";
import { ChoicesEditor } from "./ChoicesEditor";
import { stagesOptions } from "./queries";
import { typeLabel, TYPES, UNIQUE_TYPES } from "./types";

const NEW = {
  label: "",
  key: "",
  help: "",
  section: "",
  type: "TYPE_STRING",
  choices: [],
  required: "REQUIRED_NEVER",
  requiredStageId: "",
  unique: false,
  visibleWhen: "",
  formula: "",
  linkKind: "company",
  pipelineId: "",
  defaultValue: null,
} as unknown as CustomField;

const PARTS = [
  "label",
  "help",
  "section",
  "choices",
  "required",
  "requiredStageId",
  "unique",
  "visibleWhen",
  "formula",
  "pipelineId",
  "defaultValue",
] as const;

/** Makes a field or changes one. */
export function FieldDialog({
  kind,
  field,
  others,
  onClose,
}: {
  kind: CustomKind;
  field?: CustomField;
  others: CustomField[];
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [draft, setDraft] = useState<CustomField>(field ?? NEW);
  const change = (patch: Partial<CustomField>): void => setDraft((before) => ({ ...before, ...patch }));
  const staged = kind === "lead" || kind === "deal";
  const stages = useQuery({ ...stagesOptions(kind), enabled: staged }).data;
  const choices = draft.type === "TYPE_CHOICE" || draft.type === "TYPE_CHOICES";
  const formula = draft.type === "TYPE_FORMULA";
  const save = useMutation({
    mutationFn: () => {
      const body = Object.fromEntries(
        PARTS.filter((part) => (part !== "formula" || formula) && (part !== "choices" || choices)).map(
          (part) => [part, draft[part]],
        ),
      );
      return field
        ? call(
            api.PATCH("/v1/customFields/{kind}/{id}", {
              params: {
                path: { kind, id: field.id },
                query: {
                  updateMask: Object.keys(body)
                    .map((part) => part.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`))
                    .join(","),
                },
              },
              body: { ...body, etag: field.etag } as never,
            }),
          )
        : call(
            api.POST("/v1/customFields/{kind}", {
              params: { path: { kind } },
              body: {
                ...body,
                key: draft.key,
                type: draft.type,
                ...(draft.type === "TYPE_LINK" ? { linkKind: draft.linkKind } : {}),
              } as never,
            }),
          );
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["customField"] });
      onClose();
    },
  });
  const fault = (name: string): string | undefined => faultOf(save.error, name);
  const sections = [...new Set(others.map((other) => other.section).filter(Boolean))];
  return (
    <Dialog
      title={field ? field.label : t("customFields.new")}
      submitLabel={field ? t("common.save") : t("common.create")}
      onClose={onClose}
      onSubmit={() => save.mutate()}
      busy={save.isPending}
      disabled={!draft.label.trim()}
      error={save.error}
      size={560}
    >
      <TextInput
        label={t("customFields.label")}
        data-autofocus
        value={draft.label}
        onChange={(e) => change({ label: e.currentTarget.value })}
        error={fault("label")}
      />
      {!field && (
        <>
          <Select
            label={t("customFields.type")}
            description={t("customFields.typeHint")}
            searchable
            allowDeselect={false}
            data={TYPES.map((value) => ({ value, label: typeLabel(value) }))}
            value={draft.type as string}
            onChange={(type) => change({ type: type as CustomField["type"], defaultValue: null as never })}
            error={fault("type")}
          />
          <TextInput
            label={t("customFields.key")}
            description={t("customFields.keyHint")}
            value={draft.key}
            onChange={(e) => change({ key: e.currentTarget.value })}
            error={fault("key")}
          />
        </>
      )}
      {choices && (
        <ChoicesEditor
          value={draft.choices}
          known={field?.choices ?? []}
          onChange={(next) => change({ choices: next })}
          error={fault("choices")}
        />
      )}
      {!field && draft.type === "TYPE_LINK" && (
        <Select
          label={t("customFields.linkKind")}
          allowDeselect={false}
          data={CUSTOM_KINDS.map((value) => ({ value, label: t(`customFields.kind.${value}`) }))}
          value={draft.linkKind}
          onChange={(linkKind) => change({ linkKind: linkKind ?? "company" })}
          error={fault("link_kind")}
        />
      )}
      {formula && (
        <Textarea
          label={t("customFields.formula")}
          description={t("customFields.formulaHint", {
            fields: others.map((other) => `custom_fields.${other.key}`).join(", ") || "custom_fields.…",
          })}
          autosize
          minRows={2}
          styles={{ input: { fontFamily: "monospace" } }}
          value={draft.formula}
          onChange={(e) => change({ formula: e.currentTarget.value })}
          error={fault("formula")}
        />
      )}
      <TextInput
        label={t("customFields.section")}
        description={t("customFields.sectionHint")}
        list="custom-field-sections"
        value={draft.section}
        onChange={(e) => change({ section: e.currentTarget.value })}
        error={fault("section")}
      />
      <datalist id="custom-field-sections">
        {sections.map((section) => (
          <option key={section} value={section}>
            {section}
          </option>
        ))}
      </datalist>
      <TextInput
        label={t("customFields.help")}
        value={draft.help}
        onChange={(e) => change({ help: e.currentTarget.value })}
        error={fault("help")}
      />
      {!formula && (
        <Select
          label={t("customFields.requiredLabel")}
          allowDeselect={false}
          data={(["REQUIRED_NEVER", "REQUIRED_ALWAYS", "REQUIRED_FROM_STAGE"] as const)
            .filter((value) => staged || value !== "REQUIRED_FROM_STAGE")
            .map((value) => ({ value, label: t(`customFields.required.${value}`) }))}
          value={draft.required as string}
          onChange={(required) => change({ required: required as CustomField["required"] })}
          error={fault("required")}
        />
      )}
      {draft.required === "REQUIRED_FROM_STAGE" && (
        <Select
          label={t("customFields.stage")}
          searchable
          allowDeselect={false}
          data={stages?.groups ?? []}
          value={draft.requiredStageId || null}
          onChange={(id) => change({ requiredStageId: id ?? "" })}
          error={fault("required_stage_id")}
        />
      )}
      {UNIQUE_TYPES.includes(draft.type as string) && (
        <Checkbox
          label={t("customFields.uniqueLabel")}
          checked={draft.unique}
          onChange={(e) => change({ unique: e.currentTarget.checked })}
          error={fault("unique")}
        />
      )}
      {!formula && draft.type !== "TYPE_FILE" && !draft.unique && (
        <CustomFieldEditor
          field={
            {
              ...draft,
              key: "default_value",
              label: t("customFields.default"),
              required: "REQUIRED_NEVER",
            } as CustomField
          }
          value={draft.defaultValue as never}
          readOnly={false}
          onSave={(value) => {
            change({ defaultValue: (value ?? null) as never });
            return Promise.resolve();
          }}
        />
      )}
      {kind === "deal" && (stages?.pipelines.length ?? 0) > 1 && (
        <Select
          label={t("customFields.pipeline")}
          clearable
          placeholder={t("customFields.allPipelines")}
          data={stages?.pipelines ?? []}
          value={draft.pipelineId || null}
          onChange={(id) => change({ pipelineId: id ?? "" })}
          error={fault("pipeline_id")}
        />
      )}
      <TextInput
        label={t("customFields.visibleWhen")}
        description={t("customFields.visibleWhenHint")}
        styles={{ input: { fontFamily: "monospace" } }}
        value={draft.visibleWhen}
        onChange={(e) => change({ visibleWhen: e.currentTarget.value })}
        error={fault("visible_when")}
      />
    </Dialog>
  );
}
