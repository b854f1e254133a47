import type { CivilDate, Money } from "../api/model";

/** Formatting of numbers, money, dates by one locale and the organisation's settings. */
export interface Formats {
  locale: string;
  timeZone: string;
}

const formats: Formats = {
  locale: globalThis.navigator?.language ?? "en",
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
};
const cache = new Map<string, unknown>();

/** Sets locale and time zone for everything formatted from now on. */
export function setFormats(next: Partial<Formats>): void {
  for (const [key, value] of Object.entries(next)) {
    if (value) {
      formats[key as keyof Formats] = value;
    }
  }
  cache.clear();
}

/** The locale in use. */
export function locale(): string {
  return formats.locale;
}

function cached<T>(key: string, make: () => T): T {
  let value = cache.get(key) as T | undefined;
  if (value === undefined) {
    value = make();
    cache.set(key, value);
  }
  return value;
}

/** How many digits after the point a currency has. */
export function minorUnits(currency: string): number {
  return cached(`minor:${currency}`, () => {
    try {
      return (
        new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions()
          .maximumFractionDigits ?? 2
      );
    } catch {
      return 2;
    }
  });
}

// Intl formats decimal strings exactly; the type says number only.
function exact(amount: string): number {
  return amount as unknown as number;
}

/** Money in full, such as "€12,000.50"; whole amounts without digits after the point. */
export function formatMoney(money: Money | undefined, style: "full" | "short" = "full"): string {
  if (!money?.currencyCode) {
    return "";
  }
  const { currencyCode: currency, amount } = money;
  const whole = !/\.\d*[1-9]/.test(amount);
  const digits = whole ? 0 : minorUnits(currency);
  const formatter = cached(`money:${style}:${currency}:${digits}`, () => {
    const base: Intl.NumberFormatOptions = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
    return style === "short"
      ? new Intl.NumberFormat(formats.locale, {
          ...base,
          notation: "compact",
          maximumFractionDigits: 1,
          minimumFractionDigits: 0,
        })
      : new Intl.NumberFormat(formats.locale, {
          ...base,
          minimumFractionDigits: digits,
          maximumFractionDigits: digits,
        });
  });
  return formatter.format(exact(amount || "0"));
}

/** A number or decimal string with the locale's separators. */
export function formatNumber(value: number | string | undefined, maximumFractionDigits = 2): string {
  if (value === undefined || value === "") {
    return "";
  }
  return cached(
    `number:${maximumFractionDigits}`,
    () => new Intl.NumberFormat(formats.locale, { maximumFractionDigits }),
  ).format(typeof value === "string" ? exact(value) : value);
}

/** A number in few characters, such as "12K". */
export function formatCompact(value: number): string {
  return cached(
    "compact",
    () => new Intl.NumberFormat(formats.locale, { notation: "compact", maximumFractionDigits: 1 }),
  ).format(value);
}

/** A length in bytes in few characters, such as "1.4 MB". */
export function formatBytes(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const unit = units[power] ?? "byte";
  const value = bytes / 1000 ** power;
  const digits = power > 0 && value < 10 ? 1 : 0;
  return cached(
    `bytes:${unit}:${digits}`,
    () =>
      new Intl.NumberFormat(formats.locale, {
        style: "unit",
        unit,
        unitDisplay: unit === "byte" ? "long" : "short",
        maximumFractionDigits: digits,
      }),
  ).format(value);
}

/** A share between 0 and 1 as percent. */
export function formatPercent(share: number, maximumFractionDigits = 1): string {
  return cached(
    `percent:${maximumFractionDigits}`,
    () => new Intl.NumberFormat(formats.locale, { style: "percent", maximumFractionDigits }),
  ).format(share);
}

/** An instant in the organisation's time zone, to the minute or the second. */
export function formatInstant(iso: string | number | undefined, seconds = false): string {
  if (!iso) {
    return "";
  }
  return cached(
    `instant:${seconds}`,
    () =>
      new Intl.DateTimeFormat(formats.locale, {
        dateStyle: "medium",
        timeStyle: seconds ? "medium" : "short",
        timeZone: formats.timeZone,
      }),
  ).format(new Date(iso));
}

/** The time of day of an instant, to the second. */
export function formatClock(at: number | string): string {
  return cached(
    "clock",
    () => new Intl.DateTimeFormat(formats.locale, { timeStyle: "medium", timeZone: formats.timeZone }),
  ).format(new Date(at));
}

/** The time of day of an instant in another time zone, to the minute. */
export function formatTimeIn(at: number, timeZone: string): string {
  return cached(
    `time:${timeZone}`,
    () => new Intl.DateTimeFormat(formats.locale, { timeStyle: "short", timeZone }),
  ).format(new Date(at));
}

/** The day of an instant in the organisation's time zone; the year only when it is not this one. */
export function formatDay(iso: string | undefined, now: number = Date.now()): string {
  return iso ? formatCivil(civilOf(new Date(iso)), now) : "";
}

/** A calendar day; the year only when it is not this one. */
export function formatCivil(date: CivilDate | undefined, now: number = Date.now()): string {
  if (!date?.month || !date.day) {
    return "";
  }
  const sameYear = !date.year || date.year === civilOf(new Date(now)).year;
  const formatter = cached(
    `civil:${sameYear}`,
    () =>
      new Intl.DateTimeFormat(formats.locale, {
        day: "numeric",
        month: "short",
        timeZone: "UTC",
        ...(sameYear ? {} : { year: "numeric" }),
      }),
  );
  return formatter.format(Date.UTC(date.year || 2000, date.month - 1, date.day));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["week", 7 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** A month written "2026-11", such as "Nov 2026". */
export function formatMonth(month: string, length: "short" | "long" = "short"): string {
  const [year = 1970, number = 1] = month.split("-").map(Number);
  return cached(
    `month:${length}`,
    () => new Intl.DateTimeFormat(formats.locale, { month: length, year: "numeric", timeZone: "UTC" }),
  ).format(Date.UTC(year, number - 1, 1));
}

/** How long ago or ahead an instant is, such as "3 hr. ago". */
export function formatRelative(iso: string | number, now: number = Date.now()): string {
  const formatter = cached(
    "relative",
    () => new Intl.RelativeTimeFormat(formats.locale, { numeric: "auto", style: "narrow" }),
  );
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000);
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) {
      return formatter.format(Math.trunc(seconds / size), unit);
    }
  }
  return formatter.format(0, "second");
}

/** A length of time in its largest unit, such as "12 days". */
export function formatDuration(seconds: number): string {
  // Two of a unit before it is used: "45 days" says more than "1.5 months".
  const [unit, size] = STEPS.find(
    ([u, s]) => u !== "week" && seconds >= (u === "month" || u === "year" ? 2 * s : s),
  ) ?? ["minute", 60];
  return cached(
    `duration:${unit}`,
    () =>
      new Intl.NumberFormat(formats.locale, {
        style: "unit",
        unit,
        unitDisplay: "short",
        maximumFractionDigits: 1,
      }),
  ).format(seconds / size);
}

/** The calendar day of an instant in the organisation's time zone. */
export function civilOf(date: Date): CivilDate {
  const parts = cached(
    "parts",
    () =>
      new Intl.DateTimeFormat("en-CA", {
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        timeZone: formats.timeZone,
      }),
  ).format(date);
  return parseCivil(parts) ?? { year: 1970, month: 1, day: 1 };
}

/** Reads "2026-11-21". */
export function parseCivil(text: string): CivilDate | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  return match ? { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) } : undefined;
}

/** Writes "2026-11-21", as date inputs and filters want it. */
export function isoCivil(date: CivilDate | undefined): string {
  if (!date?.year) {
    return "";
  }
  return `${String(date.year).padStart(4, "0")}-${String(date.month).padStart(2, "0")}-${String(date.day).padStart(2, "0")}`;
}

/** Days from today until a calendar day; negative when it is over. */
export function daysUntil(date: CivilDate, now: number = Date.now()): number {
  const today = civilOf(new Date(now));
  const at = (d: CivilDate): number => Date.UTC(d.year, d.month - 1, d.day);
  return Math.round((at(date) - at(today)) / 86_400_000);
}

/** Today plus some days. */
export function daysFromNow(days: number, now: number = Date.now()): CivilDate {
  return civilOf(new Date(now + days * 86_400_000));
}

/** Reads a number as people type it, such as "12 000,50" or "12,000.50", into a decimal string. */
export function parseDecimal(text: string): string | undefined {
  let cleaned = text.replace(/[\s\u00a0\u202f'’]/g, "").replace(/^[^\d.,-]+|[^\d.,]+$/g, "");
  const comma = cleaned.lastIndexOf(",");
  const point = cleaned.lastIndexOf(".");
  if (comma >= 0 && point >= 0) {
    const group = comma > point ? /\./g : /,/g;
    cleaned = cleaned.replace(group, "").replace(",", ".");
  } else if (comma >= 0) {
    const groups = /^-?\d{1,3}(,\d{3})+$/.test(cleaned) && decimalPoint() === ".";
    cleaned =
      groups || cleaned.indexOf(",") !== comma ? cleaned.replace(/,/g, "") : cleaned.replace(",", ".");
  } else if (point >= 0 && /^-?\d{1,3}(\.\d{3})+$/.test(cleaned) && decimalPoint() === ",") {
    cleaned = cleaned.replace(/\./g, "");
  }
  return /^-?\d{1,18}(\.\d{1,10})?$/.test(cleaned) ? cleaned : undefined;
}

function decimalPoint(): string {
  return cached(
    "point",
    () =>
      new Intl.NumberFormat(formats.locale).formatToParts(1.5).find((p) => p.type === "decimal")?.value ??
      ".",
  );
}
