import { Button, FileButton, MultiSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useMe, useUserNames } from "../../api/directory";
import { customValue, useCustomFields, type CustomField, type CustomValue } from "../../api/customFields";
import { downloadFile, uploadFile } from "../../api/files";
import { linkedOptions } from "../../api/linked";
import { useUpdate, type Record_, type Resource } from "../../api/resource";
import { t } from "../../i18n";
import { FieldGroup } from "../card/RecordCard";
import { choiceLabel, customText, shownType, visible } from "../customFields";
import { formatInstant, isoCivil, parseCivil, parseDecimal } from "../format";
import { IconDownload } from "../icons";
import { messageOf } from "../notes";
import { toast } from "../toasts";
import { AddressField } from "./AddressField";
import { EditField } from "./EditField";
import {
  ChoiceField,
  DateField,
  MoneyField,
  PlainField,
  SwitchField,
  TextBlockField,
  TextField,
} from "./kinds";
import { LinkedField } from "./LinkedField";
import { UserField } from "./pickers";

interface FieldProps {
  field: CustomField;
  value: CustomValue;
  readOnly: boolean;
  onSave: (value: CustomValue) => Promise<unknown>;
}

/** One custom field of any type, edited where it stands. */
export function CustomFieldEditor({ field, value, readOnly, onSave }: FieldProps) {
  const me = useMe();
  const users = useUserNames();
  const required = field.required === "REQUIRED_ALWAYS";
  const common = {
    label: required ? `${field.label} *` : field.label,
    name: `custom_fields.${field.key}`,
    readOnly,
  };
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  const parts = typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  const saveText = (next: string): Promise<unknown> => onSave(next || null);
  switch (field.type) {
    case "TYPE_TEXT":
      return <TextBlockField {...common} value={text} onSave={saveText} />;
    case "TYPE_URL":
      return (
        <TextField
          {...common}
          value={text}
          show={
            text && (
              <a href={text} target="_blank" rel="noreferrer noopener">
                {text.replace(/^https?:\/\//, "")}
              </a>
            )
          }
          onSave={saveText}
        />
      );
    case "TYPE_NUMBER":
      return (
        <TextField
          {...common}
          value={text}
          show={customText(field, value, String)}
          onSave={(next) => {
            const number = next.trim() ? parseDecimal(next) : "";
            return number === undefined ? Promise.reject(new Error(t("field.notANumber"))) : saveText(number);
          }}
        />
      );
    case "TYPE_MONEY":
      return (
        <MoneyField
          {...common}
          currency={me.settings.baseCurrency}
          value={parts && { currencyCode: parts["currency"] ?? "", amount: parts["amount"] ?? "0" }}
          onSave={(next) => onSave(next ? { currency: next.currencyCode, amount: next.amount } : null)}
        />
      );
    case "TYPE_DATE":
      return (
        <DateField
          {...common}
          value={text ? parseCivil(text) : undefined}
          onSave={(next) => saveText(isoCivil(next))}
        />
      );
    case "TYPE_DATE_TIME":
      return <InstantField {...common} value={text} onSave={saveText} />;
    case "TYPE_BOOLEAN":
      return <SwitchField label={common.label} value={value === true} readOnly={readOnly} onSave={onSave} />;
    case "TYPE_CHOICE":
      return (
        <ChoiceField
          {...common}
          clearable={!required}
          value={text}
          options={field.choices
            .filter((choice) => !choice.retired || choice.id === text)
            .map((choice) => ({ value: choice.id, label: choice.label }))}
          onSave={saveText}
        />
      );
    case "TYPE_CHOICES":
      return (
        <ChoicesField field={field} {...common} value={Array.isArray(value) ? value : []} onSave={onSave} />
      );
    case "TYPE_USER":
      return <UserField {...common} clearable={!required} value={text} onSave={saveText} />;
    case "TYPE_LINK":
      return <LinkedField {...common} kind={field.linkKind} id={text} onSave={saveText} />;
    case "TYPE_FILE":
      return <FileField {...common} id={text} onSave={saveText} />;
    case "TYPE_ADDRESS":
      return (
        <AddressField
          {...common}
          value={
            parts && {
              kind: "",
              street: parts["street"] ?? "",
              city: parts["city"] ?? "",
              region: parts["region"] ?? "",
              postalCode: parts["postal_code"] ?? "",
              country: parts["country"] ?? "",
            }
          }
          onSave={(a) =>
            onSave({
              street: a.street,
              city: a.city,
              region: a.region,
              postal_code: a.postalCode,
              country: a.country,
            })
          }
        />
      );
    case "TYPE_FORMULA":
      return (
        <PlainField label={field.label}>
          {customText(field, value, (id) => users.get(id)?.name ?? "")}
        </PlainField>
      );
    default:
      return <TextField {...common} value={text} onSave={saveText} />;
  }
}

interface Plain {
  label: string;
  name: string;
  readOnly: boolean;
}

function InstantField(props: Plain & { value: string; onSave: (value: string) => Promise<unknown> }) {
  const local = (iso: string): string => {
    const at = new Date(iso);
    return iso ? new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "";
  };
  return (
    <EditField
      {...props}
      value={local(props.value)}
      show={props.value && formatInstant(props.value)}
      onSave={(text) => props.onSave(text ? new Date(text).toISOString() : "")}
      editor={(p) => (
        <TextInput
          id={p.id}
          aria-label={p.label}
          type="datetime-local"
          error={p.invalid}
          value={p.draft}
          onChange={(e) => p.setDraft(e.currentTarget.value)}
          onKeyDown={(e) => e.key === "Enter" && p.save()}
        />
      )}
    />
  );
}

function ChoicesField({
  field,
  ...props
}: Plain & { field: CustomField; value: string[]; onSave: (value: string[]) => Promise<unknown> }) {
  return (
    <EditField
      {...props}
      show={props.value.map((id) => choiceLabel(field, id)).join(", ")}
      editor={(p) => (
        <MultiSelect
          id={p.id}
          aria-label={p.label}
          data={field.choices
            .filter((choice) => !choice.retired || props.value.includes(choice.id))
            .map((choice) => ({ value: choice.id, label: choice.label }))}
          value={p.draft}
          error={p.invalid}
          searchable={field.choices.length > 8}
          comboboxProps={{ withinPortal: false }}
          onChange={(next) => p.setDraft(next)}
        />
      )}
    />
  );
}

function FileField({
  label,
  id,
  readOnly,
  onSave,
}: Plain & { id: string; onSave: (value: string) => Promise<unknown> }) {
  const [busy, setBusy] = useState(false);
  const file = useQuery({ ...linkedOptions("file", id), enabled: id !== "" }).data;
  const upload = async (chosen: File | null): Promise<void> => {
    if (!chosen) {
      return;
    }
    setBusy(true);
    try {
      await onSave((await uploadFile(chosen)).id);
    } catch (error) {
      toast(messageOf(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  const name = file?.name ?? t("files.one");
  return (
    <PlainField label={label}>
      {id && (
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={<IconDownload size={13} />}
          onClick={() =>
            void downloadFile(id, name).catch((error: unknown) => toast(messageOf(error), { tone: "bad" }))
          }
        >
          {name}
        </Button>
      )}
      {!readOnly && (
        <FileButton onChange={(chosen) => void upload(chosen)}>
          {(props) => (
            <Button
              {...props}
              size="compact-xs"
              variant="default"
              loading={busy}
              aria-label={`${label}: ${t("files.choose")}`}
            >
              {t("files.choose")}
            </Button>
          )}
        </FileButton>
      )}
      {id && !readOnly && (
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => void onSave("")}>
          {t("files.takeAway")}
        </Button>
      )}
    </PlainField>
  );
}

/** Fields in groups by their sections, those without one first. */
function Sections({ fields, render }: { fields: CustomField[]; render: (field: CustomField) => ReactNode }) {
  const sections = [...new Set(fields.map((field) => field.section))].toSorted((a, b) =>
    a && !b ? 1 : !a && b ? -1 : 0,
  );
  return (
    <>
      {sections.map((section) => (
        <FieldGroup key={section} {...(section ? { title: section } : {})}>
          {fields
            .filter((field) => field.section === section)
            .map((field) => (
              <div key={field.id} title={field.help || undefined}>
                {render(field)}
              </div>
            ))}
        </FieldGroup>
      ))}
    </>
  );
}

/** The custom fields on a record's card (CON-12). */
export function CustomFieldsGroup<T extends Record_>({
  resource,
  record,
  readOnly,
}: {
  resource: Resource<T>;
  record: T;
  readOnly: boolean;
}) {
  const update = useUpdate(resource);
  const fields = useCustomFields(resource.kind).filter((field) => visible(field, record));
  const put = (at: T, key: string, value: CustomValue): Promise<T> =>
    // Of this map the server changes only the keys that are sent.
    update.mutateAsync({
      record: at,
      patch: { customFields: { [key]: value ?? null } } as unknown as Partial<T>,
    });
  const save = async (field: CustomField, value: CustomValue): Promise<void> => {
    const before = customValue(record, field.key);
    const saved = await put(record, field.key, value);
    toast(t("field.saved", { label: field.label }), {
      undo: () =>
        void put(saved, field.key, before).catch((error: unknown) =>
          toast(messageOf(error), { tone: "bad" }),
        ),
    });
  };
  return (
    <Sections
      fields={fields}
      render={(field) => (
        <CustomFieldEditor
          field={field}
          value={customValue(record, field.key)}
          readOnly={readOnly}
          onSave={(value) => save(field, value)}
        />
      )}
    />
  );
}

/** The custom fields that a new record must have, for its form, and what has been entered. */
export function useRequiredCustomFields(kind: string, draft: object = {}) {
  const [customFields, setValues] = useState<Record<string, CustomValue>>({});
  const fields = useCustomFields(kind).filter(
    (field) =>
      field.required === "REQUIRED_ALWAYS" &&
      (field.defaultValue === undefined || field.defaultValue === null) &&
      visible(field, { ...draft, customFields }),
  );
  const filled = (value: CustomValue): boolean => value !== undefined && value !== null && value !== "";
  return {
    // Any value that JSON has: the kinds' types do not say which.
    body: (fields.length > 0 ? { customFields } : {}) as object,
    complete: fields.every((field) => shownType(field) === "BOOLEAN" || filled(customFields[field.key])),
    inputs: fields.length > 0 && (
      <Sections
        fields={fields}
        render={(field) => (
          <CustomFieldEditor
            field={field}
            value={customFields[field.key]}
            readOnly={false}
            onSave={(value) => {
              setValues((before) => ({ ...before, [field.key]: value }));
              return Promise.resolve();
            }}
          />
        )}
      />
    ),
  };
}
