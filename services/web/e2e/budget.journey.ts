import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api";
import { launch, openPage, signIn } from "./browser";

// WEB-5, WEB-6: what speed and density rest on, in figures that no busy machine changes. Times are measured by
// `make bench`.
describe("budgets", () => {
  const api = new Api();
  const mark = `B${Date.now().toString(36)}`;
  let browser: Browser;
  let page: Page;
  let pipelineId: string;

  beforeAll(async () => {
    await api.signIn();
    const { pipeline } = await api.post<{ pipeline: { id: string; stages: { id: string }[] } }>(
      "/v1/pipelines",
      {
        name: `Budget ${mark}`,
        stages: [
          ...["One", "Two", "Three", "Four"].map((name) => ({ name, kind: "STAGE_KIND_OPEN" })),
          { name: "Won", kind: "STAGE_KIND_WON" },
          { name: "Lost", kind: "STAGE_KIND_LOST" },
        ],
      },
    );
    pipelineId = pipeline.id;
    for (let i = 0; i < 240; i += 12) {
      await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          api.post("/v1/deals", {
            name: `${mark} ${i + n}`,
            pipelineId,
            stageId: pipeline.stages[n % 4]?.id,
          }),
        ),
      );
    }
    browser = await launch();
    ({ page } = await openPage(browser));
    await signIn(page);
  });
  afterAll(() => browser?.close());

  const wholly = (selector: string): Promise<number> =>
    page.evaluate(
      (wanted) =>
        [...document.querySelectorAll(wanted)].filter((element) => {
          const { left, top, right, bottom, height } = element.getBoundingClientRect();
          const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
          return height > 0 && bottom <= innerHeight && right <= innerWidth && element.contains(hit);
        }).length,
      selector,
    );

  test("the first list is usable after few requests and bytes (WEB-6)", async () => {
    const fresh = await openPage(browser);
    await signIn(fresh.page);
    // All that a browser asks for when the list is opened and nothing is in its cache.
    const cdp = await fresh.context.newCDPSession(fresh.page);
    await cdp.send("Network.enable");
    await cdp.send("Network.clearBrowserCache");
    const asked: string[] = [];
    let bytes = 0;
    cdp.on("Network.requestWillBeSent", ({ request }) => asked.push(new URL(request.url).pathname));
    cdp.on("Network.dataReceived", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await fresh.page.goto(`/deals?view=list&pipeline=${pipelineId}`);
    await fresh.page.getByRole("row").nth(20).waitFor();
    const calls = asked.filter((path) => path.startsWith("/v1/"));
    expect(calls.length, calls.join("\n")).toBeLessThanOrEqual(12);
    expect(new Set(calls).size, `asked twice:\n${calls.join("\n")}`).toBe(calls.length);
    expect(asked.length, asked.join("\n")).toBeLessThanOrEqual(45);
    expect(bytes / 1024).toBeLessThan(400); // 250 kB of them the first load's
    await fresh.context.close();
  });

  test("25 rows or 50 cards are to be seen at 1366 × 768 (WEB-5)", async () => {
    await page.goto(`/deals?view=list&pipeline=${pipelineId}`);
    await page.getByRole("row").nth(20).waitFor();
    expect(await wholly('[role="row"]:has(a)')).toBeGreaterThanOrEqual(25);
    await page.goto(`/deals?view=board&pipeline=${pipelineId}`);
    await page.locator("[data-card]").nth(20).waitFor();
    expect(await wholly("[data-card]")).toBeGreaterThanOrEqual(50);
  });

  test("a long list and a long column keep only what is near the eye in the page (WEB-6)", async () => {
    await page.goto(`/deals?view=list&pipeline=${pipelineId}`);
    await page.getByRole("row").nth(20).waitFor();
    expect(await page.getByRole("row").count()).toBeLessThanOrEqual(60);
    await page.goto(`/deals?view=board&pipeline=${pipelineId}`);
    await page.locator("[data-card]").nth(20).waitFor();
    expect(await page.locator("[data-card]").count()).toBeLessThanOrEqual(4 * 30);
  });

  test("a card opens with what the list knows, before the server has said anything (WEB-6)", async () => {
    await page.goto(`/deals?view=list&pipeline=${pipelineId}`);
    const row = page.getByRole("row").filter({ hasText: mark }).nth(3);
    const link = row.getByRole("link").first();
    const name = (await link.textContent()) ?? "";
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route(/\/v1\/deals\/[0-9a-f-]{36}/, async (route) => {
      await held;
      await route.continue();
    });
    await link.click();
    await page.getByRole("complementary", { name: "Deal" }).getByRole("heading", { name }).waitFor();
    release();
    await page.unrouteAll({ behavior: "wait" });
  });

  test("a dropped card is in its column before the server has said anything (WEB-6, DEAL-5)", async () => {
    await page.goto(`/deals?view=board&pipeline=${pipelineId}`);
    const card = page.locator("[data-card]").first();
    await card.waitFor();
    const id = await card.getAttribute("data-card");
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route("**/v1/deals/*:move", async (route) => {
      await held;
      await route.continue();
    });
    const to = page.locator("[data-column]").nth(1);
    await card.dragTo(to);
    await to.locator(`[data-card="${id}"]`).waitFor();
    release();
    await page
      .getByText("moved to", { exact: false })
      .or(page.getByRole("button", { name: "Undo" }))
      .first()
      .waitFor();
    await page.unrouteAll({ behavior: "wait" });
  });
});
