import type { DealLine } from "../../api/model";
import { add, compare, divide, isDecimal, multiply, round, subtract } from "../../parts/decimal";

/** A line as it is being typed: everything is text. */
export interface DraftLine {
  id: string;
  productId: string;
  name: string;
  quantity: string;
  unit: string;
  price: string;
  discount: string;
  discountKind: "percent" | "amount";
  taxRate: string;
  taxIncluded: boolean;
}

/** Totals of a line, in whole minor units. */
export interface LineTotals {
  net: string;
  tax: string;
  total: string;
}

/** A line to type into, from one that is stored. */
export function toDraft(line: DealLine): DraftLine {
  return {
    id: line.id,
    productId: line.productId,
    name: line.name,
    quantity: line.quantity,
    unit: line.unit,
    price: line.price,
    discount: line.discountAmount ?? line.discountPercent ?? "",
    discountKind: line.discountAmount ? "amount" : "percent",
    taxRate: line.taxRate,
    taxIncluded: line.taxIncluded,
  };
}

/** A new line. */
export function emptyLine(taxIncluded: boolean): DraftLine {
  return {
    id: "",
    productId: "",
    name: "",
    quantity: "1",
    unit: "",
    price: "",
    discount: "",
    discountKind: "percent",
    taxRate: "",
    taxIncluded,
  };
}

/** Whether nothing was typed into a line yet. */
export function isBlank(line: DraftLine): boolean {
  return !line.productId && !line.name.trim() && !line.price.trim();
}

/** Which fields of a line are not numbers that the contract takes. */
export function faultsOf(line: DraftLine): Set<keyof DraftLine> {
  const faults = new Set<keyof DraftLine>();
  for (const field of ["quantity", "price", "discount", "taxRate"] as const) {
    if (line[field].trim() && !isDecimal(line[field].trim())) {
      faults.add(field);
    }
  }
  if (
    !faults.has("discount") &&
    line.discount &&
    (compare(line.discount, "0") < 0 ||
      (line.discountKind === "percent" && compare(line.discount, "100") > 0))
  ) {
    faults.add("discount");
  }
  if (!line.name.trim() && !line.productId) {
    faults.add("name");
  }
  return faults;
}

/**
 * Totals of a line as the server reckons them: quantity × price less the discount, rounded to minor units; then the
 * tax out of it or on top of it, rounded too. What the server answers replaces them.
 */
export function totalsOf(line: DraftLine, digits: number): LineTotals {
  const or = (text: string, otherwise: string): string => (isDecimal(text.trim()) ? text.trim() : otherwise);
  const gross = multiply(or(line.quantity, "1"), or(line.price, "0"));
  const discount = or(line.discount, "0");
  const off = line.discountKind === "amount" ? discount : divide(multiply(gross, discount), "100", 12);
  const base = round(subtract(gross, off), digits);
  const rate = or(line.taxRate, "0");
  if (line.taxIncluded) {
    const net = round(divide(multiply(base, "100"), add("100", rate), 12), digits);
    return { net, tax: subtract(base, net), total: base };
  }
  const tax = round(divide(multiply(base, rate), "100", 12), digits);
  return { net: base, tax, total: add(base, tax) };
}

/** Totals of all lines. */
export function sumOf(lines: DraftLine[], digits: number): LineTotals {
  return lines.reduce<LineTotals>(
    (sum, line) => {
      const own = totalsOf(line, digits);
      return { net: add(sum.net, own.net), tax: add(sum.tax, own.tax), total: add(sum.total, own.total) };
    },
    { net: round("0", digits), tax: round("0", digits), total: round("0", digits) },
  );
}

/** The lines as the contract takes them. */
export function toWire(lines: DraftLine[]): Partial<DealLine>[] {
  return lines
    .filter((line) => !isBlank(line))
    .map((line) => ({
      ...(line.id ? { id: line.id } : {}),
      productId: line.productId,
      name: line.name.trim(),
      quantity: line.quantity.trim(),
      unit: line.unit.trim(),
      price: line.price.trim(),
      taxRate: line.taxRate.trim(),
      taxIncluded: line.taxIncluded,
      ...(line.discount.trim()
        ? line.discountKind === "amount"
          ? { discountAmount: line.discount.trim() }
          : { discountPercent: line.discount.trim() }
        : {}),
    }));
}
