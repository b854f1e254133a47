import { devices, type Browser, type CDPSession, type Locator, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api";
import { expectAccessible, launch, picture, signIn, target } from "./browser";

interface Stage {
  id: string;
  name: string;
}

// DEAL-5, WEB-5, WEB-7: the board on a phone, with nothing but a finger; and on any machine with nothing but keys.
describe("the board without a mouse", () => {
  const api = new Api();
  const mark = `T${Date.now().toString(36)}`;
  let browser: Browser;
  let page: Page;
  let cdp: CDPSession;
  let pipelineId: string;
  let stages: Stage[];
  const faults: string[] = [];

  beforeAll(async () => {
    await api.signIn();
    const { pipeline } = await api.post<{ pipeline: { id: string; stages: Stage[] } }>("/v1/pipelines", {
      name: `Touch ${mark}`,
      stages: [
        { name: "New", kind: "STAGE_KIND_OPEN" },
        { name: "Offer", kind: "STAGE_KIND_OPEN" },
        { name: "Won", kind: "STAGE_KIND_WON" },
        { name: "Lost", kind: "STAGE_KIND_LOST" },
      ],
    });
    pipelineId = pipeline.id;
    stages = pipeline.stages;
    for (let i = 1; i <= 30; i++) {
      await api.post("/v1/deals", { name: `${mark} deal ${i}`, pipelineId, stageId: stages[0]?.id });
    }
    browser = await launch();
    const context = await browser.newContext({
      ...devices["Pixel 7"],
      viewport: { width: 390, height: 844 },
      locale: "en-GB",
      baseURL: target.url,
      reducedMotion: "reduce",
    });
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => faults.push(error.message));
    cdp = await context.newCDPSession(page);
    await signIn(page);
    await page.goto(`/deals?view=board&pipeline=${pipelineId}`);
    await column("New", 30).waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    expect(faults).toEqual([]);
  });

  const column = (name: string, count: number): Locator =>
    page.getByRole("region", { name: `${name}: ${count} deal${count === 1 ? "" : "s"}`, exact: true });
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", x = 0, y = 0): Promise<unknown> =>
    cdp.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
  const middle = async (locator: Locator): Promise<{ x: number; y: number }> => {
    const box = await locator.boundingBox();
    if (!box) {
      throw new Error("not on the screen");
    }
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };

  test("a card is carried to the next column by a finger, the board scrolling under it", async () => {
    const card = page.locator("[data-card]").first();
    const name = (await card.locator("a").textContent()) ?? "";
    const { x, y } = await middle(card);
    await touch("touchStart", x, y);
    await page.locator("[data-ghost]").waitFor();
    // The next column is beyond the edge; the finger waits there until it has come.
    await touch("touchMove", 380, y);
    await page.locator(`[data-column="${stages[1]?.id}"][data-over]`).waitFor();
    await picture(page, "touch-drag");
    await touch("touchEnd");
    await column("Offer", 1).waitFor();
    await column("New", 29).waitFor();
    expect(await column("Offer", 1).getByRole("listitem").textContent()).toContain(name.slice(0, 8));
    expect(page.url()).not.toMatch(/\/deals\/[0-9a-f-]{36}/); // dragging opens no card
    expect(await page.locator("[data-ghost]").count()).toBe(0);
  });

  test("a finger that moves at once scrolls the column and moves no card", async () => {
    await page.goto(`/deals?view=board&pipeline=${pipelineId}`);
    await column("New", 29).waitFor();
    const card = page.locator(`[data-column="${stages[0]?.id}"] [data-card]`).nth(3);
    const { x, y } = await middle(card);
    const scrolled = (): Promise<number> =>
      card.evaluate((e) => e.closest("ul")?.parentElement?.scrollTop ?? 0);
    expect(await scrolled()).toBe(0);
    await touch("touchStart", x, y);
    for (let i = 1; i <= 12; i++) {
      await touch("touchMove", x, y - i * 12);
    }
    await touch("touchEnd");
    await expect.poll(scrolled).toBeGreaterThan(40);
    expect(await column("New", 29).count()).toBe(1);
  });

  test("a tap opens the card", async () => {
    await page.goto(`/deals?view=board&pipeline=${pipelineId}`);
    await column("New", 29).waitFor();
    const { x, y } = await middle(page.locator("[data-card]").first());
    await page.touchscreen.tap(x, y);
    await page.getByRole("complementary", { name: "Deal" }).waitFor();
    await expectAccessible(page, "deal card on a phone");
    await picture(page, "touch-card");
  });

  test("by keys: space takes a card up, arrows choose the column, space puts it down, Escape gives up", async () => {
    await page.goto(`/deals?view=board&pipeline=${pipelineId}`);
    await column("New", 29).waitFor();
    await page.locator("[data-card] a").first().focus();
    await page.keyboard.press("Space");
    await page.getByText("taken up from New", { exact: false }).waitFor({ state: "attached" });
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Escape");
    expect(await column("New", 29).count()).toBe(1);
    await page.keyboard.press("Space");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await column("Offer", 2).waitFor();
    await column("New", 28).waitFor();
  });
});
