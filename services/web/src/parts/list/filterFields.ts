import type { CustomField } from "../../api/customFields";
import { t } from "../../i18n";
import { shownType } from "../customFields";
import type { FilterDef } from "./FilterBar";
import type { Operator } from "./expression";

/** A field that conditions can be made of. */
export interface FilterField {
  field: string;
  label: string;
  type: "text" | "choice" | "user" | "number" | "day" | "time" | "flag" | "point";
  options?: { value: string; label: string }[];
}

const OWNED = new Set(["lead", "contact", "company"]);

/** The fields of a kind of records: what all have, what its list filters by, and the organisation's own. */
export function filterFields(kind: string, defs: FilterDef[], custom: CustomField[]): FilterField[] {
  const own = OWNED.has(kind);
  const fields: FilterField[] = [
    { field: kind === "lead" ? "title" : "name", label: t("contact.name"), type: "text" },
    ...(own
      ? ([
          { field: "phones", label: t("field.phone"), type: "point" },
          { field: "emails", label: t("field.email"), type: "point" },
        ] as FilterField[])
      : []),
    ...defs.flatMap((def): FilterField[] =>
      def.kind === "choice" &&
      def.options &&
      own &&
      ["type", "source", "tags", "do_not_contact"].includes(def.id)
        ? [{ field: def.id, label: def.label, type: "choice", options: def.options }]
        : [],
    ),
    ...(kind === "contact" ? [{ field: "vip", label: t("contact.vip"), type: "flag" } as FilterField] : []),
    ...(kind === "product"
      ? []
      : [{ field: "responsible_id", label: t("field.responsible"), type: "user" } as FilterField]),
    { field: "create_time", label: t("field.created"), type: "time" },
    { field: "update_time", label: t("builder.changed"), type: "time" },
  ];
  return [...fields, ...custom.flatMap(customField)];
}

function customField(field: CustomField): FilterField[] {
  const base = { field: `custom_fields.${field.key}`, label: field.label };
  switch (shownType(field)) {
    case "NUMBER":
    case "MONEY":
      return [{ ...base, type: "number" }];
    case "DATE":
      return [{ ...base, type: "day" }];
    case "DATE_TIME":
      return [{ ...base, type: "time" }];
    case "BOOLEAN":
      return [{ ...base, type: "flag" }];
    case "CHOICE":
    case "CHOICES":
      return [
        { ...base, type: "choice", options: field.choices.map((c) => ({ value: c.id, label: c.label })) },
      ];
    case "USER":
      return [{ ...base, type: "user" }];
    case "LINK":
    case "FILE":
    case "ADDRESS":
      return [];
    default:
      return [{ ...base, type: "text" }];
  }
}

/** The operators of a type of fields with what they are called. */
export function operators(type: FilterField["type"]): { value: Operator; label: string }[] {
  const eq = { value: "=" as const, label: t("op.eq") };
  const ne = { value: "!=" as const, label: t("op.ne") };
  switch (type) {
    case "text":
      return [{ value: ":", label: t("op.has") }, eq, ne];
    case "point":
      return [eq, { value: ":", label: t("op.has") }, ne];
    case "flag":
      return [eq];
    case "choice":
    case "user":
      return [eq, ne];
    case "day":
    case "time":
      return [
        { value: ">=", label: t("op.after") },
        { value: "<", label: t("op.before") },
      ];
    case "number":
      return [
        eq,
        ne,
        { value: "<", label: t("op.lt") },
        { value: "<=", label: t("op.le") },
        { value: ">", label: t("op.gt") },
        { value: ">=", label: t("op.ge") },
      ];
  }
}
