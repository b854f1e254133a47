/** A field an import can fill, and by which column names it is recognised. */
export interface TargetField {
  name: string;
  type: "text" | "list" | "number" | "money" | "date" | "time" | "bool" | "ref";
  required?: boolean;
  /** Kind of record a reference is looked up among. */
  lookup?: string;
  /** Column names, in lower case and without signs, that mean this field. */
  known: string[];
}

/** Kinds of records that can be imported. */
export const KINDS = ["company", "contact", "lead", "product", "deal", "user"] as const;

export type ImportKind = (typeof KINDS)[number];

const common: TargetField[] = [
  {
    name: "phones",
    type: "list",
    known: [
      "phone",
      "phones",
      "telephone",
      "tel",
      "phonenumber",
      "phone1value",
      "businessphone",
      "workphone",
      "mobilephone",
      "telefon",
      "телефон",
      "рабочийтелефон",
    ],
  },
  {
    name: "emails",
    type: "list",
    known: ["email", "emails", "emailaddress", "mail", "email1value", "workemail", "почта", "рабочийemail"],
  },
  { name: "sites", type: "list", known: ["website", "site", "url", "web", "webpage", "websiteurl", "сайт"] },
  { name: "source", type: "text", known: ["source", "leadsource", "quelle", "источник"] },
  {
    name: "responsible",
    type: "ref",
    lookup: "user",
    known: [
      "responsible",
      "owner",
      "manager",
      "agent",
      "salesagent",
      "assignedto",
      "contactowner",
      "companyowner",
      "ответственный",
      "opiekun",
    ],
  },
  {
    name: "street",
    type: "text",
    known: ["street", "address", "streetaddress", "businessstreet", "strasse", "ulica", "адрес", "улица"],
  },
  { name: "city", type: "text", known: ["city", "town", "businesscity", "ort", "stadt", "miasto", "город"] },
  { name: "region", type: "text", known: ["state", "region", "province", "businessstate", "область"] },
  {
    name: "postal_code",
    type: "text",
    known: ["zip", "postalcode", "postcode", "zipcode", "plz", "businesspostalcode", "индекс"],
  },
  {
    name: "country",
    type: "text",
    known: ["country", "countryregion", "officelocation", "land", "kraj", "страна"],
  },
  {
    name: "comment",
    type: "text",
    known: ["comment", "notes", "note", "description", "remarks", "комментарий", "примечание"],
  },
];

const person: TargetField[] = [
  {
    name: "first_name",
    type: "text",
    known: ["firstname", "first", "givenname", "name", "fullname", "vorname", "imie", "имя"],
  },
  { name: "middle_name", type: "text", known: ["middlename", "additionalname", "отчество"] },
  {
    name: "last_name",
    type: "text",
    known: ["lastname", "last", "surname", "familyname", "nachname", "nazwisko", "фамилия"],
  },
  {
    name: "position",
    type: "text",
    known: ["position", "jobtitle", "title", "role", "organizationtitle", "должность"],
  },
];

/** What can be filled, by kind. The names are those of the contract's import targets. */
export const TARGETS: Record<ImportKind, TargetField[]> = {
  company: [
    {
      name: "name",
      type: "text",
      required: true,
      known: [
        "name",
        "company",
        "companyname",
        "account",
        "accountname",
        "organization",
        "organizationname",
        "firma",
        "компания",
        "название",
        "названиекомпании",
      ],
    },
    { name: "legal_name", type: "text", known: ["legalname", "registeredname"] },
    { name: "type", type: "text", known: ["type", "companytype", "typ", "тип"] },
    {
      name: "industry",
      type: "text",
      known: ["industry", "sector", "branche", "отрасль", "сферадеятельности"],
    },
    {
      name: "annual_turnover",
      type: "money",
      known: ["annualturnover", "turnover", "revenue", "annualrevenue", "umsatz", "оборот", "годовойоборот"],
    },
    {
      name: "employees",
      type: "number",
      known: ["employees", "numberofemployees", "headcount", "mitarbeiter", "сотрудники"],
    },
    {
      name: "parent",
      type: "ref",
      lookup: "company",
      known: ["parent", "parentcompany", "subsidiaryof", "parentaccount"],
    },
    { name: "vat_number", type: "text", known: ["vat", "vatnumber", "vatid", "ustid"] },
    { name: "tax_number", type: "text", known: ["taxnumber", "taxid", "ein", "inn", "инн", "nip", "voen"] },
    {
      name: "registration_number",
      type: "text",
      known: ["registrationnumber", "registernumber", "krs", "огрн"],
    },
    { name: "iban", type: "text", known: ["iban"] },
    { name: "bic", type: "text", known: ["bic", "swift"] },
    ...common,
  ],
  contact: [
    ...person,
    {
      name: "company",
      type: "ref",
      lookup: "company",
      known: [
        "company",
        "companyname",
        "organization",
        "organizationname",
        "account",
        "employer",
        "associatedcompany",
        "firma",
        "компания",
      ],
    },
    { name: "company_role", type: "text", known: ["companyrole"] },
    { name: "type", type: "text", known: ["type", "contacttype", "тип", "типконтакта"] },
    {
      name: "birthday",
      type: "date",
      known: ["birthday", "dateofbirth", "birthdate", "деньрождения", "датарождения"],
    },
    { name: "language", type: "text", known: ["language", "язык"] },
    { name: "vip", type: "bool", known: ["vip"] },
    ...common,
  ],
  lead: [
    {
      name: "title",
      type: "text",
      known: ["title", "lead", "subject", "leadname", "название", "названиелида"],
    },
    { name: "request", type: "text", known: ["request", "message", "enquiry", "inquiry", "question"] },
    ...person.map((field) =>
      field.name === "position" ? { ...field, known: field.known.filter((k) => k !== "title") } : field,
    ),
    {
      name: "company_name",
      type: "text",
      known: ["company", "companyname", "organization", "firma", "компания", "названиекомпании"],
    },
    { name: "status", type: "text", known: ["status", "leadstatus", "stage", "статус"] },
    { name: "amount", type: "money", known: ["amount", "value", "budget", "opportunity", "сумма"] },
    { name: "product", type: "text", known: ["product", "productinterest"] },
    { name: "quantity", type: "number", known: ["quantity", "qty"] },
    { name: "referrer", type: "text", known: ["referrer", "referer"] },
    { name: "utm_source", type: "text", known: ["utmsource"] },
    { name: "utm_medium", type: "text", known: ["utmmedium"] },
    { name: "utm_campaign", type: "text", known: ["utmcampaign", "campaign"] },
    ...common,
  ],
  product: [
    {
      name: "name",
      type: "text",
      required: true,
      known: ["name", "product", "productname", "title", "item", "название", "товар"],
    },
    {
      name: "sku",
      type: "text",
      known: ["sku", "article", "articlenumber", "code", "productcode", "артикул"],
    },
    { name: "barcode", type: "text", known: ["barcode", "ean", "upc", "gtin"] },
    {
      name: "section",
      type: "list",
      known: ["section", "category", "series", "group", "kategorie", "раздел", "категория"],
    },
    { name: "unit", type: "text", known: ["unit", "uom", "einheit", "единица"] },
    {
      name: "price",
      type: "money",
      known: ["price", "salesprice", "listprice", "unitprice", "preis", "cena", "цена"],
    },
    { name: "minimum_price", type: "money", known: ["minimumprice", "minprice"] },
    { name: "tax_rate", type: "number", known: ["tax", "taxrate", "vat", "vatrate", "ндс"] },
    { name: "active", type: "bool", known: ["active", "enabled"] },
    { name: "description", type: "text", known: ["description", "details", "описание"] },
  ],
  deal: [
    {
      name: "name",
      type: "text",
      required: true,
      known: [
        "name",
        "deal",
        "dealname",
        "opportunity",
        "opportunityid",
        "opportunityname",
        "title",
        "сделка",
        "название",
      ],
    },
    { name: "pipeline", type: "ref", lookup: "pipeline", known: ["pipeline", "воронка"] },
    {
      name: "stage",
      type: "ref",
      lookup: "stage",
      known: ["stage", "dealstage", "status", "стадия", "стадиясделки"],
    },
    { name: "amount", type: "money", known: ["amount", "value", "closevalue", "dealvalue", "sum", "сумма"] },
    {
      name: "company",
      type: "ref",
      lookup: "company",
      known: ["company", "account", "client", "customer", "associatedcompany", "компания"],
    },
    {
      name: "contact",
      type: "ref",
      lookup: "contact",
      known: ["contact", "person", "associatedcontact", "контакт"],
    },
    {
      name: "responsible",
      type: "ref",
      lookup: "user",
      known: ["responsible", "owner", "agent", "salesagent", "dealowner", "manager", "ответственный"],
    },
    { name: "product", type: "ref", lookup: "product", known: ["product", "товар"] },
    { name: "quantity", type: "number", known: ["quantity", "qty"] },
    { name: "probability", type: "number", known: ["probability", "dealprobability"] },
    {
      name: "planned_close_date",
      type: "date",
      known: ["plannedclosedate", "expectedclosedate", "expectedclose", "duedate"],
    },
    {
      name: "begin_time",
      type: "time",
      known: ["begin", "begintime", "created", "createdate", "engagedate", "startdate", "датаначала"],
    },
    { name: "close_time", type: "time", known: ["closetime", "closedate", "closed", "датазавершения"] },
    { name: "lost_reason", type: "text", known: ["lostreason", "closedlostreason", "reason"] },
    { name: "type", type: "text", known: ["type", "dealtype"] },
    { name: "source", type: "text", known: ["source", "leadsource"] },
    { name: "comment", type: "text", known: ["comment", "notes", "description"] },
  ],
  user: [
    {
      name: "name",
      type: "text",
      required: true,
      known: ["name", "user", "fullname", "salesagent", "agent", "employee", "mitarbeiter", "сотрудник"],
    },
    { name: "email", type: "text", required: true, known: ["email", "mail", "emailaddress"] },
    { name: "department", type: "list", known: ["department", "team", "office", "abteilung", "отдел"] },
    { name: "heads_department", type: "bool", known: ["headsdepartment", "head"] },
    { name: "roles", type: "list", known: ["roles", "role"] },
    { name: "phone", type: "text", known: ["phone", "telephone", "tel"] },
    { name: "sip_extension", type: "text", known: ["extension", "sipextension"] },
  ],
};

function plain(header: string): string {
  return header.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/** Which column fills which field, by the columns' names; a column is used once. */
export function propose(kind: ImportKind, header: string[]): Record<string, string> {
  const free = new Set(header);
  const mapping: Record<string, string> = {};
  // Exact names go first, so that "name" is not taken by a field that only knows it as another word.
  for (const exact of [true, false]) {
    for (const field of TARGETS[kind]) {
      if (mapping[field.name]) {
        continue;
      }
      const column = header.find(
        (name) =>
          free.has(name) && (exact ? plain(name) === plain(field.name) : field.known.includes(plain(name))),
      );
      if (column) {
        mapping[field.name] = column;
        free.delete(column);
      }
    }
  }
  return mapping;
}

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
}

/** The mapping as YAML. */
export function toYaml(choice: MappingChoice): string {
  const lines = [`kind: ${choice.kind}`, `duplicates: ${choice.duplicates}`];
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
