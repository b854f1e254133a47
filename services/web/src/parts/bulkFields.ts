import type { CustomField } from "../api/customFields";
import { t } from "../i18n";
import type { MessageKey } from "../i18n";

/** A field that can be set for many records at once. */
export interface BulkField {
  /** Name of the field; custom_fields.key of the organisation's own. */
  name: string;
  label: string;
  type: "text" | "choice" | "choices" | "user" | "number" | "money" | "day" | "flag";
  options?: { value: string; label: string }[];
}

const COMMON: [string, MessageKey, BulkField["type"]][] = [
  ["source", "field.source", "text"],
  ["comment", "field.comment", "text"],
  ["availableToEveryone", "field.everyone", "flag"],
];
const FIELDS: Record<string, [string, MessageKey, BulkField["type"]][]> = {
  contact: [["position", "contact.position", "text"], ["vip", "contact.vip", "flag"], ...COMMON],
  company: [["industry", "company.industry", "text"], ...COMMON],
  lead: COMMON,
  deal: [["plannedCloseDate", "deal.plannedClose", "day"], ...COMMON],
  product: [
    ["unit", "product.unit", "text"],
    ["taxRate", "product.taxRate", "number"],
    ["active", "product.active", "flag"],
    ["description", "product.description", "text"],
  ],
};

const TYPES: Partial<Record<CustomField["type"], BulkField["type"]>> = {
  TYPE_STRING: "text",
  TYPE_TEXT: "text",
  TYPE_URL: "text",
  TYPE_NUMBER: "number",
  TYPE_MONEY: "money",
  TYPE_DATE: "day",
  TYPE_BOOLEAN: "flag",
  TYPE_CHOICE: "choice",
  TYPE_CHOICES: "choices",
  TYPE_USER: "user",
};

/** The fields of a kind that can be set for many records: built-in ones, and the organisation's own. */
export function bulkFields(kind: string, custom: CustomField[]): BulkField[] {
  const own = custom.flatMap((field): BulkField[] => {
    const type = TYPES[field.type];
    return type && !field.unique
      ? [
          {
            name: `custom_fields.${field.key}`,
            label: field.label,
            type,
            options: field.choices.filter((c) => !c.retired).map((c) => ({ value: c.id, label: c.label })),
          },
        ]
      : [];
  });
  return [...(FIELDS[kind] ?? []).map(([name, label, type]) => ({ name, label: t(label), type })), ...own];
}

/** What an update of one field of a kind sends; an empty value takes away what is there. */
export function bulkValue(kind: string, field: BulkField, value: unknown): Record<string, unknown> {
  const key = field.name.startsWith("custom_fields.") ? field.name.slice("custom_fields.".length) : undefined;
  if (key !== undefined) {
    return { [kind]: { customFields: { [key]: value === "" ? null : value } } };
  }
  return { [kind]: value === "" ? {} : { [field.name]: value }, updateMask: field.name };
}
