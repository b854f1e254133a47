import { Blob } from "node:buffer";
import { describe, expect, test } from "vitest";
import { detectDelimiter, parseCsv, readSample } from "./csv";
import { dateFormatOf, propose, toYaml } from "./targets";

// CON-17: delimiter, quote, encoding and header detected, mapping proposed from the header.
describe("import", () => {
  test.each([
    ["a,b\n1,2\n", ","],
    ["a;b;c\n1,5;2;3\n", ";"],
    ["a\tb\n1\t2\n", "\t"],
  ])("delimiter of %j", (text, want) => expect(detectDelimiter(text)).toBe(want));

  test("quotes hold delimiters, quotes and line breaks", () => {
    expect(parseCsv('name,note\r\n"Weber, ""W""","two\nlines"\r\n\r\nx,y', ",", 9)).toEqual([
      ["name", "note"],
      ['Weber, "W"', "two\nlines"],
      ["x", "y"],
    ]);
  });

  test("an old encoding is read", async () => {
    const sample = await readSample(
      new Blob([
        new Uint8Array([0x6e, 0x61, 0x6d, 0x65, 0x0a, 0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72, 0x0a]),
      ]) as unknown as globalThis.Blob,
    );
    expect(sample.rows).toEqual([["Müller"]]);
  });

  test("a mapping is proposed, each column once", () => {
    expect(
      propose("company", [
        "account",
        "sector",
        "year_established",
        "revenue",
        "employees",
        "office_location",
        "subsidiary_of",
      ]),
    ).toEqual({
      name: "account",
      industry: "sector",
      annual_turnover: "revenue",
      employees: "employees",
      parent: "subsidiary_of",
      country: "office_location",
    });
    expect(propose("contact", ["Vorname", "Nachname", "Firma", "E-Mail"])).toEqual({
      first_name: "Vorname",
      last_name: "Nachname",
      company: "Firma",
      emails: "E-Mail",
    });
  });

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

  test("the mapping is written as YAML", () => {
    const yaml = toYaml({
      kind: "deal",
      columns: { name: "Deal", amount: 'Value "net"', company: "Account", close_time: "Closed" },
      duplicates: "update",
      currency: "USD",
      externalId: { source: "crm", column: "ID" },
      dateFormat: "M/D/YYYY",
    });
    expect(yaml).toBe(`kind: deal
duplicates: update
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
