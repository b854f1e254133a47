import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api";
import { expectAccessible, go, launch, openPage, picture, signIn } from "./browser";

describe("records (WEB-4)", () => {
  const api = new Api();
  const mark = `R${Date.now().toString(36)}`;
  let browser: Browser;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    await api.signIn();
    browser = await launch();
    ({ page, faults } = await openPage(browser));
    await signIn(page);
  });
  afterAll(async () => {
    await browser?.close();
    expect(faults).toEqual([]);
  });

  test("a company is made, edited in place, and the change undone (CON-8, WEB-4, WEB-8)", async () => {
    await go(page, "/companies");
    await page.getByRole("button", { name: "New company" }).first().waitFor();
    await page.keyboard.press("n");
    await page.getByRole("dialog").getByLabel("Name").fill(`${mark} Hafenlogistik`);
    await page.getByRole("dialog").getByLabel("Phone").fill("+49 40 7770001");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    const card = page.getByRole("complementary", { name: "Company" });
    await card.getByRole("heading", { name: `${mark} Hafenlogistik` }).waitFor();
    await card.getByRole("button", { name: "Add: Industry" }).click();
    await card.getByRole("textbox", { name: "Industry" }).fill("Logistics");
    await page.keyboard.press("Enter");
    await page.getByText("Industry saved").waitFor();
    await card.getByText("Logistics", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await card.getByText("Logistics", { exact: true }).first().waitFor({ state: "detached" });
    await expectAccessible(page, "company card");
    await picture(page, "company");
  });

  test("what another person changes appears on the open card (WEB-3)", async () => {
    const { companies } = await api.get<{ companies: { id: string }[] }>(
      `/v1/companies?filter=${encodeURIComponent(`name:"${mark}"`)}`,
    );
    await api.patch(`/v1/companies/${companies[0]?.id}`, { comment: `told by phone ${mark}` });
    await page.getByText(`told by phone ${mark}`).first().waitFor();
  });

  test("the address opens the card, back returns to the list (WEB-4)", async () => {
    await page.reload();
    await page.getByRole("complementary", { name: "Company" }).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForURL(/\/companies(\?|$)/);
    expect(await page.getByRole("complementary", { name: "Company" }).count()).toBe(0);
  });

  test("a lead is converted into contact, company and deal (CON-4)", async () => {
    await go(page, "/leads");
    await page.getByRole("button", { name: "New lead" }).first().waitFor();
    await page.keyboard.press("n");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Title").fill(`${mark} forty filters`);
    await dialog.getByLabel("Person").fill("Leyla Guliyeva");
    await dialog.getByLabel("Company").fill(`${mark} Kaspian Trade`);
    await dialog.getByLabel("E-mail").fill(`${mark.toLowerCase()}@example.com`);
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    const card = page.getByRole("complementary", { name: "Lead" });
    await card.getByRole("heading", { name: `${mark} forty filters` }).waitFor();
    await expectAccessible(page, "lead card");
    await picture(page, "lead");
    await card.getByRole("button", { name: "Convert" }).click();
    await page.getByRole("dialog").getByText("New contact: Leyla Guliyeva").waitFor();
    await expectAccessible(page, "conversion");
    await picture(page, "convert");
    await page.getByRole("dialog").getByRole("button", { name: "Convert" }).click();
    await card.getByText("Converted into").waitFor();
    await card.getByRole("link", { name: `${mark} forty filters` }).click();
    await page
      .getByRole("complementary", { name: "Deal" })
      .getByRole("heading", { name: `${mark} forty filters` })
      .waitFor();
  });

  test("lines of a deal add up and set its amount (DEAL-6)", async () => {
    const card = page.getByRole("complementary", { name: "Deal" });
    await card.getByRole("tab", { name: "Lines" }).click();
    const add = card.getByRole("button", { name: "Add a line" });
    await add.click();
    await card.getByRole("textbox", { name: "Product or service" }).last().fill("Consulting");
    await card.getByRole("textbox", { name: "Qty" }).last().fill("3");
    await card.getByRole("textbox", { name: "Price" }).last().fill("19.99");
    await card.getByRole("textbox", { name: "Tax %" }).last().fill("19");
    await card
      .getByText(/71\.36/)
      .first()
      .waitFor();
    await expectAccessible(page, "lines");
    await picture(page, "lines");
    await card.getByRole("button", { name: "Save lines" }).click();
    await page.getByText("Lines saved").waitFor();
    await expect.poll(() => card.locator("dl").first().textContent()).toContain("71.36");
  });

  test("the palette finds a record by a part of its name (WEB-4)", async () => {
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search and commands" }).fill(`${mark} Hafen`);
    await page.getByRole("option", { name: new RegExp(`${mark} Hafenlogistik`) }).waitFor();
    await expectAccessible(page, "palette");
    await picture(page, "palette");
    await page.getByRole("combobox", { name: "Search and commands" }).press("Enter");
    await page.getByRole("heading", { name: `${mark} Hafenlogistik` }).waitFor();
  });

  test.each([
    ["contacts", "/contacts"],
    ["products", "/products"],
    ["deals list", "/deals?view=list"],
    ["by employee", "/reports/deals-by-employee"],
    ["expected", "/reports/expected-sales"],
    ["users", "/settings/users"],
    ["departments", "/settings/departments"],
    ["roles", "/settings/roles"],
    ["organisation", "/settings/organization"],
    ["pipelines", "/settings/pipelines"],
    ["lead settings", "/settings/leads"],
    ["screening", "/screening"],
    ["rates", "/settings/currencies"],
    ["keys", "/settings/api-keys"],
    ["providers", "/settings/providers"],
    ["audit log", "/settings/audit"],
    ["sessions", "/settings/sessions"],
  ])("axe finds nothing on %s (WEB-5)", async (name, path) => {
    await go(page, path);
    await page.getByRole("main").getByRole("heading").first().waitFor();
    await page.waitForTimeout(600);
    await expectAccessible(page, name);
    await picture(page, name.replace(/\s/g, "-"));
  });

  test("axe finds nothing in the dark (WEB-5)", async () => {
    const dark = await openPage(browser, undefined, "dark");
    await signIn(dark.page);
    for (const path of [
      "/",
      "/deals?view=board",
      "/deals?view=list",
      "/leads",
      "/reports/funnel",
      "/settings/organization",
    ]) {
      await go(dark.page, path);
      await dark.page.waitForTimeout(500);
      await expectAccessible(dark.page, `${path} in the dark`);
    }
    await dark.context.close();
  });

  test.each([
    ["768", { width: 768, height: 1024 }],
    ["390", { width: 390, height: 844 }],
  ])("nothing is cut off at %s px (WEB-5, WEB-7)", async (name, size) => {
    const small = await openPage(browser, size);
    await signIn(small.page);
    for (const path of [
      "/",
      "/leads",
      "/deals?view=board",
      "/deals?view=list",
      "/companies",
      "/reports/funnel",
      "/settings/users",
    ]) {
      await go(small.page, path);
      await small.page.waitForTimeout(500);
      const wide = await small.page.evaluate(
        () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
      );
      expect(wide, path).toBe(false);
      await expectAccessible(small.page, `${path} at ${name}`);
      await picture(small.page, `${name}${path.replace(/\W+/g, "-")}`);
    }
    expect(small.faults).toEqual([]);
    await small.context.close();
  });
});
