/** A record as JSON. */
export type Row = Record<string, unknown>;

const FIRST = [
  "Anna",
  "Ben",
  "Clara",
  "David",
  "Elif",
  "Farid",
  "Greta",
  "Hugo",
  "Ines",
  "Jonas",
  "Kavya",
  "Leyla",
  "Marek",
  "Nina",
  "Olga",
  "Priya",
];
const LAST = [
  "Albers",
  "Brandt",
  "Castillo",
  "Demir",
  "Eriksen",
  "Fischer",
  "Guliyev",
  "Hansen",
  "Iyer",
  "Jansen",
  "Kowalski",
  "Lindqvist",
  "Mammadov",
  "Nowak",
];
const FIRMS = [
  "Hafenlogistik",
  "Nordlicht",
  "Kaspian Trade",
  "Weber & Söhne",
  "Baltic Timber",
  "Alster Medical",
  "Tamil Spices",
  "Ostsee Yachts",
  "Rheinmetallbau",
  "Blue Anchor",
  "Elbkontor",
  "Vistula Foods",
];
const FORMS = ["GmbH", "AG", "Ltd", "Sp. z o.o.", "LLC", "KG"];
const INDUSTRIES = ["Logistics", "Retail", "Medical", "Software", "Machinery", "Food", "Construction"];
const STAGES = [
  ["New", "OPEN", 10],
  ["Information", "OPEN", 25],
  ["Proposal", "OPEN", 50],
  ["Negotiation", "OPEN", 75],
  ["Won", "WON", 100],
  ["Lost", "LOST", 0],
] as const;

// A small generator with a fixed seed, so that every start shows the same.
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

function day(offset: number): Row {
  const date = new Date(Date.now() + offset * 86_400_000);
  return { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate() };
}

function ago(hours: number): string {
  return new Date(Date.now() - hours * 3_600_000).toISOString();
}

/** Everything the fake server knows. */
export interface FakeData {
  me: Row;
  rows: Record<string, Row[]>;
  names: Record<string, string>;
  reports: Row[];
  blank: (kind: string) => Row;
  card: (deal: Row) => Row;
  history: (row: Row) => Row[];
}

const BLANKS: Record<string, Row> = {
  deal: {
    name: "",
    pipelineId: "p1",
    stageId: "st0",
    state: "DEAL_STATE_OPEN",
    amount: { currencyCode: "EUR", amount: "0" },
    amountSource: "AMOUNT_SOURCE_HAND",
    baseAmount: { currencyCode: "EUR", amount: "0" },
    responsibleId: "u1",
    observerIds: [],
    type: "sale",
    probability: 10,
    companyId: "",
    contactId: "",
    parties: [],
    source: "",
    leadId: "",
    comment: "",
    lines: [],
    availableToEveryone: false,
    lostReasonId: "",
    lostReason: "",
    externalIds: [],
  },
  company: {
    name: "",
    legalName: "",
    type: "client",
    industry: "",
    employees: 0,
    parentId: "",
    requisites: [],
    phones: [],
    emails: [],
    links: [],
    addresses: [],
    source: "",
    responsibleId: "u1",
    observerIds: [],
    availableToEveryone: false,
    comment: "",
    externalIds: [],
  },
  contact: {
    honorific: "",
    firstName: "",
    middleName: "",
    lastName: "",
    name: "",
    position: "",
    type: "client",
    phones: [],
    emails: [],
    links: [],
    addresses: [],
    employments: [],
    source: "",
    responsibleId: "u1",
    observerIds: [],
    availableToEveryone: false,
    language: "",
    vip: false,
    comment: "",
    externalIds: [],
    consents: [],
  },
  lead: {
    title: "",
    request: "",
    firstName: "",
    middleName: "",
    lastName: "",
    position: "",
    companyName: "",
    phones: [],
    emails: [],
    links: [],
    source: "form",
    referrer: "",
    statusId: "ls0",
    responsibleId: "u1",
    observerIds: [],
    availableToEveryone: false,
    products: [],
    comment: "",
    externalIds: [],
  },
  product: {
    name: "",
    sku: "",
    barcode: "",
    description: "",
    pictureFileIds: [],
    sectionId: "",
    unit: "",
    active: true,
    sort: 0,
    taxRate: "",
    prices: [],
    externalIds: [],
  },
};

/** Makes a sales department's data. */
export function makeData(): FakeData {
  const rnd = random(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(rnd() * list.length)] as T;
  const users: Row[] = Array.from({ length: 14 }, (_, i) => ({
    id: `u${i + 1}`,
    etag: "v1",
    name: i === 0 ? "Ann Lee" : `${FIRST[i]} ${LAST[i % LAST.length]}`,
    email: i === 0 ? "ann@example.com" : `${FIRST[i]?.toLowerCase()}@example.com`,
    departmentId: `d${(i % 3) + 2}`,
    roleIds: [i === 0 ? "r4" : i % 5 === 0 ? "r2" : "r1"],
    active: i !== 13,
    canSignIn: i < 9,
    sipExtension: String(100 + i),
    phones: [],
  }));
  const settings: Row = {
    organizationId: "o1",
    name: "Elbkontor Handels GmbH",
    timeZone: "Europe/Berlin",
    language: "en",
    country: "DE",
    baseCurrency: "EUR",
    weekStart: "WEEKDAY_MONDAY",
    fiscalYearStartMonth: 1,
    modules: {},
    etag: "v1",
  };
  const everything = Object.fromEntries(
    ["view", "create", "update", "delete", "export", "import"].map((a) => [a, "SCOPE_ALL"]),
  );
  const kinds = [
    "lead",
    "contact",
    "company",
    "deal",
    "product",
    "report",
    "settings",
    "user",
    "department",
    "role",
    "file",
  ];
  const me: Row = {
    user: users[0],
    roles: [],
    settings,
    permissions: Object.fromEntries(kinds.map((kind) => [kind, { actions: everything }])),
  };
  const companies: Row[] = Array.from({ length: 320 }, (_, i) => ({
    ...BLANKS["company"],
    id: `c${i}`,
    etag: "v1",
    name: `${pick(FIRMS)} ${pick(FORMS)}${i > 60 ? ` ${i}` : ""}`,
    industry: pick(INDUSTRIES),
    employees: Math.round(rnd() * 900),
    annualTurnover: { currencyCode: "EUR", amount: String(Math.round(rnd() * 90) * 100_000) },
    phones: [
      {
        number: `+49 40 ${Math.round(rnd() * 9_000_000 + 1_000_000)}`,
        kind: "work",
        primary: true,
        e164: "",
      },
    ],
    emails: [{ address: `office${i}@example.com`, kind: "work", primary: true, normalized: "" }],
    addresses: [
      {
        kind: "legal",
        street: "Am Sandtorkai 3",
        city: "Hamburg",
        region: "",
        postalCode: "20457",
        country: "Germany",
      },
    ],
    responsibleId: pick(users)["id"],
    createTime: ago(rnd() * 9000),
    updateTime: ago(rnd() * 900),
    origin: { kind: "import", id: "x" },
  }));
  const contacts: Row[] = Array.from({ length: 420 }, (_, i) => {
    const firstName = pick(FIRST);
    const lastName = pick(LAST);
    return {
      ...BLANKS["contact"],
      id: `k${i}`,
      etag: "v1",
      firstName,
      lastName,
      name: `${firstName} ${lastName}`,
      position: pick(["Head of purchasing", "Managing director", "Buyer", "Accountant", "Office manager"]),
      phones: [
        {
          number: `+49 151 ${Math.round(rnd() * 9_000_000 + 1_000_000)}`,
          kind: "mobile",
          primary: true,
          e164: "",
        },
      ],
      emails: [
        {
          address: `${firstName}.${lastName}@example.com`.toLowerCase(),
          kind: "work",
          primary: true,
          normalized: "",
        },
      ],
      employments: [{ companyId: pick(companies)["id"], role: "", primary: true }],
      responsibleId: pick(users)["id"],
      vip: rnd() > 0.95,
      createTime: ago(rnd() * 9000),
    };
  });
  const stages = STAGES.map(([name, kind, probability], i) => ({
    id: `st${i}`,
    name,
    kind: `STAGE_KIND_${kind}`,
    color: "",
    probability,
    timeLimitDays: 30,
  }));
  const weights = [0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 4, 5, 5];
  const deals: Row[] = Array.from({ length: 760 }, (_, i) => {
    const stage = i < 60 ? pick([0, 1, 2, 3]) : pick(weights);
    const company = pick(companies);
    const amount = { currencyCode: "EUR", amount: String(Math.round(rnd() * 400 + 5) * 50) };
    const close = Math.round(rnd() * 60 - 15);
    const open = stage < 4;
    return {
      ...BLANKS["deal"],
      id: `dl${i}`,
      etag: "v1",
      name:
        pick([
          "Annual contract",
          "Pallet racks",
          "Delivery of filters",
          "Service 2027",
          "Refit of the warehouse",
          "Trial order",
          "Spare parts",
        ]) + (i % 9 === 0 ? " and installation on site" : ""),
      stageId: `st${stage}`,
      state: stage === 4 ? "DEAL_STATE_WON" : stage === 5 ? "DEAL_STATE_LOST" : "DEAL_STATE_OPEN",
      amount,
      baseAmount: amount,
      companyId: company["id"],
      responsibleId: rnd() > 0.75 ? "u1" : pick(users)["id"],
      probability: STAGES[stage]?.[2] ?? 0,
      plannedCloseDate: day(close),
      overdue: open && close < 0,
      lostReason: stage === 5 ? "Price" : "",
      beginTime: ago(rnd() * 4000 + 200),
      stageEnterTime: ago(rnd() * 400),
      createTime: ago(rnd() * 4000),
      updateTime: ago(rnd() * 200),
      ...(open ? {} : { closeTime: ago(rnd() * 2000) }),
    };
  });
  const leads: Row[] = Array.from({ length: 64 }, (_, i) => ({
    ...BLANKS["lead"],
    id: `l${i}`,
    etag: "v1",
    title: pick([
      "Offer for 40 filters",
      "Question about delivery to Baku",
      "Call back please",
      "Trade fair visit",
      "Price list 2027",
      "Damaged pallet racks",
    ]),
    firstName: pick(FIRST),
    lastName: pick(LAST),
    companyName: pick(FIRMS),
    request: "Please send an offer with delivery times. We need it before the end of the month.",
    statusId: `ls${i < 20 ? 0 : pick([0, 1, 1, 2, 3, 4])}`,
    source: pick(["form", "call", "mail", "event", "referral"]),
    phones: [{ number: "+49 40 5550" + i, kind: "work", primary: true, e164: "" }],
    amount: { currencyCode: "EUR", amount: String(Math.round(rnd() * 90) * 100) },
    responsibleId: rnd() > 0.6 ? "u1" : pick(users)["id"],
    createTime: ago(rnd() * 300),
    ...(i % 4 === 0 ? { overdueSince: ago(3) } : i % 3 === 0 ? { touchTime: ago(2) } : {}),
  }));
  const sections: Row[] = ["GTX", "MG", "GTK"].map((name, i) => ({
    id: `se${i}`,
    etag: "v1",
    name,
    parentId: "",
    sort: i,
  }));
  const products: Row[] = [
    "GTX Basic",
    "GTX Pro",
    "GTX Plus Basic",
    "GTX Plus Pro",
    "MG Special",
    "MG Advanced",
    "GTK 500",
  ].map((name, i) => ({
    ...BLANKS["product"],
    id: `pr${i}`,
    etag: "v1",
    name,
    sku: `A-${100 + i}`,
    unit: "piece",
    taxRate: "19",
    sectionId: `se${i < 4 ? 0 : i < 6 ? 1 : 2}`,
    prices: [
      {
        priceTypeId: "pt0",
        price: { currencyCode: "EUR", amount: ["550", "4821", "1096", "5482", "55", "3393", "26768"][i] },
      },
    ],
    updateTime: ago(40 * i),
  }));
  const names = Object.fromEntries(
    [...companies, ...contacts].map((row) => [row["id"], row["name"]]),
  ) as Record<string, string>;
  const userName = (id: unknown): string => String(users.find((u) => u["id"] === id)?.["name"] ?? "");
  return {
    me,
    names,
    rows: {
      deals,
      companies,
      contacts,
      leads,
      products,
      sections,
      users,
      priceTypes: [{ id: "pt0", etag: "v1", name: "Base", base: true, sort: 0 }],
      pipelines: [
        {
          id: "p1",
          etag: "v1",
          name: "Sales pipeline",
          position: 0,
          isDefault: true,
          stages,
          lostReasons: ["Price", "No need", "Competitor"].map((name, i) => ({ id: `lr${i}`, name })),
        },
      ],
      departments: ["Central", "Hamburg", "Berlin", "Baku"].map((name, i) => ({
        id: `d${i + 1}`,
        etag: "v1",
        name,
        parentId: i === 0 ? "" : "d1",
        headId: `u${i + 1}`,
        externalIds: [],
      })),
      roles: ["Manager", "Department head", "Director", "Administrator"].map((name, i) => ({
        id: `r${i + 1}`,
        etag: "v1",
        name,
        code: name.toLowerCase().replace(" ", "_"),
        grants: [],
      })),
      leadStatuses: (
        ["New:NEW", "Processing:OPEN", "Waiting:OPEN", "Converted:CONVERTED", "Junk:JUNK"] as const
      ).map((text, i) => ({
        id: `ls${i}`,
        etag: "v1",
        name: text.split(":")[0],
        kind: `LEAD_STATUS_KIND_${text.split(":")[1]}`,
        position: i,
        color: ["#0c6468", "#c4762b", "#8a6d9e", "#2f8a57", "#a3a099"][i],
        retired: false,
      })),
    },
    reports: [
      "funnel",
      "open-deals-by-stage",
      "expected-sales",
      "overdue-deals",
      "won-deals",
      "deals-by-employee",
      "deals-by-company",
      "income-by-product",
    ].map((report) => ({
      report,
      title: report,
      description: "",
      groupBy: report === "expected-sales" ? ["month", "employee"] : [],
    })),
    blank: (kind) => ({ ...BLANKS[kind] }),
    card: (deal) => ({
      dealId: deal["id"],
      etag: deal["etag"],
      name: deal["name"],
      stageId: deal["stageId"],
      state: deal["state"],
      amount: deal["amount"],
      companyId: deal["companyId"],
      companyName: names[String(deal["companyId"])] ?? "",
      contactId: "",
      contactName: "",
      responsibleId: deal["responsibleId"],
      responsibleName: userName(deal["responsibleId"]),
      plannedCloseDate: deal["plannedCloseDate"],
      overdue: deal["overdue"] ?? false,
      daysInStage: Math.round((Date.now() - Date.parse(String(deal["stageEnterTime"]))) / 86_400_000),
      stageOverdue: false,
      probability: deal["probability"],
    }),
    history: (row) => [
      {
        version: "3",
        type: "kontor.deals.v1.DealUpdated",
        happenTime: ago(2),
        userId: "u1",
        cause: "",
        changes: [
          {
            field: "amount",
            oldValue: { currencyCode: "EUR", amount: "1200" },
            newValue: { currencyCode: "EUR", amount: "1850" },
          },
        ],
        event: { updateMask: "phones", previous: { phones: [] }, company: row },
      },
      {
        version: "2",
        type: "kontor.deals.v1.DealMoved",
        happenTime: ago(30),
        userId: "u3",
        cause: "",
        changes: [],
        stageChange: { fromStageId: "st0", toStageId: "st1" },
      },
      {
        version: "1",
        type: "kontor.deals.v1.DealCreated",
        happenTime: ago(200),
        userId: "u2",
        cause: "import/deals.1",
        changes: [],
      },
    ],
  };
}
