import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
  type InfiniteData,
  type QueryClient,
} from "@tanstack/react-query";
import { useRef } from "react";
import { ApiError } from "./errors";
import type { HistoryItem } from "./history";

/** What every record has. */
export interface Record_ {
  id: string;
  etag: string;
}

/** One page of a list, with the names of what its records refer to where the server sends them. */
export interface Page<T> {
  items: T[];
  next: string;
  names: Record<string, string>;
}

/** Which records, in which order. */
export interface Query {
  filter?: string;
  orderBy?: string;
  showDeleted?: boolean;
}

/** How the client reaches one kind of record. */
export interface Access<T extends Record_> {
  kind: string;
  list(query: Query & { pageSize: number; pageToken?: string }, signal?: AbortSignal): Promise<Page<T>>;
  count(query: Query, signal?: AbortSignal): Promise<{ count: number; more: boolean }>;
  get(id: string, signal?: AbortSignal): Promise<T>;
  /** A call repeated with the same key makes one record. */
  create(record: Partial<T>, key?: string): Promise<T>;
  update(id: string, patch: Partial<T>, mask: string): Promise<T>;
  remove(id: string, etag: string): Promise<unknown>;
  restore(id: string): Promise<unknown>;
  history?(id: string, pageToken: string): Promise<{ items: HistoryItem[]; next: string }>;
}

/** Rows read per request. */
export const PAGE_SIZE = 100;

/** The keys under which answers are kept, so that a change told by the server finds them. */
export const keys = {
  lists: (kind: string) => [kind, "list"] as const,
  list: (kind: string, query: Query) => [kind, "list", query] as const,
  counts: (kind: string) => [kind, "count"] as const,
  count: (kind: string, query: Query) => [kind, "count", query] as const,
  one: (kind: string, id: string) => [kind, "one", id] as const,
  history: (kind: string, id: string) => [kind, "history", id] as const,
};

/** Query options of one kind of record, made from its access. */
export function resource<T extends Record_>(access: Access<T>) {
  return {
    ...access,
    listOptions: (query: Query) =>
      infiniteQueryOptions({
        queryKey: keys.list(access.kind, query),
        queryFn: ({ pageParam, signal }) =>
          access.list(
            { ...query, pageSize: PAGE_SIZE, ...(pageParam ? { pageToken: pageParam } : {}) },
            signal,
          ),
        initialPageParam: "",
        getNextPageParam: (page) => page.next || undefined,
        placeholderData: (previous) => previous,
      }),
    /** A short list in one page, such as the contacts of a company. */
    fewOptions: (query: Query, pageSize = 50) =>
      queryOptions({
        queryKey: [...keys.list(access.kind, query), "few", pageSize] as const,
        queryFn: ({ signal }) => access.list({ ...query, pageSize }, signal),
      }),
    countOptions: (query: Query) =>
      queryOptions({
        queryKey: keys.count(access.kind, query),
        queryFn: ({ signal }) => access.count(query, signal),
        placeholderData: (previous) => previous,
      }),
    oneOptions: (id: string) =>
      queryOptions({
        queryKey: keys.one(access.kind, id),
        queryFn: ({ signal }) => access.get(id, signal),
      }),
    historyOptions: (id: string) =>
      infiniteQueryOptions({
        queryKey: keys.history(access.kind, id),
        queryFn: ({ pageParam }) =>
          access.history?.(id, pageParam) ?? Promise.resolve({ items: [], next: "" }),
        initialPageParam: "",
        getNextPageParam: (page) => page.next || undefined,
      }),
  };
}

export type Resource<T extends Record_> = ReturnType<typeof resource<T>>;

type ListData<T> = InfiniteData<Page<T>> | Page<T>;

function mapPages<T>(data: ListData<T>, fn: (items: T[]) => T[]): ListData<T> {
  if ("pages" in data) {
    return { ...data, pages: data.pages.map((page) => ({ ...page, items: fn(page.items) })) };
  }
  return { ...data, items: fn(data.items) };
}

/** Puts a record as now known into every answer that holds it. Tells whether a list held it. */
export function putRecord<T extends Record_>(client: QueryClient, kind: string, record: T): boolean {
  client.setQueryData(keys.one(kind, record.id), record);
  let found = false;
  client.setQueriesData<ListData<T>>({ queryKey: keys.lists(kind) }, (data) =>
    data
      ? mapPages(data, (items) => {
          if (!items.some((item) => item.id === record.id)) {
            return items;
          }
          found = true;
          return items.map((item) => (item.id === record.id ? record : item));
        })
      : data,
  );
  return found;
}

/** Takes a record out of every list. */
export function dropRecord(client: QueryClient, kind: string, id: string): void {
  client.setQueriesData<ListData<Record_>>({ queryKey: keys.lists(kind) }, (data) =>
    data
      ? mapPages(data, (items) => (items.some((i) => i.id === id) ? items.filter((i) => i.id !== id) : items))
      : data,
  );
}

/** The mask of a patch, in the names of the contract. */
export function maskOf(patch: object): string {
  return Object.keys(patch)
    .map((key) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`))
    .join(",");
}

/**
 * Changes fields of a record: shown at once, put back when refused. The etag guards only fields that were read
 * before; it is the caller who decides by passing the record as shown.
 */
export function useUpdate<T extends Record_>(res: Resource<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ record, patch }: { record: T; patch: Partial<T> }) =>
      res.update(record.id, { ...patch, etag: record.etag }, maskOf(patch)),
    onMutate: ({ record, patch }) => {
      putRecord(client, res.kind, { ...record, ...patch });
    },
    onSuccess: (record) => {
      putRecord(client, res.kind, record);
      void client.invalidateQueries({ queryKey: keys.history(res.kind, record.id) });
    },
    onError: (_error, { record }) => {
      putRecord(client, res.kind, record);
      void client.invalidateQueries({ queryKey: keys.one(res.kind, record.id) });
    },
  });
}

/** Makes a record; lists and counts are read again. */
export function useCreate<T extends Record_>(res: Resource<T>) {
  const client = useQueryClient();
  // The same key until it has worked, so that trying again after a broken connection makes no second record.
  const key = useRef(crypto.randomUUID());
  return useMutation({
    mutationFn: (record: Partial<T>) => res.create(record, key.current),
    onError: (error) => {
      if (error instanceof ApiError && !error.transient) {
        key.current = crypto.randomUUID();
      }
    },
    onSuccess: (record) => {
      key.current = crypto.randomUUID();
      client.setQueryData(keys.one(res.kind, record.id), record);
      void client.invalidateQueries({ queryKey: keys.lists(res.kind) });
      void client.invalidateQueries({ queryKey: keys.counts(res.kind) });
    },
  });
}

/** Puts a record into the bin; it leaves the lists at once. */
export function useRemove<T extends Record_>(res: Resource<T>) {
  const client = useQueryClient();
  const refresh = (): void => {
    void client.invalidateQueries({ queryKey: keys.lists(res.kind) });
    void client.invalidateQueries({ queryKey: keys.counts(res.kind) });
  };
  return {
    remove: useMutation({
      mutationFn: (record: T) => res.remove(record.id, record.etag),
      onMutate: (record) => dropRecord(client, res.kind, record.id),
      onSettled: refresh,
    }),
    restore: useMutation({ mutationFn: (id: string) => res.restore(id), onSettled: refresh }),
  };
}
