import { describe, expect, test } from "vitest";
import type { Department, Report, User } from "../../api/model";
import { planChart } from "./charts";
import { earlier, periodOf } from "./periods";
import { membersOf } from "./ReportPage";

const NOW = Date.parse("2026-02-15T12:00:00Z");
const day = (year: number, month: number, date: number) => ({ year, month, day: date });

describe("periods", () => {
  test.each([
    ["month", day(2026, 2, 1), day(2026, 2, 28)],
    ["lastMonth", day(2026, 1, 1), day(2026, 1, 31)],
    ["quarter", day(2026, 1, 1), day(2026, 3, 31)],
    ["lastYear", day(2025, 1, 1), day(2025, 12, 31)],
  ] as const)("%s", (name, from, to) => expect(periodOf(name, NOW)).toEqual({ from, to }));

  test("all time has no ends", () => expect(periodOf("all", NOW)).toEqual({}));

  // REP-2: two periods side by side.
  test("the period before is as long", () => {
    expect(earlier({ from: day(2026, 3, 1), to: day(2026, 3, 31) }, "before")).toEqual({
      from: day(2026, 1, 29),
      to: day(2026, 2, 28),
    });
  });
  test("a year before", () => expect(earlier(periodOf("month", NOW), "year")?.from).toEqual(day(2025, 2, 1)));
  test("an open period has none before", () => expect(earlier({}, "year")).toBeUndefined());
});

describe("charts", () => {
  const report = (name: string, rows: [string, number][]): Report =>
    ({
      report: name,
      columns: [
        { name: "employee", title: "Employee", kind: "COLUMN_KIND_TEXT" },
        { name: "won", title: "Won", kind: "COLUMN_KIND_NUMBER" },
        { name: "won_income", title: "Income", kind: "COLUMN_KIND_MONEY" },
      ],
      rows: rows.map(([label, sum]) => ({
        values: [{ plain: label }, { plain: 1 }, { money: { currencyCode: "USD", amount: String(sum) } }],
      })),
    }) as unknown as Report;

  test("bars go by size and keep the way to their rows", () => {
    const plan = planChart(
      report("deals-by-employee", [
        ["Ann", 5],
        ["Ben", 9],
      ]),
    );
    expect(plan).toMatchObject({ kind: "bars", labels: ["Ben", "Ann"], rows: [1, 0] });
    expect(plan?.series[0]).toMatchObject({ column: 2, values: [9, 5], currency: "USD" });
  });
  // REP-2: the funnel of leads shows how far they came; converted and junk ones do not lead on.
  test("a lead funnel counts leads that came this far", () => {
    const row = (name: string, leads: number, far?: number) => ({
      values: [
        { ref: { kind: "lead-status", id: name, name } },
        { plain: leads },
        far === undefined ? {} : { plain: far },
      ],
    });
    const plan = planChart({
      report: "lead-funnel",
      columns: [
        { name: "status", title: "Status", kind: "COLUMN_KIND_REF" },
        { name: "leads", title: "Leads", kind: "COLUMN_KIND_NUMBER" },
        { name: "reached_share", title: "Came this far", kind: "COLUMN_KIND_PERCENT" },
      ],
      rows: [row("New", 1, 100), row("In work", 1, 200 / 3), row("Converted", 1), row("Junk", 0)],
    } as unknown as Report);
    expect(plan).toMatchObject({ kind: "funnel", labels: ["New", "In work"], rows: [0, 1] });
    expect(plan?.series[0]?.values).toEqual([3, 2]);
  });
  test("months stay in order", () =>
    expect(
      planChart(
        report("won-deals", [
          ["2026-01", 5],
          ["2026-02", 9],
        ]),
      ),
    ).toMatchObject({ kind: "time", rows: [0, 1] }));
  test("the funnel counts", () =>
    expect(
      planChart(
        report("funnel", [
          ["New", 5],
          ["Won", 9],
        ]),
      )?.kind,
    ).toBe("funnel"));
  test("the funnel shows how far deals came, without those lost", () => {
    const stages = [
      { id: "s1", deals: 2, reached: 10 },
      { id: "won", deals: 3, reached: undefined },
      { id: "lost", deals: 5, reached: undefined },
    ];
    const funnel = {
      report: "funnel",
      columns: [
        { name: "stage", title: "Stage", kind: "COLUMN_KIND_REF" },
        { name: "deals", title: "Deals", kind: "COLUMN_KIND_NUMBER" },
        { name: "reached", title: "Came this far", kind: "COLUMN_KIND_NUMBER" },
      ],
      rows: stages.map((s) => ({
        values: [
          { ref: { kind: "stage", id: s.id, name: s.id } },
          { plain: s.deals },
          s.reached === undefined ? {} : { plain: s.reached },
        ],
      })),
    } as unknown as Report;
    const plan = planChart(funnel, new Set(["lost"]));
    expect(plan?.labels).toEqual(["s1", "won"]);
    expect(plan?.series[0]).toMatchObject({ name: "Came this far", values: [10, 3] });
  });
  test("nothing to draw", () => expect(planChart(report("funnel", []))).toBeUndefined());
});

// ID-3: a department with those below it, and their heads.
test("members of a department and below", () => {
  const departments = [
    { id: "d1", parentId: "", headId: "h1" },
    { id: "d2", parentId: "d1", headId: "h2" },
    { id: "d3", parentId: "", headId: "h3" },
  ] as Department[];
  const users = [
    { id: "u1", departmentId: "d1" },
    { id: "u2", departmentId: "d2" },
    { id: "u3", departmentId: "d3" },
  ] as User[];
  expect(membersOf(["d1"], departments, users).toSorted()).toEqual(["h1", "h2", "u1", "u2"]);
});
