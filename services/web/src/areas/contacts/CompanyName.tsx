import { queryOptions, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { anyOf } from "../../parts/filters";
import { companies } from "./queries";

// Names are asked for together: what is wanted within a moment goes into one request.
let wanted = new Map<string, (name: string) => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

function nameOf(id: string): Promise<string> {
  return new Promise((resolve) => {
    wanted.set(id, resolve);
    timer ??= setTimeout(() => {
      const batch = wanted;
      wanted = new Map();
      timer = undefined;
      void readNames(batch);
    }, 15);
  });
}

const BATCH = 60;

async function readNames(batch: Map<string, (name: string) => void>): Promise<void> {
  const ids = [...batch.keys()];
  for (let i = 0; i < ids.length; i += BATCH) {
    const some = ids.slice(i, i + BATCH);
    const page = await companies
      .list({ filter: anyOf("id", some), pageSize: BATCH })
      .catch(() => ({ items: [] }));
    const names = new Map(page.items.map((company) => [company.id, company.name]));
    some.forEach((id) => batch.get(id)?.(names.get(id) ?? ""));
  }
}

const nameOptions = (id: string) =>
  queryOptions({
    queryKey: ["company", "name", id],
    queryFn: () => nameOf(id),
    staleTime: 60_000,
    enabled: id !== "",
  });

/** The name of a company by its ID. */
export function CompanyName({ id, link }: { id: string; link?: boolean }) {
  const { data } = useQuery(nameOptions(id));
  if (!id || data === undefined) {
    return null;
  }
  return link ? (
    <Link to="/companies/$id" params={{ id }}>
      {data || "…"}
    </Link>
  ) : (
    <>{data}</>
  );
}
