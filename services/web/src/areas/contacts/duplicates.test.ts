import { describe, expect, test } from "vitest";
import { groupsOf, type DuplicatePair } from "./duplicateQueries";

const pair = (a: string, b: string, score: number, reasons: string[]): DuplicatePair => ({
  records: [{ id: a }, { id: b }],
  score,
  reasons,
});

// CON-16: pairs that hang together are one group, to be merged as one.
describe("groups of duplicates", () => {
  test("pairs without a record in common stay apart, surest first", () => {
    const groups = groupsOf([pair("a", "b", 0.9, ["phones"]), pair("c", "d", 0.7, ["name"])]);
    expect(groups.map((group) => group.ids)).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
    expect(groups.map((group) => group.score)).toEqual([0.9, 0.7]);
  });

  test("a pair that comes later joins two groups", () => {
    const groups = groupsOf([
      pair("a", "b", 0.9, ["phones"]),
      pair("c", "d", 0.8, ["emails"]),
      pair("b", "c", 0.7, ["name", "phones"]),
      pair("d", "e", 0.6, ["name"]),
    ]);
    expect(groups).toHaveLength(1);
    expect(groups[0]?.ids.toSorted()).toEqual(["a", "b", "c", "d", "e"]);
    expect(groups[0]?.pairs).toHaveLength(4);
    expect(groups[0]?.reasons).toEqual(["phones", "emails", "name"]);
  });
});
