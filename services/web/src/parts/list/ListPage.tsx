import { ActionIcon, Button, Checkbox, Popover, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from "react";
import { useCustomFields } from "../../api/customFields";
import { useMe, type Me } from "../../api/directory";
import type { Record_, Resource } from "../../api/resource";
import { t } from "../../i18n";
import { customFilter, customFilters } from "../customFields";
import { allOf } from "../filters";
import { formatNumber } from "../format";
import { IconColumns, IconPlus, IconSearch } from "../icons";
import { ErrorNote } from "../notes";
import { useShortcuts } from "../shortcuts";
import { useColumnChoice, type Column } from "./columns";
import { customColumns } from "./customColumns";
import { FilterBar, type FilterDef } from "./FilterBar";
import { useListState, type ListSearch } from "./listState";
import { RecordList } from "./RecordList";
import classes from "./list.module.css";

/** What makes one list differ from another. */
export interface ListConfig<T extends Record_> {
  resource: Resource<T>;
  title: string;
  /** Route of the list, such as "/companies"; a card is at "{path}/$id". */
  path: string;
  columns: (names: Record<string, string>) => Column<T>[];
  filters: FilterDef[];
  /** The filter for the server, from what is in the address bar. */
  toFilter: (values: ListSearch, me: Me) => string;
  defaultSort: string;
  /** What the count counts beside the filter, such as the pipeline of a board. */
  alsoCounted?: string;
  /** Buttons before "New". */
  actions?: ReactNode;
  /** Chips before the filters, such as a switch of views. */
  views?: ReactNode;
  /** Shown in place of the table, such as a board. */
  body?: (filter: string) => ReactNode;
  newLabel?: string | undefined;
  onNew?: (() => void) | undefined;
  empty: ReactNode;
  rowTone?: (item: T) => "bad" | "dim" | undefined;
  bulk?: (selected: Set<string>, items: T[], clear: () => void) => ReactNode;
}

const NOTHING: Set<string> = new Set();

interface Order {
  ids: string[];
  path: string;
}

const OrderContext = createContext<Order>({ ids: [], path: "" });

/** The records of the list behind an open card, for next and previous. */
export function useListOrder(): Order {
  return useContext(OrderContext);
}

/** A list with its head, filters and the card that is opened beside it. */
export function ListPage<T extends Record_>(config: ListConfig<T>) {
  const { resource, path } = config;
  const me = useMe();
  const { search, set } = useListState();
  const params = useParams({ strict: false }) as { id?: string };
  const full = params.id !== undefined && search["full"] !== undefined;

  const fields = useCustomFields(resource.kind);
  const defs = useMemo(() => [...config.filters, ...customFilters(fields)], [config.filters, fields]);
  const filter = allOf(config.toFilter(search, me), customFilter(fields, search, me.user.id));
  const sort = search["sort"] ?? config.defaultSort;
  const query = useInfiniteQuery({
    ...resource.listOptions({ filter, orderBy: sort }),
    enabled: !config.body,
  });
  const count = useQuery(resource.countOptions({ filter: allOf(config.alsoCounted, filter) }));
  const pages = query.data?.pages;
  const items = useMemo(() => pages?.flatMap((page) => page.items) ?? [], [pages]);
  const names = useMemo(
    () => Object.assign({}, ...(pages?.map((page) => page.names) ?? [])) as Record<string, string>,
    [pages],
  );
  const makeColumns = config.columns;
  const all = useMemo(
    () => [...makeColumns(names), ...customColumns<T>(fields)],
    [makeColumns, names, fields],
  );
  const choice = useColumnChoice(resource.kind, all);
  // What is ticked belongs to one filter; another one begins with nothing ticked.
  const [ticked, setTicked] = useState<{ filter: string; ids: Set<string> }>({ filter, ids: new Set() });
  const selected = ticked.filter === filter ? ticked.ids : NOTHING;
  const setSelected = (ids: Set<string>): void => setTicked({ filter, ids });

  const { fetchNextPage, isFetchingNextPage } = query;
  const onMore = useCallback(() => {
    if (!isFetchingNextPage) {
      void fetchNextPage();
    }
  }, [fetchNextPage, isFetchingNextPage]);
  useShortcuts(config.onNew ? { n: config.onNew } : {});
  const order = useMemo(() => ({ ids: items.map((item) => item.id), path }), [items, path]);

  return (
    <OrderContext value={order}>
      <div className={classes["page"]}>
        <section className={classes["main"]} data-hidden={full || undefined} aria-label={config.title}>
          <div className={classes["top"]}>
            <h1>{config.title}</h1>
            <span className={classes["count"]} aria-live="polite">
              {count.data &&
                (count.data.more
                  ? t("list.moreThan", { number: formatNumber(count.data.count) })
                  : formatNumber(count.data.count))}
            </span>
            {config.views}
            <FilterBar defs={defs} values={search} onChange={(patch) => set(patch)} />
            <SearchBox value={search["q"] ?? ""} onChange={(q) => set({ q: q || undefined })} />
            {!config.body && <ColumnsMenu columns={all} isOn={choice.isOn} toggle={choice.toggle} />}
            {config.actions}
            {config.onNew && (
              <Button className={classes["new"] ?? ""} onClick={config.onNew} px={10}>
                <IconPlus size={14} />
                <span className={classes["newText"]}>{config.newLabel ?? t("list.new")}</span>
              </Button>
            )}
          </div>
          {config.bulk && selected.size > 0 && (
            <div className={classes["bulk"]} role="group" aria-label={t("list.bulk")}>
              <span>{t("list.selected", { count: selected.size })}</span>
              <span className={classes["spacer"]} />
              {config.bulk(selected, items, () => setSelected(new Set()))}
              <Button size="compact-xs" variant="subtle" onClick={() => setSelected(new Set())}>
                {t("list.clearSelection")}
              </Button>
            </div>
          )}
          {query.error && (
            <div style={{ padding: "0 12px 8px" }}>
              <ErrorNote error={query.error} retry={() => void query.refetch()} />
            </div>
          )}
          {config.body ? (
            config.body(filter)
          ) : (
            <RecordList
              label={config.title}
              items={items}
              columns={choice.shown}
              loading={query.isPending && !query.error}
              more={query.hasNextPage}
              onMore={onMore}
              sort={sort}
              onSort={(next) => set({ sort: next === config.defaultSort ? undefined : next })}
              openId={params.id}
              {...(config.bulk ? { selected, onSelect: setSelected } : {})}
              {...(config.rowTone ? { rowTone: config.rowTone } : {})}
              empty={query.error ? null : config.empty}
              link={(item, content) => (
                <Link
                  to={`${path}/$id` as string}
                  params={{ id: item.id } as never}
                  search={((before: ListSearch) => before) as never}
                  preload={false}
                >
                  {content}
                </Link>
              )}
            />
          )}
        </section>
        <Outlet />
      </div>
    </OrderContext>
  );
}

function SearchBox({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  const later = useDebouncedCallback(onChange, 220);
  // The address bar may change without typing: a link, back, or the chips' "clear".
  const [told, setTold] = useState(value);
  if (told !== value) {
    setTold(value);
    setText(value);
  }
  useShortcuts({ "/": () => input.current?.focus() });
  return (
    <TextInput
      ref={input}
      className={classes["search"] ?? ""}
      type="search"
      aria-label={t("list.search")}
      placeholder={t("list.searchHint")}
      leftSection={<IconSearch size={14} />}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          setText("");
          onChange("");
          input.current?.blur();
        }
      }}
    />
  );
}

function ColumnsMenu<T>({
  columns,
  isOn,
  toggle,
}: {
  columns: Column<T>[];
  isOn: (c: Column<T>) => boolean;
  toggle: (id: string, on: boolean) => void;
}) {
  return (
    <Popover position="bottom-end" withinPortal trapFocus shadow="md" radius={6}>
      <Popover.Target>
        <ActionIcon
          className={classes["hidePhone"] ?? ""}
          aria-label={t("list.columns")}
          title={t("list.columns")}
        >
          <IconColumns size={16} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown p={10} aria-label={t("list.columns")}>
        <div style={{ display: "grid", gap: 9 }}>
          {columns.map((column, i) => (
            <Checkbox
              key={column.id}
              label={column.title}
              disabled={i === 0}
              checked={isOn(column)}
              onChange={(e) => toggle(column.id, e.currentTarget.checked)}
            />
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
