import { describe, expect, it } from "vitest";
import { holds } from "./condition";

// CON-12: visible when …
describe("holds", () => {
  const record: Record<string, unknown> = {
    type: "client",
    "custom_fields.size": "large",
    "custom_fields.area": "12.5",
    "custom_fields.tags": ["hot", "cold"],
    vip: true,
    name: 'Ann "A" Lee',
  };
  it.each([
    ["", true],
    ['type = "Client"', true],
    ["type = supplier", false],
    ['type != "supplier" AND vip = true', true],
    ["type = supplier OR custom_fields.area > 5", true],
    ["NOT (custom_fields.area > 5 OR vip = true)", false],
    ["custom_fields.area >= 12.5 AND custom_fields.area < 100", true],
    ["custom_fields.tags:hot", true],
    ["custom_fields.tags != warm", true],
    ['custom_fields.nothing = ""', true],
    ['custom_fields.nothing != ""', false],
    ["custom_fields.nothing > 1", false],
    ["custom_fields.size:*", true],
    ['name:"\\"A\\""', true],
    ["type = client vip = true", true],
  ])("%s", (condition, expected) => {
    expect(holds(condition, (field) => record[field])).toBe(expected);
  });
});
