import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { t } from "./i18n";

const folder = join(import.meta.dirname, "locales/en");
const files = readdirSync(folder);
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, string>;

// WEB-4: English in one catalogue, with plurals.
describe("catalogue", () => {
  test("no key stands in two files", () => {
    const keys = files.flatMap((file) => Object.keys(read(file)));
    expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
  });

  test("a plural has all its English forms", () => {
    const keys = new Set(files.flatMap((file) => Object.keys(read(file))));
    const lone = [...keys].filter(
      (key) =>
        (key.endsWith("_one") && !keys.has(key.replace(/_one$/, "_other"))) ||
        (key.endsWith("_other") && !keys.has(key.replace(/_other$/, "_one"))),
    );
    expect(lone).toEqual([]);
  });

  test.each([
    [1, "1 deal"],
    [2, "2 deals"],
    [0, "0 deals"],
  ])("%i deals", (count, want) => expect(t("deal.count", { count })).toBe(want));

  test("values are put in as they are", () =>
    expect(t("deal.wonToast", { name: "A & B <c>" })).toBe("A & B <c> is won. Well done!"));
});
