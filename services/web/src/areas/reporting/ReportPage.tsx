import { SegmentedControl, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { departmentsOptions, useMe, usersOptions } from "../../api/directory";
import type { Department, Report, User } from "../../api/model";
import { t, tIfAny } from "../../i18n";
import { Chart, type ChartColors } from "../../parts/chart/Chart";
import { allOf, anyOf, between, splitValues, userFilter } from "../../parts/filters";
import { formatCivil, formatClock, formatNumber, parseCivil } from "../../parts/format";
import { FilterBar } from "../../parts/list/FilterBar";
import { useListState, type ListSearch } from "../../parts/list/listState";
import { Empty, ErrorNote, SkeletonRows } from "../../parts/notes";
import { sourceOptions } from "../contacts/choices";
import { pickPipeline, pipelinesOptions } from "../deals/queries";
import { chartHeight, chartOption, planChart } from "./charts";
import { earlier, periodOf, PERIODS, type Period, type PeriodName } from "./periods";
import { reportOptions, reportsOptions, type ReportQuery } from "./queries";
import { rowsBehind } from "./lists";
import { ReportTable } from "./ReportTable";
import classes from "./reporting.module.css";

/** Members of departments and of those below them. */
export function membersOf(ids: string[], departments: Department[], users: User[]): string[] {
  const all = new Set(ids);
  for (let grown = true; grown;) {
    grown = false;
    for (const department of departments) {
      if (department.parentId && all.has(department.parentId) && !all.has(department.id)) {
        all.add(department.id);
        grown = true;
      }
    }
  }
  const heads = departments.filter((d) => all.has(d.id)).map((d) => d.headId);
  return [...new Set([...users.filter((u) => all.has(u.departmentId)).map((u) => u.id), ...heads])].filter(
    Boolean,
  );
}

/** The report that is about leads; all others are about deals. */
const LEADS = "lead-funnel";

const NO_DEPARTMENTS: Department[] = [];
const NO_USERS: User[] = [];

/** One report: what is asked at the top, the chart, the table, and how fresh it is. */
export function ReportPage() {
  const { report: name = "funnel" } = useParams({ strict: false }) as { report?: string };
  const { search, set } = useListState();
  const me = useMe();
  const info = useQuery(reportsOptions).data?.find((r) => r.report === name);
  const pipelines = useQuery(pipelinesOptions).data;
  const departments = useQuery(departmentsOptions).data ?? NO_DEPARTMENTS;
  const users = useQuery(usersOptions).data ?? NO_USERS;
  const pipeline = pickPipeline(pipelines, search["pipeline"]);

  const periodName = (search["period"] ?? "all") as PeriodName;
  const period = periodName === "custom" ? customPeriod(search) : periodOf(periodName);
  const ofLeads = name === LEADS;
  const cohort = search["mode"] === "cohort" && !ofLeads;
  const groupBy = search["group"] ?? (name === "won-deals" ? "month" : info?.groupBy[0]);
  const teams = splitValues(search["team"]);
  const base = allOf(
    userFilter("responsible_id", search["responsible"], me.user.id),
    anyOf("source", splitValues(search["source"])),
    ofLeads ? "" : between("base_amount", search["amount"]),
  );
  const ofTeams = (ids: string[]): string =>
    ids.length > 0 ? anyOf("responsible_id", membersOf(ids, departments, users)) : "";
  const make = (days: Period, teamIds: string[]): ReportQuery => ({
    report: name,
    ...(pipeline && !ofLeads ? { pipelineId: pipeline.id } : {}),
    mode: cohort ? "MODE_COHORT" : "MODE_SNAPSHOT",
    ...days,
    filter: allOf(base, ofTeams(teamIds)),
    ...(groupBy ? { groupBy } : {}),
  });
  const compare = search["compare"] ?? "";
  const other = secondOf(compare, period, teams, make);

  const filters = useMemo(
    () => [
      {
        id: "team",
        label: t("report.team"),
        kind: "choice" as const,
        options: departments.map((d) => ({ value: d.id, label: d.name })),
      },
      { id: "responsible", label: t("field.responsible"), kind: "users" as const },
      { id: "source", label: t("field.source"), kind: "choice" as const, options: sourceOptions() },
      ...(ofLeads ? [] : [{ id: "amount", label: t("deal.amount"), kind: "amounts" as const }]),
    ],
    [departments, ofLeads],
  );
  const comparisons = [
    { value: "", label: t("report.compareNone") },
    ...(period.from && period.to
      ? [
          { value: "before", label: t("report.compareBefore") },
          { value: "year", label: t("report.compareYear") },
        ]
      : []),
    ...departments
      .filter((d) => !teams.includes(d.id))
      .map((d) => ({ value: `team:${d.id}`, label: t("report.compareTeam", { name: d.name }) })),
  ];

  return (
    <section className={classes["report"]} aria-label={titleOf(name)}>
      <header className={classes["reportHead"]}>
        <div>
          <h1>{titleOf(name)}</h1>
          <p className="muted">{tIfAny(`report.${name}.text`, info?.description ?? "")}</p>
        </div>
      </header>
      <div className={classes["controls"]}>
        {!ofLeads && (pipelines?.length ?? 0) > 1 && (
          <Select
            aria-label={t("deal.pipeline")}
            w={170}
            data={(pipelines ?? []).map((p) => ({ value: p.id, label: p.name }))}
            value={pipeline?.id ?? null}
            allowDeselect={false}
            onChange={(id) => set({ pipeline: id ?? undefined })}
          />
        )}
        {name === "funnel" && (
          <SegmentedControl
            aria-label={t("report.mode")}
            value={cohort ? "cohort" : "snapshot"}
            onChange={(mode) => set({ mode: mode === "cohort" ? mode : undefined })}
            data={[
              { value: "snapshot", label: t("report.snapshot") },
              { value: "cohort", label: t("report.cohort") },
            ]}
          />
        )}
        <Select
          aria-label={t("report.period")}
          w={140}
          data={PERIODS.map((value) => ({ value, label: t(`period.${value}`) }))}
          value={periodName}
          allowDeselect={false}
          onChange={(value) => set({ period: value === "all" ? undefined : (value ?? undefined) })}
        />
        {periodName === "custom" && (
          <>
            <TextInput
              type="date"
              aria-label={t("filter.fromLabel")}
              value={search["from"] ?? ""}
              onChange={(e) => set({ from: e.currentTarget.value || undefined })}
            />
            <TextInput
              type="date"
              aria-label={t("filter.toLabel")}
              value={search["to"] ?? ""}
              onChange={(e) => set({ to: e.currentTarget.value || undefined })}
            />
          </>
        )}
        {(info?.groupBy.length ?? 0) > 1 && (
          <Select
            aria-label={t("report.groupBy")}
            w={150}
            data={(info?.groupBy ?? []).map((value) => ({
              value,
              label: t("report.by", { what: tIfAny(`report.by.${value}`, value) }),
            }))}
            value={groupBy ?? null}
            allowDeselect={false}
            onChange={(value) => set({ group: value ?? undefined })}
          />
        )}
        {comparisons.length > 1 && (
          <Select
            aria-label={t("report.compare")}
            w={190}
            searchable
            data={comparisons}
            value={compare}
            allowDeselect={false}
            onChange={(value) => set({ compare: value || undefined })}
          />
        )}
        <FilterBar defs={filters} values={search} onChange={(patch) => set(patch)} />
      </div>
      <div className={classes["panels"]} data-two={other !== undefined || undefined}>
        <ReportView
          query={make(period, teams)}
          {...(other ? { title: panelTitle(period, teams, departments) } : {})}
        />
        {other && (
          <ReportView query={other.query} title={panelTitle(other.period, other.teams, departments)} />
        )}
      </div>
    </section>
  );
}

/** A report's name as shown. */
export function titleOf(name: string): string {
  return tIfAny(`report.${name}`, name);
}

function customPeriod(search: ListSearch): Period {
  const from = parseCivil(search["from"] ?? "");
  const to = parseCivil(search["to"] ?? "");
  return { ...(from ? { from } : {}), ...(to ? { to } : {}) };
}

interface Second {
  query: ReportQuery;
  period: Period;
  teams: string[];
}

function secondOf(
  compare: string,
  period: Period,
  teams: string[],
  make: (period: Period, teams: string[]) => ReportQuery,
): Second | undefined {
  if (compare.startsWith("team:")) {
    const other = [compare.slice(5)];
    return { query: make(period, other), period, teams: other };
  }
  if (compare === "before" || compare === "year") {
    const before = earlier(period, compare);
    return before && { query: make(before, teams), period: before, teams };
  }
  return undefined;
}

function panelTitle(period: Period, teams: string[], departments: Department[]): string {
  const names = departments.filter((d) => teams.includes(d.id)).map((d) => d.name);
  const days =
    period.from && period.to ? `${formatCivil(period.from)} – ${formatCivil(period.to)}` : t("period.all");
  return [names.join(", ") || t("report.everybody"), days].join(" · ");
}

function ReportView({ query, title }: { query: ReportQuery; title?: string }) {
  const answer = useQuery({
    ...reportOptions(query),
    enabled: query.report === LEADS || query.pipelineId !== undefined,
  });
  const report = answer.data;
  return (
    <div className={classes["panel"]} aria-busy={answer.isFetching}>
      {title && <h2>{title}</h2>}
      {answer.error ? (
        <ErrorNote error={answer.error} retry={() => void answer.refetch()} />
      ) : !report ? (
        <SkeletonRows count={10} />
      ) : report.rows.length === 0 ? (
        <Empty title={t("report.empty")}>{t("report.emptyText")}</Empty>
      ) : (
        <>
          <ReportChart report={report} />
          <ReportTable
            label={titleOf(report.report)}
            columns={report.columns}
            rows={report.rows}
            totals={report.totals}
          />
          {report.breakdown && report.breakdown.rows.length > 0 && (
            <>
              <h2 className={classes["second"]}>{report.breakdown.title || t("report.lost")}</h2>
              <ReportTable
                label={report.breakdown.title || t("report.lost")}
                columns={report.breakdown.columns}
                rows={report.breakdown.rows}
              />
            </>
          )}
        </>
      )}
      {report && <Freshness report={report} />}
    </div>
  );
}

function ReportChart({ report }: { report: Report }) {
  const navigate = useNavigate();
  const pipelines = useQuery(pipelinesOptions).data;
  const plan = useMemo(() => {
    const stages = (pipelines ?? []).flatMap((p) => p.stages);
    return planChart(report, new Set(stages.filter((s) => s.kind === "STAGE_KIND_LOST").map((s) => s.id)));
  }, [report, pipelines]);
  const option = useCallback((colors: ChartColors) => (plan ? chartOption(plan, colors) : {}), [plan]);
  if (!plan) {
    return null;
  }
  const pick = (index: number, series: number): void => {
    const row = report.rows[plan.rows[index] ?? -1];
    const behind = rowsBehind(row?.values[plan.series[series]?.column ?? -1]?.drill);
    if (behind) {
      void navigate(behind);
    }
  };
  const described = plan.labels
    .slice(0, 8)
    .map((label, i) => `${label} ${formatNumber(plan.series[0]?.values[i] ?? 0)}`);
  return (
    <div className={classes["chart"]}>
      <h3>{plan.series[0]?.name}</h3>
      <Chart
        label={`${plan.series[0]?.name ?? ""}: ${described.join(", ")}`}
        height={chartHeight(plan)}
        option={option}
        onPick={pick}
      />
    </div>
  );
}

function Freshness({ report }: { report: Report }) {
  const lag = Number(report.lagSeconds);
  return (
    <p className={classes["fresh"]}>
      {report.asOf && t("report.asOf", { time: formatClock(report.asOf) })}
      {" · "}
      <span className={lag > 5 ? "warn" : undefined}>
        {lag < 1 ? t("report.upToDate") : t("report.lag", { seconds: formatNumber(lag, 1) })}
      </span>
      {Number(report.withoutDate) > 0 &&
        ` · ${t("report.withoutDate", { count: Number(report.withoutDate) })}`}
      {report.currencyNote && ` · ${report.currencyNote}`}
    </p>
  );
}
