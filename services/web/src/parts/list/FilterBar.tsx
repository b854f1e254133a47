import { Button, Checkbox, Menu, Popover, TextInput } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import { useMe, usersOptions } from "../../api/directory";
import { t } from "../../i18n";
import { splitValues, type FilterValues } from "../filters";
import { daysFromNow, formatCivil, isoCivil, parseCivil } from "../format";
import { IconPlus, IconX } from "../icons";
import type { ListSearch } from "./listState";
import classes from "./list.module.css";

/** A filter that a list offers. */
export interface FilterDef {
  id: string;
  label: string;
  kind: "users" | "choice" | "dates" | "amounts" | "flag" | "text";
  options?: { value: string; label: string }[];
  /** Shown instead of the value, such as the name of a company a link came with. */
  show?: (value: string) => string;
}

interface Props {
  defs: FilterDef[];
  values: FilterValues | ListSearch;
  onChange: (patch: ListSearch) => void;
  children?: ReactNode;
}

/** The chips of the filters in use and a button for more. */
export function FilterBar({ defs, values, onChange, children }: Props) {
  const [opened, setOpened] = useState<string>();
  const active = defs.filter((def) => values[def.id] || opened === def.id);
  const rest = defs.filter((def) => !active.includes(def));
  return (
    <div className={classes["chips"]} role="group" aria-label={t("filter.title")}>
      {children}
      {active.map((def) => (
        <Chip
          key={def.id}
          def={def}
          value={values[def.id] ?? ""}
          opened={opened === def.id}
          onOpen={(open) => setOpened(open ? def.id : undefined)}
          onChange={(value) => onChange({ [def.id]: value })}
        />
      ))}
      {rest.length > 0 && (
        <Menu position="bottom-start" withinPortal>
          <Menu.Target>
            <button type="button" className={classes["addChip"]}>
              <IconPlus size={13} /> {t("filter.add")}
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            {rest.map((def) => (
              <Menu.Item
                key={def.id}
                onClick={() => (def.kind === "flag" ? onChange({ [def.id]: "yes" }) : setOpened(def.id))}
              >
                {def.label}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
      {active.length > 1 && (
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          c="dimmed"
          onClick={() => onChange(Object.fromEntries(active.map((def) => [def.id, undefined])))}
        >
          {t("filter.clear")}
        </Button>
      )}
    </div>
  );
}

interface ChipProps {
  def: FilterDef;
  value: string;
  opened: boolean;
  onOpen: (open: boolean) => void;
  onChange: (value: string | undefined) => void;
}

function Chip({ def, value, opened, onOpen, onChange }: ChipProps) {
  const users = useQuery({ ...usersOptions, enabled: def.kind === "users" }).data;
  const me = useMe();
  const options =
    def.kind === "users"
      ? [
          { value: "me", label: t("filter.me") },
          ...(users ?? [])
            .filter((user) => user.id !== me.user.id)
            .map((user) => ({ value: user.id, label: user.name })),
        ]
      : (def.options ?? []);
  const text = describe(def, value, options);
  return (
    <span className={classes["chip"]}>
      <Popover
        opened={opened}
        onChange={onOpen}
        position="bottom-start"
        trapFocus
        withinPortal
        shadow="md"
        radius={6}
      >
        <Popover.Target>
          <button type="button" onClick={() => def.kind !== "flag" && onOpen(!opened)} aria-expanded={opened}>
            {def.label}
            {text && (
              <>
                : <b>{text}</b>
              </>
            )}
          </button>
        </Popover.Target>
        <Popover.Dropdown p={10} w={def.kind === "dates" ? 280 : 250} aria-label={def.label}>
          {(def.kind === "users" || def.kind === "choice") && (
            <Checklist label={def.label} options={options} value={value} onChange={onChange} />
          )}
          {def.kind === "dates" && (
            <Range
              type="date"
              label={def.label}
              value={value}
              onChange={onChange}
              onDone={() => onOpen(false)}
            />
          )}
          {def.kind === "amounts" && (
            <Range
              type="number"
              label={def.label}
              value={value}
              onChange={onChange}
              onDone={() => onOpen(false)}
            />
          )}
          {def.kind === "text" && (
            <TextInput
              aria-label={def.label}
              defaultValue={value}
              onKeyDown={(event) => {
                if (event.key === "Enter") {
                  onChange(event.currentTarget.value || undefined);
                  onOpen(false);
                }
              }}
            />
          )}
        </Popover.Dropdown>
      </Popover>
      <button
        type="button"
        aria-label={t("filter.remove", { label: def.label })}
        onClick={() => {
          onOpen(false);
          onChange(undefined);
        }}
      >
        <IconX size={13} />
      </button>
    </span>
  );
}

function describe(def: FilterDef, value: string, options: { value: string; label: string }[]): string {
  if (!value || def.kind === "flag") {
    return "";
  }
  if (def.show) {
    return def.show(value);
  }
  if (def.kind === "dates" || def.kind === "amounts") {
    const [from = "", to = ""] = value.split("..");
    const format = (part: string): string => (def.kind === "dates" ? formatCivil(parseCivil(part)) : part);
    return from && to
      ? `${format(from)} – ${format(to)}`
      : from
        ? t("filter.from", { value: format(from) })
        : t("filter.to", { value: format(to) });
  }
  if (def.kind === "text") {
    return value;
  }
  const labels = splitValues(value).map((part) => options.find((o) => o.value === part)?.label ?? "…");
  return labels.length > 2 ? t("filter.several", { count: labels.length }) : labels.join(", ");
}

function Checklist({
  label,
  options,
  value,
  onChange,
}: {
  label: string;
  options: { value: string; label: string }[];
  value: string;
  onChange: (value: string | undefined) => void;
}) {
  const [text, setText] = useState("");
  const chosen = splitValues(value);
  const needle = text.trim().toLowerCase();
  const shown = options.filter((option) => option.label.toLowerCase().includes(needle)).slice(0, 100);
  return (
    <>
      {options.length > 8 && (
        <TextInput
          aria-label={t("filter.find", { label })}
          placeholder={t("filter.findShort")}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
          data-autofocus
        />
      )}
      <div className={classes["checklist"]}>
        {shown.map((option) => (
          <Checkbox
            key={option.value}
            className={classes["option"] ?? ""}
            label={option.label}
            checked={chosen.includes(option.value)}
            onChange={(event) => {
              const next = event.currentTarget.checked
                ? [...chosen, option.value]
                : chosen.filter((v) => v !== option.value);
              onChange(next.join(",") || undefined);
            }}
          />
        ))}
        {shown.length === 0 && <span className="muted">{t("filter.nothing")}</span>}
      </div>
    </>
  );
}

const DATE_PRESETS = [
  { key: "filter.today", from: 0, to: 0 },
  { key: "filter.next7", from: 0, to: 7 },
  { key: "filter.next30", from: 0, to: 30 },
  { key: "filter.past7", from: -7, to: 0 },
  { key: "filter.past30", from: -30, to: 0 },
  { key: "filter.past365", from: -365, to: 0 },
] as const;

function Range({
  type,
  label,
  value,
  onChange,
  onDone,
}: {
  type: "date" | "number";
  label: string;
  value: string;
  onChange: (value: string | undefined) => void;
  onDone: () => void;
}) {
  const [from = "", to = ""] = value.split("..");
  const set = (a: string, b: string): void => onChange(a || b ? `${a}..${b}` : undefined);
  return (
    <div style={{ display: "grid", gap: 8 }}>
      {type === "date" && (
        <div style={{ display: "flex", flexWrap: "wrap", gap: 4 }}>
          {DATE_PRESETS.map((preset) => (
            <Button
              key={preset.key}
              size="compact-xs"
              variant="default"
              onClick={() => {
                set(isoCivil(daysFromNow(preset.from)), isoCivil(daysFromNow(preset.to)));
                onDone();
              }}
            >
              {t(preset.key)}
            </Button>
          ))}
        </div>
      )}
      <div style={{ display: "grid", gridTemplateColumns: "1fr 1fr", gap: 8 }}>
        <TextInput
          type={type}
          label={t("filter.fromLabel")}
          aria-label={`${label}: ${t("filter.fromLabel")}`}
          value={from}
          onChange={(e) => set(e.currentTarget.value, to)}
        />
        <TextInput
          type={type}
          label={t("filter.toLabel")}
          aria-label={`${label}: ${t("filter.toLabel")}`}
          value={to}
          onChange={(e) => set(from, e.currentTarget.value)}
        />
      </div>
    </div>
  );
}
