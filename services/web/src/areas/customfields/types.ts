import type { CustomField } from "../../api/customFields";
import { tIfAny } from "../../i18n";

/** The types of fields, those used most first. */
export const TYPES = [
  "TYPE_STRING",
  "TYPE_TEXT",
  "TYPE_NUMBER",
  "TYPE_MONEY",
  "TYPE_DATE",
  "TYPE_DATE_TIME",
  "TYPE_BOOLEAN",
  "TYPE_CHOICE",
  "TYPE_CHOICES",
  "TYPE_USER",
  "TYPE_LINK",
  "TYPE_FILE",
  "TYPE_URL",
  "TYPE_ADDRESS",
  "TYPE_FORMULA",
] as const satisfies readonly CustomField["type"][];

/** Types of which no two records may have the same value. */
export const UNIQUE_TYPES: string[] = [
  "TYPE_STRING",
  "TYPE_NUMBER",
  "TYPE_DATE",
  "TYPE_DATE_TIME",
  "TYPE_URL",
  "TYPE_USER",
  "TYPE_LINK",
  "TYPE_FILE",
];

/** What people call a type. */
export function typeLabel(type: string): string {
  return tIfAny(`customFields.type.${type}`, type);
}
