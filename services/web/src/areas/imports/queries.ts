import { queryOptions } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import type { Operation } from "../../api/model";
import type { ImportKind, ImportSource } from "./targets";

/** What importing a file would do, by its first rows. */
export interface ImportPreview {
  source: ImportSource;
  columns: string[];
  fields: { name?: string; column?: string }[];
  rows: {
    line?: number | string;
    cells?: string[];
    outcome?: string;
    problem?: { field?: string; reason?: string; message?: string };
  }[];
  problem: string;
  /** The mapping that was asked about or, without one, the one that is proposed. */
  mapping: string;
}

/** Shows what importing a file would do; without a mapping, one is proposed. */
export async function previewImport(
  kind: ImportKind,
  fileId: string,
  how: { mapping?: string; source?: ImportSource },
  signal?: AbortSignal,
): Promise<ImportPreview> {
  const options = { body: { fileId, ...how }, ...(signal ? { signal } : {}) };
  const answer = await {
    company: () => call(api.POST("/v1/companies:previewImport", options)),
    contact: () => call(api.POST("/v1/contacts:previewImport", options)),
    lead: () => call(api.POST("/v1/leads:previewImport", options)),
    product: () => call(api.POST("/v1/products:previewImport", options)),
    deal: () => call(api.POST("/v1/deals:previewImport", options)),
    user: () => call(api.POST("/v1/users:previewImport", options)),
  }[kind]();
  const preview = answer.preview ?? {};
  return {
    source: (preview.source ?? {}) as ImportSource,
    columns: preview.columns ?? [],
    fields: preview.fields ?? [],
    rows: (preview.rows ?? []) as ImportPreview["rows"],
    problem: preview.problem ?? "",
    mapping: preview.mapping ?? "",
  };
}

/** A preview by a mapping, read again as the mapping changes. */
export const previewOptions = (kind: ImportKind, fileId: string | undefined, mapping: string) =>
  queryOptions({
    queryKey: ["importPreview", kind, fileId, mapping],
    queryFn: ({ signal }) => previewImport(kind, fileId ?? "", { mapping }, signal),
    enabled: fileId !== undefined,
    placeholderData: (previous) => previous,
    retry: false,
  });

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

/** Takes back what an operation has done; resolves to the operation that does it. */
export async function undoOperation(id: string): Promise<Operation> {
  const answer = await call(api.POST("/v1/operations/{id}:undo", { params: { path: { id } }, body: {} }));
  return answer.operation as unknown as Operation;
}
