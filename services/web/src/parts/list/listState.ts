import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

/** What stands in the address bar of a list: filters by name, `q` for the text, `sort` for the order. */
export type ListSearch = Record<string, string | undefined>;

/** The state of a list, kept in the address bar so that back, reload and links work. */
export function useListState() {
  const search = useSearch({ strict: false }) as ListSearch;
  const navigate = useNavigate();
  const set = useCallback(
    (patch: ListSearch, push = false) =>
      void navigate({
        to: ".",
        search: ((before: ListSearch) => prune({ ...before, ...patch })) as never,
        replace: !push,
      }),
    [navigate],
  );
  return useMemo(() => ({ search, set }), [search, set]);
}

function prune(search: ListSearch): ListSearch {
  return Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined && value !== ""),
  );
}
