import { act, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
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

async function board(onMove: (card: Card, from: string, to: string) => void) {
  await show(
    <Board
      columns={[column("New", "Acme", "Weber"), column("Offer"), column("Won", "Baltic")]}
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

  test("axe finds nothing", async () => {
    await board(() => undefined);
    await expectAccessible(document.body);
  });
});
