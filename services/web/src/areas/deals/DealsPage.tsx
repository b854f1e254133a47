import { Button, SegmentedControl, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useCan } from "../../api/directory";
import type { Deal, Stage } from "../../api/model";
import { t, tIfAny } from "../../i18n";
import { UserName } from "../../parts/fields/pickers";
import { allOf, anyOf, between, partOf, quote, splitValues, userFilter } from "../../parts/filters";
import { formatNumber } from "../../parts/format";
import { IconBoard, IconList } from "../../parts/icons";
import type { Column } from "../../parts/list/columns";
import { ListPage } from "../../parts/list/ListPage";
import { useListState } from "../../parts/list/listState";
import { Money } from "../../parts/Money";
import { Empty, ErrorNote, SkeletonRows } from "../../parts/notes";
import { Day, When } from "../../parts/When";
import { DealBoard } from "./DealBoard";
import { NewDeal } from "./NewDeal";
import { deals, pickPipeline, pipelinesOptions, type GroupBy } from "./queries";
import { stageColor } from "./stages";
import classes from "./deals.module.css";

function columnsWith(
  stages: Map<string, { stage: Stage; index: number }>,
): (names: Record<string, string>) => Column<Deal>[] {
  return (names) => [
    {
      id: "name",
      title: t("deal.name"),
      min: 170,
      grow: 2,
      sort: "name",
      phone: "title",
      cell: (d) => d.name,
    },
    {
      id: "company",
      title: t("company.one"),
      min: 120,
      grow: 1.3,
      drop: 2,
      phone: "sub",
      cell: (d) => names[d.companyId] ?? names[d.contactId] ?? "",
    },
    {
      id: "stage",
      title: t("deal.stage"),
      min: 104,
      grow: 0.8,
      phone: "subside",
      cell: (d) => {
        const found = stages.get(d.stageId);
        return (
          <>
            <i
              className={classes["dot"]}
              style={{ background: stageColor(found?.stage, found?.index ?? 0) }}
              aria-hidden
            />
            {found?.stage.name ?? ""}
          </>
        );
      },
    },
    {
      id: "amount",
      title: t("deal.amount"),
      min: 96,
      grow: 0,
      right: true,
      sort: "base_amount",
      phone: "side",
      cell: (d) => <Money value={d.amount} />,
    },
    {
      id: "probability",
      title: t("deal.probabilityShort"),
      min: 44,
      grow: 0,
      drop: 5,
      right: true,
      sort: "probability",
      cell: (d) => `${formatNumber(d.probability)}%`,
    },
    {
      id: "close",
      title: t("deal.plannedClose"),
      min: 88,
      grow: 0,
      drop: 3,
      right: true,
      sort: "planned_close_date",
      cell: (d) => <Day date={d.plannedCloseDate} due={d.state === "DEAL_STATE_OPEN"} />,
    },
    {
      id: "closed",
      title: t("deal.closed"),
      min: 88,
      grow: 0,
      drop: 7,
      right: true,
      sort: "close_time",
      optional: true,
      cell: (d) => <When at={d.closeTime} />,
    },
    {
      id: "responsible",
      title: t("field.responsible"),
      min: 112,
      grow: 0.9,
      drop: 1,
      phone: "sub",
      cell: (d) => <UserName id={d.responsibleId} />,
    },
    {
      id: "source",
      title: t("field.source"),
      min: 80,
      grow: 0.5,
      drop: 8,
      optional: true,
      cell: (d) => tIfAny(`source.${d.source}`, d.source),
    },
    {
      id: "lost",
      title: t("deal.lostReason"),
      min: 110,
      grow: 0.8,
      drop: 9,
      optional: true,
      cell: (d) => d.lostReason,
    },
    {
      id: "begun",
      title: t("deal.begun"),
      min: 84,
      grow: 0,
      drop: 6,
      right: true,
      sort: "begin_time",
      cell: (d) => <When at={d.beginTime ?? d.createTime} />,
    },
  ];
}

/** Deals as a board or as a list. */
export function DealsPage() {
  const { search, set } = useListState();
  const pipelines = useQuery(pipelinesOptions);
  const mayCreate = useCan("deal", "create");
  const mayImport = useCan("deal", "import");
  const pipeline = pickPipeline(pipelines.data, search["pipeline"]);
  const board = (search["view"] ?? localStorage.getItem("kontor.dealView") ?? "board") === "board";
  const groupBy = (search["group"] ?? "stage") as GroupBy;

  const stages = useMemo(
    () =>
      new Map(
        (pipelines.data ?? []).flatMap((p) =>
          p.stages.map((stage, index) => [stage.id, { stage, index }] as const),
        ),
      ),
    [pipelines.data],
  );
  const columns = useMemo(() => columnsWith(stages), [stages]);
  const filters = useMemo(
    () => [
      { id: "responsible", label: t("field.responsible"), kind: "users" as const },
      ...(board
        ? []
        : [
            {
              id: "state",
              label: t("deal.state"),
              kind: "choice" as const,
              options: ["OPEN", "WON", "LOST"].map((value) => ({
                value,
                label: t(`deal.state.${value as "OPEN"}`),
              })),
            },
            {
              id: "stage",
              label: t("deal.stage"),
              kind: "choice" as const,
              options: (pipeline?.stages ?? []).map((s) => ({ value: s.id, label: s.name })),
            },
          ]),
      { id: "amount", label: t("deal.amount"), kind: "amounts" as const },
      { id: "close", label: t("deal.plannedClose"), kind: "dates" as const },
      { id: "overdue", label: t("deal.overdue"), kind: "flag" as const },
      { id: "company", label: t("company.one"), kind: "flag" as const },
      { id: "contact", label: t("contact.one"), kind: "flag" as const },
      { id: "where", label: t("filter.fromReport"), kind: "flag" as const },
    ],
    [board, pipeline],
  );

  if (pipelines.error) {
    return (
      <div style={{ padding: 16 }}>
        <ErrorNote error={pipelines.error} retry={() => void pipelines.refetch()} />
      </div>
    );
  }
  if (!pipeline) {
    return pipelines.isPending ? (
      <SkeletonRows count={16} />
    ) : (
      <Empty title={t("deal.noPipeline")}>{t("deal.noPipelineText")}</Empty>
    );
  }
  const drilled = search["where"] !== undefined;
  return (
    <>
      <ListPage
        resource={deals}
        title={t("deal.many")}
        path="/deals"
        columns={columns}
        filters={filters.filter(
          (def) => !["company", "contact", "where"].includes(def.id) || search[def.id] !== undefined,
        )}
        defaultSort="create_time desc"
        {...(board ? { alsoCounted: anyOf("pipeline_id", [pipeline.id]) } : {})}
        toFilter={(values, me) =>
          allOf(
            // A board is of one pipeline by its own parameter; a drill-down names its pipeline itself.
            !board && !drilled && anyOf("pipeline_id", [pipeline.id]),
            partOf(["name"], values["q"] ?? ""),
            userFilter("responsible_id", values["responsible"], me.user.id),
            !board &&
              splitValues(values["state"]).length > 0 &&
              `(${splitValues(values["state"])
                .map((s) => `state = ${s}`)
                .join(" OR ")})`,
            !board && anyOf("stage_id", splitValues(values["stage"])),
            between("base_amount", values["amount"]),
            between("planned_close_date", values["close"], quote),
            values["overdue"] && "overdue = true",
            anyOf("company_id", splitValues(values["company"])),
            anyOf("contact_id", splitValues(values["contact"])),
            values["where"] && `(${values["where"]})`,
          )
        }
        views={
          <>
            {(pipelines.data?.length ?? 0) > 1 && (
              <Select
                aria-label={t("deal.pipeline")}
                w={170}
                data={(pipelines.data ?? []).map((p) => ({ value: p.id, label: p.name }))}
                value={pipeline.id}
                allowDeselect={false}
                onChange={(id) => set({ pipeline: id ?? undefined, stage: undefined })}
              />
            )}
            <SegmentedControl
              aria-label={t("deal.view")}
              value={board ? "board" : "list"}
              onChange={(view) => {
                localStorage.setItem("kontor.dealView", view);
                set({ view });
              }}
              data={[
                {
                  value: "board",
                  label: <ViewLabel icon={<IconBoard size={14} />} text={t("deal.viewBoard")} />,
                },
                {
                  value: "list",
                  label: <ViewLabel icon={<IconList size={14} />} text={t("deal.viewList")} />,
                },
              ]}
            />
            {board && (
              <Select
                className={classes["group"] ?? ""}
                aria-label={t("board.groupBy")}
                w={138}
                data={(["stage", "responsible", "month"] as const).map((value) => ({
                  value,
                  label: t(`board.by.${value}`),
                }))}
                value={groupBy}
                allowDeselect={false}
                onChange={(group) => set({ group: group === "stage" ? undefined : (group ?? undefined) })}
              />
            )}
          </>
        }
        {...(board
          ? {
              body: (filter: string) => (
                <DealBoard
                  key={pipeline.id}
                  pipeline={pipeline}
                  query={{ pipelineId: pipeline.id, groupBy, filter }}
                />
              ),
            }
          : {})}
        newLabel={t("deal.new")}
        onNew={mayCreate ? () => set({ new: "1" }) : undefined}
        rowTone={(deal) => (deal.state === "DEAL_STATE_LOST" ? "dim" : undefined)}
        empty={
          <Empty
            title={t("deal.emptyTitle")}
            action={
              <span style={{ display: "flex", gap: 8 }}>
                {mayCreate && <Button onClick={() => set({ new: "1" })}>{t("deal.new")}</Button>}
                {mayImport && (
                  <Button component={Link} to="/settings/import" variant="default">
                    {t("import.go")}
                  </Button>
                )}
              </span>
            }
          >
            {t("deal.emptyText")}
          </Empty>
        }
      />
      {search["new"] && (
        <NewDeal
          pipelines={pipelines.data ?? []}
          pipeline={pipeline}
          companyId={search["company"] ?? ""}
          contactId={search["contact"] ?? ""}
          onClose={() => set({ new: undefined, company: undefined, contact: undefined })}
        />
      )}
    </>
  );
}

function ViewLabel({ icon, text }: { icon: React.ReactNode; text: string }) {
  return (
    <span className={classes["viewLabel"]}>
      {icon}
      <span>{text}</span>
    </span>
  );
}
