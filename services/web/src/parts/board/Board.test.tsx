import { act, fireEvent, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { expectAccessible, show } from "../../../test/render";
import { Board, type ColumnView } from "./Board";

interface Card {
  id: string;
  name: string;
}

// jsdom gives nothing a size; the virtualiser is told one.
vi.mock("@tanstack/react-virtual", () => ({
  useVirtualizer: ({ count }: { count: number }) => ({
    getVirtualItems: () =>
      Array.from({ length: count }, (_, index) => ({ index, key: index, start: index * 50 })),
    getTotalSize: () => count * 50,
    measure: () => undefined,
    scrollToIndex: () => undefined,
  }),
}));

const column = (key: string, ...names: string[]): ColumnView<Card> => ({
  key,
  title: key,
  color: "#888888",
  head: names.length,
  label: `${key}: ${names.length} deals`,
  cards: names.map((name) => ({ id: name, name })),
  more: false,
  accepts: true,
});

async function board(onMove: (card: Card, from: string, to: string) => void, middle = column("Offer")) {
  await show(
    <Board
      columns={[column("New", "Acme", "Weber"), middle, column("Won", "Baltic")]}
      idOf={(card) => card.id}
      nameOf={(card) => card.name}
      render={(card) => <a href={`#${card.id}`}>{card.name}</a>}
      canDrag={() => true}
      onMove={onMove}
      onMore={() => undefined}
      refused={new Set()}
      emptyColumn="empty"
    />,
  );
}

const press = (key: string): void => {
  fireEvent.keyDown(document.activeElement ?? document.body, { key });
};

// DEAL-5, WEB-5: a board that needs no mouse.
describe("the board by keyboard", () => {
  test("space takes a card up, arrows choose the column, space puts it down", async () => {
    const onMove = vi.fn();
    await board(onMove);
    act(() => screen.getByRole("link", { name: "Weber" }).focus());
    press(" ");
    press("ArrowRight");
    press("ArrowRight");
    expect(screen.getByRole("status").textContent).toBe("Over Won");
    press(" ");
    expect(onMove).toHaveBeenCalledWith({ id: "Weber", name: "Weber" }, "New", "Won");
  });

  test("Escape puts it back", async () => {
    const onMove = vi.fn();
    await board(onMove);
    act(() => screen.getByRole("link", { name: "Acme" }).focus());
    press(" ");
    press("ArrowRight");
    press("Escape");
    expect(onMove).not.toHaveBeenCalled();
    expect(screen.getByRole("status").textContent).toBe("Acme is back in its column.");
  });

  test("arrows go from card to card, past empty columns", async () => {
    await board(() => undefined);
    act(() => screen.getByRole("link", { name: "Acme" }).focus());
    press("ArrowDown");
    expect(document.activeElement?.textContent).toBe("Weber");
    press("ArrowRight");
    expect(document.activeElement?.textContent).toBe("Baltic");
  });

  test("a column that takes nothing is passed over", async () => {
    const onMove = vi.fn();
    await board(onMove, { ...column("Offer"), accepts: false });
    act(() => screen.getByRole("link", { name: "Acme" }).focus());
    press(" ");
    press("ArrowRight");
    expect(screen.getByRole("status").textContent).toBe("Over Won");
    press("Enter");
    expect(onMove).toHaveBeenCalledWith({ id: "Acme", name: "Acme" }, "New", "Won");
  });

  test("axe finds nothing", async () => {
    await board(() => undefined);
    await expectAccessible(document.body);
  });
});

// DEAL-5, WEB-5, WEB-7: on a phone a finger that rests on a card takes it up; one that moves at once scrolls.
describe("the board by touch", () => {
  const card = (): HTMLElement => {
    const found = document.querySelector<HTMLElement>('[data-card="Acme"]');
    if (!found) {
      throw new Error("no card");
    }
    return found;
  };
  const over = (key: string | undefined): void => {
    const element = key && document.querySelector(`[data-column="${key}"]`);
    document.elementsFromPoint = () => (element ? [element] : []);
  };
  const finger = (x: number, y: number) => ({ touches: [{ clientX: x, clientY: y }] });
  const rest = (ms: number): void => act(() => void vi.advanceTimersByTime(ms));

  beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: true }));
  afterEach(() => void vi.useRealTimers());

  test("a card is taken up, carried and put down", async () => {
    const onMove = vi.fn();
    await board(onMove);
    over("New");
    fireEvent.touchStart(card(), finger(50, 50));
    rest(400);
    expect(document.querySelector("[data-ghost]")).not.toBeNull();
    over("Won");
    fireEvent.touchMove(card(), finger(200, 60));
    expect(document.querySelector('[data-column="Won"]')?.getAttribute("data-over")).toBe("true");
    fireEvent.touchEnd(card(), { touches: [] });
    expect(onMove).toHaveBeenCalledExactlyOnceWith({ id: "Acme", name: "Acme" }, "New", "Won");
    expect(document.querySelector("[data-ghost]")).toBeNull();
  });

  test("a finger that moves at once scrolls", async () => {
    const onMove = vi.fn();
    await board(onMove);
    over("Won");
    fireEvent.touchStart(card(), finger(50, 50));
    fireEvent.touchMove(card(), finger(50, 90));
    rest(400);
    fireEvent.touchEnd(card(), { touches: [] });
    expect(onMove).not.toHaveBeenCalled();
  });

  test.each([
    ["beside the board", undefined],
    ["on a column that takes nothing", "Offer"],
  ])("put down %s, it stays where it was", async (_, key) => {
    const onMove = vi.fn();
    await board(onMove, { ...column("Offer"), accepts: false });
    over("New");
    fireEvent.touchStart(card(), finger(50, 50));
    rest(400);
    over(key);
    fireEvent.touchMove(card(), finger(200, 60));
    fireEvent.touchEnd(card(), { touches: [] });
    expect(onMove).not.toHaveBeenCalled();
  });

  test("a drag that is broken off moves nothing", async () => {
    const onMove = vi.fn();
    await board(onMove);
    over("Won");
    fireEvent.touchStart(card(), finger(50, 50));
    rest(400);
    fireEvent.touchCancel(card());
    expect(onMove).not.toHaveBeenCalled();
    expect(document.querySelector("[data-ghost]")).toBeNull();
  });
});
