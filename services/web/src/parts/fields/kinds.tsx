import { Button, NumberInput, Select, Switch, Textarea, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import type { CivilDate, Money as MoneyValue } from "../../api/model";
import { t } from "../../i18n";
import { formatNumber, isoCivil, parseCivil, parseDecimal } from "../format";
import { Money } from "../Money";
import { Day } from "../When";
import { EditField, type EditorProps } from "./EditField";
import classes from "./fields.module.css";

interface Common<V> {
  label: string;
  name: string;
  value: V;
  onSave: (value: V) => Promise<unknown>;
  readOnly?: boolean;
}

function inputProps<V>(p: EditorProps<V>) {
  return {
    id: p.id,
    "aria-label": p.label,
    "aria-invalid": p.invalid,
    "aria-describedby": p.describedBy,
    error: p.invalid,
  };
}

function saveOnEnter(save: () => void) {
  return (event: { key: string; preventDefault: () => void }) => {
    if (event.key === "Enter") {
      event.preventDefault();
      save();
    }
  };
}

/** A line of text. */
export function TextField({ show, ...props }: Common<string> & { show?: ReactNode }) {
  return (
    <EditField
      {...props}
      show={show ?? props.value}
      editor={(p) => (
        <TextInput
          {...inputProps(p)}
          value={p.draft}
          onChange={(e) => p.setDraft(e.currentTarget.value)}
          onKeyDown={saveOnEnter(() => p.save())}
        />
      )}
    />
  );
}

/** Text of several lines; Ctrl+Enter saves. */
export function TextBlockField(props: Common<string>) {
  return (
    <EditField
      {...props}
      stacked
      show={props.value && <span style={{ whiteSpace: "pre-wrap" }}>{props.value}</span>}
      editor={(p) => (
        <>
          <Textarea
            {...inputProps(p)}
            value={p.draft}
            onChange={(e) => p.setDraft(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
                p.save();
              }
            }}
          />
          <div className={classes["row"]}>
            <span />
            <Button size="compact-xs" variant="default" onClick={p.cancel}>
              {t("common.cancel")}
            </Button>
            <Button size="compact-xs" onClick={() => p.save()}>
              {t("common.save")}
            </Button>
          </div>
        </>
      )}
    />
  );
}

/** A whole number. */
export function NumberField({
  suffix,
  min = 0,
  max,
  ...props
}: Common<number> & { suffix?: string; min?: number; max?: number }) {
  return (
    <EditField
      {...props}
      show={props.value ? `${formatNumber(props.value)}${suffix ?? ""}` : ""}
      editor={(p) => (
        <NumberInput
          {...inputProps(p)}
          value={p.draft}
          min={min}
          {...(max === undefined ? {} : { max })}
          hideControls
          allowDecimal={false}
          onChange={(value) => p.setDraft(Number(value) || 0)}
          onKeyDown={saveOnEnter(() => p.save())}
        />
      )}
    />
  );
}

/** An amount in a currency; typed as people write it. */
export function MoneyField({ currency, ...props }: Common<MoneyValue | undefined> & { currency: string }) {
  const code = props.value?.currencyCode ?? currency;
  return (
    <EditField
      label={props.label}
      name={props.name}
      readOnly={props.readOnly ?? false}
      value={props.value?.amount ?? ""}
      show={props.value && <Money value={props.value} />}
      onSave={(text) => {
        const amount = text.trim() ? parseDecimal(text) : "0";
        return amount === undefined
          ? Promise.reject(new Error(t("field.notANumber")))
          : props.onSave({ currencyCode: code, amount });
      }}
      editor={(p) => (
        <TextInput
          {...inputProps(p)}
          inputMode="decimal"
          rightSection={<small className="muted">{code}</small>}
          rightSectionWidth={40}
          value={p.draft}
          onChange={(e) => p.setDraft(e.currentTarget.value)}
          onKeyDown={saveOnEnter(() => p.save())}
        />
      )}
    />
  );
}

/** A calendar day. */
export function DateField({ due, ...props }: Common<CivilDate | undefined> & { due?: boolean }) {
  return (
    <EditField
      label={props.label}
      name={props.name}
      readOnly={props.readOnly ?? false}
      value={isoCivil(props.value)}
      show={props.value?.day ? <Day date={props.value} due={due ?? false} /> : ""}
      onSave={(text) => props.onSave(parseCivil(text))}
      editor={(p) => (
        <TextInput
          {...inputProps(p)}
          type="date"
          value={p.draft}
          onChange={(e) => p.setDraft(e.currentTarget.value)}
          onKeyDown={saveOnEnter(() => p.save())}
        />
      )}
    />
  );
}

/** One of several values; own ones may be typed where the contract allows it. */
export function ChoiceField({
  options,
  show,
  clearable,
  ...props
}: Common<string> & { options: { value: string; label: string }[]; show?: ReactNode; clearable?: boolean }) {
  const known = options.some((o) => o.value === props.value) || !props.value;
  const data = known ? options : [...options, { value: props.value, label: props.value }];
  return (
    <EditField
      {...props}
      show={show ?? data.find((o) => o.value === props.value)?.label ?? props.value}
      editor={(p) => (
        <Select
          {...inputProps(p)}
          data={data}
          value={p.draft || null}
          searchable={data.length > 8}
          clearable={clearable ?? false}
          allowDeselect={false}
          defaultDropdownOpened
          comboboxProps={{ withinPortal: true, width: "max-content", position: "bottom-start" }}
          onChange={(value) => p.save(value ?? "")}
        />
      )}
    />
  );
}

/** Yes or no, switched at once. */
export function SwitchField({ label, value, onSave, readOnly }: Omit<Common<boolean>, "name">) {
  return (
    <div className={classes["field"]} data-switch>
      <span className={classes["label"]}>{label}</span>
      <div className={classes["value"]}>
        <Switch
          aria-label={label}
          checked={value}
          disabled={readOnly ?? false}
          onChange={(e) => void onSave(e.currentTarget.checked)}
        />
      </div>
    </div>
  );
}

/** A field that cannot be changed here. */
export function PlainField({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className={classes["field"]}>
      <span className={classes["label"]}>{label}</span>
      <div className={classes["value"]}>
        <span className={classes["shown"]}>{children || <span className="muted">–</span>}</span>
      </div>
    </div>
  );
}
