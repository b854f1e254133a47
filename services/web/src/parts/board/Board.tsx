import { combine } from "@atlaskit/pragmatic-drag-and-drop/combine";
import {
  draggable,
  dropTargetForElements,
  monitorForElements,
} from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { t } from "../../i18n";
import { useShortcuts } from "../shortcuts";
import { touchDrag } from "./touch";
import classes from "./board.module.css";

/** A column of a board as it is shown. */
export interface ColumnView<C> {
  key: string;
  title: string;
  color: string;
  /** Count and sums beside the title. */
  head: ReactNode;
  /** Read out with the title. */
  label: string;
  cards: C[];
  more: boolean;
  accepts: boolean;
}

interface Props<C> {
  columns: ColumnView<C>[];
  idOf: (card: C) => string;
  nameOf: (card: C) => string;
  render: (card: C) => ReactNode;
  canDrag: (card: C) => boolean;
  onMove: (card: C, from: string, to: string) => void;
  onMore: (column: string) => void;
  /** Cards that were just put back. */
  refused: ReadonlySet<string>;
  openId?: string | undefined;
  emptyColumn: ReactNode;
}

interface Held {
  id: string;
  from: string;
  to: string;
}

const CARD = 50;

/**
 * Columns of cards of one height, virtualised. Cards are dragged with the mouse, with a finger that rests on one
 * first, or with the keyboard: space takes one up, the arrows choose the column, space or Enter puts it down, Escape
 * puts it back.
 */
export function Board<C>(props: Props<C>) {
  const { columns, idOf, nameOf, canDrag, onMove } = props;
  const [held, setHeld] = useState<Held>();
  const [said, setSaid] = useState("");
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(
    () =>
      monitorForElements({
        canMonitor: ({ source }) => source.data["board"] === true,
        onDrop: ({ source, location }) => {
          const to = location.current.dropTargets[0]?.data["column"];
          const { from, id } = source.data as { from: string; id: string };
          const card = latest.current.columns
            .find((c) => c.key === from)
            ?.cards.find((c) => latest.current.idOf(c) === id);
          if (card && typeof to === "string" && to !== from) {
            latest.current.onMove(card, from, to);
          }
        },
      }),
    [],
  );

  // A finger holds a card the way the keyboard does.
  const touch = useCallback<Touch>(
    (id, from) => ({
      board: () => box.current,
      onStart: () => setHeld({ id, from, to: from }),
      onOver: (column) =>
        setHeld({
          id,
          from,
          to: column !== undefined && takes(latest.current, column, from) ? column : from,
        }),
      onEnd: (column) => {
        setHeld(undefined);
        const card = latest.current.columns
          .find((c) => c.key === from)
          ?.cards.find((c) => latest.current.idOf(c) === id);
        if (card && column !== undefined && column !== from && takes(latest.current, column, from)) {
          latest.current.onMove(card, from, column);
        }
      },
    }),
    [],
  );

  const focusCard = (columnIndex: number, row: number): void => {
    const column = columns[columnIndex];
    const card = column?.cards[Math.min(row, column.cards.length - 1)];
    if (card) {
      box.current?.querySelector<HTMLElement>(`[data-card="${CSS.escape(idOf(card))}"] a`)?.focus();
    }
  };
  const placeOf = (): { column: number; row: number } | undefined => {
    const id = document.activeElement?.closest<HTMLElement>("[data-card]")?.dataset["card"];
    for (const [column, view] of columns.entries()) {
      const row = view.cards.findIndex((card) => idOf(card) === id);
      if (row >= 0) {
        return { column, row };
      }
    }
    return undefined;
  };
  const step = (by: number): void => {
    const place = placeOf() ?? {
      column: Math.max(
        columns.findIndex((c) => c.cards.length > 0),
        0,
      ),
      row: -1,
    };
    focusCard(place.column, Math.max(place.row + by, 0));
  };
  useShortcuts({ j: () => step(1), k: () => step(-1) });

  const target = (from: string, by: number): string => {
    const open = columns.filter((column) => column.accepts || column.key === held?.from);
    const index = open.findIndex((column) => column.key === from);
    return open[Math.min(Math.max(index + by, 0), open.length - 1)]?.key ?? from;
  };
  const titleOf = (key: string): string => columns.find((column) => column.key === key)?.title ?? "";

  const onKeyDown = (event: KeyboardEvent): void => {
    const place = placeOf();
    const column = place && columns[place.column];
    const card = column?.cards[place?.row ?? 0];
    if (!place || !column || !card) {
      return;
    }
    const done = (): void => {
      event.preventDefault();
      event.stopPropagation();
    };
    if (!held) {
      if (event.key === " " && canDrag(card)) {
        done();
        setHeld({ id: idOf(card), from: column.key, to: column.key });
        setSaid(t("board.taken", { name: nameOf(card), column: column.title }));
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        done();
        focusCard(place.column, Math.max(place.row + (event.key === "ArrowDown" ? 1 : -1), 0));
      } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
        done();
        const by = event.key === "ArrowRight" ? 1 : -1;
        let next = place.column + by;
        while (columns[next] && columns[next]?.cards.length === 0) {
          next += by;
        }
        focusCard(next, place.row);
      }
      return;
    }
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      done();
      const to = target(held.to, event.key === "ArrowRight" ? 1 : -1);
      setHeld({ ...held, to });
      setSaid(t("board.over", { column: titleOf(to) }));
      box.current
        ?.querySelector(`[data-column="${CSS.escape(to)}"]`)
        ?.scrollIntoView({ inline: "nearest", block: "nearest" });
    } else if (event.key === " " || event.key === "Enter") {
      done();
      setHeld(undefined);
      if (held.to === held.from) {
        setSaid(t("board.back", { name: nameOf(card) }));
      } else {
        setSaid(t("board.put", { name: nameOf(card), column: titleOf(held.to) }));
        onMove(card, held.from, held.to);
      }
    } else if (event.key === "Escape") {
      done();
      setHeld(undefined);
      setSaid(t("board.back", { name: nameOf(card) }));
    }
  };

  return (
    // The keys are pressed on the cards, which are links; the board only hears of them.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      className={classes["board"]}
      ref={box}
      onKeyDown={onKeyDown}
      role="group"
      aria-label={t("board.title")}
      aria-describedby="board-help"
    >
      <span id="board-help" className="hidden">
        {t("board.help")}
      </span>
      <span className="hidden" role="status" aria-live="assertive">
        {said}
      </span>
      {columns.map((column) => (
        <BoardColumn key={column.key} {...props} column={column} held={held} touch={touch} />
      ))}
    </div>
  );
}

// Whether a column takes a card that comes from another.
function takes<C>(props: Props<C>, column: string, from: string): boolean {
  return column === from || props.columns.some((c) => c.key === column && c.accepts);
}

type Touch = (id: string, from: string) => Omit<Parameters<typeof touchDrag>[0], "element">;

function BoardColumn<C>({
  column,
  held,
  ...props
}: Props<C> & { column: ColumnView<C>; held: Held | undefined; touch: Touch }) {
  const { idOf, onMore } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const section = useRef<HTMLElement>(null);
  const [over, setOver] = useState(false);
  const virtual = useVirtualizer({
    count: column.cards.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => CARD,
    overscan: 6,
    getItemKey: (index) => {
      const card = column.cards[index];
      return card ? idOf(card) : index;
    },
  });
  const rows = virtual.getVirtualItems();
  const last = rows.at(-1)?.index ?? 0;
  useEffect(() => {
    if (column.more && last >= column.cards.length - 15) {
      onMore(column.key);
    }
  }, [last, column.more, column.cards.length, column.key, onMore]);

  useEffect(() => {
    const element = section.current;
    if (!element) {
      return undefined;
    }
    return dropTargetForElements({
      element,
      canDrop: ({ source }) =>
        source.data["board"] === true && (column.accepts || source.data["from"] === column.key),
      getData: () => ({ column: column.key }),
      onDragEnter: () => setOver(true),
      onDragLeave: () => setOver(false),
      onDrop: () => setOver(false),
    });
  }, [column.key, column.accepts]);

  return (
    <section
      ref={section}
      className={classes["column"]}
      data-column={column.key}
      data-over={over || held?.to === column.key || undefined}
      aria-label={column.label}
      style={{ ["--stage" as never]: column.color }}
    >
      <header className={classes["head"]}>
        <h2 title={column.title}>{column.title}</h2>
        <span>{column.head}</span>
      </header>
      <div ref={scroller} className={classes["cards"]}>
        {column.cards.length === 0 ? (
          <div className={classes["empty"]}>{props.emptyColumn}</div>
        ) : (
          <ul style={{ height: virtual.getTotalSize() }}>
            {rows.map((row) => {
              const card = column.cards[row.index];
              return card ? (
                <BoardCard
                  key={row.key}
                  {...props}
                  card={card}
                  column={column.key}
                  top={row.start}
                  held={held?.id === idOf(card)}
                />
              ) : null;
            })}
          </ul>
        )}
      </div>
    </section>
  );
}

function BoardCard<C>({
  card,
  column,
  top,
  held,
  idOf,
  render,
  canDrag,
  refused,
  openId,
  touch,
}: Props<C> & { card: C; column: string; top: number; held: boolean; touch: Touch }) {
  const ref = useRef<HTMLLIElement>(null);
  const [dragging, setDragging] = useState(false);
  const id = idOf(card);
  const movable = canDrag(card);
  useEffect(() => {
    const element = ref.current;
    if (!element || !movable) {
      return undefined;
    }
    let finger = false;
    const noteFinger = (event: PointerEvent): void => {
      finger = event.pointerType === "touch";
    };
    element.addEventListener("pointerdown", noteFinger);
    return combine(
      () => element.removeEventListener("pointerdown", noteFinger),
      touchDrag({ element, ...touch(id, column) }),
      draggable({
        element,
        canDrag: () => !finger, // what a finger does is seen to above
        getInitialData: () => ({ board: true, id, from: column }),
        onDragStart: () => setDragging(true),
        onDrop: () => setDragging(false),
      }),
    );
  }, [id, column, movable, touch]);
  return (
    <li
      ref={ref}
      className={classes["card"]}
      data-card={id}
      data-dragging={dragging || held || undefined}
      data-refused={refused.has(id) || undefined}
      data-open={openId === id || undefined}
      data-movable={movable || undefined}
      style={{ transform: `translateY(${top}px)` }}
    >
      {render(card)}
    </li>
  );
}
