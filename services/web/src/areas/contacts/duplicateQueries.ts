import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, call } from "../../api/client";
import { keys } from "../../api/resource";

/** The kinds of records that are compared and merged. */
export type MergedKind = "contact" | "company" | "lead";

/** A record that may be the same. */
export interface Duplicate {
  record: { id: string };
  name: string;
  score: number;
  reasons: { field: string; match: string; value: string; similarity: number }[];
}

const finders = {
  contact: "/v1/contacts:findDuplicates",
  company: "/v1/companies:findDuplicates",
  lead: "/v1/leads:findDuplicates",
} as const;

/** Records that may be the same as one that is there, or as a draft. */
export const duplicatesOptions = (kind: MergedKind, asked: object, key: string) =>
  queryOptions({
    queryKey: [kind, "duplicates", key],
    queryFn: async ({ signal }) => {
      const answer = await call(api.POST(finders[kind], { body: asked as never, signal }));
      return ((answer as { duplicates?: unknown }).duplicates ?? []) as Duplicate[];
    },
    staleTime: 30_000,
  });

/** What becomes one. */
export interface MergePlan {
  kind: MergedKind;
  survivorId: string;
  mergedIds: string[];
  choices: { field: string; recordId: string }[];
  etags?: Record<string, string>;
}

/** A field for which the records have several values. */
export interface MergeConflict {
  field: string;
  values: { recordId: string; value: unknown }[];
  chosenId: string;
}

/** What a merge would make. */
export const previewOptions = (plan: MergePlan) =>
  queryOptions({
    queryKey: [plan.kind, "merge", JSON.stringify(plan)],
    queryFn: async ({ signal }) => {
      const answer = (await call(
        api.POST("/v1/merges:preview", { body: { plan } as never, signal }),
      )) as unknown as { conflicts?: MergeConflict[]; etags?: Record<string, string> };
      return { conflicts: answer.conflicts ?? [], etags: answer.etags ?? {} };
    },
    staleTime: 0,
  });

/** Merges records, or takes a merge back. */
export function useMerges(kind: MergedKind) {
  const client = useQueryClient();
  const refresh = (): void => {
    for (const k of [kind, "contact", "company", "lead", "deal"]) {
      void client.invalidateQueries({ queryKey: keys.lists(k) });
      void client.invalidateQueries({ queryKey: keys.counts(k) });
    }
    void client.invalidateQueries({ queryKey: [kind] });
  };
  const undo = useMutation({
    mutationFn: (id: string) =>
      call(api.POST("/v1/merges/{id}:undo", { params: { path: { id } }, body: { id } as never })),
    onSuccess: refresh,
  });
  const merge = useMutation({
    mutationFn: async (plan: MergePlan) =>
      (
        (await call(api.POST("/v1/merges", { body: { plan } as never }))) as unknown as {
          merge: { id: string };
        }
      ).merge,
    onSuccess: refresh,
  });
  return { merge, undo };
}
