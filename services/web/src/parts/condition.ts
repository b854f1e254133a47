/**
 * Decides a condition such as `type = "client" AND NOT custom_fields.size = small` for one record: the part of AIP-160
 * that conditions of fields are written in. The server decides the same when a record is saved.
 */
export function holds(condition: string, valueOf: (field: string) => unknown): boolean {
  const tokens =
    condition.match(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[()]|!=|<=|>=|[=<>:]|[^\s()=<>:!"']+/g) ?? [];
  let at = 0;
  const peek = (): string | undefined => tokens[at];

  const any = (): boolean => {
    let result = all();
    while (peek() === "OR") {
      at++;
      // Read to the end even when it is decided.
      result = all() || result;
    }
    return result;
  };
  const all = (): boolean => {
    let result = one();
    while (peek() !== undefined && peek() !== "OR" && peek() !== ")") {
      if (peek() === "AND") {
        at++;
      }
      result = one() && result;
    }
    return result;
  };
  const one = (): boolean => {
    const token = tokens[at++];
    if (token === "NOT") {
      return !one();
    }
    if (token === "(") {
      const result = any();
      at++;
      return result;
    }
    const operator = tokens[at++] ?? "";
    return compare(valueOf(token ?? ""), operator, plain(tokens[at++] ?? ""));
  };
  return tokens.length === 0 || any();
}

function plain(token: string): string {
  return /^["']/.test(token) ? token.slice(1, -1).replace(/\\(.)/g, "$1") : token;
}

function fold(text: string): string {
  return text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
}

function compare(value: unknown, operator: string, wanted: string): boolean {
  if (Array.isArray(value)) {
    const has = value.some((item) => fold(String(item)) === fold(wanted));
    if (operator === "!=") {
      return !has && (wanted !== "" || value.length > 0);
    }
    return has || (wanted === "*" && value.length > 0) || (wanted === "" && value.length === 0);
  }
  if (value === undefined || value === null || value === "") {
    return operator === "!=" ? wanted !== "" : (operator === "=" || operator === ":") && wanted === "";
  }
  if (operator === ":" && wanted === "*") {
    return true;
  }
  const [a, b] = [fold(String(value)), fold(wanted)];
  if (operator === ":" && typeof value === "string") {
    return a.includes(b);
  }
  const numeric = a !== "" && b !== "" && !Number.isNaN(Number(a)) && !Number.isNaN(Number(b));
  const order = numeric ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0;
  switch (operator) {
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    default:
      return order === 0;
  }
}
