import { describe, expect, test } from "vitest";
import { emptyLine, faultsOf, sumOf, totalsOf, toWire, type DraftLine } from "./lines";

const line = (patch: Partial<DraftLine>): DraftLine => ({ ...emptyLine(false), name: "Filter", ...patch });

// DEAL-6: totals exact in the currency's minor unit.
describe("lines", () => {
  test.each([
    [
      "tax on top",
      line({ quantity: "3", price: "19.99", taxRate: "19" }),
      { net: "59.97", tax: "11.39", total: "71.36" },
    ],
    [
      "tax included",
      line({ quantity: "1", price: "119", taxRate: "19", taxIncluded: true }),
      { net: "100.00", tax: "19.00", total: "119.00" },
    ],
    [
      "percent off",
      line({ quantity: "2", price: "50", discount: "10" }),
      { net: "90.00", tax: "0.00", total: "90.00" },
    ],
    [
      "a sum off",
      line({ quantity: "2", price: "50", discount: "0.01", discountKind: "amount" }),
      { net: "99.99", tax: "0.00", total: "99.99" },
    ],
    ["a third", line({ quantity: "0.333333", price: "9.99" }), { net: "3.33", tax: "0.00", total: "3.33" }],
    ["nothing typed", line({ quantity: "", price: "" }), { net: "0.00", tax: "0.00", total: "0.00" }],
  ])("%s", (_name, draft, want) => expect(totalsOf(draft, 2)).toEqual(want));

  test("a currency without minor units", () =>
    expect(totalsOf(line({ quantity: "3", price: "33.5", taxRate: "10" }), 0)).toEqual({
      net: "101",
      tax: "10",
      total: "111",
    }));

  test("totals of all lines add up", () => {
    const lines = [line({ quantity: "3", price: "0.10" }), line({ quantity: "1", price: "0.20" })];
    expect(sumOf(lines, 2).total).toBe("0.50");
  });

  test.each([
    [{ quantity: "x" }, ["quantity"]],
    [{ discount: "101" }, ["discount"]],
    [{ name: "", productId: "" }, ["name"]],
    [{ price: "1.5" }, []],
  ])("faults of %j", (patch, want) => expect([...faultsOf(line(patch))]).toEqual(want));

  test("blank lines are not sent, discounts by their kind", () => {
    const wire = toWire([
      line({ id: "1", discount: "5" }),
      emptyLine(false),
      line({ discount: "5", discountKind: "amount" }),
    ]);
    expect(wire).toHaveLength(2);
    expect(wire[0]).toMatchObject({ id: "1", discountPercent: "5" });
    expect(wire[1]).toMatchObject({ discountAmount: "5" });
    expect(wire[1]).not.toHaveProperty("id");
  });
});
