import type { CivilDate } from "../../api/model";
import { civilOf } from "../../parts/format";

/** A stretch of days; either end may be open. */
export interface Period {
  from?: CivilDate;
  to?: CivilDate;
}

/** Names of the periods offered. */
export const PERIODS = ["all", "month", "lastMonth", "quarter", "year", "lastYear", "custom"] as const;

export type PeriodName = (typeof PERIODS)[number];

function day(year: number, month: number, date: number): CivilDate {
  const at = new Date(Date.UTC(year, month - 1, date));
  return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate() };
}

/** The days of a named period, seen from today. */
export function periodOf(name: PeriodName, now: number = Date.now()): Period {
  const { year, month } = civilOf(new Date(now));
  const quarter = Math.floor((month - 1) / 3) * 3 + 1;
  switch (name) {
    case "month":
      return { from: day(year, month, 1), to: day(year, month + 1, 0) };
    case "lastMonth":
      return { from: day(year, month - 1, 1), to: day(year, month, 0) };
    case "quarter":
      return { from: day(year, quarter, 1), to: day(year, quarter + 3, 0) };
    case "year":
      return { from: day(year, 1, 1), to: day(year, 12, 31) };
    case "lastYear":
      return { from: day(year - 1, 1, 1), to: day(year - 1, 12, 31) };
    default:
      return {};
  }
}

/** The period of the same length just before, or the same days a year before. */
export function earlier(period: Period, by: "before" | "year"): Period | undefined {
  const { from, to } = period;
  if (!from || !to) {
    return undefined;
  }
  if (by === "year") {
    return { from: day(from.year - 1, from.month, from.day), to: day(to.year - 1, to.month, to.day) };
  }
  const start = Date.UTC(from.year, from.month - 1, from.day);
  const length = Math.round((Date.UTC(to.year, to.month - 1, to.day) - start) / 86_400_000) + 1;
  return {
    from: day(from.year, from.month, from.day - length),
    to: day(from.year, from.month, from.day - 1),
  };
}
