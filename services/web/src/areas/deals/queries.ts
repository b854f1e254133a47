import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, call, idempotent } from "../../api/client";
import type {
  BoardCard,
  BoardColumn,
  Deal,
  Pipeline,
  ProductSummary,
  Stage,
  StageStay,
} from "../../api/model";
import { historyOf } from "../../api/history";
import { keys, putRecord, resource } from "../../api/resource";

type Wire = Parameters<typeof api.POST<"/v1/deals", { body: never }>>[1] extends { body: infer B }
  ? B
  : never;

/** Deals, over REST. */
export const deals = resource<Deal>({
  kind: "deal",
  async list(query, signal) {
    const page = await call(api.GET("/v1/deals", { params: { query }, ...(signal ? { signal } : {}) }));
    return {
      items: (page.deals ?? []) as unknown as Deal[],
      next: page.nextPageToken ?? "",
      names: page.names ?? {},
    };
  },
  async count(query, signal) {
    const answer = await call(
      api.GET("/v1/deals:count", {
        params: { query: { filter: query.filter ?? "" } },
        ...(signal ? { signal } : {}),
      }),
    );
    return { count: Number(answer.count ?? 0), more: answer.more ?? false };
  },
  async get(id, signal) {
    return (await dealWithNames(id, signal)).deal;
  },
  async create(deal, key) {
    return (await call(api.POST("/v1/deals", { body: deal as unknown as Wire, ...idempotent(key) })))
      .deal as unknown as Deal;
  },
  async update(id, patch, updateMask) {
    const answer = await call(
      api.PATCH("/v1/deals/{id}", {
        params: { path: { id }, query: { updateMask } },
        body: patch as unknown as Wire,
      }),
    );
    return answer.deal as unknown as Deal;
  },
  remove: (id, etag) => call(api.DELETE("/v1/deals/{id}", { params: { path: { id }, query: { etag } } })),
  restore: (id) => call(api.POST("/v1/deals/{id}:undelete", { params: { path: { id } }, body: { id } })),
  async history(id, pageToken) {
    const page = await call(
      api.GET("/v1/deals/{id}:history", { params: { path: { id }, query: { pageSize: 50, pageToken } } }),
    );
    return historyOf(page);
  },
});

/** Names of what a deal refers to. */
export interface DealNames {
  companyName?: string;
  contactName?: string;
}

async function dealWithNames(id: string, signal?: AbortSignal): Promise<{ deal: Deal; names: DealNames }> {
  const answer = await call(
    api.GET("/v1/deals/{id}", { params: { path: { id } }, ...(signal ? { signal } : {}) }),
  );
  return { deal: answer.deal as unknown as Deal, names: (answer.names ?? {}) as DealNames };
}

/** Every pipeline, in order. */
export const pipelinesOptions = queryOptions({
  queryKey: ["pipeline", "all"],
  queryFn: async ({ signal }) => {
    const page = await call(api.GET("/v1/pipelines", { params: { query: { pageSize: 100 } }, signal }));
    return ((page.pipelines ?? []) as unknown as Pipeline[]).toSorted((a, b) => a.position - b.position);
  },
  staleTime: 60_000,
});

/** The pipeline that is asked for, else the default one. */
export function pickPipeline(
  pipelines: Pipeline[] | undefined,
  id: string | undefined,
): Pipeline | undefined {
  return pipelines?.find((p) => p.id === id) ?? pipelines?.find((p) => p.isDefault) ?? pipelines?.[0];
}

/** What the columns of a board are. */
export type GroupBy = "stage" | "responsible" | "month";

/** Which board is shown. */
export interface BoardQuery {
  pipelineId: string;
  groupBy: GroupBy;
  filter: string;
}

const GROUPS = {
  stage: "BOARD_GROUP_BY_STAGE",
  responsible: "BOARD_GROUP_BY_RESPONSIBLE",
  month: "BOARD_GROUP_BY_MONTH",
} as const;

/** Cards read per column and request. */
export const BOARD_PAGE = 50;

export const boardKeys = {
  all: ["board"] as const,
  head: (query: BoardQuery) => ["board", "head", query] as const,
};

/** A board with the first cards of every column. */
export const boardOptions = (query: BoardQuery) =>
  queryOptions({
    queryKey: boardKeys.head(query),
    queryFn: async ({ signal }) => {
      const answer = await call(
        api.GET("/v1/deals:board", {
          params: {
            query: {
              pipelineId: query.pipelineId,
              filter: query.filter,
              groupBy: GROUPS[query.groupBy],
              pageSize: BOARD_PAGE,
            },
          },
          signal,
        }),
      );
      return (answer.columns ?? []) as unknown as BoardColumn[];
    },
    placeholderData: (previous) => previous,
  });

/** Further cards of one column. */
export async function readColumn(
  query: BoardQuery,
  columnKey: string,
  pageToken: string,
): Promise<{ cards: BoardCard[]; next: string }> {
  const answer = await call(
    api.GET("/v1/deals:board", {
      params: {
        query: {
          pipelineId: query.pipelineId,
          filter: query.filter,
          groupBy: GROUPS[query.groupBy],
          pageSize: BOARD_PAGE,
          columnKey,
          pageToken,
        },
      },
    }),
  );
  const column = (answer.columns ?? [])[0] as unknown as BoardColumn | undefined;
  return { cards: column?.cards ?? [], next: column?.nextPageToken ?? "" };
}

/** Where a deal is taken. */
export interface Move {
  deal: { id: string; etag: string };
  stage: Stage;
  /** State of the deal before. */
  wasOpen: boolean;
  lostReason?: { id?: string; text?: string };
}

/** Takes a deal to a stage by the verb that the stage's kind asks for. A closed deal is reopened first. */
export async function moveDeal({ deal, stage, wasOpen, lostReason }: Move): Promise<Deal> {
  const { id } = deal;
  const path = { path: { id } };
  let etag = deal.etag;
  if (!wasOpen) {
    const open = stage.kind !== "STAGE_KIND_WON" && stage.kind !== "STAGE_KIND_LOST";
    const reopened = await call(
      api.POST("/v1/deals/{id}:reopen", {
        params: path,
        body: { id, etag, ...(open ? { stageId: stage.id } : {}) },
      }),
    );
    if (open) {
      return reopened.deal as unknown as Deal;
    }
    etag = reopened.deal?.etag ?? "";
  }
  if (stage.kind === "STAGE_KIND_WON") {
    return (
      await call(api.POST("/v1/deals/{id}:win", { params: path, body: { id, etag, stageId: stage.id } }))
    ).deal as unknown as Deal;
  }
  if (stage.kind === "STAGE_KIND_LOST") {
    const body = {
      id,
      etag,
      stageId: stage.id,
      ...(lostReason?.id ? { lostReasonId: lostReason.id } : {}),
      ...(lostReason?.text ? { lostReason: lostReason.text } : {}),
    };
    return (await call(api.POST("/v1/deals/{id}:lose", { params: path, body }))).deal as unknown as Deal;
  }
  return (
    await call(api.POST("/v1/deals/{id}:move", { params: path, body: { id, etag, stageId: stage.id } }))
  ).deal as unknown as Deal;
}

/** Moves a deal and puts the answer where it is shown. */
export function useMoveDeal() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: moveDeal,
    onSuccess: (deal) => {
      putRecord(client, "deal", deal);
      void client.invalidateQueries({ queryKey: keys.history("deal", deal.id) });
      void client.invalidateQueries({ queryKey: ["deal", "stays", deal.id] });
    },
    onError: (_error, { deal }) => void client.invalidateQueries({ queryKey: keys.one("deal", deal.id) }),
  });
}

/** A deal's way through the stages. */
export const staysOptions = (id: string) =>
  queryOptions({
    queryKey: ["deal", "stays", id],
    queryFn: async ({ signal }) =>
      ((await call(api.GET("/v1/deals/{id}:stageChanges", { params: { path: { id } }, signal }))).stays ??
        []) as unknown as StageStay[],
  });

/** Products whose names begin like the text. */
export const productSearchOptions = (text: string) =>
  queryOptions({
    queryKey: ["product", "search", text],
    queryFn: async ({ signal }) => {
      if (!text) {
        const page = await call(
          api.GET("/v1/products", {
            params: { query: { filter: "active = true", orderBy: "name", pageSize: 20 } },
            signal,
          }),
        );
        return (page.products ?? []).map((p): ProductSummary => {
          const price = p.prices?.[0]?.price as ProductSummary["listPrice"];
          return {
            id: p.id ?? "",
            name: p.name ?? "",
            sku: p.sku ?? "",
            unit: p.unit ?? "",
            taxRate: p.taxRate ?? "",
            active: true,
            deleted: false,
            sectionId: p.sectionId ?? "",
            version: 0,
            ...(price ? { listPrice: price } : {}),
          };
        });
      }
      const answer = await call(
        api.GET("/v1/products:search", { params: { query: { query: text, pageSize: 20 } }, signal }),
      );
      return (answer.hits ?? []).map((hit) => hit.product as unknown as ProductSummary);
    },
    staleTime: 30_000,
  });

/** Counts and sums of the stages of a pipeline, without cards. */
export const summaryOptions = (pipelineId: string, filter: string) =>
  queryOptions({
    queryKey: [...boardKeys.all, "summary", pipelineId, filter],
    queryFn: async ({ signal }) => {
      const answer = await call(
        api.GET("/v1/deals:board", {
          params: { query: { pipelineId, filter, groupBy: GROUPS.stage, pageSize: 1 } },
          signal,
        }),
      );
      return (answer.columns ?? []) as unknown as BoardColumn[];
    },
    enabled: pipelineId !== "",
  });
