/** Where the lists and cards of records are, by kind. */
export const LISTS: Record<string, string> = {
  deal: "/deals",
  company: "/companies",
  contact: "/contacts",
  lead: "/leads",
  product: "/products",
};

/** The way to the rows behind a number: the list of their kind, all of it, with the number's filter (REP-5). */
export function rowsBehind(
  drill: { kind: string; filter: string } | undefined,
): { to: string; search: never } | undefined {
  const to = drill && LISTS[drill.kind];
  return to
    ? {
        to,
        search: { view: drill.kind === "lead" ? "all" : "list", where: drill.filter || undefined } as never,
      }
    : undefined;
}
