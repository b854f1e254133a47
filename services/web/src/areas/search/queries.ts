import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, call } from "../../api/client";

/** A part of a text, in characters (code points). */
export interface Range {
  start: number;
  end: number;
}

/** Where in a record the search has hit. */
export interface Match {
  field: string;
  snippet: string;
  ranges: Range[];
}

/** A record that was found. */
export interface Hit {
  kind: string;
  id: string;
  title: string;
  subtitle: string;
  matches: Match[];
  doNotContact?: string[];
}

/** What was found, best first, and the parts of the suite that had no time to say. */
export interface Found {
  hits: Hit[];
  incomplete: string[];
}

const leastLetters = 2;
/** How often, and after how many milliseconds, a part that had no time is asked again. */
const again = { times: 3, after: 500 };

/** Whether it is worth to search for what is typed. */
export function searchable(text: string): boolean {
  return [...text].length >= leastLetters;
}

/** The search of the whole suite: suggestions at once, or a page of results that waits for every part of it. */
export function searchOptions(text: string, ask: { pageSize: number; patient?: boolean }) {
  const q = [...text].slice(0, 200).join("");
  return queryOptions({
    queryKey: ["search", q, ask],
    enabled: searchable(q),
    staleTime: 10_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }): Promise<Found> => {
      const found = await call(api.GET("/v1/search", { params: { query: { q, ...ask } }, signal }));
      return {
        incomplete: found.incomplete ?? [],
        hits: (found.hits ?? []).map((hit) => ({
          kind: hit.kind ?? "",
          id: hit.id ?? "",
          title: hit.title ?? "",
          subtitle: hit.subtitle ?? "",
          matches: (hit.matches ?? []).map((match) => ({
            field: match.field ?? "",
            snippet: match.snippet ?? "",
            ranges: (match.ranges ?? []).map((r) => ({ start: r.start ?? 0, end: r.end ?? 0 })),
          })),
        })),
      };
    },
    refetchInterval: (query) =>
      query.state.data?.incomplete.length && query.state.dataUpdateCount <= again.times ? again.after : false,
  });
}
