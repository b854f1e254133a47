/** A field an import can fill. */
export interface TargetField {
  name: string;
  type: "text" | "list" | "number" | "money" | "date" | "time" | "bool" | "ref";
  required?: boolean;
  /** Kind of record a reference is looked up among. */
  lookup?: string;
}

/** Kinds of records that can be imported. */
export const KINDS = ["company", "contact", "lead", "product", "deal", "user"] as const;

export type ImportKind = (typeof KINDS)[number];

const common: TargetField[] = [
  { name: "phones", type: "list" },
  { name: "emails", type: "list" },
  { name: "sites", type: "list" },
  { name: "source", type: "text" },
  { name: "responsible", type: "ref", lookup: "user" },
  { name: "street", type: "text" },
  { name: "city", type: "text" },
  { name: "region", type: "text" },
  { name: "postal_code", type: "text" },
  { name: "country", type: "text" },
  { name: "comment", type: "text" },
  { name: "tags", type: "list" },
  { name: "do_not_contact", type: "list" },
];

const person: TargetField[] = [
  { name: "first_name", type: "text" },
  { name: "middle_name", type: "text" },
  { name: "last_name", type: "text" },
  { name: "position", type: "text" },
];

/** What can be filled, by kind. The names are those of the contract's import targets. */
export const TARGETS: Record<ImportKind, TargetField[]> = {
  company: [
    { name: "name", type: "text", required: true },
    { name: "legal_name", type: "text" },
    { name: "type", type: "text" },
    { name: "industry", type: "text" },
    { name: "annual_turnover", type: "money" },
    { name: "employees", type: "number" },
    { name: "parent", type: "ref", lookup: "company" },
    { name: "vat_number", type: "text" },
    { name: "tax_number", type: "text" },
    { name: "registration_number", type: "text" },
    { name: "iban", type: "text" },
    { name: "bic", type: "text" },
    ...common,
  ],
  contact: [
    ...person,
    { name: "company", type: "ref", lookup: "company" },
    { name: "company_role", type: "text" },
    { name: "type", type: "text" },
    { name: "birthday", type: "date" },
    { name: "language", type: "text" },
    { name: "vip", type: "bool" },
    ...common,
  ],
  lead: [
    { name: "title", type: "text" },
    { name: "request", type: "text" },
    ...person,
    { name: "company_name", type: "text" },
    { name: "status", type: "text" },
    { name: "amount", type: "money" },
    { name: "product", type: "ref", lookup: "product" },
    { name: "quantity", type: "number" },
    { name: "referrer", type: "text" },
    { name: "utm_source", type: "text" },
    { name: "utm_medium", type: "text" },
    { name: "utm_campaign", type: "text" },
    ...common,
  ],
  product: [
    { name: "name", type: "text", required: true },
    { name: "sku", type: "text" },
    { name: "barcode", type: "text" },
    { name: "section", type: "list" },
    { name: "unit", type: "text" },
    { name: "price", type: "money" },
    { name: "minimum_price", type: "money" },
    { name: "tax_rate", type: "number" },
    { name: "active", type: "bool" },
    { name: "description", type: "text" },
  ],
  deal: [
    { name: "name", type: "text", required: true },
    { name: "pipeline", type: "ref", lookup: "pipeline" },
    { name: "stage", type: "ref", lookup: "stage" },
    { name: "amount", type: "money" },
    { name: "company", type: "ref", lookup: "company" },
    { name: "contact", type: "ref", lookup: "contact" },
    { name: "responsible", type: "ref", lookup: "user" },
    { name: "product", type: "ref", lookup: "product" },
    { name: "quantity", type: "number" },
    { name: "probability", type: "number" },
    { name: "planned_close_date", type: "date" },
    { name: "begin_time", type: "time" },
    { name: "close_time", type: "time" },
    { name: "lost_reason", type: "text" },
    { name: "type", type: "text" },
    { name: "source", type: "text" },
    { name: "comment", type: "text" },
  ],
  user: [
    { name: "name", type: "text", required: true },
    { name: "email", type: "text", required: true },
    { name: "department", type: "list" },
    { name: "heads_department", type: "bool" },
    { name: "roles", type: "list" },
    { name: "phone", type: "text" },
    { name: "sip_extension", type: "text" },
  ],
};

/** The format of dates in a column, if its values tell. */
export function dateFormatOf(values: string[]): string | undefined {
  const dates = values
    .map((value) => /^(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})/.exec(value.trim()))
    .filter((m) => m !== null);
  const first = dates[0];
  if (!first) {
    return undefined;
  }
  const sign = first[2];
  if ((first[1]?.length ?? 0) === 4) {
    return sign === "-" ? undefined : `YYYY${sign}M${sign}D`;
  }
  const overTwelve = (group: 1 | 3): boolean => dates.some((m) => Number(m[group]) > 12);
  const dayFirst = overTwelve(1) || (!overTwelve(3) && sign !== "/");
  return dayFirst ? `D${sign}M${sign}YYYY` : `M${sign}D${sign}YYYY`;
}

function scalar(text: string): string {
  return JSON.stringify(text);
}

/** What a mapping is made of. */
export interface MappingChoice {
  kind: ImportKind;
  columns: Record<string, string>;
  duplicates: "skip" | "update" | "make";
  currency: string;
  externalId?: { source: string; column: string };
  dateFormat?: string;
  source?: ImportSource;
}

/** How a file is written. */
export interface ImportSource {
  /** "csv", "xlsx" or "vcard". */
  format?: string;
  /** The sheet of a workbook, and all there are. */
  sheet?: string;
  sheets?: string[];
  /** The program whose export it was recognised as. */
  recognized?: string;
  encoding?: string;
  delimiter?: string;
  quote?: string;
  header?: boolean;
}

/** What a mapping says of how a file of a format is written; the rest of a source is for people to see. */
function sourceKeys(format: string | undefined): (keyof ImportSource)[] {
  switch (format) {
    case "xlsx":
      return ["sheet", "header"];
    case "vcard":
      return [];
    default:
      return ["encoding", "delimiter", "quote", "header"];
  }
}

/** The mapping as YAML. */
export function toYaml(choice: MappingChoice): string {
  const lines = [`kind: ${choice.kind}`, `duplicates: ${choice.duplicates}`];
  const { source } = choice;
  if (source) {
    const written = sourceKeys(source.format).flatMap((key) => {
      const value = source[key];
      return value === undefined || Array.isArray(value)
        ? []
        : [`  ${key}: ${typeof value === "string" ? scalar(value) : value}`];
    });
    lines.push(...(written.length > 0 ? ["source:", ...written] : []));
  }
  if (choice.externalId?.column && choice.externalId.source) {
    lines.push(
      "external_id:",
      `  source: ${scalar(choice.externalId.source)}`,
      `  column: ${scalar(choice.externalId.column)}`,
    );
  }
  const fields = TARGETS[choice.kind].filter((field) => choice.columns[field.name]);
  const defaults = [
    ...(fields.some((f) => f.type === "money") ? [`  currency: ${choice.currency}`] : []),
    ...(choice.dateFormat && fields.some((f) => f.type === "date" || f.type === "time")
      ? [`  date_format: ${scalar(choice.dateFormat)}`]
      : []),
  ];
  if (defaults.length > 0) {
    lines.push("defaults:", ...defaults);
  }
  lines.push("fields:");
  for (const field of fields) {
    const column = `column: ${scalar(choice.columns[field.name] ?? "")}`;
    if (field.type === "list") {
      const key = field.name === "section" || field.name === "department" ? "path" : "list";
      lines.push(`  ${field.name}:`, `    ${key}:`, `      - ${column}`);
    } else if (field.lookup) {
      // A stage is one of its pipeline; without a pipeline's column it is one of the default pipeline.
      const within = field.lookup === "stage" && choice.columns["pipeline"] ? ", within: pipeline" : "";
      lines.push(
        `  ${field.name}:`,
        `    ${column}`,
        `    lookup: {kind: ${field.lookup}, by: name${within}}`,
      );
    } else {
      lines.push(`  ${field.name}: {${column}}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
