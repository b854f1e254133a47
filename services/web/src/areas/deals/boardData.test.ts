import { describe, expect, test } from "vitest";
import type { BoardCard, BoardColumn } from "../../api/model";
import { mergeColumns, moveCard } from "./boardData";

const card = (dealId: string, amount = "100"): BoardCard =>
  ({
    dealId,
    name: dealId,
    stageId: "new",
    daysInStage: 4,
    stageOverdue: true,
    amount: { currencyCode: "EUR", amount },
  }) as BoardCard;
const column = (key: string, cards: BoardCard[], total: string): BoardColumn =>
  ({
    key,
    title: key,
    count: String(cards.length),
    cards,
    totals: [{ currencyCode: "EUR", amount: total }],
    baseTotal: { currencyCode: "EUR", amount: total },
    stage: { id: key },
    nextPageToken: "next",
  }) as unknown as BoardColumn;

// DEAL-5: cards move at once, with counts and sums, and are put back exactly when refused.
describe("board", () => {
  const before = [
    column("new", [card("a"), card("b", "50.50")], "150.50"),
    column("won", [card("c")], "100"),
  ];

  test("a moved card is on top of its new column, counts and sums follow", () => {
    const [from, to] = moveCard(before, card("b", "50.50"), "new", "won");
    expect(from?.cards.map((c) => c.dealId)).toEqual(["a"]);
    expect(to?.cards.map((c) => c.dealId)).toEqual(["b", "c"]);
    expect([from?.count, to?.count]).toEqual([1, 2]);
    expect([from?.baseTotal?.amount, to?.baseTotal?.amount]).toEqual(["100.00", "150.50"]);
    expect(to?.cards[0]).toMatchObject({ stageId: "won", daysInStage: 0, stageOverdue: false });
  });

  test("putting it back restores counts and sums", () => {
    const moved = moveCard(before, card("b", "50.50"), "new", "won");
    const [from, to] = moveCard(moved, card("b", "50.50"), "won", "new");
    expect([Number(from?.count), Number(to?.count)]).toEqual([2, 1]);
    expect([Number(from?.baseTotal?.amount), Number(to?.baseTotal?.amount)]).toEqual([150.5, 100]);
  });

  test("another currency leaves the base sum to the server", () => {
    const foreign = { ...card("d"), amount: { currencyCode: "USD", amount: "70" } } as BoardCard;
    const [, to] = moveCard(before, foreign, "new", "won");
    expect(to?.baseTotal?.amount).toBe("100");
    expect(to?.count).toBe(2);
  });

  test("a card is shown once, where it was last read", () => {
    const merged = mergeColumns(before, { new: { cards: [card("c"), card("z")], next: "" } });
    expect(merged[0]?.cards.map((c) => c.dealId)).toEqual(["a", "b", "z"]);
    expect(merged[0]?.nextPageToken).toBe("");
    expect(merged[1]?.nextPageToken).toBe("next");
  });
});
