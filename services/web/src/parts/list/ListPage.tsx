import { ActionIcon, Button, Checkbox, Popover, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import {
  Suspense,
  createContext,
  lazy,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  type ReactNode,
} from "react";
import { useCustomFields } from "../../api/customFields";
import { can, useMe, type Me } from "../../api/directory";
import { bulkOf, type Selection } from "../../api/operations";
import type { Record_, Resource } from "../../api/resource";
import { viewsOptions } from "../../api/views";
import { t } from "../../i18n";
import { BulkBar } from "../BulkBar";
import { customFilter, customFilters } from "../customFields";
import { allOf } from "../filters";
import { formatNumber } from "../format";
import {
  IconArrowDown,
  IconArrowUp,
  IconColumns,
  IconFilter,
  IconPlus,
  IconSearch,
  IconTrash,
  IconX,
} from "../icons";
import { ErrorNote } from "../notes";
import { useShortcuts } from "../shortcuts";
import { printColumns, useColumnChoice, type ChosenColumn, type Column } from "./columns";
import { customColumns } from "./customColumns";
import { ExportMenu } from "./ExportMenu";
import { FilterBar, type FilterDef } from "./FilterBar";
import { markColumns, markFilter, useMarkFilters } from "./marks";
import { filterFields } from "./filterFields";
import { useListState, type ListSearch } from "./listState";
import { RecordList } from "./RecordList";
import { searchOf, ViewsMenu } from "./ViewsMenu";
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
}

// Loaded once somebody asks for it.
const FilterBuilder = lazy(async () => ({ default: (await import("./FilterBuilder")).FilterBuilder }));

const NOTHING: Set<string> = new Set();

interface Ticked {
  of: string;
  ids: Set<string>;
  /** All that match the filter, shown or not. */
  all: boolean;
}

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
  const marks = useMarkFilters(resource.kind);
  const defs = useMemo(
    () => [...config.filters, ...marks, ...customFilters(fields)],
    [config.filters, marks, fields],
  );
  const where = search["where"] ?? "";
  const filter = allOf(
    config.toFilter(search, me),
    markFilter(search),
    customFilter(fields, search, me.user.id),
    where && `(${where})`,
  );
  const sort = search["sort"] ?? config.defaultSort;
  const bin = search["bin"] !== undefined && !config.body;
  const inBin = bin ? { showDeleted: true } : {};
  const query = useInfiniteQuery({
    ...resource.listOptions({ filter, orderBy: sort, ...inBin }),
    enabled: !config.body,
  });
  const count = useQuery(resource.countOptions({ filter: allOf(config.alsoCounted, filter), ...inBin }));
  const pages = query.data?.pages;
  const items = useMemo(() => pages?.flatMap((page) => page.items) ?? [], [pages]);
  const names = useMemo(
    () => Object.assign({}, ...(pages?.map((page) => page.names) ?? [])) as Record<string, string>,
    [pages],
  );
  const makeColumns = config.columns;
  const all = useMemo(
    () => [...makeColumns(names), ...markColumns<T>(resource.kind), ...customColumns<T>(fields)],
    [makeColumns, names, fields, resource.kind],
  );
  const choice = useColumnChoice(resource.kind, all, search["cols"]);
  const [building, setBuilding] = useState(false);
  const setColumns = (next: ChosenColumn[]): void => {
    choice.remember(next);
    set({ cols: printColumns(next) });
  };
  useDefaultView(resource.kind, search, (next) => set(next));
  // What is ticked belongs to one filter; another one, or the bin, begins with nothing ticked.
  const of = bin ? `bin ${filter}` : filter;
  const [ticked, setTicked] = useState<Ticked>({ of, ids: NOTHING, all: false });
  const selected = ticked.of === of ? ticked.ids : NOTHING;
  const everything = ticked.of === of && ticked.all;
  const setSelected = (ids: Set<string>): void => setTicked({ of, ids, all: false });
  const selection: Selection = { ...(everything ? { filter } : { ids: [...selected] }), ...inBin };
  const bulk =
    bulkOf(resource.kind) !== undefined &&
    (["update", "delete", "export"] as const).some((action) => can(me, resource.kind, action));
  const matching =
    count.data &&
    (count.data.more
      ? t("list.moreThan", { number: formatNumber(count.data.count) })
      : formatNumber(count.data.count));

  const { fetchNextPage, isFetchingNextPage } = query;
  const onMore = useCallback(() => {
    if (!isFetchingNextPage) {
      void fetchNextPage();
    }
  }, [fetchNextPage, isFetchingNextPage]);
  useShortcuts(config.onNew ? { n: config.onNew } : {});
  // A view says all of what is shown; what the list had before goes.
  const show = (next: ListSearch): void =>
    set({ ...Object.fromEntries(Object.keys(search).map((key) => [key, undefined])), view: "none", ...next });
  const order = useMemo(() => ({ ids: items.map((item) => item.id), path }), [items, path]);

  return (
    <OrderContext value={order}>
      <div className={classes["page"]}>
        <section className={classes["main"]} data-hidden={full || undefined} aria-label={config.title}>
          <div className={classes["top"]}>
            <h1>{config.title}</h1>
            <span className={classes["count"]} aria-live="polite">
              {matching}
            </span>
            {config.views}
            {!config.body && (
              <ViewsMenu
                kind={resource.kind}
                filter={filter}
                sort={sort}
                columns={choice.chosen}
                search={search}
                show={show}
              />
            )}
            <FilterBar defs={defs} values={search} onChange={(patch) => set(patch)}>
              <button
                type="button"
                className={classes["addChip"]}
                title={where || undefined}
                onClick={() => setBuilding(true)}
              >
                <IconFilter size={13} /> {where ? t("builder.chip") : t("builder.open")}
              </button>
              {where && (
                <button
                  type="button"
                  className={classes["addChip"]}
                  aria-label={t("filter.remove", { label: t("builder.chip") })}
                  onClick={() => set({ where: undefined })}
                >
                  <IconX size={13} />
                </button>
              )}
            </FilterBar>
            <SearchBox value={search["q"] ?? ""} onChange={(q) => set({ q: q || undefined })} />
            {!config.body && <ColumnsMenu columns={all} chosen={choice.chosen} onChange={setColumns} />}
            {!config.body && (
              <ExportMenu
                kind={resource.kind}
                filter={filter}
                sort={sort}
                columns={choice.shown.map((column) => column.id)}
                bin={bin}
              />
            )}
            {!config.body && bulk && (
              <ActionIcon
                className={classes["hidePhone"] ?? ""}
                variant={bin ? "filled" : "subtle"}
                aria-pressed={bin}
                aria-label={t("list.bin")}
                title={t("list.bin")}
                onClick={() => set({ bin: bin ? undefined : "1" })}
              >
                <IconTrash size={15} />
              </ActionIcon>
            )}
            {config.actions}
            {config.onNew && (
              <Button className={classes["new"] ?? ""} onClick={config.onNew} px={10}>
                <IconPlus size={14} />
                <span className={classes["newText"]}>{config.newLabel ?? t("list.new")}</span>
              </Button>
            )}
          </div>
          {bulk && selected.size > 0 && (
            <div className={classes["bulk"]} role="group" aria-label={t("list.bulk")}>
              <span>
                {everything
                  ? t("list.allMatching", { number: matching || "" })
                  : t("list.selected", { count: selected.size })}
              </span>
              {!everything && (count.data?.count ?? 0) > selected.size && (
                <Button
                  size="compact-xs"
                  variant="subtle"
                  onClick={() => setTicked({ of, ids: new Set(items.map((item) => item.id)), all: true })}
                >
                  {t("list.selectMatching", { number: matching || "" })}
                </Button>
              )}
              <span className={classes["spacer"]} />
              <ExportMenu
                kind={resource.kind}
                filter={filter}
                sort={sort}
                columns={choice.shown.map((column) => column.id)}
                bin={bin}
                inBar
                ids={everything ? undefined : [...selected]}
              />
              <BulkBar
                kind={resource.kind}
                selection={selection}
                bin={bin}
                clear={() => setSelected(new Set())}
              />
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
              {...(bulk ? { selected, onSelect: setSelected } : {})}
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
        {building && (
          <Suspense>
            <FilterBuilder
              fields={filterFields(resource.kind, config.filters, fields)}
              text={where}
              onApply={(text) => set({ where: text || undefined })}
              onClose={() => setBuilding(false)}
            />
          </Suspense>
        )}
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

// A list that is opened without anything asked of it shows the default view, the person's own before a shared one.
function useDefaultView(kind: string, search: ListSearch, show: (search: ListSearch) => void): void {
  const views = useQuery(viewsOptions(kind)).data;
  const bare = Object.keys(search).length === 0;
  const first = views?.find((view) => view.defaultView);
  useEffect(() => {
    if (bare && first) {
      show(searchOf(first));
    }
    // Only when the list is opened or the views are known: what is asked of it later stays.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [first?.id, bare]);
}

interface ColumnsProps<T> {
  columns: Column<T>[];
  chosen: ChosenColumn[];
  onChange: (chosen: ChosenColumn[]) => void;
}

function ColumnsMenu<T>({ columns, chosen, onChange }: ColumnsProps<T>) {
  const place = (id: string): number => chosen.findIndex((c) => c.id === id);
  const sorted = [
    ...chosen.flatMap((c) => columns.filter((column) => column.id === c.id)),
    ...columns.filter((column) => place(column.id) < 0),
  ];
  const move = (from: number, to: number): void => {
    const next = [...chosen];
    next.splice(to, 0, ...next.splice(from, 1));
    onChange(next);
  };
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
      <Popover.Dropdown p={10} aria-label={t("list.columns")} mah={480} style={{ overflow: "auto" }}>
        <div style={{ display: "grid", gap: 6 }}>
          {sorted.map((column) => {
            const at = place(column.id);
            return (
              <div key={column.id} style={{ display: "flex", gap: 6, alignItems: "center" }}>
                <Checkbox
                  style={{ flex: 1 }}
                  label={column.title}
                  disabled={column.id === columns[0]?.id}
                  checked={at >= 0}
                  onChange={(e) =>
                    onChange(
                      e.currentTarget.checked
                        ? [...chosen, { id: column.id, width: 0 }]
                        : chosen.filter((c) => c.id !== column.id),
                    )
                  }
                />
                {at >= 0 && (
                  <>
                    <TextInput
                      size="xs"
                      w={62}
                      type="number"
                      min={0}
                      max={1000}
                      step={10}
                      aria-label={t("columns.width", { column: column.title })}
                      value={chosen[at]?.width || ""}
                      onChange={(e) => {
                        const width = Math.min(
                          Math.max(Math.trunc(Number(e.currentTarget.value)) || 0, 0),
                          1000,
                        );
                        onChange(chosen.map((c, i) => (i === at ? { ...c, width } : c)));
                      }}
                    />
                    <ActionIcon
                      variant="subtle"
                      disabled={at === 0}
                      aria-label={t("columns.up", { column: column.title })}
                      onClick={() => move(at, at - 1)}
                    >
                      <IconArrowUp size={13} />
                    </ActionIcon>
                    <ActionIcon
                      variant="subtle"
                      disabled={at === chosen.length - 1}
                      aria-label={t("columns.down", { column: column.title })}
                      onClick={() => move(at, at + 1)}
                    >
                      <IconArrowDown size={13} />
                    </ActionIcon>
                  </>
                )}
              </div>
            );
          })}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
