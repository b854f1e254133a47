import { quote } from "../filters";

/** How a field is compared. The colon looks for a part of a text, or with "*" for any value at all. */
export type Operator = "=" | "!=" | ":" | "<" | "<=" | ">" | ">=";

/** One field compared with values, of which one has to fit; with "!=" none may. */
export interface Rule {
  field: string;
  op: Operator;
  values: string[];
}

/** Conditions that must all hold, or of which one must; not says the opposite. */
export interface Group {
  join: "AND" | "OR";
  not: boolean;
  items: (Rule | Group)[];
}

export function isGroup(item: Rule | Group): item is Group {
  return "items" in item;
}

/** A group without conditions. */
export function emptyGroup(): Group {
  return { join: "AND", not: false, items: [] };
}

/** The conditions as a filter of the API (AIP-160); rules without a value are left out. */
export function printExpression(group: Group): string {
  return printGroup(group, true);
}

function printGroup(group: Group, top: boolean): string {
  const parts = group.items
    .map((item) => (isGroup(item) ? printGroup(item, false) : printRule(item)))
    .filter(Boolean);
  if (parts.length === 0) {
    return "";
  }
  const text = parts.join(` ${group.join} `);
  const bare = parts.length === 1 ? !group.not : top && !group.not && group.join === "AND";
  return `${group.not ? "NOT " : ""}${bare ? text : `(${text})`}`;
}

function printRule(rule: Rule): string {
  const parts = rule.values
    .filter((value) => value !== "")
    .map((value) => `${rule.field} ${rule.op} ${bare(value) ? value : quote(value)}`);
  if (parts.length < 2) {
    return parts[0] ?? "";
  }
  return `(${parts.join(rule.op === "!=" ? " AND " : " OR ")})`;
}

// Numbers and yes or no stand without quotes, so that they are compared as such.
function bare(value: string): boolean {
  return /^(?:true|false|\*|-?\d{1,15}(?:\.\d+)?)$/.test(value);
}

/** Reads a filter of the API back; undefined if it says something that this form cannot show. */
export function parseExpression(text: string): Group | undefined {
  const tokens = text.match(/"(?:\\.|[^"\\])*"|[()]|!=|<=|>=|[=<>:]|[^\s()=<>:!"]+|\S/g) ?? [];
  let at = 0;
  const word = (token: string | undefined): boolean =>
    token !== undefined && !/^(?:[()]|[!<>]?=|[<>:]|AND|OR|NOT)$/.test(token);

  // In AIP-160 OR binds tighter than AND.
  const all = (): Group | undefined => {
    const items: (Rule | Group)[] = [];
    for (;;) {
      const item = any();
      if (!item) {
        return undefined;
      }
      items.push(item);
      if (tokens[at] === "AND") {
        at++;
      } else if (at >= tokens.length || tokens[at] === ")") {
        return { join: "AND", not: false, items };
      }
    }
  };
  const any = (): Rule | Group | undefined => {
    const first = one();
    if (!first || tokens[at] !== "OR") {
      return first;
    }
    const items = [first];
    while (tokens[at] === "OR") {
      at++;
      const next = one();
      if (!next) {
        return undefined;
      }
      items.push(next);
    }
    return { join: "OR", not: false, items };
  };
  const one = (): Rule | Group | undefined => {
    const token = tokens[at++];
    if (token === "NOT") {
      const inner = one();
      if (!inner) {
        return undefined;
      }
      return isGroup(inner) && !inner.not
        ? { ...inner, not: true }
        : { join: "AND", not: true, items: [inner] };
    }
    if (token === "(") {
      const inner = all();
      if (!inner || tokens[at++] !== ")") {
        return undefined;
      }
      const only = inner.items.length === 1 ? inner.items[0] : undefined;
      return several(only && isGroup(only) ? only : inner);
    }
    const op = tokens[at++];
    const value = tokens[at++];
    if (!word(token) || !op || !/^(?:[!<>]?=|[<>:])$/.test(op) || !word(value)) {
      return undefined;
    }
    return { field: token as string, op: op as Operator, values: [plain(value as string)] };
  };
  if (tokens.length === 0) {
    return emptyGroup();
  }
  const read = all();
  if (!read || at < tokens.length) {
    return undefined;
  }
  const only = read.items.length === 1 ? read.items[0] : undefined;
  return only && isGroup(only) ? only : read;
}

// One field compared alike with several values is one rule with these.
function several(group: Group): Rule | Group {
  const [first] = group.items;
  if (group.not || group.items.length < 2 || !first || isGroup(first)) {
    return group;
  }
  const alike = group.items.every(
    (item) => !isGroup(item) && item.field === first.field && item.op === first.op,
  );
  const joined = group.join === "OR" ? ["=", ":"].includes(first.op) : first.op === "!=";
  return alike && joined
    ? { ...first, values: group.items.flatMap((item) => (isGroup(item) ? [] : item.values)) }
    : group;
}

function plain(token: string): string {
  return token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/g, "$1") : token;
}
