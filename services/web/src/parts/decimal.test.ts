import { describe, expect, test } from "vitest";
import { add, compare, divide, multiply, round, subtract } from "./decimal";

describe("decimal", () => {
  test.each([
    ["0.1", "0.2", "0.3"],
    ["999999999999999999.99", "0.01", "1000000000000000000.00"],
    ["-5", "2.5", "-2.5"],
  ])("%s + %s", (a, b, want) => expect(add(a, b)).toBe(want));

  test("subtracts below zero", () => expect(subtract("1", "2.50")).toBe("-1.50"));
  test("multiplies with every digit", () => expect(multiply("2.5", "19.99")).toBe("49.975"));

  test.each([
    ["2.345", 2, "2.35"],
    ["-2.345", 2, "-2.35"],
    ["2.344", 2, "2.34"],
    ["7", 2, "7.00"],
    ["1.5", 0, "2"],
  ])("rounds %s to %i digits, half away from zero", (value, digits, want) =>
    expect(round(value, digits)).toBe(want),
  );

  test("divides", () => expect(divide("100", "3", 4)).toBe("33.3333"));
  test("compares whatever the scale", () => expect(compare("1.10", "1.1")).toBe(0));
  test("refuses what is no number", () => expect(() => add("x", "1")).toThrow(RangeError));
});
