import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Deal } from "../../api/model";
import { t } from "../../i18n";
import { formatDay } from "../../parts/format";
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
