import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, call, idempotent } from "../../api/client";
import type { Operation } from "../../api/model";
import { ended } from "../../api/operations";
import { keys } from "../../api/resource";
import { anyOf } from "../../parts/filters";

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
      )) as unknown as {
        conflicts?: MergeConflict[];
        etags?: Record<string, string>;
        record?: Partial<Record<MergedKind, Person>>;
      };
      return {
        conflicts: answer.conflicts ?? [],
        etags: answer.etags ?? {},
        record: answer.record?.[plan.kind],
      };
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

/** What tells one record from another of the same name, of whatever kind it is. */
export interface Person {
  id: string;
  name?: string;
  title?: string;
  position?: string;
  industry?: string;
  responsibleId: string;
  createTime?: string;
  phones: { number: string }[];
  emails: { address: string }[];
}

/** What a record is called. */
export function nameOf(person: Person | undefined): string {
  return person?.title || person?.name || "";
}

/** Two records that may be the same. */
export interface DuplicatePair {
  records: { id: string }[];
  score: number;
  reasons: string[];
}

/** Which pairs are wanted. */
export interface PairQuery {
  kind: MergedKind;
  minScore: number;
  reason: string;
  dismissed: boolean;
}

/** How often a scan under way is asked how far it is. */
const SCAN_LOOK = 1500;

/** What the last scan has found, and the scan itself. */
export const pairsOptions = (query: PairQuery) =>
  infiniteQueryOptions({
    queryKey: [query.kind, "duplicates", "pairs", query] as const,
    queryFn: async ({ pageParam, signal }) => {
      const answer = await call(
        api.GET("/v1/duplicates", { params: { query: { ...query, pageToken: pageParam } }, signal }),
      );
      return {
        pairs: (answer.pairs ?? []) as unknown as DuplicatePair[],
        next: answer.nextPageToken ?? "",
        scan: answer.scan as unknown as Operation | undefined,
      };
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    refetchInterval: ({ state }) => {
      const scan = state.data?.pages[0]?.scan;
      return scan && !ended(scan) ? SCAN_LOOK : false;
    },
  });

/** Records whose names a list of pairs shows, by ID. */
export const peopleOptions = (kind: MergedKind, ids: string[]) =>
  queryOptions({
    queryKey: [kind, "duplicates", "people", ids] as const,
    queryFn: async ({ signal }) => {
      const all = new Map<string, Person>();
      const chunks = Array.from({ length: Math.ceil(ids.length / 40) }, (_, i) =>
        ids.slice(i * 40, i * 40 + 40),
      );
      await Promise.all(
        chunks.map(async (chunk) => {
          const request = {
            params: { query: { filter: anyOf("id", chunk), pageSize: chunk.length } },
            signal,
          };
          const found =
            kind === "contact"
              ? (await call(api.GET("/v1/contacts", request))).contacts
              : kind === "company"
                ? (await call(api.GET("/v1/companies", request))).companies
                : (await call(api.GET("/v1/leads", request))).leads;
          for (const person of (found ?? []) as unknown as Person[]) {
            all.set(person.id, person);
          }
        }),
      );
      return all;
    },
    placeholderData: (before) => before,
    enabled: ids.length > 0,
  });

/** A merge that took place. */
export interface Merge {
  id: string;
  survivorId: string;
  mergedIds: string[];
  userId: string;
  operationId: string;
  createTime?: string;
  undoTime?: string;
}

/** The latest merges of a kind. */
export const mergesOptions = (kind: MergedKind) =>
  queryOptions({
    queryKey: [kind, "duplicates", "merges"] as const,
    queryFn: async ({ signal }) =>
      ((await call(api.GET("/v1/merges", { params: { query: { kind } }, signal }))).merges ??
        []) as unknown as Merge[],
  });

/** Starts the comparison of all records of a kind. */
export const scanDuplicates = (kind: MergedKind): Promise<unknown> =>
  call(api.POST("/v1/duplicates:scan", { body: { kind }, ...idempotent(crypto.randomUUID()) }));

/** Notes that two records are not the same, or takes that back. */
export const dismissDuplicate = (kind: MergedKind, ids: string[], undo = false): Promise<unknown> =>
  call(api.POST("/v1/duplicates:dismiss", { body: { kind, ids, undo } }));

/** Starts the merge of all groups that a query of pairs shows, or tries it out. */
export async function mergeDuplicates(
  { kind, minScore, reason }: PairQuery,
  dryRun: boolean,
): Promise<Operation> {
  const answer = await call(
    api.POST("/v1/duplicates:merge", {
      body: { kind, minScore, reason, dryRun },
      ...idempotent(crypto.randomUUID()),
    }),
  );
  return answer.operation as unknown as Operation;
}

/** Records that pairs connect, with what connects them. */
export interface DuplicateGroup {
  ids: string[];
  pairs: DuplicatePair[];
  score: number;
  reasons: string[];
}

/** Puts pairs together to groups, in the order of their surest pair. */
export function groupsOf(pairs: DuplicatePair[]): DuplicateGroup[] {
  const groupOf = new Map<string, DuplicateGroup>();
  const all = new Set<DuplicateGroup>();
  for (const pair of pairs) {
    const [first = "", second = ""] = pair.records.map((record) => record.id);
    const one = groupOf.get(first);
    const other = groupOf.get(second);
    const group = one ?? other ?? { ids: [], pairs: [], score: pair.score, reasons: [] };
    const joined = one && other && one !== other ? other : undefined;
    for (const id of [first, second, ...(joined?.ids ?? [])]) {
      if (!group.ids.includes(id)) {
        group.ids.push(id);
      }
      groupOf.set(id, group);
    }
    group.pairs.push(...(joined?.pairs ?? []), pair);
    group.reasons = [...new Set([...group.reasons, ...(joined?.reasons ?? []), ...pair.reasons])];
    all.add(group);
    if (joined) {
      all.delete(joined);
    }
  }
  return [...all];
}
