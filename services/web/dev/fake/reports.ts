import type { FakeData, Row } from "./data";

const number = (plain: number, filter?: string): Row => ({
  plain,
  ...(filter ? { drill: { kind: "deal", filter } } : {}),
});
const money = (amount: number, filter?: string): Row => ({
  money: { currencyCode: "EUR", amount: amount.toFixed(2) },
  ...(filter ? { drill: { kind: "deal", filter } } : {}),
});

/** Reports over the made-up deals, in the shape of the contract. */
export function runReport(data: FakeData, report: string): Row {
  const deals = data.rows["deals"] ?? [];
  const stages = (data.rows["pipelines"]?.[0]?.["stages"] ?? []) as Row[];
  const sum = (rows: Row[]): number =>
    rows.reduce((total, deal) => total + Number((deal["amount"] as { amount: string }).amount), 0);
  const common = {
    report,
    asOf: new Date().toISOString(),
    lagSeconds: 0.1,
    withoutDate: "0",
    currencyNote: "At the rate of each deal's day.",
  };
  if (report === "funnel" || report === "open-deals-by-stage") {
    const rows = stages.map((stage) => {
      const own = deals.filter((deal) => deal["stageId"] === stage["id"]);
      const filter = `stage_id = "${String(stage["id"])}"`;
      return {
        values: [
          { plain: stage["name"] },
          number(own.length, filter),
          number((own.length / deals.length) * 100),
          money(sum(own), filter),
          number(432_000),
        ],
      };
    });
    return {
      ...common,
      columns: [
        { name: "stage", title: "Stage", kind: "COLUMN_KIND_TEXT" },
        { name: "deals", title: "Deals", kind: "COLUMN_KIND_NUMBER" },
        { name: "share", title: "Share", kind: "COLUMN_KIND_PERCENT" },
        { name: "sum", title: "Sum", kind: "COLUMN_KIND_MONEY" },
        { name: "time", title: "Time in stage", kind: "COLUMN_KIND_DURATION" },
      ],
      rows,
      totals: [{ values: [{}, number(deals.length), {}, money(sum(deals)), {}] }],
      breakdown: {
        title: "Lost by stage and reason",
        columns: [
          { name: "reason", title: "Reason", kind: "COLUMN_KIND_TEXT" },
          { name: "deals", title: "Deals", kind: "COLUMN_KIND_NUMBER" },
        ],
        rows: [{ values: [{ plain: "Price" }, number(44)] }],
      },
    };
  }
  const byUser = (data.rows["users"] ?? []).map((user) => ({
    user,
    own: deals.filter((deal) => deal["responsibleId"] === user["id"]),
  }));
  return {
    ...common,
    columns: [
      { name: "employee", title: "Employee", kind: "COLUMN_KIND_REF" },
      { name: "worked", title: "Worked", kind: "COLUMN_KIND_NUMBER" },
      { name: "won", title: "Won", kind: "COLUMN_KIND_NUMBER" },
      { name: "lost", title: "Lost", kind: "COLUMN_KIND_NUMBER" },
      { name: "income", title: "Income", kind: "COLUMN_KIND_MONEY" },
    ],
    rows: byUser.map(({ user, own }) => {
      const won = own.filter((deal) => deal["state"] === "DEAL_STATE_WON");
      const filter = `responsible_id = "${String(user["id"])}"`;
      return {
        values: [
          { ref: { kind: "user", id: user["id"], name: user["name"] } },
          number(own.length, filter),
          number(won.length, `${filter} AND state = WON`),
          number(own.filter((d) => d["state"] === "DEAL_STATE_LOST").length),
          money(sum(won), `${filter} AND state = WON`),
        ],
      };
    }),
    totals: [],
  };
}
