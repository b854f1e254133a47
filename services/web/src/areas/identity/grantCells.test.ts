import { expect, test } from "vitest";
import { cellsOf, grantsOf } from "./grantCells";

// ID-4: what the matrix shows is what the role grants, and saving it unchanged changes nothing.
test("grants survive the matrix", () => {
  const grants = [
    { kind: "*", action: "ACTION_UNSPECIFIED", scope: "SCOPE_OWN" },
    { kind: "deal", action: "ACTION_VIEW", scope: "SCOPE_ALL" },
    { kind: "deal", action: "ACTION_UPDATE", scope: "SCOPE_DEPARTMENT" },
  ] as Parameters<typeof cellsOf>[0];
  expect(grantsOf(cellsOf(grants))).toEqual(grants);
});

test("the widest of several grants of a cell is shown", () => {
  const cells = cellsOf([
    { kind: "deal", action: "ACTION_VIEW", scope: "SCOPE_ALL" },
    { kind: "deal", action: "ACTION_UNSPECIFIED", scope: "SCOPE_OWN" },
  ] as Parameters<typeof cellsOf>[0]);
  expect(cells["deal VIEW"]).toBe("SCOPE_ALL");
  expect(cells["deal DELETE"]).toBe("SCOPE_OWN");
  expect(cells["lead VIEW"]).toBeUndefined();
});
