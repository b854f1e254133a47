import { queryOptions } from "@tanstack/react-query";
import { api, authorizedFetch, call } from "../../api/client";
import { toApiError } from "../../api/errors";
import type { Operation } from "../../api/model";
import type { ImportKind } from "./targets";

/** Uploads a file and resolves to its ID. */
export async function uploadFile(file: File): Promise<string> {
  const form = new FormData();
  form.append("file", file, file.name);
  const response = await authorizedFetch(
    new Request(new URL("/v1/files", location.origin), { method: "POST", body: form }),
  );
  const body = (await response.json().catch(() => ({}))) as { file?: { id?: string } };
  if (!response.ok || !body.file?.id) {
    throw toApiError(response, body);
  }
  return body.file.id;
}

/** Downloads a file under its name. */
export async function downloadFile(id: string, name: string): Promise<void> {
  const response = await authorizedFetch(
    new Request(new URL(`/v1/files/${encodeURIComponent(id)}:download`, location.origin)),
  );
  if (!response.ok) {
    throw toApiError(response, await response.json().catch(() => ({})));
  }
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

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
