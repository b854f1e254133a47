import { customValue, type CustomField, type CustomValue } from "../api/customFields";
import { t } from "../i18n";
import { holds } from "./condition";
import { addressLine } from "./fields/AddressField";
import { allOf, anyOf, between, partOf, quote, splitValues, userFilter } from "./filters";
import { formatCivil, formatInstant, formatMoney, formatNumber, parseCivil } from "./format";
import type { FilterDef } from "./list/FilterBar";
import type { ListSearch } from "./list/listState";

/** The type by which a field's values are shown: for a formula what it yields. */
export function shownType(field: CustomField): string {
  return ((field.type === "TYPE_FORMULA" ? field.formulaType : field.type) ?? "TYPE_STRING").replace(
    "TYPE_",
    "",
  );
}

/** The label of a choice. */
export function choiceLabel(field: CustomField, id: string): string {
  return field.choices.find((choice) => choice.id === id)?.label ?? id;
}

/** A value as text, for lists; users and links are names that the caller looks up. */
export function customText(field: CustomField, value: CustomValue, nameOf: (id: string) => string): string {
  if (value === undefined || value === null || value === "") {
    return "";
  }
  const parts = typeof value === "object" && !Array.isArray(value) ? value : undefined;
  switch (shownType(field)) {
    case "NUMBER":
      return formatNumber(String(value), 10);
    case "MONEY":
      return formatMoney({ currencyCode: parts?.["currency"] ?? "", amount: parts?.["amount"] ?? "0" });
    case "DATE":
      return formatCivil(parseCivil(String(value)));
    case "DATE_TIME":
      return formatInstant(String(value));
    case "BOOLEAN":
      return value === true ? t("common.yes") : t("common.no");
    case "CHOICE":
      return choiceLabel(field, String(value));
    case "CHOICES":
      return (Array.isArray(value) ? value : []).map((id) => choiceLabel(field, id)).join(", ");
    case "USER":
    case "LINK":
      return nameOf(String(value));
    case "FILE":
      return t("files.one");
    case "ADDRESS":
      return addressLine({
        kind: "",
        street: parts?.["street"] ?? "",
        city: parts?.["city"] ?? "",
        region: parts?.["region"] ?? "",
        postalCode: parts?.["postal_code"] ?? "",
        country: parts?.["country"] ?? "",
      });
    default:
      return String(value);
  }
}

/** Whether lists can be sorted by a field. */
export function sortable(field: CustomField): boolean {
  return !["CHOICES", "ADDRESS"].includes(shownType(field));
}

/** Whether a field stands on the card of a record. */
export function visible(field: CustomField, record: object): boolean {
  const pipeline = (record as { pipelineId?: string }).pipelineId;
  if (field.pipelineId && pipeline && field.pipelineId !== pipeline) {
    return false;
  }
  return !field.visibleWhen || holds(field.visibleWhen, (name) => fieldOf(record, name));
}

function fieldOf(record: object, name: string): unknown {
  if (name.startsWith("custom_fields.")) {
    const [key = "", part] = name.slice("custom_fields.".length).split(".");
    return sumOf(customValue(record, key), part);
  }
  const [first = "", part] = name.split(".");
  const camel = first.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return sumOf((record as Record<string, unknown>)[camel], part);
}

// Money is compared by its amount, and by name.currency.
function sumOf(value: unknown, part: string | undefined): unknown {
  if (typeof value === "object" && value !== null && "amount" in value) {
    const sum = value as { amount?: string; currency?: string; currencyCode?: string };
    return part === "currency" ? (sum.currency ?? sum.currencyCode) : sum.amount;
  }
  return value;
}

/** The name of a field's filter in the address bar. */
export function filterName(field: CustomField): string {
  return `cf.${field.key}`;
}

/** The filters that a list offers for the fields. */
export function customFilters(fields: CustomField[]): FilterDef[] {
  return fields.flatMap((field): FilterDef[] => {
    const base = { id: filterName(field), label: field.label };
    switch (shownType(field)) {
      case "NUMBER":
      case "MONEY":
        return [{ ...base, kind: "amounts" }];
      case "DATE":
      case "DATE_TIME":
        return [{ ...base, kind: "dates" }];
      case "BOOLEAN":
        return [
          {
            ...base,
            kind: "choice",
            options: [
              { value: "true", label: t("common.yes") },
              { value: "false", label: t("common.no") },
            ],
          },
        ];
      case "CHOICE":
      case "CHOICES":
        return [
          { ...base, kind: "choice", options: field.choices.map((c) => ({ value: c.id, label: c.label })) },
        ];
      case "USER":
        return [{ ...base, kind: "users" }];
      case "LINK":
      case "FILE":
        return [];
      default:
        return [{ ...base, kind: "text" }];
    }
  });
}

/** What the filters of the fields ask of the server. */
export function customFilter(fields: CustomField[], values: ListSearch, me: string): string {
  return allOf(
    ...fields.map((field) => {
      const value = values[filterName(field)];
      const path = `custom_fields.${field.key}`;
      switch (shownType(field)) {
        case "NUMBER":
        case "MONEY":
          return between(path, value);
        case "DATE":
        case "DATE_TIME":
          return between(path, value, quote);
        case "BOOLEAN":
        case "CHOICE":
        case "CHOICES":
          return anyOf(path, splitValues(value));
        case "USER":
          return userFilter(path, value, me);
        default:
          return partOf([path], value ?? "");
      }
    }),
  );
}
