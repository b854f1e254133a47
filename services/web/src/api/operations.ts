import { api, call, idempotent } from "./client";
import type { Operation } from "./model";

/** Which records a bulk change is about. */
export type Selection = ({ ids: string[] } | { filter: string }) & { showDeleted?: boolean };

/** What a bulk change does. */
export type BulkChange =
  | { action: "BULK_ACTION_REASSIGN"; responsibleId: string }
  | { action: "BULK_ACTION_ADD_TAGS" | "BULK_ACTION_REMOVE_TAGS"; tags: string[] }
  | { action: "BULK_ACTION_UPDATE"; updateMask?: string; [kind: string]: unknown }
  | { action: "BULK_ACTION_DELETE" }
  | { action: "BULK_ACTION_RESTORE" };

/** Starts a bulk change of a kind of records; undefined for kinds that have none. */
export function bulkOf(
  kind: string,
): ((selection: Selection, change: BulkChange) => Promise<Operation>) | undefined {
  const path = BULK_PATHS[kind as keyof typeof BULK_PATHS];
  return (
    path &&
    (async (selection, change) => {
      const chosen = "ids" in selection || selection.filter ? selection : { everything: true, ...selection };
      const answer = await call(
        api.POST(path, {
          body: { selection: chosen, ...change } as never,
          ...idempotent(crypto.randomUUID()),
        }),
      );
      return answer.operation as unknown as Operation;
    })
  );
}

const BULK_PATHS = {
  contact: "/v1/contacts:bulk",
  company: "/v1/companies:bulk",
  lead: "/v1/leads:bulk",
  deal: "/v1/deals:bulk",
  product: "/v1/products:bulk",
} as const;

/** Whether an operation has come to its end. */
export function ended(operation: Operation): boolean {
  return ["STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED"].includes(operation.state);
}

/** Reads an operation until it has ended, telling of each state. */
export async function follow(
  operation: Operation,
  tell: (operation: Operation) => void,
  every = 400,
): Promise<Operation> {
  let now = operation;
  while (!ended(now)) {
    tell(now);
    await new Promise((resolve) => setTimeout(resolve, every));
    const answer = await call(api.GET("/v1/operations/{id}", { params: { path: { id: operation.id } } }));
    now = answer.operation as unknown as Operation;
  }
  return now;
}

/** Asks an operation to stop. */
export function cancelOperation(id: string): Promise<unknown> {
  return call(api.POST("/v1/operations/{id}:cancel", { params: { path: { id } } }));
}

/** Starts the operation that takes back what another did. */
export async function undoOperation(id: string): Promise<Operation> {
  const answer = await call(
    api.POST("/v1/operations/{id}:undo", { params: { path: { id } }, body: {} as never }),
  );
  return answer.operation as unknown as Operation;
}
