import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useUserNames } from "../../api/directory";
import type { CivilDate, Money } from "../../api/model";
import type { HistoryItem } from "../../api/history";
import type { Record_, Resource } from "../../api/resource";
import { t, tIfAny } from "../../i18n";
import { formatCivil, formatInstant, formatMoney } from "../format";
import { Empty, ErrorNote, SkeletonRows } from "../notes";
import { When } from "../When";
import classes from "./timeline.module.css";

interface Props<T extends Record_> {
  resource: Resource<T>;
  id: string;
  /** Names of IDs that stand in the changes, such as stages and companies. */
  nameOf?: (id: string) => string | undefined;
}

/** All that happened to a record, newest first. */
export function Timeline<T extends Record_>({ resource, id, nameOf }: Props<T>) {
  const history = useInfiniteQuery(resource.historyOptions(id));
  const users = useUserNames();
  const name = (value: string): string | undefined => users.get(value)?.name ?? nameOf?.(value);
  if (history.error) {
    return <ErrorNote error={history.error} retry={() => void history.refetch()} />;
  }
  if (history.isPending) {
    return <SkeletonRows count={6} />;
  }
  const items = history.data.pages.flatMap((page) => page.items);
  if (items.length === 0) {
    return <Empty title={t("timeline.empty")} />;
  }
  return (
    <>
      <ol className={classes["timeline"]}>
        {items.map((item) => (
          <li key={`${item.version}-${item.type}`} data-type={toneOf(item.type)}>
            <div className={classes["head"]}>
              <span>
                <b>{verb(item, name)}</b>
                <span className="muted"> · {whoDid(item, users.get(item.userId)?.name)}</span>
              </span>
              <span className="muted">
                <When at={item.at} />
              </span>
            </div>
            {item.effectiveAt && item.effectiveAt !== item.at && (
              <div className="muted">{t("timeline.effective", { at: formatInstant(item.effectiveAt) })}</div>
            )}
            <Changes item={item} name={name} />
          </li>
        ))}
      </ol>
      {history.hasNextPage && (
        <Button
          variant="default"
          size="compact-xs"
          loading={history.isFetchingNextPage}
          onClick={() => void history.fetchNextPage()}
        >
          {t("list.more")}
        </Button>
      )}
    </>
  );
}

function toneOf(type: string): string | undefined {
  if (/Won|Converted/.test(type)) {
    return "good";
  }
  return /Lost|Deleted/.test(type) ? "bad" : undefined;
}

/** Where a record stands on its way: a change of it is what happened. */
const PLACES = new Set(["stage_id", "status_id"]);

function verb(item: HistoryItem, name: (id: string) => string | undefined): ReactNode {
  const place = item.changes.find((change) => PLACES.has(change.field));
  if (place && !/Created/.test(item.type)) {
    const to = name(String(place.after)) ?? "…";
    const from = name(String(place.before));
    return from ? `${from} → ${to}` : to;
  }
  const action =
    /(Created|Updated|Deleted|Undeleted|Converted|Won|Lost|Moved|Reopened|Touched|Overdue|HandedOver)/.exec(
      item.type,
    )?.[1] ?? item.type;
  const changes = told(item);
  if (action === "Updated" && changes.length > 0) {
    const labels = [...new Set(changes.map((change) => fieldLabel(change.field)))];
    return labels.length > 3
      ? t("timeline.changedMany", { count: labels.length })
      : t("timeline.changed", { fields: labels.join(", ") });
  }
  return tIfAny(`timeline.${action}`, action);
}

function whoDid(item: HistoryItem, user: string | undefined): string {
  const by = user ?? (item.userId ? t("timeline.someone") : t("timeline.system"));
  if (item.cause.startsWith("import")) {
    return t("timeline.byImport", { by });
  }
  if (item.cause.startsWith("lead")) {
    return t("timeline.byLead", { by });
  }
  return by;
}

function fieldLabel(field: string): string {
  const camel = field.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());
  return tIfAny(
    `fieldName.${camel}`,
    camel
      .replace(/Id$/, "")
      .replace(/([A-Z])/g, " $1")
      .toLowerCase(),
  );
}

// What goes without saying, or is said by the event's name.
const DERIVED = new Set([
  ...PLACES,
  "amount_source",
  "base_amount",
  "base_amount_date",
  "close_time",
  "conversion",
  "delete_time",
  "overdue_since",
  "probability_by_hand",
  "stage_enter_time",
  "state",
  "touch_time",
]);

function told(item: HistoryItem): HistoryItem["changes"] {
  return item.changes.filter((change) => !DERIVED.has(change.field));
}

function Changes({ item, name }: { item: HistoryItem; name: (id: string) => string | undefined }) {
  const rows = told(item)
    .filter((change) => change.field !== "lines")
    .map((change) => ({
      field: change.field,
      before: showValue(change.before, name),
      after: showValue(change.after, name),
    }))
    .filter((change) => change.before !== change.after);
  if (rows.length === 0 || /Created/.test(item.type)) {
    return null;
  }
  return (
    <ul className={classes["changes"]}>
      {rows.map((row) => (
        <li key={row.field}>
          <span className="muted">{fieldLabel(row.field)}:</span>{" "}
          {row.before && (
            <>
              <del>{row.before}</del> →{" "}
            </>
          )}
          {row.after || <span className="muted">{t("timeline.nothing")}</span>}
        </li>
      ))}
    </ul>
  );
}

/** A value of a change in words. */
export function showValue(value: unknown, name: (id: string) => string | undefined): string {
  if (value === null || value === undefined || value === "") {
    return "";
  }
  if (typeof value === "string") {
    return name(value) ?? (/^\d{4}-\d\d-\d\dT/.test(value) ? formatInstant(value) : value);
  }
  if (typeof value === "boolean") {
    return value ? t("common.yes") : t("common.no");
  }
  if (Array.isArray(value)) {
    return value.map((part) => showValue(part, name)).join(", ");
  }
  if (typeof value === "object") {
    const record = value as Record<string, unknown>;
    if ("currencyCode" in record) {
      return formatMoney(record as unknown as Money);
    }
    if ("month" in record && "day" in record) {
      return formatCivil(record as unknown as CivilDate);
    }
    const text =
      record["number"] ??
      record["address"] ??
      record["value"] ??
      record["name"] ??
      record["city"] ??
      record["companyId"];
    return showValue(
      text ??
        Object.values(record)
          .filter((part) => typeof part === "string")
          .join(" "),
      name,
    );
  }
  return String(value);
}
