import { beforeEach, describe, expect, test } from "vitest";
import {
  civilOf,
  daysUntil,
  formatCivil,
  formatDuration,
  formatInstant,
  formatMoney,
  formatPercent,
  formatRelative,
  parseDecimal,
  setFormats,
} from "./format";

// WEB-4: numbers, dates and money by locale.
describe("formats", () => {
  beforeEach(() => setFormats({ locale: "en-GB", timeZone: "Europe/Berlin" }));

  test.each([
    ["en-GB", { currencyCode: "EUR", amount: "12000" }, "€12,000"],
    ["en-GB", { currencyCode: "EUR", amount: "12000.50" }, "€12,000.50"],
    ["en-GB", { currencyCode: "JPY", amount: "1500" }, "¥1,500"],
    ["en-GB", { currencyCode: "KWD", amount: "1.125" }, "KWD\u00a01.125"],
    ["de-DE", { currencyCode: "EUR", amount: "12000.50" }, "12.000,50\u00a0€"],
    ["en-GB", { currencyCode: "EUR", amount: "-3.10" }, "-€3.10"],
  ])("money in %s", (locale, money, want) => {
    setFormats({ locale });
    expect(formatMoney(money)).toBe(want);
  });

  test("amounts beyond what a float holds stay exact", () => {
    expect(formatMoney({ currencyCode: "EUR", amount: "123456789012345678.25" })).toBe(
      "€123,456,789,012,345,678.25",
    );
  });

  test("no money is nothing", () => {
    expect(formatMoney(undefined)).toBe("");
  });

  test("instants are shown in the organisation's zone", () => {
    expect(formatInstant("2026-03-29T00:30:00Z")).toContain("01:30");
    expect(formatInstant("2026-03-29T01:30:00Z")).toContain("03:30");
  });

  test("a day begins at midnight of the organisation", () => {
    expect(civilOf(new Date("2026-11-21T23:30:00Z"))).toEqual({ year: 2026, month: 11, day: 22 });
  });

  test("days are counted over the change of the clock", () => {
    const now = Date.parse("2026-03-28T12:00:00Z");
    expect(daysUntil({ year: 2026, month: 3, day: 30 }, now)).toBe(2);
  });

  test("the year is told only when it is another", () => {
    const now = Date.parse("2026-11-21T12:00:00Z");
    expect(formatCivil({ year: 2026, month: 12, day: 1 }, now)).toBe("1 Dec");
    expect(formatCivil({ year: 2027, month: 1, day: 4 }, now)).toBe("4 Jan 2027");
  });

  test.each([
    [20, "now"],
    [90, "1 min ago"],
    [3 * 3600, "3 hr ago"],
    [86_400, "yesterday"],
    [-2 * 86_400, "in 2 days"],
  ])("%i seconds ago", (seconds, want) => {
    const now = Date.parse("2026-11-21T12:00:00Z");
    expect(formatRelative(now - seconds * 1000, now)).toBe(want);
  });

  test.each([
    [120, "2 mins"],
    [90 * 60, "1.5 hrs"],
    [45 * 86_400, "45 days"],
    [3 * 365 * 86_400, "3 yrs"],
  ])("a length of %i seconds", (seconds, want) => {
    expect(formatDuration(seconds)).toBe(want);
  });

  test("percent", () => {
    expect(formatPercent(0.4816)).toBe("48.2%");
  });

  test.each([
    ["en-GB", "12,000.50", "12000.50"],
    ["en-GB", "12 000,50", "12000.50"],
    ["en-GB", "1,200", "1200"],
    ["de-DE", "1.200", "1200"],
    ["de-DE", "1200,5", "1200.5"],
    ["en-GB", "€ 99", "99"],
    ["en-GB", "twelve", undefined],
    ["en-GB", "", undefined],
  ])("%s reads %s", (locale, text, want) => {
    setFormats({ locale });
    expect(parseDecimal(text)).toBe(want);
  });
});
