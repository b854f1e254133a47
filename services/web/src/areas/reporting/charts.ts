import type { Report, ReportColumn, ReportRow, ReportValue } from "../../api/model";
import { formatCompact, formatMoney, formatMonth, formatNumber } from "../../parts/format";
import type { ChartColors } from "../../parts/chart/Chart";

/** One series of a chart: a column of numbers of the report. */
interface Series {
  column: number;
  name: string;
  values: number[];
  currency?: string;
}

/** What a chart shows of a report. */
export interface ChartPlan {
  kind: "funnel" | "bars" | "time";
  labels: string[];
  /** Index of the report's row behind each label. */
  rows: number[];
  series: Series[];
}

/** A value as a number; money without its currency. */
export function numberOf(value: ReportValue | undefined): number {
  if (value?.money) {
    return Number(value.money.amount);
  }
  return typeof value?.plain === "number" ? value.plain : Number(value?.plain ?? 0) || 0;
}

/** A value as a label. */
export function labelOf(value: ReportValue | undefined): string {
  return value?.ref?.name ?? String(value?.plain ?? "");
}

/** A label as people read it: "2017-03" is a month. */
export function shownLabel(value: ReportValue | undefined): string {
  const label = labelOf(value);
  return /^\d{4}-\d{2}$/.test(label) ? formatMonth(label) : label;
}

const MOST_BARS = 15;
const NO_STAGES: ReadonlySet<string> = new Set();

function columnsOf(report: Report, kind: ReportColumn["kind"]): number[] {
  return report.columns.flatMap((column, i) => (column.kind === kind ? [i] : []));
}

function seriesOf(report: Report, column: number, rows: ReportRow[]): Series {
  const currency = rows.find((row) => row.values[column]?.money)?.values[column]?.money?.currencyCode;
  return {
    column,
    name: report.columns[column]?.title ?? "",
    values: rows.map((row) => numberOf(row.values[column])),
    ...(currency ? { currency } : {}),
  };
}

/** Chooses how a report is drawn: the funnel as one, months along a time axis, all else as bars of its main number. */
export function planChart(
  report: Report,
  lostStages: ReadonlySet<string> = NO_STAGES,
): ChartPlan | undefined {
  const label = report.columns.findIndex(
    (c) => c.kind === "COLUMN_KIND_TEXT" || c.kind === "COLUMN_KIND_REF" || c.kind === "COLUMN_KIND_DATE",
  );
  const counts = columnsOf(report, "COLUMN_KIND_NUMBER");
  const sums = columnsOf(report, "COLUMN_KIND_MONEY");
  // A report of single deals is a list; bars of them would say nothing.
  const single = report.rows[0]?.values[label]?.ref?.kind === "deal";
  if (single || label < 0 || report.rows.length === 0 || counts.length + sums.length === 0) {
    return undefined;
  }
  if (report.report === "funnel" && counts[0] !== undefined) {
    // A funnel shows how far deals came; those won came to its end, those lost are told of in the table.
    const reached = report.columns.findIndex((c) => c.name === "reached");
    const count = counts[0];
    const rows = report.rows.flatMap((row, i) =>
      lostStages.has(row.values[label]?.ref?.id ?? "") ? [] : [{ row, i }],
    );
    const far = (row: ReportRow): number =>
      numberOf(row.values[reached]?.plain === undefined ? row.values[count] : row.values[reached]);
    return {
      kind: "funnel",
      labels: rows.map(({ row }) => labelOf(row.values[label])),
      rows: rows.map(({ i }) => i),
      series: [
        {
          column: count,
          name: report.columns[reached >= 0 ? reached : count]?.title ?? "",
          values: rows.map(({ row }) => far(row)),
        },
      ],
    };
  }
  const far = report.columns.findIndex((c) => c.name === "reached_share");
  if (far >= 0 && counts[0] !== undefined) {
    // Leads that came this far; statuses that do not lead on (converted, junk) are told of in the table.
    const count = counts[0];
    const all = report.rows.reduce((sum, row) => sum + numberOf(row.values[count]), 0);
    const rows = report.rows.flatMap((row, i) => (row.values[far]?.plain === undefined ? [] : [{ row, i }]));
    return {
      kind: "funnel",
      labels: rows.map(({ row }) => labelOf(row.values[label])),
      rows: rows.map(({ i }) => i),
      series: [
        {
          column: count,
          name: report.columns[far]?.title ?? "",
          values: rows.map(({ row }) => Math.round((numberOf(row.values[far]) / 100) * all)),
        },
      ],
    };
  }
  const months = report.rows.every((row) => /^\d{4}-\d{2}(-\d{2})?$/.test(labelOf(row.values[label])));
  const wanted = ["income", "won_income", "weighted", "amount"];
  const named = wanted
    .map((name) => report.columns.findIndex((c) => c.name === name && c.kind === "COLUMN_KIND_MONEY"))
    .find((i) => i >= 0);
  const main = named ?? sums[0] ?? counts[0];
  if (main === undefined) {
    return undefined;
  }
  const indexes = report.rows.map((_, i) => i);
  const shown = months
    ? indexes
    : indexes
        .toSorted((a, b) => numberOf(report.rows[b]?.values[main]) - numberOf(report.rows[a]?.values[main]))
        .slice(0, MOST_BARS);
  const rows = shown.flatMap((i) => report.rows[i] ?? []);
  return {
    kind: months ? "time" : "bars",
    labels: rows.map((row) => shownLabel(row.values[label])),
    rows: shown,
    series: [seriesOf(report, main, rows)],
  };
}

function shown(series: Series, value: number, short: boolean): string {
  if (series.currency) {
    return formatMoney({ currencyCode: series.currency, amount: String(value) }, short ? "short" : "full");
  }
  return short ? formatCompact(value) : formatNumber(value);
}

/** Height that gives every bar room. */
export function chartHeight(plan: ChartPlan): number {
  return plan.kind === "bars"
    ? Math.max(120, plan.labels.length * 22 + 34)
    : plan.kind === "funnel"
      ? Math.max(180, plan.labels.length * 40 + 16)
      : 240;
}

/** ECharts' option of a plan. */
export function chartOption(plan: ChartPlan, colors: ChartColors): object {
  const first = plan.series[0];
  if (!first) {
    return {};
  }
  const tooltip = {
    confine: true,
    backgroundColor: colors.surface,
    borderColor: colors.line,
    textStyle: { color: colors.text, fontSize: 12 },
  };
  if (plan.kind === "funnel") {
    return {
      animation: false,
      tooltip: {
        ...tooltip,
        trigger: "item",
        formatter: (p: { name: string; value: number }) => `${p.name}: ${shown(first, p.value, false)}`,
      },
      series: [
        {
          type: "funnel",
          sort: "none",
          left: 8,
          right: 8,
          top: 6,
          bottom: 6,
          minSize: "6%",
          gap: 2,
          label: {
            position: "inside",
            color: "#fff",
            fontWeight: 600,
            textBorderColor: "rgba(0,0,0,0.45)",
            textBorderWidth: 2,
            formatter: (p: { name: string; value: number }) => `${p.name}  ${shown(first, p.value, false)}`,
          },
          itemStyle: { borderWidth: 0 },
          data: plan.labels.map((name, i) => ({
            name,
            value: first.values[i] ?? 0,
            itemStyle: { color: colors.series[i % colors.series.length] },
          })),
        },
      ],
    };
  }
  const axisLabel = { color: colors.muted, fontSize: 11.5, hideOverlap: true };
  const valueAxis = {
    type: "value",
    axisLabel: { ...axisLabel, formatter: (value: number) => shown(first, value, true) },
    splitLine: { lineStyle: { color: colors.line } },
  };
  const label = (position: string) => ({
    show: plan.labels.length <= 24,
    position,
    color: colors.text,
    fontSize: 11.5,
    formatter: (p: { value: number }) => shown(first, p.value, true),
  });
  if (plan.kind === "time") {
    return {
      tooltip: { ...tooltip, trigger: "axis", valueFormatter: (value: number) => shown(first, value, false) },
      grid: { left: 8, right: 16, top: 24, bottom: 4, containLabel: true },
      xAxis: {
        type: "category",
        data: plan.labels,
        axisLabel,
        axisLine: { lineStyle: { color: colors.line } },
        axisTick: { show: false },
      },
      yAxis: valueAxis,
      series: plan.series.map((series) => ({
        type: "bar",
        name: series.name,
        data: series.values,
        barMaxWidth: 44,
        itemStyle: { borderRadius: [2, 2, 0, 0] },
        label: label("top"),
      })),
    };
  }
  return {
    tooltip: {
      ...tooltip,
      trigger: "axis",
      axisPointer: { type: "shadow" },
      valueFormatter: (value: number) => shown(first, value, false),
    },
    grid: { left: 8, right: 64, top: 4, bottom: 4, containLabel: true },
    xAxis: { ...valueAxis, splitNumber: 4 },
    yAxis: {
      type: "category",
      inverse: true,
      data: plan.labels,
      axisLabel: { color: colors.text, fontSize: 12, width: 160, overflow: "truncate" },
      axisLine: { show: false },
      axisTick: { show: false },
    },
    series: plan.series.map((series) => ({
      type: "bar",
      name: series.name,
      data: series.values,
      barMaxWidth: 16,
      itemStyle: { borderRadius: [0, 2, 2, 0] },
      label: label("right"),
    })),
  };
}
