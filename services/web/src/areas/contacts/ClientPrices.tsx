import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Money as MoneyValue } from "../../api/model";
import { t } from "../../i18n";
import { formatDay } from "../../parts/format";
import { Money } from "../../parts/Money";
import { Empty, ErrorNote, SkeletonRows } from "../../parts/notes";
import { pricesOptions, type Client, type ClientPrice } from "./clientQueries";
import classes from "./contacts.module.css";

function outcome(price: ClientPrice): { text: string; tone: string | undefined } {
  switch (price.state as string) {
    case "DEAL_STATE_WON":
      return { text: t("prices.bought"), tone: "good" };
    case "DEAL_STATE_LOST":
      return { text: t("prices.declined"), tone: "muted" };
    default:
      return { text: t("prices.offered"), tone: undefined };
  }
}

/** What a client was offered and has bought, when and for how much (CON-22). */
export function ClientPrices({ client }: { client: Client }) {
  const query = useInfiniteQuery(pricesOptions(client));
  if (query.error) {
    return <ErrorNote error={query.error} retry={() => void query.refetch()} />;
  }
  if (query.isPending) {
    return <SkeletonRows count={4} />;
  }
  const prices = query.data.pages.flatMap((page) => page.prices);
  if (prices.length === 0 && !query.hasNextPage) {
    return <Empty title={t("prices.none")}>{t("prices.noneText")}</Empty>;
  }
  return (
    <>
      <table className={classes["prices"]}>
        <thead>
          <tr>
            <th scope="col">{t("prices.what")}</th>
            <th scope="col">{t("deal.one")}</th>
            <th scope="col">{t("prices.outcome")}</th>
            <th scope="col">{t("prices.when")}</th>
            <th scope="col">{t("prices.quantity")}</th>
            <th scope="col">{t("prices.price")}</th>
            <th scope="col">{t("prices.total")}</th>
          </tr>
        </thead>
        <tbody>
          {prices.map((price, i) => (
            <tr key={`${price.dealId}-${i}`}>
              <td>{price.name}</td>
              <td>
                <Link to="/deals/$id" params={{ id: price.dealId }}>
                  {price.dealName}
                </Link>
              </td>
              <td className={outcome(price).tone}>{outcome(price).text}</td>
              <td className="num">{formatDay(price.time)}</td>
              <td className="num">
                {price.quantity} {price.unit}
              </td>
              <td className="num">
                <Money value={price.price as MoneyValue | undefined} />
              </td>
              <td className="num">
                <Money value={price.total as MoneyValue | undefined} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {query.hasNextPage && (
        <Button
          size="compact-xs"
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          {t("list.more")}
        </Button>
      )}
    </>
  );
}

/** The tab of the prices of a client. */
export function pricesTab(client: Client) {
  return { id: "prices", label: t("prices.title"), content: <ClientPrices client={client} /> };
}
