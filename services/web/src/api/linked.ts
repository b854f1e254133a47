import { queryOptions } from "@tanstack/react-query";
import { api, call } from "./client";

/** A record that another one leads to: as much as its name. */
export interface Linked {
  id: string;
  name: string;
}

interface Named {
  id?: string;
  name?: string;
  title?: string;
}

function linked(record: Named | undefined): Linked {
  return { id: record?.id ?? "", name: record?.name || record?.title || "…" };
}

/** The name of a record of any kind. */
export const linkedOptions = (kind: string, id: string) =>
  queryOptions({
    queryKey: ["linked", kind, id] as const,
    queryFn: async ({ signal }): Promise<Linked> => {
      const request = { params: { path: { id } }, signal };
      switch (kind) {
        case "contact":
          return linked((await call(api.GET("/v1/contacts/{id}", request))).contact);
        case "company":
          return linked((await call(api.GET("/v1/companies/{id}", request))).company);
        case "lead":
          return linked((await call(api.GET("/v1/leads/{id}", request))).lead);
        case "deal":
          return linked((await call(api.GET("/v1/deals/{id}", request))).deal);
        case "product":
          return linked((await call(api.GET("/v1/products/{id}", request))).product);
        case "file":
          return linked((await call(api.GET("/v1/files/{id}", request))).file);
        default:
          return { id, name: id };
      }
    },
    staleTime: 60_000,
  });

/** Records of a kind with a part of a name. */
export const linkedSearchOptions = (kind: string, filter: string) =>
  queryOptions({
    queryKey: ["linked", kind, "search", filter] as const,
    queryFn: async ({ signal }): Promise<Linked[]> => {
      const request = { params: { query: { filter, pageSize: 12 } }, signal };
      switch (kind) {
        case "contact":
          return ((await call(api.GET("/v1/contacts", request))).contacts ?? []).map(linked);
        case "company":
          return ((await call(api.GET("/v1/companies", request))).companies ?? []).map(linked);
        case "lead":
          return ((await call(api.GET("/v1/leads", request))).leads ?? []).map(linked);
        case "deal":
          return ((await call(api.GET("/v1/deals", request))).deals ?? []).map(linked);
        case "product":
          return ((await call(api.GET("/v1/products", request))).products ?? []).map(linked);
        default:
          return [];
      }
    },
    staleTime: 10_000,
    placeholderData: (previous) => previous,
  });
