import { describe, expect, test } from "vitest";
import { fitColumns, tracks, type Column } from "./columns";

const column = (id: string, min: number, drop?: number): Column<object> => ({
  id,
  title: id,
  min,
  cell: () => "",
  ...(drop ? { drop } : {}),
});
const columns = [column("name", 180), column("city", 100, 2), column("mail", 150, 3), column("sum", 90, 1)];

// WEB-5: usable at 768 px and on a phone.
describe("columns", () => {
  test.each([
    [1200, ["name", "city", "mail", "sum"]],
    [470, ["name", "city", "sum"]],
    [330, ["name", "sum"]],
    [100, ["name"]],
  ])("at %i px", (width, want) => expect(fitColumns(columns, width, 0).map((c) => c.id)).toEqual(want));

  test("a column without growth keeps its width", () => {
    expect(tracks([{ ...column("a", 80), grow: 0 }, column("b", 100)])).toBe("80px minmax(100px, 1fr)");
  });
});
