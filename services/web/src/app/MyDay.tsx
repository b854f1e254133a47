import { Button, SegmentedControl } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { can, useMe } from "../api/directory";
import type { BoardColumn, Deal, Lead } from "../api/model";
import type { Page } from "../api/resource";
import { leadPerson } from "../areas/contacts/leads";
import { leads, leadStatusesOptions } from "../areas/contacts/queries";
import { boardKeys, deals, pickPipeline, pipelinesOptions, summaryOptions } from "../areas/deals/queries";
import { isOpenStage, stageColor } from "../areas/deals/stages";
import { t } from "../i18n";
import { UserName } from "../parts/fields/pickers";
import { allOf, anyOf, quote } from "../parts/filters";
import { daysFromNow, formatNumber, isoCivil } from "../parts/format";
import { useLiveEvents } from "../parts/liveContext";
import { useListState } from "../parts/list/listState";
import { Money, Sum } from "../parts/Money";
import { Empty, ErrorNote, SkeletonRows } from "../parts/notes";
import { Day, When } from "../parts/When";
import classes from "./myday.module.css";

const SOON_DAYS = 14;

/** The first screen: what waits for the person today. */
export function MyDay() {
  const me = useMe();
  const client = useQueryClient();
  const { search, set } = useListState();
  const everybody = search["whose"] === "all";
  const mine = everybody ? "" : anyOf("responsible_id", [me.user.id]);
  const mayLeads = can(me, "lead", "view");
  const mayDeals = can(me, "deal", "view");
  const statuses = useQuery({ ...leadStatusesOptions, enabled: mayLeads }).data;
  const news = (statuses ?? []).filter((s) => s.kind === "LEAD_STATUS_KIND_NEW").map((s) => s.id);
  const today = isoCivil(daysFromNow(0));
  const soon = isoCivil(daysFromNow(SOON_DAYS));
  const newLeads = useQuery({
    ...leads.fewOptions({ filter: allOf(mine, anyOf("status_id", news)), orderBy: "create_time" }, 30),
    enabled: mayLeads && news.length > 0,
  });
  const overdue = useQuery({
    ...deals.fewOptions(
      { filter: allOf(mine, "state = OPEN", "overdue = true"), orderBy: "planned_close_date" },
      30,
    ),
    enabled: mayDeals,
  });
  const closing = useQuery({
    ...deals.fewOptions(
      {
        filter: allOf(
          mine,
          "state = OPEN",
          `planned_close_date >= ${quote(today)}`,
          `planned_close_date <= ${quote(soon)}`,
        ),
        orderBy: "planned_close_date",
      },
      30,
    ),
    enabled: mayDeals,
  });
  const recent = useQuery({
    ...deals.fewOptions({ filter: allOf(mine, "state = OPEN"), orderBy: "update_time desc" }, 12),
    enabled: mayDeals,
  });
  useLiveEvents((events) => {
    if (events.some((event) => event.kind === "deal")) {
      void client.invalidateQueries({ queryKey: [...boardKeys.all, "summary"] });
    }
  });
  const who = everybody ? {} : { responsible: "me" };
  return (
    <div className={classes["day"]}>
      <header>
        <h1>{greeting(me.user.name)}</h1>
        <SegmentedControl
          aria-label={t("day.whose")}
          value={everybody ? "all" : "mine"}
          onChange={(value) => set({ whose: value === "all" ? "all" : undefined })}
          data={[
            { value: "mine", label: t("day.mine") },
            { value: "all", label: t("day.all") },
          ]}
        />
      </header>
      <div className={classes["grid"]}>
        <div>
          {mayLeads && (
            <Panel
              title={t("day.newLeads")}
              count={countOf(newLeads.data)}
              more={
                <Link to="/leads" search={who as never}>
                  {t("list.all")}
                </Link>
              }
              query={newLeads}
              empty={<Empty title={t("day.noLeads")}>{t("day.noLeadsText")}</Empty>}
            >
              {newLeads.data?.items.map((lead) => (
                <LeadRow key={lead.id} lead={lead} showUser={everybody} />
              ))}
            </Panel>
          )}
          {mayDeals && (
            <>
              <Panel
                title={t("day.overdue")}
                tone="bad"
                count={countOf(overdue.data)}
                more={
                  <Link to="/deals" search={{ view: "list", state: "OPEN", overdue: "yes", ...who } as never}>
                    {t("list.all")}
                  </Link>
                }
                query={overdue}
                empty={<Empty title={t("day.noOverdue")} />}
              >
                {overdue.data?.items.map((deal) => (
                  <DealRow key={deal.id} deal={deal} names={overdue.data?.names ?? {}} showUser={everybody} />
                ))}
              </Panel>
              <Panel
                title={t("day.closing", { count: SOON_DAYS })}
                count={countOf(closing.data)}
                more={
                  <Link
                    to="/deals"
                    search={
                      {
                        view: "list",
                        state: "OPEN",
                        close: `${today}..${soon}`,
                        sort: "planned_close_date",
                        ...who,
                      } as never
                    }
                  >
                    {t("list.all")}
                  </Link>
                }
                query={closing}
                empty={<Empty title={t("day.noClosing")} />}
              >
                {closing.data?.items.map((deal) => (
                  <DealRow key={deal.id} deal={deal} names={closing.data?.names ?? {}} showUser={everybody} />
                ))}
              </Panel>
            </>
          )}
        </div>
        {mayDeals && (
          <div>
            <PipelineSummary filter={mine} who={who} />
            <Panel
              title={t("day.recent")}
              query={recent}
              more={
                <Link to="/deals" search={who as never}>
                  {t("list.all")}
                </Link>
              }
              empty={
                <Empty
                  title={t("deal.emptyTitle")}
                  action={
                    can(me, "deal", "create") && (
                      <Button component={Link} to="/deals" search={{ new: "1" } as never}>
                        {t("deal.new")}
                      </Button>
                    )
                  }
                >
                  {t("deal.emptyText")}
                </Empty>
              }
            >
              {recent.data?.items.map((deal) => (
                <DealRow
                  key={deal.id}
                  deal={deal}
                  names={recent.data?.names ?? {}}
                  showUser={everybody}
                  when
                />
              ))}
            </Panel>
          </div>
        )}
      </div>
    </div>
  );
}

function countOf<T>(page: Page<T> | undefined): string {
  return page ? `${formatNumber(page.items.length)}${page.next ? "+" : ""}` : "";
}

function greeting(name: string): string {
  const hour = new Date().getHours();
  const part = hour < 5 ? "night" : hour < 12 ? "morning" : hour < 18 ? "afternoon" : "evening";
  return t(`day.${part}`, { name: name.split(/\s+/)[0] ?? name });
}

interface PanelProps {
  title: string;
  count?: string;
  tone?: "bad";
  more: ReactNode;
  query: {
    isPending: boolean;
    fetchStatus: string;
    error: unknown;
    refetch: () => unknown;
    data?: { items: unknown[] } | undefined;
  };
  empty: ReactNode;
  children: ReactNode;
}

function Panel({ title, count, tone, more, query, empty, children }: PanelProps) {
  return (
    <section
      className={classes["panel"]}
      data-tone={tone && Number.parseInt(count ?? "0", 10) > 0 ? tone : undefined}
    >
      <header>
        <h2>
          {title} {count && count !== "0" && <span>{count}</span>}
        </h2>
        {more}
      </header>
      {query.error ? (
        <ErrorNote error={query.error} retry={() => void query.refetch()} />
      ) : query.isPending ? (
        <SkeletonRows count={4} />
      ) : query.data?.items.length === 0 ? (
        empty
      ) : (
        <ul>{children}</ul>
      )}
    </section>
  );
}

function LeadRow({ lead, showUser }: { lead: Lead; showUser: boolean }) {
  return (
    <li>
      <Link to="/leads/$id" params={{ id: lead.id }} className="cut">
        {lead.title}
      </Link>
      <span className="muted cut">
        {showUser ? <UserName id={lead.responsibleId} /> : leadPerson(lead) || lead.companyName}
      </span>
      <span
        className={lead.overdueSince ? "bad" : "muted"}
        title={lead.overdueSince ? t("lead.overdueHint") : undefined}
      >
        <When at={lead.createTime} />
      </span>
      <Money value={lead.amount} />
    </li>
  );
}

function DealRow({
  deal,
  names,
  showUser,
  when,
}: {
  deal: Deal;
  names: Record<string, string>;
  showUser: boolean;
  when?: boolean;
}) {
  return (
    <li>
      <Link to="/deals/$id" params={{ id: deal.id }} className="cut">
        {deal.name}
      </Link>
      <span className="muted cut">
        {showUser ? (
          <UserName id={deal.responsibleId} />
        ) : (
          (names[deal.companyId] ?? names[deal.contactId] ?? "")
        )}
      </span>
      <span className="muted">
        {when ? <When at={deal.updateTime} /> : <Day date={deal.plannedCloseDate} due />}
      </span>
      <Money value={deal.amount} />
    </li>
  );
}

function PipelineSummary({ filter, who }: { filter: string; who: object }) {
  const pipelines = useQuery(pipelinesOptions);
  const pipeline = pickPipeline(pipelines.data, undefined);
  const summary = useQuery(summaryOptions(pipeline?.id ?? "", filter));
  const columns = summary.data ?? [];
  const most = Math.max(...columns.filter((c) => isOpenStage(c.stage)).map((c) => Number(c.count)), 1);
  return (
    <section className={classes["panel"]}>
      <header>
        <h2>{pipeline?.name ?? t("day.pipeline")}</h2>
        <Link to="/deals" search={{ view: "board", ...who } as never}>
          {t("deal.viewBoard")}
        </Link>
      </header>
      {summary.error ? (
        <ErrorNote error={summary.error} retry={() => void summary.refetch()} />
      ) : !summary.data ? (
        <SkeletonRows count={5} />
      ) : (
        <table className={classes["stages"]}>
          <tbody>
            {columns.map((column, i) => (
              <StageRow key={column.key} column={column} index={i} most={most} who={who} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function StageRow({
  column,
  index,
  most,
  who,
}: {
  column: BoardColumn;
  index: number;
  most: number;
  who: object;
}) {
  const open = isOpenStage(column.stage);
  const share = open ? Number(column.count) / most : 0;
  return (
    <tr>
      <th scope="row">
        <Link to="/deals" search={{ view: "list", stage: column.key, ...who } as never}>
          {column.title}
        </Link>
      </th>
      <td className="num">{formatNumber(String(column.count))}</td>
      <td className={classes["bar"]}>
        {open && (
          <i
            style={{
              width: `${Math.max(share * 100, share > 0 ? 2 : 0)}%`,
              background: stageColor(column.stage, index),
            }}
          />
        )}
      </td>
      <td className="num">
        <Sum base={column.baseTotal} totals={column.totals} />
      </td>
    </tr>
  );
}
