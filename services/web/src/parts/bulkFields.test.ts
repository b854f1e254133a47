import { expect, test } from "vitest";
import type { CustomField } from "../api/customFields";
import { bulkFields, bulkValue } from "./bulkFields";

const own = (key: string, type: CustomField["type"], unique = false): CustomField =>
  ({ key, label: key, type, unique, choices: [] }) as unknown as CustomField;

// CON-13, CON-12: what can be set for many, and how it is sent.
test("own fields can be set but those that are unique or computed", () => {
  const names = bulkFields("deal", [
    own("area", "TYPE_NUMBER"),
    own("order", "TYPE_STRING", true),
    own("rent", "TYPE_FORMULA"),
  ]).map((field) => field.name);
  expect(names).toContain("plannedCloseDate");
  expect(names).toContain("custom_fields.area");
  expect(names).not.toContain("custom_fields.order");
  expect(names).not.toContain("custom_fields.rent");
});

test("a value is set, or taken away", () => {
  const text = { name: "comment", label: "", type: "text" as const };
  const area = { name: "custom_fields.area_2", label: "", type: "number" as const };
  expect(bulkValue("lead", text, "x")).toEqual({ lead: { comment: "x" }, updateMask: "comment" });
  expect(bulkValue("lead", text, "")).toEqual({ lead: {}, updateMask: "comment" });
  expect(bulkValue("deal", area, 3)).toEqual({ deal: { customFields: { area_2: 3 } } });
  expect(bulkValue("deal", area, "")).toEqual({ deal: { customFields: { area_2: null } } });
});
