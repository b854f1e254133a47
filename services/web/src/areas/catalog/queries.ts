import { queryOptions } from "@tanstack/react-query";
import { api, call, idempotent } from "../../api/client";
import type { PriceType, Product, Section } from "../../api/model";
import { historyOf } from "../../api/history";
import { resource } from "../../api/resource";

function signalOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

/** Products, over REST. */
export const products = resource<Product>({
  kind: "product",
  async list(query, signal) {
    const page = await call(api.GET("/v1/products", { params: { query }, ...signalOf(signal) }));
    return {
      items: (page.products ?? []) as unknown as Product[],
      next: page.nextPageToken ?? "",
      names: {},
    };
  },
  async count(query, signal) {
    const answer = await call(
      api.GET("/v1/products:count", {
        params: { query },
        ...signalOf(signal),
      }),
    );
    return { count: Number(answer.count ?? 0), more: answer.more ?? false };
  },
  async get(id, signal) {
    return (await call(api.GET("/v1/products/{id}", { params: { path: { id } }, ...signalOf(signal) })))
      .product as unknown as Product;
  },
  async create(product, key) {
    return (await call(api.POST("/v1/products", { body: product as never, ...idempotent(key) })))
      .product as unknown as Product;
  },
  async update(id, patch, updateMask) {
    const answer = await call(
      api.PATCH("/v1/products/{id}", {
        params: { path: { id }, query: { updateMask } },
        body: patch as never,
      }),
    );
    return answer.product as unknown as Product;
  },
  remove: (id, etag) => call(api.DELETE("/v1/products/{id}", { params: { path: { id }, query: { etag } } })),
  restore: (id) => call(api.POST("/v1/products/{id}:undelete", { params: { path: { id } }, body: { id } })),
  async history(id, pageToken) {
    const page = await call(
      api.GET("/v1/products/{id}:history", { params: { path: { id }, query: { pageSize: 50, pageToken } } }),
    );
    return historyOf(page);
  },
});

/** Every section, by name. */
export const sectionsOptions = queryOptions({
  queryKey: ["section", "all"],
  queryFn: async ({ signal }) => {
    const page = await call(
      api.GET("/v1/sections", { params: { query: { pageSize: 500, orderBy: "name" } }, signal }),
    );
    return (page.sections ?? []) as unknown as Section[];
  },
  staleTime: 60_000,
});

/** Every price type, the base one first. */
export const priceTypesOptions = queryOptions({
  queryKey: ["priceType", "all"],
  queryFn: async ({ signal }) => {
    const page = await call(api.GET("/v1/priceTypes", { params: { query: { pageSize: 100 } }, signal }));
    return ((page.priceTypes ?? []) as unknown as PriceType[]).toSorted(
      (a, b) => Number(b.base) - Number(a.base) || a.sort - b.sort,
    );
  },
  staleTime: 60_000,
});

/** The currencies the organisation works with, with the newest rate of each. */
export const currenciesOptions = queryOptions({
  queryKey: ["currency", "all"],
  queryFn: async ({ signal }) => (await call(api.GET("/v1/currencies", { signal }))).currencies ?? [],
});

/** The latest rates, newest first. */
export const ratesOptions = queryOptions({
  queryKey: ["currency", "rates"],
  queryFn: async ({ signal }) =>
    (
      await call(
        api.GET("/v1/exchangeRates", { params: { query: { pageSize: 50, orderBy: "date desc" } }, signal }),
      )
    ).exchangeRates ?? [],
});

/** Full name of a section: its parents before it. */
export function sectionPath(sections: Section[], id: string): string {
  const byId = new Map(sections.map((section) => [section.id, section]));
  const path: string[] = [];
  for (let at = byId.get(id); at && path.length < 32; at = byId.get(at.parentId)) {
    path.unshift(at.name);
  }
  return path.join(" / ");
}
