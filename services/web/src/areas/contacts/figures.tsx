import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Money as MoneyValue } from "../../api/model";
import { useCan } from "../../api/directory";
import { t } from "../../i18n";
import { formatDay, formatMoney, formatNumber } from "../../parts/format";
import { localTime } from "../../parts/localTime";
import { figuresOptions, type Client, type ClientSum } from "./clientQueries";

function money(value: MoneyValue | undefined): string {
  return value ? formatMoney(value) : "";
}

/** What deals come to: in base currency, and by currency where that is not all there is to say. */
function sumOf(sum: ClientSum | undefined): string {
  if (!sum || !sum.count) {
    return "";
  }
  const own = sum.currencies.map((c) => money(c.total));
  const base = money(sum.baseTotal);
  const total =
    own.length === 1 || !base || sum.unratedCount > 0 ? own.join(" + ") : `${base} (${own.join(" + ")})`;
  return `${formatNumber(sum.count)} · ${total}`;
}

function averageOf(sum: ClientSum | undefined): string {
  if (!sum || !sum.count) {
    return "";
  }
  return sum.baseAverage && sum.unratedCount === 0
    ? money(sum.baseAverage)
    : sum.currencies.map((c) => money(c.average)).join(" + ");
}

interface Reached {
  phones: { e164: string; number: string }[];
  addresses: { country: string }[];
}

/** What a card's head shows of a client at once: since when, won, average, open, the time where they are (CON-22). */
export function useClientFigures(client: Client, reached: Reached) {
  const may = useCan("deal", "view");
  const figures = useQuery({ ...figuresOptions(client), enabled: may }).data;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  const time = localTime(
    reached.addresses.map((a) => a.country),
    reached.phones.map((p) => p.e164),
    now,
  );
  return [
    ...(may
      ? [
          { label: t("figures.since"), value: formatDay(figures?.clientSince) },
          { label: t("figures.won"), value: sumOf(figures?.won) },
          { label: t("figures.average"), value: averageOf(figures?.won) },
          { label: t("figures.open"), value: sumOf(figures?.open) },
        ]
      : []),
    ...(time ? [{ label: t("figures.localTime"), value: time }] : []),
  ];
}
