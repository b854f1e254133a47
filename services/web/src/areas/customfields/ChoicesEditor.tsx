import { ActionIcon, Button, Switch, TextInput } from "@mantine/core";
import type { CustomField } from "../../api/customFields";
import { t } from "../../i18n";
import { IconArrowDown, IconArrowUp, IconPlus, IconX } from "../../parts/icons";

type Choice = CustomField["choices"][number];

/** The choices of a field in their order. Those that are saved are retired rather than removed. */
export function ChoicesEditor({
  value,
  known,
  onChange,
  error,
}: {
  value: Choice[];
  known: Choice[];
  onChange: (choices: Choice[]) => void;
  error: string | undefined;
}) {
  const change = (index: number, patch: Partial<Choice>): void =>
    onChange(value.map((choice, i) => (i === index ? { ...choice, ...patch } : choice)));
  const move = (index: number, by: number): void => {
    const next = [...value];
    const [moved] = next.splice(index, 1);
    if (moved) {
      next.splice(index + by, 0, moved);
      onChange(next);
    }
  };
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0, display: "grid", gap: 6 }}>
      <legend style={{ padding: 0, fontWeight: 500 }}>{t("customFields.choices")}</legend>
      {value.map((choice, i) => (
        <div key={i} style={{ display: "flex", gap: 6, alignItems: "center" }}>
          <TextInput
            style={{ flex: 1 }}
            aria-label={t("customFields.choice", { number: i + 1 })}
            value={choice.label}
            onChange={(e) => change(i, { label: e.currentTarget.value })}
          />
          <ActionIcon
            size={24}
            disabled={i === 0}
            aria-label={t("customFields.up", { label: choice.label })}
            onClick={() => move(i, -1)}
          >
            <IconArrowUp size={14} />
          </ActionIcon>
          <ActionIcon
            size={24}
            disabled={i === value.length - 1}
            aria-label={t("customFields.down", { label: choice.label })}
            onClick={() => move(i, 1)}
          >
            <IconArrowDown size={14} />
          </ActionIcon>
          {known.some((k) => k.id === choice.id) ? (
            <Switch
              label={t("customFields.offered")}
              checked={!choice.retired}
              onChange={(e) => change(i, { retired: !e.currentTarget.checked })}
            />
          ) : (
            <ActionIcon
              size={24}
              aria-label={t("customFields.removeChoice", { label: choice.label })}
              onClick={() => onChange(value.filter((_, at) => at !== i))}
            >
              <IconX size={14} />
            </ActionIcon>
          )}
        </div>
      ))}
      <Button
        size="compact-xs"
        variant="default"
        style={{ justifySelf: "start" }}
        leftSection={<IconPlus size={13} />}
        onClick={() => onChange([...value, { id: "", label: "", retired: false } as Choice])}
      >
        {t("customFields.addChoice")}
      </Button>
      {error && (
        <span className="bad" role="alert">
          {error}
        </span>
      )}
    </fieldset>
  );
}
