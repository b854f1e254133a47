import type { Money as MoneyValue } from "../api/model";
import { formatMoney } from "./format";

/** An amount with its currency, in figures of equal width. */
export function Money({ value, short }: { value: MoneyValue | undefined; short?: boolean }) {
  if (!value?.currencyCode) {
    return null;
  }
  return (
    <span className="num" title={short ? formatMoney(value) : undefined}>
      {formatMoney(value, short ? "short" : "full")}
    </span>
  );
}

/** The base sum of several amounts; the sums by currency on hover when there is more than one. */
export function Sum({
  base,
  totals,
  short,
}: {
  base: MoneyValue | undefined;
  totals: MoneyValue[];
  short?: boolean;
}) {
  const shown = base ?? totals[0];
  const foreign = totals.filter((total) => total.currencyCode !== shown?.currencyCode);
  const title = [shown, ...foreign].map((money) => formatMoney(money)).join(" · ");
  return (
    <span className="num" title={title}>
      {formatMoney(shown, short ? "short" : "full")}
      {foreign.length > 0 && base && "*"}
    </span>
  );
}
