import { useCallback, useMemo, useState, type ReactNode } from "react";

/** A column of a list. */
export interface Column<T> {
  id: string;
  title: string;
  /** Narrowest useful width in pixels. */
  min: number;
  /** Share of the room that is left over; 0 keeps the column at its least width. */
  grow?: number;
  /** The higher, the sooner it is left out where room is short. 0 stays. */
  drop?: number;
  /** Not shown until chosen in the columns menu. */
  optional?: boolean;
  right?: boolean;
  /** Field to order by in the contract. */
  sort?: string;
  /** Place on the phone's card; without one the column is not on it. */
  phone?: "title" | "side" | "sub" | "subside";
  cell: (item: T) => ReactNode;
}

const GAP = 12;
const PADDING = 24;

/** The columns that fit into a width, those of least importance left out first. */
export function fitColumns<T>(columns: Column<T>[], width: number, fixed: number): Column<T>[] {
  let shown = columns;
  const need = (): number => shown.reduce((sum, column) => sum + column.min + GAP, fixed + PADDING);
  while (need() > width) {
    const most = Math.max(...shown.map((column) => column.drop ?? 0));
    if (most <= 0) {
      break;
    }
    const index = shown.findLastIndex((column) => (column.drop ?? 0) === most);
    shown = shown.filter((_, i) => i !== index);
  }
  return shown;
}

/** CSS grid tracks of the columns. */
export function tracks<T>(columns: Column<T>[]): string {
  return columns
    .map((column) =>
      column.grow === 0 ? `${column.min}px` : `minmax(${column.min}px, ${column.grow ?? 1}fr)`,
    )
    .join(" ");
}

/** A column that was chosen, in its place; a width of 0 is the list's own. */
export interface ChosenColumn {
  id: string;
  width: number;
}

/** Columns in the address bar: "name:240,email". */
export function printColumns(columns: ChosenColumn[]): string {
  return columns.map((c) => (c.width ? `${c.id}:${c.width}` : c.id)).join(",");
}

/** Reads columns from the address bar. */
export function readColumns(text: string): ChosenColumn[] {
  return text
    .split(",")
    .filter(Boolean)
    .map((part) => {
      const [id = "", width] = part.split(":");
      return { id, width: Math.min(Math.max(Math.trunc(Number(width)) || 0, 0), 1000) };
    });
}

/** Which columns are shown, in which order and how wide: as the address bar says, or as the person last chose here. */
export function useColumnChoice<T>(list: string, columns: Column<T>[], asked: string | undefined) {
  const storage = `columns.${list}`;
  const [stored, setStored] = useState(() => localStorage.getItem(storage) ?? "");
  const chosen = useMemo((): ChosenColumn[] => {
    const known = readColumns(asked ?? (stored.startsWith("{") ? "" : stored)).filter((c) =>
      columns.some((column) => column.id === c.id),
    );
    return known.length > 0
      ? known
      : columns.filter((column) => !column.optional).map((column) => ({ id: column.id, width: 0 }));
  }, [asked, stored, columns]);
  const shown = useMemo(
    () =>
      chosen.flatMap((c): Column<T>[] => {
        const column = columns.find((one) => one.id === c.id);
        return column ? [c.width ? { ...column, min: c.width, grow: 0 } : column] : [];
      }),
    [chosen, columns],
  );
  const remember = useCallback(
    (next: ChosenColumn[]) => {
      localStorage.setItem(storage, printColumns(next));
      setStored(printColumns(next));
    },
    [storage],
  );
  return { shown, chosen, remember };
}
