import { Checkbox } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, type MouseEvent, type ReactNode } from "react";
import { t } from "../../i18n";
import { IconArrowDown, IconArrowUp } from "../icons";
import { SkeletonRows } from "../notes";
import { useShortcuts } from "../shortcuts";
import { fitColumns, tracks, type Column } from "./columns";
import classes from "./list.module.css";

interface Props<T extends { id: string }> {
  label: string;
  items: T[];
  columns: Column<T>[];
  /** Link around the first column of a row. */
  link: (item: T, content: ReactNode) => ReactNode;
  loading: boolean;
  more: boolean;
  onMore: () => void;
  /** "amount", "amount desc" or several: "type, amount desc". */
  sort: string;
  onSort: (sort: string) => void;
  openId?: string | undefined;
  selected?: Set<string>;
  onSelect?: (selected: Set<string>) => void;
  empty: ReactNode;
  rowTone?: (item: T) => "bad" | "dim" | undefined;
}

const ROW = 26;
const PHONE_ROW = 54;
const PHONE_WIDTH = 600;
const TICK = 20;

/** A table of records: dense, virtualised, sorted by the server, walked with j and k; cards on a phone. */
export function RecordList<T extends { id: string }>(props: Props<T>) {
  const { items, more, onMore, selected, onSelect, openId } = props;
  const { ref: sizeRef, width } = useElementSize();
  const scroller = useRef<HTMLDivElement>(null);
  const phone = width > 0 && width < PHONE_WIDTH;
  const ticks = onSelect !== undefined && !phone;
  const columns = useMemo(
    () => (phone ? props.columns : fitColumns(props.columns, width || 1100, ticks ? TICK + 12 : 0)),
    [props.columns, width, phone, ticks],
  );
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (phone ? PHONE_ROW : ROW),
    overscan: 12,
    getItemKey: (index) => items[index]?.id ?? index,
  });
  useEffect(() => virtual.measure(), [phone, virtual]);

  const rows = virtual.getVirtualItems();
  const last = rows.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= items.length - 30) {
      onMore();
    }
  }, [last, items.length, more, onMore]);

  useWalk(scroller, items, (index) => virtual.scrollToIndex(index));
  useShortcuts(
    onSelect && selected
      ? {
          x: () => {
            const id = focusedId(scroller.current);
            if (id) {
              onSelect(toggled(selected, id));
            }
          },
        }
      : {},
  );

  const grid = { gridTemplateColumns: `${ticks ? `${TICK}px ` : ""}${tracks(columns)}` };
  const allTicked = items.length > 0 && selected?.size === items.length;
  return (
    <div className={classes["box"]} ref={sizeRef}>
      <div className={classes["scroll"]} ref={scroller} data-phone={phone || undefined}>
        {props.loading ? (
          <SkeletonRows count={26} height={10} gap={16} />
        ) : items.length === 0 ? (
          props.empty
        ) : (
          <div role="table" aria-label={props.label} aria-rowcount={more ? -1 : items.length + 1}>
            <div role="rowgroup" className={classes["head"]} hidden={phone}>
              <div role="row" className={classes["row"]} style={grid}>
                {ticks && (
                  <div role="columnheader">
                    <Checkbox
                      size="xs"
                      aria-label={t("list.selectAll")}
                      checked={allTicked}
                      indeterminate={!allTicked && (selected?.size ?? 0) > 0}
                      onChange={() =>
                        onSelect?.(allTicked ? new Set() : new Set(items.map((item) => item.id)))
                      }
                    />
                  </div>
                )}
                {columns.map((column) => (
                  <HeadCell key={column.id} column={column} sort={props.sort} onSort={props.onSort} />
                ))}
              </div>
            </div>
            {/* A click beside the link follows the link; the keyboard has the link itself. */}
            {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions */}
            <div
              role="rowgroup"
              style={{ height: virtual.getTotalSize(), position: "relative" }}
              onClick={followRow}
            >
              {rows.map((row) => {
                const item = items[row.index];
                if (!item) {
                  return null;
                }
                return (
                  <div
                    key={row.key}
                    role="row"
                    aria-rowindex={row.index + 2}
                    className={phone ? classes["card"] : classes["row"]}
                    data-id={item.id}
                    data-open={item.id === openId || undefined}
                    data-ticked={selected?.has(item.id) || undefined}
                    data-tone={props.rowTone?.(item)}
                    style={{
                      ...(phone ? {} : grid),
                      transform: `translateY(${row.start}px)`,
                      position: "absolute",
                      width: "100%",
                    }}
                  >
                    {ticks && (
                      <div role="cell" className={classes["tick"]}>
                        <Checkbox
                          size="xs"
                          aria-label={t("list.select")}
                          checked={selected?.has(item.id) ?? false}
                          onChange={() => selected && onSelect(toggled(selected, item.id))}
                        />
                      </div>
                    )}
                    {phone ? (
                      <PhoneCells item={item} columns={props.columns} link={props.link} />
                    ) : (
                      columns.map((column, i) => (
                        <div
                          key={column.id}
                          role="cell"
                          className={classes["cell"]}
                          data-right={column.right || undefined}
                        >
                          {i === 0 ? props.link(item, column.cell(item)) : column.cell(item)}
                        </div>
                      ))
                    )}
                  </div>
                );
              })}
            </div>
          </div>
        )}
      </div>
    </div>
  );
}

function HeadCell<T>({
  column,
  sort,
  onSort,
}: {
  column: Column<T>;
  sort: string;
  onSort: (sort: string) => void;
}) {
  const sorts = sort.split(",").map((part) => part.trim());
  const at = sorts.findIndex((part) => column.sort !== undefined && part.split(" ")[0] === column.sort);
  const active = at >= 0;
  const falling = active && sorts[at]?.endsWith(" desc") === true;
  if (!column.sort) {
    return (
      <div role="columnheader" className={classes["cell"]} data-right={column.right || undefined}>
        {column.title}
      </div>
    );
  }
  const next = active && !falling ? `${column.sort} desc` : column.sort;
  // With Shift the column is sorted by after those that the list is sorted by already.
  const further = active ? sorts.map((part, i) => (i === at ? next : part)) : [...sorts, next];
  return (
    <div
      role="columnheader"
      className={classes["cell"]}
      data-right={column.right || undefined}
      aria-sort={active ? (falling ? "descending" : "ascending") : "none"}
    >
      <button
        type="button"
        className={classes["sort"]}
        onClick={(e) => onSort(e.shiftKey ? further.join(", ") : next)}
      >
        {column.title}
        {active && sorts.length > 1 && <small>{at + 1}</small>}
        {active && (falling ? <IconArrowDown size={12} /> : <IconArrowUp size={12} />)}
      </button>
    </div>
  );
}

function PhoneCells<T>({
  item,
  columns,
  link,
}: {
  item: T;
  columns: Column<T>[];
  link: (item: T, content: ReactNode) => ReactNode;
}) {
  const at = (place: Column<T>["phone"]): ReactNode => {
    const parts = columns.filter((c) => c.phone === place).map((c) => <span key={c.id}>{c.cell(item)}</span>);
    return parts.length > 0 ? parts : null;
  };
  return (
    <>
      <div role="cell" className={classes["phoneTitle"]}>
        {link(item, at("title"))}
      </div>
      <div role="cell" className={classes["phoneSide"]}>
        {at("side")}
      </div>
      <div role="cell" className={classes["phoneSub"]}>
        {at("sub")}
      </div>
      <div role="cell" className={classes["phoneSide"]}>
        {at("subside")}
      </div>
    </>
  );
}

function followRow(event: MouseEvent<HTMLElement>): void {
  const target = event.target as HTMLElement;
  if (!target.closest("a, button, input, label") && !window.getSelection()?.toString()) {
    target.closest("[data-id]")?.querySelector("a")?.click();
  }
}

function toggled(set: Set<string>, id: string): Set<string> {
  const next = new Set(set);
  if (!next.delete(id)) {
    next.add(id);
  }
  return next;
}

function focusedId(box: HTMLElement | null): string | undefined {
  const row = document.activeElement?.closest<HTMLElement>("[data-id]");
  return row && box?.contains(row) ? row.dataset["id"] : undefined;
}

// j and k carry the focus from row to row; without focus they begin at the open record or the top.
function useWalk<T extends { id: string }>(
  box: React.RefObject<HTMLDivElement | null>,
  items: T[],
  scrollTo: (index: number) => void,
): void {
  const walk = (step: number): void => {
    const from =
      focusedId(box.current) ?? box.current?.querySelector<HTMLElement>("[data-open]")?.dataset["id"];
    const index = items.findIndex((item) => item.id === from);
    const target = Math.min(Math.max(index + step, 0), items.length - 1);
    const id = items[target]?.id;
    if (!id) {
      return;
    }
    scrollTo(target);
    requestAnimationFrame(() =>
      requestAnimationFrame(() =>
        box.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"] a`)?.focus(),
      ),
    );
  };
  useShortcuts({ j: () => walk(1), k: () => walk(-1) });
}
