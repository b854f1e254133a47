import { makeData, type Row } from "./data";
import { runReport } from "./reports";

interface Answer {
  status: number;
  json: unknown;
}

interface FakeEvent {
  id: string;
  type: string;
  kind: string;
  recordId: string;
  version: string;
  time: string;
  actor: string;
}

const KINDS: Record<string, { kind: string; one: string; many: string }> = {
  deals: { kind: "deal", one: "deal", many: "deals" },
  companies: { kind: "company", one: "company", many: "companies" },
  contacts: { kind: "contact", one: "contact", many: "contacts" },
  leads: { kind: "lead", one: "lead", many: "leads" },
  products: { kind: "product", one: "product", many: "products" },
  sections: { kind: "section", one: "section", many: "sections" },
  priceTypes: { kind: "priceType", one: "priceType", many: "priceTypes" },
  pipelines: { kind: "pipeline", one: "pipeline", many: "pipelines" },
  users: { kind: "user", one: "user", many: "users" },
  departments: { kind: "department", one: "department", many: "departments" },
  roles: { kind: "role", one: "role", many: "roles" },
  leadStatuses: { kind: "leadStatus", one: "leadStatus", many: "leadStatuses" },
};

/** A stand-in for the suite that knows as much of the contract as the screens need. */
export class FakeServer {
  readonly data = makeData();
  #events = 1;
  #watchers = new Set<(event: FakeEvent) => void>();

  watch(fn: (event: FakeEvent) => void): () => void {
    this.#watchers.add(fn);
    return () => this.#watchers.delete(fn);
  }

  tell(kind: string, type: string, row: Row): void {
    const event = {
      id: `${Date.now()}-${this.#events++}`,
      type: `kontor.x.v1.${type}`,
      kind,
      recordId: String(row["id"]),
      version: String(row["etag"]).slice(1),
      time: new Date().toISOString(),
      actor: "u1",
    };
    this.#watchers.forEach((fn) => fn(event));
  }

  handle(method: string, url: URL, body: Record<string, unknown>): Answer {
    const path = url.pathname.slice(4);
    const query = url.searchParams;
    if (path.startsWith("sessions")) {
      if (path === "sessions" && method === "GET") {
        return ok({
          sessions: [
            {
              id: "s1",
              userAgent: "Chrome/120 Linux",
              address: "127.0.0.1",
              createTime: ago(3600),
              lastUseTime: ago(20),
              current: true,
            },
          ],
        });
      }
      if (path === "sessions" && body["password"] === "wrong") {
        return problem(401, "SIGN_IN_REFUSED", "e-mail address or password is wrong");
      }
      return ok({ accessToken: "fake", expireTime: new Date(Date.now() + 600_000).toISOString() });
    }
    if (path === "me") {
      return ok(this.data.me);
    }
    if (path === "settings") {
      return ok({ settings: this.data.me["settings"] });
    }
    if (path === "reports") {
      return ok({ reports: this.data.reports });
    }
    if (path.startsWith("reports/")) {
      return ok({ report: runReport(this.data, path.slice(8).replace(":run", "")) });
    }
    if (path === "deals:board") {
      return ok(this.#board(query));
    }
    if (path === "leads:untouched") {
      return ok({ untouched: 7, overdue: 2 });
    }
    if (path === "products:search") {
      const text = (query.get("query") ?? "").toLowerCase();
      const hits =
        this.data.rows["products"]?.filter((p) => String(p["name"]).toLowerCase().includes(text)) ?? [];
      return ok({
        hits: hits.map((p) => ({
          product: { ...p, listPrice: (p["prices"] as { price: object }[])[0]?.price },
        })),
      });
    }
    if (
      path === "exchangeRates" ||
      path === "currencies" ||
      path === "apiKeys" ||
      path === "serviceAccounts"
    ) {
      return ok({});
    }
    const match = /^(\w+)(?:\/([^:]+))?(?::(\w+))?$/.exec(path);
    const known = match && KINDS[match[1] ?? ""];
    const rows = match && this.data.rows[match[1] ?? ""];
    if (!match || !known || !rows) {
      return problem(404, "ROUTE_NOT_FOUND", `no such path: ${path}`);
    }
    const [, , id, verb] = match;
    return id
      ? this.#one(method, known, rows, id, verb, body)
      : this.#all(method, known, rows, verb, query, body);
  }

  #all(
    method: string,
    known: { kind: string; one: string; many: string },
    rows: Row[],
    verb: string | undefined,
    query: URLSearchParams,
    body: Row,
  ): Answer {
    const found = select(rows, query.get("filter") ?? "", this.data.me["user"] as Row);
    if (verb === "count") {
      return ok({ count: found.length, more: false });
    }
    if (method === "POST") {
      const first = this.data.rows["pipelines"]?.[0]?.["stages"] as Row[] | undefined;
      const row: Row = {
        ...this.data.blank(known.kind),
        ...(known.kind === "deal"
          ? { stageId: first?.[0]?.["id"], stageEnterTime: new Date().toISOString() }
          : {}),
        ...body,
        id: crypto.randomUUID(),
        etag: "v1",
        createTime: new Date().toISOString(),
        updateTime: new Date().toISOString(),
      };
      rows.unshift(row);
      this.tell(known.kind, "Created", row);
      return ok({ [known.one]: row });
    }
    const sorted = order(found, query.get("orderBy") ?? "");
    const size = Number(query.get("pageSize") ?? 50);
    const from = Number(query.get("pageToken") ?? 0);
    const page = sorted.slice(from, from + size);
    return ok({
      [known.many]: page,
      nextPageToken: from + size < sorted.length ? String(from + size) : "",
      names: this.data.names,
    });
  }

  #one(
    method: string,
    known: { kind: string; one: string },
    rows: Row[],
    id: string,
    verb: string | undefined,
    body: Row,
  ): Answer {
    const row = rows.find((r) => r["id"] === id);
    if (!row) {
      return problem(404, `${known.kind.toUpperCase()}_NOT_FOUND`, `${known.kind} not found`);
    }
    if (verb === "history") {
      return ok({ entries: this.data.history(row) });
    }
    if (verb === "stageChanges") {
      return ok({
        stays: [{ stageId: row["stageId"], enterTime: row["stageEnterTime"], duration: "432000s" }],
      });
    }
    if (verb === "previewConversion") {
      const company = this.data.rows["companies"]?.[0];
      return ok({
        contact: { name: `${String(row["firstName"])} ${String(row["lastName"])}` },
        company: { name: row["companyName"] },
        candidates: [
          {
            record: { kind: "company", id: company?.["id"] },
            name: company?.["name"],
            reasons: ["MATCH_REASON_NAME"],
          },
        ],
      });
    }
    if (method === "GET") {
      return ok({ [known.one]: row });
    }
    const version = Number(String(row["etag"]).slice(1)) + 1;
    if (method === "DELETE") {
      rows.splice(rows.indexOf(row), 1);
      this.tell(known.kind, "Deleted", row);
      return ok({ [known.one]: row });
    }
    if (verb && ["move", "win", "lose", "reopen"].includes(verb) && known.kind === "deal") {
      if (String(row["name"]).includes("refuse")) {
        return problem(409, "STAGE_NOT_FOUND", "this deal cannot be moved");
      }
      const state =
        verb === "win" ? "DEAL_STATE_WON" : verb === "lose" ? "DEAL_STATE_LOST" : "DEAL_STATE_OPEN";
      Object.assign(row, {
        stageId: body["stageId"] ?? row["stageId"],
        state,
        stageEnterTime: new Date().toISOString(),
      });
    } else if (verb === "convert") {
      Object.assign(row, {
        conversion: {
          contactId: this.data.rows["contacts"]?.[0]?.["id"],
          dealState: "DEAL_STATE_DONE",
          convertTime: new Date().toISOString(),
        },
      });
    } else {
      Object.assign(row, body);
    }
    Object.assign(row, { etag: `v${version}`, updateTime: new Date().toISOString() });
    this.tell(known.kind, "Updated", row);
    return ok({ [known.one]: row });
  }

  #board(query: URLSearchParams): unknown {
    const pipeline = this.data.rows["pipelines"]?.[0] as Row & { stages: Row[] };
    const deals = select(
      this.data.rows["deals"] ?? [],
      query.get("filter") ?? "",
      this.data.me["user"] as Row,
    );
    const size = Number(query.get("pageSize") ?? 25);
    const from = Number(query.get("pageToken") ?? 0);
    const key = query.get("columnKey");
    const columns = pipeline.stages
      .filter((stage) => !key || stage["id"] === key)
      .map((stage) => {
        const all = order(
          deals.filter((deal) => deal["stageId"] === stage["id"]),
          "stage_enter_time desc",
        );
        const total = all.reduce(
          (sum, deal) => sum + Number((deal["amount"] as { amount: string }).amount),
          0,
        );
        return {
          key: stage["id"],
          title: stage["name"],
          stage,
          count: String(all.length),
          totals: [{ currencyCode: "EUR", amount: total.toFixed(2) }],
          baseTotal: { currencyCode: "EUR", amount: total.toFixed(2) },
          unratedCount: "0",
          cards: all.slice(from, from + size).map((deal) => this.data.card(deal)),
          nextPageToken: from + size < all.length ? String(from + size) : "",
        };
      });
    return { columns, pipelineId: pipeline["id"] };
  }
}

function ok(json: unknown): Answer {
  return { status: 200, json };
}

function problem(status: number, reason: string, detail: string): Answer {
  return { status, json: { status, reason, detail, title: reason, fields: [] } };
}

function ago(seconds: number): string {
  return new Date(Date.now() - seconds * 1000).toISOString();
}

function camel(field: string): string {
  return field.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());
}

// As much of AIP-160 as our screens write: conditions joined by AND, alternatives in brackets.
function select(rows: Row[], filter: string, me: Row): Row[] {
  if (!filter.trim()) {
    return rows;
  }
  const conditions = filter.match(/\([^)]*\)|[^()\s]+\s*(?:>=|<=|!=|[=:])\s*(?:"[^"]*"|\S+)/g) ?? [];
  return rows.filter((row) =>
    conditions.every((condition) =>
      condition
        .replace(/^\(|\)$/g, "")
        .split(" OR ")
        .some((part) => holds(row, part, me)),
    ),
  );
}

function holds(row: Row, condition: string, me: Row): boolean {
  const match = /^\s*([\w.]+)\s*(>=|<=|!=|[=:])\s*"?([^"]*)"?\s*$/.exec(condition);
  if (!match) {
    return true;
  }
  const [, field = "", sign, wanted = ""] = match;
  if (field === "overdue") {
    return row["overdue"] === true;
  }
  const raw =
    field === "state"
      ? String(row["state"]).replace("DEAL_STATE_", "")
      : field === "company_id" && row["employments"]
        ? (row["employments"] as Row[])[0]?.["companyId"]
        : field === "name" && !row["name"]
          ? `${String(row["firstName"])} ${String(row["lastName"])}`
          : row[camel(field)];
  const value = raw && typeof raw === "object" ? iso(raw as Row) : String(raw ?? "");
  const want = wanted === "me" ? String(me["id"]) : wanted;
  switch (sign) {
    case ":":
      return value.toLowerCase().includes(want.toLowerCase());
    case ">=":
      return value !== "" && value >= want;
    case "<=":
      return value !== "" && value <= want;
    case "!=":
      return value !== want;
    default:
      return value === want;
  }
}

function iso(date: Row): string {
  return "year" in date
    ? `${String(date["year"])}-${String(date["month"]).padStart(2, "0")}-${String(date["day"]).padStart(2, "0")}`
    : String(date["amount"] ?? "");
}

function order(rows: Row[], orderBy: string): Row[] {
  const [field = "", direction] = orderBy.split(" ");
  if (!field) {
    return rows;
  }
  const value = (row: Row): string | number => {
    const raw = field === "base_amount" ? row["amount"] : row[camel(field)];
    return raw && typeof raw === "object"
      ? "amount" in raw
        ? Number(raw.amount)
        : iso(raw as Row)
      : typeof raw === "number"
        ? raw
        : String(raw ?? "");
  };
  const sorted = rows.toSorted((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
  return direction === "desc" ? sorted.toReversed() : sorted;
}
