import { describe, expect, test } from "vitest";
import { dateFormatOf, toYaml } from "./targets";

// CON-17: what was chosen becomes a mapping.
describe("import", () => {
  test.each([
    [["10/20/2016", "3/1/2017"], "M/D/YYYY"],
    [["20/10/2016"], "D/M/YYYY"],
    [["01.02.2026"], "D.M.YYYY"],
    [["2026-01-02"], undefined],
    [[""], undefined],
  ])("dates such as %j", (values, want) => expect(dateFormatOf(values)).toBe(want));

  test("a stage is looked for within its pipeline", () => {
    const yaml = toYaml({
      kind: "deal",
      columns: { pipeline: "P", stage: "S" },
      duplicates: "skip",
      currency: "EUR",
    });
    expect(yaml).toContain("lookup: {kind: stage, by: name, within: pipeline}");
  });

  test("a workbook is read by its sheet", () => {
    const choice = { kind: "deal", columns: { name: "A" }, duplicates: "skip", currency: "EUR" } as const;
    const yaml = toYaml({
      ...choice,
      source: { format: "xlsx", sheet: "Deals", sheets: ["Deals"], header: true },
    });
    expect(yaml).toContain('source:\n  sheet: "Deals"\n  header: true\nfields');
    expect(toYaml({ ...choice, source: { format: "vcard", header: true } })).not.toContain("source");
  });

  test("the mapping is written as YAML", () => {
    const yaml = toYaml({
      kind: "deal",
      columns: { name: "Deal", amount: 'Value "net"', company: "Account", close_time: "Closed" },
      duplicates: "update",
      currency: "USD",
      externalId: { source: "crm", column: "ID" },
      dateFormat: "M/D/YYYY",
      source: {
        format: "csv",
        sheet: "",
        sheets: [],
        recognized: "",
        encoding: "utf-8",
        delimiter: "tab",
        quote: '"',
        header: true,
      },
    });
    expect(yaml).toBe(`kind: deal
duplicates: update
source:
  encoding: "utf-8"
  delimiter: "tab"
  quote: "\\""
  header: true
external_id:
  source: "crm"
  column: "ID"
defaults:
  currency: USD
  date_format: "M/D/YYYY"
fields:
  name: {column: "Deal"}
  amount: {column: "Value \\"net\\""}
  company:
    column: "Account"
    lookup: {kind: company, by: name}
  close_time: {column: "Closed"}
`);
  });
});
