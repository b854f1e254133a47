import { describe, expect, test } from "vitest";
import { parseExpression, printExpression, type Group } from "./expression";

const all = (...items: Group["items"]): Group => ({ join: "AND", not: false, items });

// CON-13: and, or, not, several values, to the second.
describe("the filter builder's text", () => {
  test.each<[string, Group]>([
    ["", all()],
    ['type = "client"', all({ field: "type", op: "=", values: ["client"] })],
    [
      '(type = "client" OR type = "partner") AND vip = true',
      all(
        { field: "type", op: "=", values: ["client", "partner"] },
        { field: "vip", op: "=", values: ["true"] },
      ),
    ],
    [
      '(type != "client" AND type != "a \\"b\\"") AND custom_fields.size >= 10.5',
      all(
        { field: "type", op: "!=", values: ["client", 'a "b"'] },
        { field: "custom_fields.size", op: ">=", values: ["10.5"] },
      ),
    ],
    [
      'update_time >= "2026-11-22T10:00:05Z" AND NOT (phones : "+49" OR emails : "@example.com")',
      all(
        { field: "update_time", op: ">=", values: ["2026-11-22T10:00:05Z"] },
        {
          join: "OR",
          not: true,
          items: [
            { field: "phones", op: ":", values: ["+49"] },
            { field: "emails", op: ":", values: ["@example.com"] },
          ],
        },
      ),
    ],
    [
      '(name : "a" OR (vip = true AND source : *))',
      {
        join: "OR",
        not: false,
        items: [
          { field: "name", op: ":", values: ["a"] },
          all({ field: "vip", op: "=", values: ["true"] }, { field: "source", op: ":", values: ["*"] }),
        ],
      },
    ],
  ])("%s is written and read back", (text, group) => {
    expect(printExpression(group)).toBe(text);
    expect(parseExpression(text)).toEqual(group);
  });

  test("rules without a value are left out", () => {
    expect(printExpression(all({ field: "name", op: ":", values: [""] }))).toBe("");
  });

  test.each(["name", "name = ", "(name = a", 'AND name = "a"', "size(name) = 1", 'name = "a" )'])(
    "%s cannot be shown",
    (text) => expect(parseExpression(text)).toBeUndefined(),
  );
});
