import { ActionIcon, Button, Checkbox, MultiSelect, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { t } from "../../i18n";
import { Dialog } from "../Dialog";
import { useUserChoice } from "../fields/pickers";
import { IconPlus, IconX } from "../icons";
import {
  emptyGroup,
  isGroup,
  parseExpression,
  printExpression,
  type Group,
  type Operator,
  type Rule,
} from "./expression";
import { operators, type FilterField } from "./filterFields";

interface Props {
  fields: FilterField[];
  /** The filter as the address bar has it. */
  text: string;
  onApply: (text: string) => void;
  onClose: () => void;
}

/** Conditions on any field, joined by and, or, not, in groups; they become a filter of the API and are read back from it. */
export function FilterBuilder({ fields, text, onApply, onClose }: Props) {
  const [group, setGroup] = useState<Group | undefined>(() => {
    const read = parseExpression(text);
    return read?.items.length === 0 ? { ...read, items: [newRule(fields)] } : read;
  });
  return (
    <Dialog
      title={t("builder.title")}
      submitLabel={t("builder.apply")}
      size={720}
      disabled={!group}
      onClose={onClose}
      onSubmit={() => {
        onApply(group ? printExpression(group) : text);
        onClose();
      }}
    >
      {group ? (
        <GroupEditor group={group} fields={fields} depth={0} onChange={setGroup} />
      ) : (
        <>
          <p>{t("builder.unreadable", { text })}</p>
          <Button variant="default" onClick={() => setGroup({ ...emptyGroup(), items: [newRule(fields)] })}>
            {t("filter.clear")}
          </Button>
        </>
      )}
    </Dialog>
  );
}

function newRule(fields: FilterField[]): Rule {
  const first = fields[0];
  return {
    field: first?.field ?? "name",
    op: operators(first?.type ?? "text")[0]?.value ?? "=",
    values: [""],
  };
}

interface GroupProps {
  group: Group;
  fields: FilterField[];
  depth: number;
  onChange: (group: Group) => void;
  onRemove?: () => void;
}

function GroupEditor({ group, fields, depth, onChange, onRemove }: GroupProps) {
  const put = (index: number, item?: Rule | Group): void =>
    onChange({
      ...group,
      items: item
        ? group.items.map((before, i) => (i === index ? item : before))
        : group.items.filter((_, i) => i !== index),
    });
  return (
    <fieldset
      aria-label={t("builder.title")}
      style={{
        display: "grid",
        gap: 8,
        border: "1px solid var(--line)",
        borderRadius: 6,
        padding: 10,
        margin: 0,
      }}
    >
      <div style={{ display: "flex", gap: 12, alignItems: "center" }}>
        <Select
          size="xs"
          w={110}
          aria-label={t("builder.join")}
          allowDeselect={false}
          data={[
            { value: "AND", label: t("builder.all") },
            { value: "OR", label: t("builder.any") },
          ]}
          value={group.join}
          onChange={(join) => onChange({ ...group, join: join === "OR" ? "OR" : "AND" })}
        />
        <Checkbox
          size="xs"
          label={t("builder.not")}
          checked={group.not}
          onChange={(e) => onChange({ ...group, not: e.currentTarget.checked })}
        />
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={<IconPlus size={12} />}
          onClick={() => onChange({ ...group, items: [...group.items, newRule(fields)] })}
        >
          {t("builder.addRule")}
        </Button>
        {depth < 3 && (
          <Button
            size="compact-xs"
            variant="subtle"
            leftSection={<IconPlus size={12} />}
            onClick={() =>
              onChange({
                ...group,
                items: [
                  ...group.items,
                  { join: group.join === "AND" ? "OR" : "AND", not: false, items: [newRule(fields)] },
                ],
              })
            }
          >
            {t("builder.addGroup")}
          </Button>
        )}
        {onRemove && (
          <ActionIcon variant="subtle" aria-label={t("builder.removeGroup")} onClick={onRemove}>
            <IconX size={14} />
          </ActionIcon>
        )}
      </div>
      {group.items.map((item, index) =>
        isGroup(item) ? (
          <GroupEditor
            key={index}
            group={item}
            fields={fields}
            depth={depth + 1}
            onChange={(next) => put(index, next)}
            onRemove={() => put(index)}
          />
        ) : (
          <RuleEditor
            key={index}
            rule={item}
            fields={fields}
            onChange={(next) => put(index, next)}
            onRemove={() => put(index)}
          />
        ),
      )}
    </fieldset>
  );
}

interface RuleProps {
  rule: Rule;
  fields: FilterField[];
  onChange: (rule: Rule) => void;
  onRemove: () => void;
}

function RuleEditor({ rule, fields, onChange, onRemove }: RuleProps) {
  const known = fields.find((field) => field.field === rule.field);
  const field: FilterField = known ?? { field: rule.field, label: rule.field, type: "text" };
  const ops = operators(field.type);
  return (
    <div
      style={{ display: "grid", gridTemplateColumns: "190px 130px 1fr auto", gap: 8, alignItems: "center" }}
    >
      <Select
        size="xs"
        searchable
        aria-label={t("builder.field")}
        allowDeselect={false}
        data={(known ? fields : [...fields, field]).map((f) => ({ value: f.field, label: f.label }))}
        value={rule.field}
        onChange={(name) => {
          const next = fields.find((f) => f.field === name);
          if (next) {
            onChange({ field: next.field, op: operators(next.type)[0]?.value ?? "=", values: [""] });
          }
        }}
      />
      <Select
        size="xs"
        aria-label={t("builder.operator")}
        allowDeselect={false}
        data={ops.some((op) => op.value === rule.op) ? ops : [...ops, { value: rule.op, label: rule.op }]}
        value={rule.op}
        onChange={(op) => onChange({ ...rule, op: (op ?? "=") as Operator })}
      />
      <ValueEditor field={field} rule={rule} onChange={(values) => onChange({ ...rule, values })} />
      <ActionIcon variant="subtle" aria-label={t("builder.remove")} onClick={onRemove}>
        <IconX size={14} />
      </ActionIcon>
    </div>
  );
}

function ValueEditor({
  field,
  rule,
  onChange,
}: {
  field: FilterField;
  rule: Rule;
  onChange: (values: string[]) => void;
}) {
  const users = useUserChoice();
  const first = rule.values[0] ?? "";
  switch (field.type) {
    case "choice":
    case "user":
      return (
        <MultiSelect
          size="xs"
          searchable
          aria-label={t("builder.value")}
          data={field.type === "user" ? users : (field.options ?? [])}
          value={rule.values.filter(Boolean)}
          onChange={onChange}
        />
      );
    case "flag":
      return (
        <Select
          size="xs"
          aria-label={t("builder.value")}
          data={[
            { value: "true", label: t("common.yes") },
            { value: "false", label: t("common.no") },
          ]}
          value={first || null}
          onChange={(value) => onChange([value ?? ""])}
        />
      );
    case "day":
    case "time":
      return (
        <TextInput
          size="xs"
          type={field.type === "day" ? "date" : "datetime-local"}
          step={field.type === "time" ? 1 : undefined}
          aria-label={t("builder.value")}
          value={field.type === "time" ? localOf(first) : first}
          onChange={(e) =>
            onChange([field.type === "time" ? instantOf(e.currentTarget.value) : e.currentTarget.value])
          }
        />
      );
    default:
      return (
        <TextInput
          size="xs"
          inputMode={field.type === "number" ? "decimal" : "text"}
          aria-label={t("builder.value")}
          placeholder={["=", "!=", ":"].includes(rule.op) ? t("builder.several") : ""}
          value={rule.values.join(", ")}
          onChange={(e) =>
            onChange(
              ["=", "!=", ":"].includes(rule.op)
                ? e.currentTarget.value.split(/, ?/)
                : [e.currentTarget.value.trim()],
            )
          }
        />
      );
  }
}

// An instant as the clock of this browser shows it, to the second, and back.
function localOf(instant: string): string {
  const date = new Date(instant);
  if (!instant || Number.isNaN(date.getTime())) {
    return "";
  }
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function instantOf(local: string): string {
  const date = new Date(local);
  return local && !Number.isNaN(date.getTime()) ? date.toISOString().replace(/\.\d+Z$/, "Z") : "";
}
