import { Skeleton } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { useCan } from "../../api/directory";
import type { BoardCard, BoardColumn, CivilDate, Pipeline, Stage } from "../../api/model";
import { t } from "../../i18n";
import { Board, type ColumnView } from "../../parts/board/Board";
import { formatCivil, formatDuration, formatMonth, formatNumber } from "../../parts/format";
import { IconAlert } from "../../parts/icons";
import { Money, Sum } from "../../parts/Money";
import { ErrorNote, messageOf } from "../../parts/notes";
import { toast } from "../../parts/toasts";
import { moveCard, useBoardData } from "./boardData";
import { LoseDialog } from "./LoseDialog";
import { deals, useMoveDeal, type BoardQuery, type Move } from "./queries";
import { stageColor } from "./stages";
import classes from "./deals.module.css";

interface Props {
  pipeline: Pipeline;
  query: BoardQuery;
}

interface Pending {
  card: BoardCard;
  from: string;
  to: string;
  stage: Stage;
}

/** The deals of a pipeline on a board (DEAL-5). */
export function DealBoard({ pipeline, query }: Props) {
  const board = useBoardData(query);
  const client = useQueryClient();
  const move = useMoveDeal();
  const mayMove = useCan("deal", "update");
  const { id: openId } = useParams({ strict: false }) as { id?: string };
  const [losing, setLosing] = useState<Pending>();
  const [refused, setRefused] = useState<ReadonlySet<string>>(new Set());
  const { change, reread, dropExtra } = board;

  const putBack = useCallback(
    (card: BoardCard, from: string, to: string, error: unknown) => {
      change((columns) => moveCard(columns, card, to, from));
      setRefused(new Set([card.dealId]));
      setTimeout(() => setRefused(new Set()), 4000);
      toast(t("board.refused", { name: card.name, reason: messageOf(error) }), { tone: "bad" });
      void reread();
    },
    [change, reread],
  );

  const send = (pending: Pending, lostReason?: Move["lostReason"]): void => {
    const { card, from, to, stage } = pending;
    change((columns) => moveCard(columns, card, from, to));
    dropExtra(card.dealId);
    move.mutate(
      {
        deal: { id: card.dealId, etag: card.etag },
        stage,
        wasOpen: card.state === "DEAL_STATE_OPEN",
        ...(lostReason ? { lostReason } : {}),
      },
      {
        onSuccess: (deal) => {
          change((columns) =>
            columns.map((c) => ({
              ...c,
              cards: c.cards.map((k) =>
                k.dealId === deal.id
                  ? { ...k, etag: deal.etag, state: deal.state, stageId: deal.stageId }
                  : k,
              ),
            })),
          );
          void reread();
          const back = pipeline.stages.find((s) => s.id === card.stageId);
          toast(
            stage.kind === "STAGE_KIND_WON"
              ? t("deal.wonToast", { name: card.name })
              : t("deal.movedToast", { name: card.name, stage: stage.name }),
            {
              tone: stage.kind === "STAGE_KIND_WON" ? "good" : "plain",
              ...(back && back.kind === "STAGE_KIND_OPEN"
                ? {
                    undo: () =>
                      move.mutate(
                        { deal, stage: back, wasOpen: deal.state === "DEAL_STATE_OPEN" },
                        {
                          onSettled: () => void reread(),
                          onError: (error) => toast(messageOf(error), { tone: "bad" }),
                        },
                      ),
                  }
                : {}),
            },
          );
        },
        onError: (error) => putBack(card, from, to, error),
      },
    );
  };

  const regroup = (card: BoardCard, from: string, to: string): void => {
    const patch =
      query.groupBy === "responsible" ? { responsibleId: to } : { plannedCloseDate: lastDayOf(to) };
    const mask = query.groupBy === "responsible" ? "responsible_id" : "planned_close_date";
    change((columns) => moveCard(columns, card, from, to));
    dropExtra(card.dealId);
    deals
      .update(card.dealId, { ...patch, etag: card.etag } as never, mask)
      .then(() => {
        void client.invalidateQueries({ queryKey: ["deal", "one", card.dealId] });
        return reread();
      })
      .catch((error: unknown) => putBack(card, from, to, error));
  };

  const onMove = (card: BoardCard, from: string, to: string): void => {
    if (query.groupBy !== "stage") {
      regroup(card, from, to);
      return;
    }
    const stage = pipeline.stages.find((s) => s.id === to);
    if (!stage) {
      return;
    }
    const pending = { card, from, to, stage };
    if (stage.kind === "STAGE_KIND_LOST") {
      setLosing(pending);
    } else {
      send(pending);
    }
  };

  if (board.error && !board.columns) {
    return (
      <div style={{ padding: 12 }}>
        <ErrorNote error={board.error} retry={() => void board.refetch()} />
      </div>
    );
  }
  if (!board.columns) {
    return <BoardSkeleton count={Math.max(pipeline.stages.length, 4)} />;
  }
  return (
    <>
      <Board
        columns={board.columns.map((column, i) => viewOf(column, i, query.groupBy, pipeline))}
        idOf={(card) => card.dealId}
        nameOf={(card) => card.name}
        canDrag={() => mayMove}
        onMove={onMove}
        onMore={(key) => void board.loadMore(key)}
        refused={refused}
        openId={openId}
        emptyColumn={t("board.emptyColumn")}
        render={(card) => <CardFace card={card} groupBy={query.groupBy} />}
      />
      {losing && (
        <LoseDialog
          pipeline={pipeline}
          name={losing.card.name}
          onClose={() => setLosing(undefined)}
          onLose={(reason) => {
            setLosing(undefined);
            send(losing, reason);
          }}
        />
      )}
    </>
  );
}

function viewOf(
  column: BoardColumn,
  index: number,
  groupBy: BoardQuery["groupBy"],
  pipeline: Pipeline,
): ColumnView<BoardCard> {
  const title = groupBy === "month" ? monthTitle(column) : column.title || t("board.nobody");
  const count = formatNumber(String(column.count));
  return {
    key: column.key,
    title,
    color:
      groupBy === "stage"
        ? stageColor(pipeline.stages.find((s) => s.id === column.key) ?? column.stage, index)
        : "var(--line-strong)",
    label: `${title}: ${t("deal.count", { count: Number(column.count) })}`,
    head: (
      <>
        <b>{count}</b> · <Sum base={column.baseTotal} totals={column.totals} short />
        {Number(column.unratedCount) > 0 && (
          <span className="warn" title={t("board.unrated", { count: Number(column.unratedCount) })}>
            {" "}
            <IconAlert size={12} />
          </span>
        )}
      </>
    ),
    cards: column.cards,
    more: column.nextPageToken !== "",
    accepts: column.key !== "none",
  };
}

function monthTitle(column: BoardColumn): string {
  return column.key === "none" ? t("board.noDate") : formatMonth(column.key, "long");
}

function CardFace({ card, groupBy }: { card: BoardCard; groupBy: BoardQuery["groupBy"] }) {
  const open = card.state === "DEAL_STATE_OPEN";
  const client = card.companyName || card.contactName;
  const due = open && card.plannedCloseDate?.day ? formatCivil(card.plannedCloseDate) : "";
  return (
    <Link
      to="/deals/$id"
      params={{ id: card.dealId }}
      search={((s: object) => s) as never}
      className={classes["face"] ?? ""}
      draggable={false}
      preload={false}
    >
      <span className={classes["faceTop"]}>
        <b className="cut">{client || card.name}</b>
        <Money value={card.amount} />
      </span>
      <span className={classes["faceBottom"]}>
        <span className="cut" title={card.name}>
          {client ? card.name : ""}
        </span>
        {groupBy !== "responsible" && (
          <abbr title={card.responsibleName}>{initials(card.responsibleName)}</abbr>
        )}
        {card.overdue ? (
          <span className="bad" title={t("deal.overdue")}>
            {due}
          </span>
        ) : card.stageOverdue ? (
          <span className="bad" title={t("deal.stageOverdue")}>
            {formatDuration(card.daysInStage * 86_400)}
          </span>
        ) : (
          <span>
            {due || (open && card.daysInStage > 0 ? formatDuration(card.daysInStage * 86_400) : "")}
          </span>
        )}
      </span>
    </Link>
  );
}

function initials(name: string): string {
  return name
    .split(/\s+/)
    .map((part) => part[0])
    .slice(0, 2)
    .join("");
}

function BoardSkeleton({ count }: { count: number }) {
  return (
    <div className={classes["boardSkeleton"]} aria-hidden>
      {Array.from({ length: count }, (_, i) => (
        <div key={i}>
          {Array.from({ length: 8 - (i % 3) * 2 }, (_, n) => (
            <Skeleton key={n} height={46} radius={5} />
          ))}
        </div>
      ))}
    </div>
  );
}

// A deal that is dragged to a month is planned for its last day.
function lastDayOf(month: string): CivilDate {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return { year, month: number, day: new Date(Date.UTC(year, number, 0)).getUTCDate() };
}
