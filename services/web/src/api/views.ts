import { queryOptions } from "@tanstack/react-query";
import { api, call, idempotent } from "./client";
import type { Sent } from "./model";
import type { components } from "./schema";

/** A saved view of a list. */
export type View = Sent<components["schemas"]["kontor.identity.v1.View"]>;

/** The views of a list that are for the caller. */
export const viewsOptions = (kind: string) =>
  queryOptions({
    queryKey: ["view", kind] as const,
    queryFn: async ({ signal }) =>
      ((await call(api.GET("/v1/views", { params: { query: { kind } }, signal }))).views ?? []) as View[],
    staleTime: 60_000,
  });

/** Saves a new view. */
export async function createView(view: Partial<View>): Promise<View> {
  const answer = await call(
    api.POST("/v1/views", { body: view as never, ...idempotent(crypto.randomUUID()) } as never),
  );
  return (answer as { view?: unknown }).view as View;
}

/** Changes the filter, order, columns of a view to what the list shows. */
export async function updateView(id: string, view: Partial<View>): Promise<View> {
  const answer = await call(
    api.PATCH("/v1/views/{id}", { params: { path: { id } }, body: view as never } as never),
  );
  return (answer as { view?: unknown }).view as View;
}

/** Deletes a view for good. */
export function deleteView(id: string): Promise<unknown> {
  return call(api.DELETE("/v1/views/{id}", { params: { path: { id } } } as never));
}
