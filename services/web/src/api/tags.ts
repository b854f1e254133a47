import { queryOptions } from "@tanstack/react-query";
import { api, call } from "./client";

const TAG_PATHS = {
  contact: "/v1/contacts:tags",
  company: "/v1/companies:tags",
  lead: "/v1/leads:tags",
} as const;

/** Whether records of a kind have tags. */
export function hasTags(kind: string): boolean {
  return kind in TAG_PATHS;
}

/** Whether records of a kind say by which channels nobody must be contacted. */
export function hasChannels(kind: string): boolean {
  return ["contact", "company", "lead"].includes(kind);
}

/** Tags in use that begin so. */
export const tagsOptions = (kind: string, beginning = "") =>
  queryOptions({
    queryKey: [kind, "tags", beginning],
    queryFn: async ({ signal }) => {
      const path = TAG_PATHS[kind as keyof typeof TAG_PATHS];
      const answer = await call(api.GET(path, { params: { query: { beginning, pageSize: 100 } }, signal }));
      return answer.tags ?? [];
    },
    enabled: hasTags(kind),
    staleTime: 30_000,
    placeholderData: (previous) => previous,
  });
