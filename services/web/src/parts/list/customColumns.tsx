import { customValue, type CustomField } from "../../api/customFields";
import { customText, shownType, sortable } from "../customFields";
import { LinkedName } from "../fields/LinkedField";
import { UserName } from "../fields/pickers";
import type { Column } from "./columns";

const RIGHT = new Set(["NUMBER", "MONEY", "DATE", "DATE_TIME"]);

/** The columns of the fields that the organisation has added, shown once they are chosen in the columns menu. */
export function customColumns<T extends object>(fields: CustomField[]): Column<T>[] {
  return fields.map((field) => {
    const type = shownType(field);
    return {
      id: `custom_fields.${field.key}`,
      title: field.label,
      min: RIGHT.has(type) ? 96 : 120,
      grow: RIGHT.has(type) ? 0.4 : 1,
      drop: 8,
      optional: true,
      right: RIGHT.has(type),
      ...(sortable(field) ? { sort: `custom_fields.${field.key}` } : {}),
      cell: (item) => {
        const value = customValue(item, field.key);
        if (type === "USER" && typeof value === "string") {
          return <UserName id={value} />;
        }
        if (type === "LINK" && typeof value === "string") {
          return <LinkedName kind={field.linkKind} id={value} />;
        }
        return customText(field, value, () => "");
      },
    };
  });
}
