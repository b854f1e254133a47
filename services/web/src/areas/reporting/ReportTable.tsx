import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import type { ReportColumn, ReportRow, ReportValue } from "../../api/model";
import { t, tIfAny } from "../../i18n";
import {
  formatCivil,
  formatDuration,
  formatMoney,
  formatNumber,
  formatPercent,
  parseCivil,
} from "../../parts/format";
import { IconArrowDown, IconArrowUp } from "../../parts/icons";
import { labelOf, numberOf, shownLabel } from "./charts";
import { LISTS, rowsBehind } from "./lists";
import classes from "./reporting.module.css";

interface Props {
  label: string;
  columns: ReportColumn[];
  rows: ReportRow[];
  totals?: ReportRow[];
}

const RIGHT = new Set([
  "COLUMN_KIND_NUMBER",
  "COLUMN_KIND_MONEY",
  "COLUMN_KIND_PERCENT",
  "COLUMN_KIND_DURATION",
]);

/** A report as a table; every number that has rows behind it leads to them (REP-5). */
export function ReportTable({ label, columns, rows, totals }: Props) {
  const [sort, setSort] = useState<{ column: number; falling: boolean }>();
  const shown = sort
    ? rows.toSorted(
        (a, b) =>
          order(columns[sort.column], a.values[sort.column], b.values[sort.column]) * (sort.falling ? -1 : 1),
      )
    : rows;
  return (
    // A table that is wider than the screen is scrolled with the keyboard too.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={classes["tableScroll"]} tabIndex={0} role="region" aria-label={label}>
      <table className={classes["table"]}>
        <caption className="hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map((column, i) => {
              const active = sort?.column === i;
              const right = RIGHT.has(column.kind);
              return (
                <th
                  key={column.name}
                  scope="col"
                  data-right={right || undefined}
                  aria-sort={active ? (sort.falling ? "descending" : "ascending") : "none"}
                >
                  <button
                    type="button"
                    onClick={() => setSort({ column: i, falling: active ? !sort.falling : right })}
                  >
                    {tIfAny(`report.column.${column.name}`, column.title || column.name)}
                    {active && (sort.falling ? <IconArrowDown size={11} /> : <IconArrowUp size={11} />)}
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, i) => (
            <tr key={i}>
              {columns.map((column, n) => (
                <Cell key={column.name} column={column} value={row.values[n]} first={n === 0} />
              ))}
            </tr>
          ))}
        </tbody>
        {totals && totals.length > 0 && (
          <tfoot>
            {totals.map((row, i) => (
              <tr key={i}>
                {columns.map((column, n) => (
                  <Cell key={column.name} column={column} value={row.values[n]} first={n === 0} total />
                ))}
              </tr>
            ))}
          </tfoot>
        )}
      </table>
    </div>
  );
}

function Cell({
  column,
  value,
  first,
  total,
}: {
  column: ReportColumn;
  value: ReportValue | undefined;
  first: boolean;
  total?: boolean;
}) {
  const text = total && first ? `${t("report.total")} ${labelOf(value)}`.trim() : cellText(column, value);
  const right = RIGHT.has(column.kind) || undefined;
  const content = drillLink(value, text) ?? refLink(value, text);
  return first ? (
    <th scope="row" data-right={right}>
      {content}
    </th>
  ) : (
    <td data-right={right}>{content}</td>
  );
}

function drillLink(value: ReportValue | undefined, text: string): ReactNode {
  const behind = rowsBehind(value?.drill);
  if (!behind || !text || text === "0") {
    return undefined;
  }
  return (
    <Link {...behind} title={t("report.drill")}>
      {text}
    </Link>
  );
}

function refLink(value: ReportValue | undefined, text: string): ReactNode {
  const to = value?.ref?.id && LISTS[value.ref.kind];
  return to && value?.ref ? (
    <Link to={`${to}/$id` as string} params={{ id: value.ref.id } as never}>
      {text}
    </Link>
  ) : (
    text
  );
}

/** A cell in words. */
export function cellText(column: ReportColumn, value: ReportValue | undefined): string {
  if (!value || (value.plain === undefined && !value.money && !value.ref) || value.plain === null) {
    return "";
  }
  if (value.money) {
    return formatMoney(value.money);
  }
  if (value.ref) {
    return value.ref.name || t("report.none");
  }
  switch (column.kind) {
    case "COLUMN_KIND_NUMBER":
      return formatNumber(String(value.plain));
    case "COLUMN_KIND_PERCENT":
      return formatPercent(Number(value.plain) / 100);
    case "COLUMN_KIND_DURATION":
      return formatDuration(Number(value.plain));
    case "COLUMN_KIND_DATE":
      return formatCivil(parseCivil(String(value.plain))) || String(value.plain);
    default:
      return shownLabel(value) || t("report.none");
  }
}

function order(
  column: ReportColumn | undefined,
  a: ReportValue | undefined,
  b: ReportValue | undefined,
): number {
  return column && RIGHT.has(column.kind) ? numberOf(a) - numberOf(b) : labelOf(a).localeCompare(labelOf(b));
}
