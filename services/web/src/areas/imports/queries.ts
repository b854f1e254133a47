import { queryOptions } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import type { Operation } from "../../api/model";
import type { ImportKind } from "./targets";

/** Starts an import and resolves to its operation. */
export async function startImport(
  kind: ImportKind,
  fileId: string,
  mapping: string,
  dryRun: boolean,
): Promise<Operation> {
  const body = { fileId, mapping, dryRun };
  const answer = await {
    company: () => call(api.POST("/v1/companies:import", { body })),
    contact: () => call(api.POST("/v1/contacts:import", { body })),
    lead: () => call(api.POST("/v1/leads:import", { body })),
    product: () => call(api.POST("/v1/products:import", { body })),
    deal: () => call(api.POST("/v1/deals:import", { body })),
    user: () => call(api.POST("/v1/users:import", { body })),
  }[kind]();
  return answer.operation as unknown as Operation;
}

/** Whether an operation has come to its end. */
export function hasEnded(operation: Operation | undefined): boolean {
  return (
    operation !== undefined &&
    ["STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED"].includes(operation.state)
  );
}

/** An operation, asked for again until it has ended. */
export const operationOptions = (id: string) =>
  queryOptions({
    queryKey: ["operation", id],
    queryFn: async ({ signal }) =>
      (await call(api.GET("/v1/operations/{id}", { params: { path: { id } }, signal })))
        .operation as unknown as Operation,
    refetchInterval: (query) => (hasEnded(query.state.data) ? false : 600),
    staleTime: 0,
  });

/** Asks an operation to stop. */
export function cancelOperation(id: string): Promise<unknown> {
  return call(api.POST("/v1/operations/{id}:cancel", { params: { path: { id } } }));
}
