import { describe, expect, it } from "vitest";
import { localTime, regionOfNumber } from "./localTime";

const noon = Date.parse("2026-11-21T12:00:00Z");
const knows = "getTimeZones" in Intl.Locale.prototype || "timeZones" in Intl.Locale.prototype;

// CON-22: the client's local time, by zone or number.
describe("local time", () => {
  it("reads the region of a number", () => {
    expect(regionOfNumber("+4930901820")).toBe("DE");
    expect(regionOfNumber("+380441234567")).toBe("UA");
    expect(regionOfNumber("+12125550100")).toBeUndefined();
    expect(regionOfNumber("12345")).toBeUndefined();
  });

  it.runIf(knows)("is that of the address, or else of the number", () => {
    expect(localTime(["IN"], ["+4930901820"], noon)).toMatch(/5:30|17:30/);
    expect(localTime(["Germany"], ["", "+4930901820"], noon)).toMatch(/1:00|13:00/);
  });

  it("says nothing where there are several times or none is known", () => {
    expect(localTime(["US"], [], noon)).toBeUndefined();
    expect(localTime([], ["+12125550100"], noon)).toBeUndefined();
    expect(localTime(["XX"], [], noon)).toBeUndefined();
  });
});
