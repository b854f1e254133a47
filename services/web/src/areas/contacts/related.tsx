import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Deal, Money as MoneyValue } from "../../api/model";
import { t } from "../../i18n";
import { allOf, anyOf } from "../../parts/filters";
import { formatDay, formatMoney, formatNumber } from "../../parts/format";
import { Money } from "../../parts/Money";
import { Empty, ErrorNote, SkeletonRows } from "../../parts/notes";
import { UserName } from "../../parts/fields/pickers";
import { Day } from "../../parts/When";
import { deals, pipelinesOptions } from "../deals/queries";
import classes from "./contacts.module.css";

function tone(deal: Deal): string | undefined {
  return deal.state === "DEAL_STATE_WON" ? "good" : deal.state === "DEAL_STATE_LOST" ? "muted" : undefined;
}

/** The deals of a client, newest first. */
export function RelatedDeals({ filter, search }: { filter: string; search: Record<string, string> }) {
  const query = useQuery(deals.fewOptions({ filter, orderBy: "create_time desc" }, 50));
  const pipelines = useQuery(pipelinesOptions);
  const stages = new Map((pipelines.data ?? []).flatMap((p) => p.stages).map((s) => [s.id, s]));
  if (query.error) {
    return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  }
  if (query.isPending) {
    return <SkeletonRows count={4} />;
  }
  if (query.data.items.length === 0) {
    return <Empty title={t("deal.noneOfClient")} />;
  }
  return (
    <>
      <ul className={classes["related"]}>
        {query.data.items.map((deal) => (
          <li key={deal.id}>
            <Link to="/deals/$id" params={{ id: deal.id }} className="cut">
              {deal.name}
            </Link>
            <span className={tone(deal)}>{stages.get(deal.stageId)?.name}</span>
            <span className="muted cut">
              <UserName id={deal.responsibleId} />
            </span>
            <span className="muted num">
              {deal.closeTime ? formatDay(deal.closeTime) : <Day date={deal.plannedCloseDate} due />}
            </span>
            <Money value={deal.amount} />
          </li>
        ))}
      </ul>
      {query.data.next && (
        <Link to="/deals" search={{ view: "list", ...search } as never}>
          {t("list.all")}
        </Link>
      )}
    </>
  );
}

// A client's figures are of the last deals at most, which covers all but the largest clients; those say so.
const FIGURES_OF = 500;

function add(sums: Map<string, number>, money: MoneyValue | undefined): void {
  if (money?.currencyCode) {
    sums.set(money.currencyCode, (sums.get(money.currencyCode) ?? 0) + Number(money.amount));
  }
}

function joined(sums: Map<string, number>): string {
  return [...sums]
    .map(([currencyCode, sum]) => formatMoney({ currencyCode, amount: sum.toFixed(2) }))
    .join(" + ");
}

/** What a card's head shows of a client at once: client since, won, average, open (CON-22). */
export function useClientFigures(field: "company_id" | "contact_id", id: string) {
  const won = useQuery(
    deals.fewOptions({ filter: allOf(anyOf(field, [id]), "state = WON"), orderBy: "close_time" }, FIGURES_OF),
  );
  const open = useQuery(
    deals.fewOptions(
      { filter: allOf(anyOf(field, [id]), "state = OPEN"), orderBy: "planned_close_date" },
      FIGURES_OF,
    ),
  );
  const wonSums = new Map<string, number>();
  const openSums = new Map<string, number>();
  const wonItems = won.data?.items ?? [];
  const openItems = open.data?.items ?? [];
  wonItems.forEach((deal) => add(wonSums, deal.baseAmount ?? deal.amount));
  openItems.forEach((deal) => add(openSums, deal.baseAmount ?? deal.amount));
  const average = new Map([...wonSums].map(([code, sum]) => [code, sum / Math.max(wonItems.length, 1)]));
  const plus = (more: string | undefined): string => (more ? "+" : "");
  return [
    { label: t("figures.since"), value: formatDay(wonItems[0]?.closeTime) },
    {
      label: t("figures.won"),
      value:
        wonItems.length > 0
          ? `${formatNumber(wonItems.length)}${plus(won.data?.next)} · ${joined(wonSums)}`
          : "",
    },
    { label: t("figures.average"), value: joined(new Map([...average].map(([c, v]) => [c, Math.round(v)]))) },
    {
      label: t("figures.open"),
      value:
        openItems.length > 0
          ? `${formatNumber(openItems.length)}${plus(open.data?.next)} · ${joined(openSums)}`
          : "",
    },
  ];
}
