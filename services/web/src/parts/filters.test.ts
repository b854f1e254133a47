import { describe, expect, test } from "vitest";
import { allOf, anyOf, between, partOf, quote, userFilter } from "./filters";

// CON-13: filters on any field with and, or, several values.
describe("filters", () => {
  test.each([
    ["plain", '"plain"'],
    ['say "hi"', '"say \\"hi\\""'],
    ["back\\slash", '"back\\\\slash"'],
  ])("quotes %s", (text, want) => expect(quote(text)).toBe(want));

  test("one value needs no brackets", () => expect(anyOf("stage_id", ["a"])).toBe('stage_id = "a"'));
  test("several values are alternatives", () =>
    expect(anyOf("type", ["a", "b"])).toBe('(type = "a" OR type = "b")'));
  test("no value is no condition", () => expect(anyOf("type", [])).toBe(""));
  test("conditions that are empty are left out", () =>
    expect(allOf("a = 1", "", undefined, false, "b = 2")).toBe("a = 1 AND b = 2"));
  test("text is looked for in several fields", () =>
    expect(partOf(["name", "sku"], " gtx ")).toBe('(name:"gtx" OR sku:"gtx")'));
  test("blank text is no condition", () => expect(partOf(["name"], "  ")).toBe(""));
  test("me and none are put into IDs", () =>
    expect(userFilter("responsible_id", "me,none,u7", "u1")).toBe(
      '(responsible_id = "u1" OR responsible_id = "" OR responsible_id = "u7")',
    ));
  test.each([
    ["10..20", "amount >= 10 AND amount <= 20"],
    ["10..", "amount >= 10"],
    ["..20", "amount <= 20"],
    [undefined, ""],
  ])("between %s", (value, want) => expect(between("amount", value)).toBe(want));
  test("days are quoted", () => expect(between("d", "2026-01-01..", quote)).toBe('d >= "2026-01-01"'));
});
