import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { BoardCard, BoardColumn, Deal } from "../../api/model";
import { add, subtract } from "../../parts/decimal";
import { useLiveEvents } from "../../parts/liveContext";
import { boardKeys, boardOptions, deals, readColumn, type BoardQuery } from "./queries";

interface Extra {
  cards: BoardCard[];
  next: string;
}

const NO_EXTRAS: Record<string, Extra> = {};

// Live changes are followed by one reading of the board, at most this often.
const REREAD_MS = 400;

/** Adds a card's amount to a column's sums, or takes it off. Other currencies stay as they are. */
function withAmount(column: BoardColumn, card: BoardCard, sign: 1 | -1): BoardColumn {
  const apply = sign > 0 ? add : subtract;
  const { amount } = card;
  const totals = column.totals.map((total) =>
    amount && total.currencyCode === amount.currencyCode
      ? { ...total, amount: apply(total.amount, amount.amount) }
      : total,
  );
  const base = column.baseTotal;
  // Only an amount in the base currency is known in it here; the next reading brings the others.
  const baseTotal =
    base && amount?.currencyCode === base.currencyCode
      ? { ...base, amount: apply(base.amount, amount.amount) }
      : base;
  return { ...column, count: Number(column.count) + sign, totals, ...(baseTotal ? { baseTotal } : {}) };
}

/** The board with a card taken from one column to the top of another. */
export function moveCard(columns: BoardColumn[], card: BoardCard, from: string, to: string): BoardColumn[] {
  return columns.map((column) => {
    if (column.key === from) {
      return { ...withAmount(column, card, -1), cards: column.cards.filter((c) => c.dealId !== card.dealId) };
    }
    if (column.key === to) {
      const moved = {
        ...card,
        daysInStage: 0,
        stageOverdue: false,
        ...(column.stage ? { stageId: column.stage.id } : {}),
      };
      return {
        ...withAmount(column, card, 1),
        cards: [moved, ...column.cards.filter((c) => c.dealId !== card.dealId)],
      };
    }
    return column;
  });
}

/** The first cards with those read later, each card once and in the column that was read last. */
export function mergeColumns(head: BoardColumn[], extras: Record<string, Extra>): BoardColumn[] {
  const shown = new Set(head.flatMap((column) => column.cards.map((card) => card.dealId)));
  return head.map((column) => {
    const extra = extras[column.key];
    if (!extra) {
      return column;
    }
    return {
      ...column,
      cards: [...column.cards, ...extra.cards.filter((card) => !shown.has(card.dealId))],
      nextPageToken: extra.next,
    };
  });
}

/** A board that reads on as one scrolls, follows live changes and can be changed ahead of the server. */
export function useBoardData(query: BoardQuery) {
  const client = useQueryClient();
  const queryKey = JSON.stringify(query);
  const head = useQuery(boardOptions(query));
  // Cards of later pages, of the board that is asked for now.
  const [kept, setKept] = useState<{ queryKey: string; extras: Record<string, Extra> }>({
    queryKey,
    extras: {},
  });
  const extras = kept.queryKey === queryKey ? kept.extras : NO_EXTRAS;
  const loading = useRef(new Set<string>());

  const columns = useMemo(
    () => (head.data ? mergeColumns(head.data, extras) : undefined),
    [head.data, extras],
  );

  const latest = useRef({ query, columns, queryKey });
  useEffect(() => {
    latest.current = { query, columns, queryKey };
  });

  const setExtras = useCallback((fn: (before: Record<string, Extra>) => Record<string, Extra>) => {
    const { queryKey: now } = latest.current;
    setKept((before) => ({ queryKey: now, extras: fn(before.queryKey === now ? before.extras : NO_EXTRAS) }));
  }, []);

  const loadMore = useCallback(
    async (key: string): Promise<void> => {
      const { query: asked, columns: shown, queryKey: askedKey } = latest.current;
      const token = shown?.find((column) => column.key === key)?.nextPageToken;
      if (!token || loading.current.has(key)) {
        return;
      }
      loading.current.add(key);
      try {
        const page = await readColumn(asked, key, token);
        if (latest.current.queryKey === askedKey) {
          setExtras((before) => ({
            ...before,
            [key]: { cards: [...(before[key]?.cards ?? []), ...page.cards], next: page.next },
          }));
        }
      } catch {
        // The next scroll asks again.
      } finally {
        loading.current.delete(key);
      }
    },
    [setExtras],
  );

  const change = useCallback(
    (fn: (columns: BoardColumn[]) => BoardColumn[]) => {
      const key = boardKeys.head(latest.current.query);
      client.setQueryData<BoardColumn[]>(key, (data) => (data ? fn(data) : data));
    },
    [client],
  );
  const reread = useCallback(
    () => client.invalidateQueries({ queryKey: boardKeys.head(latest.current.query) }),
    [client],
  );

  // A card from a later page is not in the first cards; what became of it is asked of the deal itself.
  const refreshExtra = useCallback(
    async (id: string): Promise<void> => {
      const deal: Deal | undefined = await deals.get(id).catch(() => undefined);
      setExtras((before) =>
        Object.fromEntries(
          Object.entries(before).map(([key, extra]) => [
            key,
            {
              ...extra,
              cards: extra.cards.flatMap((card) => {
                if (card.dealId !== id) {
                  return [card];
                }
                const stays = deal !== undefined && deal.stageId === card.stageId && !deal.deleteTime;
                return stays
                  ? [
                      {
                        ...card,
                        etag: deal.etag,
                        name: deal.name,
                        ...(deal.amount ? { amount: deal.amount } : {}),
                      },
                    ]
                  : [];
              }),
            },
          ]),
        ),
      );
    },
    [setExtras],
  );

  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLiveEvents((events) => {
    const changed = events.filter((event) => event.kind === "deal");
    if (changed.length === 0 && !events.some((event) => event.kind === "pipeline")) {
      return;
    }
    const inExtras = new Set(
      Object.values(extras).flatMap((extra) => extra.cards.map((card) => card.dealId)),
    );
    changed
      .filter((event) => inExtras.has(event.recordId))
      .forEach((event) => void refreshExtra(event.recordId));
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void reread();
    }, REREAD_MS);
  });

  const dropExtra = useCallback(
    (id: string) =>
      setExtras((before) =>
        Object.fromEntries(
          Object.entries(before).map(([key, extra]) => [
            key,
            { ...extra, cards: extra.cards.filter((c) => c.dealId !== id) },
          ]),
        ),
      ),
    [setExtras],
  );
  return {
    columns,
    error: head.error,
    pending: head.isPending,
    refetch: head.refetch,
    loadMore,
    change,
    reread,
    dropExtra,
    updatedAt: head.dataUpdatedAt,
  };
}
