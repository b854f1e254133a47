import { ActionIcon, Button, NativeSelect, TextInput } from "@mantine/core";
import type { Role } from "../../api/model";
import { t, type MessageKey } from "../../i18n";
import { IconX, IconPlus } from "../../parts/icons";
import classes from "./identity.module.css";

/** Something that a role withholds. */
export type FieldRule = Pick<Role["fields"][number], "kind" | "field" | "access">;

const KINDS = ["lead", "contact", "company", "deal", "product"];
const ACCESSES = ["FIELD_ACCESS_HIDDEN", "FIELD_ACCESS_READ_ONLY"] as const;

/** Which fields a role hides, or lets only be read (ID-4). */
export function FieldRules({
  rules,
  disabled,
  faults,
  onChange,
}: {
  rules: FieldRule[];
  disabled: boolean;
  /** What is wrong with the field of a rule, by its place. */
  faults: (i: number) => string | undefined;
  onChange: (rules: FieldRule[]) => void;
}) {
  const change = (i: number, rule: Partial<FieldRule>): void =>
    onChange(rules.map((old, at) => (at === i ? { ...old, ...rule } : old)));
  return (
    <section style={{ display: "grid", gap: 6 }}>
      <h3>{t("roles.fields")}</h3>
      <p className="muted">{t("roles.fieldsText")}</p>
      {rules.map((rule, i) => (
        <div key={i} className={classes["bar"]}>
          <NativeSelect
            size="xs"
            aria-label={t("roles.records")}
            disabled={disabled}
            data={KINDS.map((kind) => ({ value: kind, label: t(`roles.kind.${kind}` as MessageKey) }))}
            value={rule.kind}
            onChange={(e) => change(i, { kind: e.currentTarget.value })}
          />
          <TextInput
            size="xs"
            aria-label={t("roles.field")}
            placeholder="amount"
            disabled={disabled}
            value={rule.field}
            onChange={(e) => change(i, { field: e.currentTarget.value })}
            error={faults(i)}
          />
          <NativeSelect
            size="xs"
            aria-label={t("roles.access")}
            disabled={disabled}
            data={ACCESSES.map((access) => ({ value: access, label: t(`roles.${access}` as MessageKey) }))}
            value={rule.access}
            onChange={(e) => change(i, { access: e.currentTarget.value as FieldRule["access"] })}
          />
          {!disabled && (
            <ActionIcon
              size={24}
              aria-label={t("roles.removeField", { name: rule.field })}
              onClick={() => onChange(rules.filter((_, at) => at !== i))}
            >
              <IconX size={14} />
            </ActionIcon>
          )}
        </div>
      ))}
      {!disabled && (
        <div>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconPlus size={12} />}
            onClick={() => onChange([...rules, { kind: "deal", field: "", access: "FIELD_ACCESS_HIDDEN" }])}
          >
            {t("roles.addField")}
          </Button>
        </div>
      )}
    </section>
  );
}
