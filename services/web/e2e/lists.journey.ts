import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api";
import { expectAccessible, go, launch, openPage, signIn } from "./browser";

describe("lists (CON-13)", () => {
  const api = new Api();
  const mark = `L${Date.now().toString(36)}`;
  let browser: Browser;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    await api.signIn();
    for (const name of ["Ada", "Ben", "Cyd"]) {
      await api.post("/v1/contacts", { firstName: name, lastName: mark });
    }
    browser = await launch();
    ({ page, faults } = await openPage(browser));
    await signIn(page);
  });
  afterAll(async () => {
    await browser?.close();
    expect(faults).toEqual([]);
  });

  test("conditions are built, kept in the address and saved as a view", async () => {
    await go(page, "/contacts");
    await page.getByRole("button", { name: "Advanced filter" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: "Value" }).fill(mark);
    await expectAccessible(page, "filter builder");
    await dialog.getByRole("button", { name: "Apply" }).click();
    await page.getByRole("link", { name: `Ada ${mark}` }).waitFor();
    expect(new URL(page.url()).searchParams.get("where")).toBe(`name : "${mark}"`);
    await page.getByRole("button", { name: "Views" }).click();
    await page.getByRole("menuitem", { name: "Save as a view…" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill(`View ${mark}`);
    await page.getByRole("dialog").getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("View saved").waitFor();
    await page.getByRole("button", { name: `View ${mark}` }).waitFor();
  });

  test("all that match are deleted at once, and the whole is undone", async () => {
    await page.getByRole("checkbox", { name: "Tick the row" }).first().check();
    await page.getByRole("button", { name: "Select all 3 that match" }).click();
    await page.getByText("All 3 that match").waitFor();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("3 records changed").waitFor();
    await page.getByRole("link", { name: `Ada ${mark}` }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("3 records put back").waitFor();
    await page.getByRole("link", { name: `Ada ${mark}` }).waitFor();
  });
});
