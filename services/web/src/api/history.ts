/** One thing that happened to a record, of whatever kind. */
export interface HistoryItem {
  version: string;
  /** Name of the event without its package, such as "DealMoved". */
  type: string;
  at?: string | undefined;
  effectiveAt?: string | undefined;
  userId: string;
  cause: string;
  changes: { field: string; before?: unknown; after?: unknown }[];
}

interface WireHistory {
  entries?: {
    version?: number | string;
    type?: string;
    happenTime?: string;
    effectiveTime?: string;
    userId?: string;
    cause?: string;
    changes?: { field?: string; oldValue?: unknown; newValue?: unknown }[];
  }[];
  nextPageToken?: string;
}

/** A page of history; all services answer alike. */
export function historyOf(page: WireHistory): { items: HistoryItem[]; next: string } {
  const items = (page.entries ?? []).map((entry): HistoryItem => ({
    version: String(entry.version ?? ""),
    type: entry.type?.split(".").pop() ?? "",
    at: entry.happenTime,
    effectiveAt: entry.effectiveTime,
    userId: entry.userId ?? "",
    cause: entry.cause ?? "",
    changes: (entry.changes ?? []).map((change) => ({
      field: change.field ?? "",
      before: change.oldValue,
      after: change.newValue,
    })),
  }));
  return { items, next: page.nextPageToken ?? "" };
}
