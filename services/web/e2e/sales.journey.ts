import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api";
import { expectAccessible, go, launch, openPage, picture, signIn, target } from "./browser";

interface Stage {
  id: string;
  name: string;
  kind: string;
}

// The main job: sign in, import, board, drag a deal to Won, the funnel changes by itself.
describe("a sales history goes from file to funnel (WEB-4)", () => {
  const api = new Api();
  const mark = `J${Date.now().toString(36)}`;
  let browser: Browser;
  let page: Page;
  let faults: string[];
  let pipelineId: string;
  let stages: Stage[];

  beforeAll(async () => {
    await api.signIn();
    const made = await api.post<{ pipeline: { id: string; stages: Stage[] } }>("/v1/pipelines", {
      name: `Journey ${mark}`,
      stages: [
        { name: "Prospecting", kind: "STAGE_KIND_OPEN", probability: 20 },
        { name: "Engaging", kind: "STAGE_KIND_OPEN", probability: 50 },
        { name: "Won", kind: "STAGE_KIND_WON" },
        { name: "Lost", kind: "STAGE_KIND_LOST" },
      ],
      lostReasons: [{ name: "Price" }, { name: "No need" }],
    });
    pipelineId = made.pipeline.id;
    stages = made.pipeline.stages;
    browser = await launch();
    ({ page, faults } = await openPage(browser));
  });
  afterAll(async () => {
    await browser?.close();
    expect(faults).toEqual([]);
  });

  test("a wrong password is refused in words (ID-7, WEB-2, WEB-8)", async () => {
    await page.goto("/");
    await expectAccessible(page, "sign-in");
    await page.getByLabel("E-mail").fill(target.email);
    await page.getByLabel("Password", { exact: true }).fill("not-the-password-1");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: "E-mail or password is wrong" }).waitFor();
    await picture(page, "signin-refused");
  });

  test("signs in and stays signed in over a reload (ID-7, WEB-4)", async () => {
    await signIn(page);
    await page.reload();
    await page.getByRole("heading", { name: /^Good / }).waitFor();
    await page.getByText("Live", { exact: false }).first().waitFor();
    await expectAccessible(page, "my day");
    await picture(page, "day");
  });

  test("imports companies and deals from files (CON-17, DEAL-1)", async () => {
    await go(page, "/settings/import?kind=company");
    await page
      .locator("input[type=file]")
      .first()
      .setInputFiles({
        name: "accounts.csv",
        mimeType: "text/csv",
        buffer: Buffer.from(
          `account,sector,revenue,employees\n${mark} Acme,technology,1100.04,2822\n${mark} Betasol,medical,251.41,495\n,broken,1,2\n`,
        ),
      });
    await page
      .getByText("First rows", { exact: false })
      .or(page.getByRole("cell", { name: `${mark} Acme` }))
      .first()
      .waitFor();
    await picture(page, "import-mapping");
    await expectAccessible(page, "import");
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("Done", { exact: true }).waitFor();
    await page.getByText("1 row was refused").waitFor();
    await picture(page, "import-done");

    await go(page, "/settings/import?kind=deal");
    const rows = Array.from(
      { length: 12 },
      (_, i) => `${mark} deal ${i + 1},${mark} Acme,${(i + 1) * 100},Journey ${mark},Engaging`,
    );
    await page
      .locator("input[type=file]")
      .first()
      .setInputFiles({
        name: "deals.csv",
        mimeType: "text/csv",
        buffer: Buffer.from(`name,company,amount,pipeline,stage\n${rows.join("\n")}\n`),
      });
    await page.getByRole("cell", { name: `${mark} deal 1`, exact: true }).waitFor();
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("Done", { exact: true }).waitFor();
    await page.getByText("Created").waitFor();
  });

  test("shows the deals on a board, with counts and sums (DEAL-5)", async () => {
    await go(page, `/deals?view=board&pipeline=${pipelineId}`);
    const engaging = page.getByRole("region", { name: /^Engaging: 12 deals/ });
    await engaging.waitFor();
    expect(await engaging.getByRole("listitem").count()).toBe(12);
    await expectAccessible(page, "board");
    await picture(page, "board");
  });

  test("a deal dragged to Won is won, and the funnel beside follows by itself (DEAL-5, DEAL-9, REP-1, WEB-3)", async () => {
    const { page: funnel, context } = await openPage(browser);
    await signIn(funnel);
    await go(funnel, `/reports/funnel?pipeline=${pipelineId}`);
    const wonCell = funnel.getByRole("row", { name: /^Won/ }).getByRole("cell").first();
    await expect.poll(() => wonCell.textContent(), { timeout: 15_000 }).toBe("0");
    await expectAccessible(funnel, "funnel");

    const card = page.getByRole("listitem").filter({ hasText: `${mark} deal 12` });
    const won = page.locator(`[data-column="${stages[2]?.id}"]`);
    await card.dragTo(won);
    await page.getByRole("region", { name: /^Won: 1 deal$/ }).waitFor();
    await page.getByText("is won. Well done!", { exact: false }).waitFor();

    await expect.poll(() => wonCell.textContent(), { timeout: 10_000 }).toBe("1");
    await picture(funnel, "funnel");
    await context.close();
  });

  test("a move by somebody else shows by itself (DEAL-5, WEB-3)", async () => {
    const { deals } = await api.get<{ deals: { id: string; etag: string }[] }>(
      `/v1/deals?filter=${encodeURIComponent(`name = "${mark} deal 1"`)}`,
    );
    const deal = deals[0];
    const started = Date.now();
    await api.post(`/v1/deals/${deal?.id}:move`, { stageId: stages[0]?.id });
    await page.getByRole("region", { name: /^Prospecting: 1 deal$/ }).waitFor();
    // DEAL-5 asks for a second; the rest is what a busy machine adds.
    expect(Date.now() - started).toBeLessThan(5000);
  });

  test("losing asks for the reason and does not go on without (DEAL-9, WEB-5)", async () => {
    const card = page
      .getByRole("listitem")
      .filter({ hasText: `${mark} deal 2` })
      .first();
    await card.getByRole("link").focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Space");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    expect(await dialog.getByRole("button", { name: "Mark as lost" }).isDisabled()).toBe(true);
    await expectAccessible(page, "lost reason");
    await dialog.getByRole("radio", { name: "Price" }).click();
    await dialog.getByRole("button", { name: "Mark as lost" }).click();
    await page.getByRole("region", { name: /^Lost: 1 deal$/ }).waitFor();
  });

  test("a refused move is put back with the reason (DEAL-5, WEB-1, WEB-8)", async () => {
    await page.route("**/v1/deals/*:move", (route) =>
      route.fulfill({
        status: 400,
        contentType: "application/problem+json",
        body: JSON.stringify({ status: 400, reason: "DEAL_LOCKED", detail: "the deal is locked" }),
      }),
    );
    const card = page
      .getByRole("listitem")
      .filter({ hasText: `${mark} deal 3` })
      .first();
    await card.getByRole("link").focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Space");
    await page.getByText("was put back: the deal is locked", { exact: false }).waitFor();
    await page.getByRole("region", { name: /^Engaging: 9 deals$/ }).waitFor();
    await page.unroute("**/v1/deals/*:move");
  });

  test("a number of a report opens the rows behind it (REP-5)", async () => {
    await go(page, `/reports/funnel?pipeline=${pipelineId}`);
    await page
      .getByRole("row", { name: /^Engaging/ })
      .getByRole("link")
      .first()
      .click();
    await page.waitForURL(/\/deals\?.*where=/);
    await expect.poll(() => page.getByRole("table").getByRole("row").count()).toBe(10);
    await picture(page, "drill");
  });
});
