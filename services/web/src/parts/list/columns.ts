import { useCallback, useState, type ReactNode } from "react";

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

/** Which columns a person has chosen, kept in the browser. */
export function useColumnChoice<T>(list: string, columns: Column<T>[]) {
  const storage = `columns.${list}`;
  const [chosen, setChosen] = useState<Record<string, boolean>>(() => {
    try {
      return JSON.parse(localStorage.getItem(storage) ?? "{}") as Record<string, boolean>;
    } catch {
      return {};
    }
  });
  const toggle = useCallback(
    (id: string, on: boolean) =>
      setChosen((before) => {
        const after = { ...before, [id]: on };
        localStorage.setItem(storage, JSON.stringify(after));
        return after;
      }),
    [storage],
  );
  const isOn = (column: Column<T>): boolean => chosen[column.id] ?? !column.optional;
  return { shown: columns.filter(isOn), isOn, toggle };
}
