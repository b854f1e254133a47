/** Building AIP-160 filters out of what is in the address bar. */

/** Values of filters by their name, as they stand in the address bar. */
export type FilterValues = Record<string, string>;

/** Text as a quoted value of a filter. */
export function quote(text: string): string {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
}

/** A condition that one field is one of several values. */
export function anyOf(field: string, values: string[]): string {
  const parts = values.map((value) => `${field} = ${quote(value)}`);
  return parts.length > 1 ? `(${parts.join(" OR ")})` : (parts[0] ?? "");
}

/** Conditions that must all hold; empty ones are left out. */
export function allOf(...conditions: (string | undefined | false)[]): string {
  return conditions.filter(Boolean).join(" AND ");
}

/** A condition that some field holds a part of the text. */
export function partOf(fields: string[], text: string): string {
  const trimmed = text.trim();
  if (!trimmed) {
    return "";
  }
  const parts = fields.map((field) => `${field}:${quote(trimmed)}`);
  return parts.length > 1 ? `(${parts.join(" OR ")})` : (parts[0] ?? "");
}

/** Several values of one filter in the address bar. */
export function splitValues(value: string | undefined): string[] {
  return value ? value.split(",").filter(Boolean) : [];
}

/** The words "me" and "none" of a user filter put into IDs. */
export function userFilter(field: string, value: string | undefined, me: string): string {
  return anyOf(
    field,
    splitValues(value).map((id) => (id === "me" ? me : id === "none" ? "" : id)),
  );
}

/** A condition that a field lies between two values, either of which may be missing: "100..200". */
export function between(
  field: string,
  value: string | undefined,
  format: (text: string) => string = (v) => v,
): string {
  if (!value) {
    return "";
  }
  const [from, to] = value.split("..");
  return allOf(from && `${field} >= ${format(from)}`, to && `${field} <= ${format(to)}`);
}
