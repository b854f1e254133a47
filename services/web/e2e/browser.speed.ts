// Measures what a person waits for (WEB-6) against a running suite, as e2e/browser.ts names it, and prints a table for
// docs/benchmarks.md. It fails on nothing: journeys hold what does not depend on the machine (budget.journey.ts).
import type { Page } from "playwright-core";
import { test } from "vitest";
import { Api } from "./api";
import { launch, openPage, signIn } from "./browser";

const ROWS = 10_000;
const TIMES = 20;

/** Imports deals through the public API and waits until they are in. */
async function load(api: Api, mark: string): Promise<string> {
  const { pipeline } = await api.post<{ pipeline: { id: string } }>("/v1/pipelines", {
    name: `Speed ${mark}`,
    stages: [
      ...["One", "Two", "Three", "Four"].map((name) => ({ name, kind: "STAGE_KIND_OPEN" })),
      { name: "Won", kind: "STAGE_KIND_WON" },
      { name: "Lost", kind: "STAGE_KIND_LOST" },
    ],
  });
  const stages = ["One", "Two", "Three", "Four"];
  const lines = Array.from(
    { length: ROWS },
    (_, i) => `${mark} deal ${i},${(i % 900) * 10},Speed ${mark},${stages[i % 4]}`,
  );
  const fileId = await api.upload("deals.csv", `name,amount,pipeline,stage\n${lines.join("\n")}\n`);
  const mapping = [
    "kind: deal",
    "duplicates: skip",
    "defaults:",
    "  currency: EUR",
    "fields:",
    "  name: {column: name}",
    "  amount: {column: amount}",
    "  pipeline: {column: pipeline, lookup: {kind: pipeline, by: name}}",
    "  stage: {column: stage, lookup: {kind: stage, by: name, within: pipeline}}",
  ].join("\n");
  const { operation } = await api.post<{ operation: { id: string } }>("/v1/deals:import", {
    fileId,
    mapping,
  });
  for (;;) {
    const now = await api.get<{ operation: { state: string; error?: unknown } }>(
      `/v1/operations/${operation.id}`,
    );
    if (now.operation.state === "STATE_SUCCEEDED") {
      return pipeline.id;
    }
    if (now.operation.state === "STATE_FAILED") {
      throw new Error(`import failed: ${JSON.stringify(now.operation)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** From the beginning of the navigation to the first paint and to the first of the wanted elements, in ms. */
async function openAt(
  page: Page,
  path: string,
  selector: string,
): Promise<{ paint: number; usable: number }> {
  await page.goto(path, { waitUntil: "commit" });
  return page.evaluate(
    (wanted) =>
      new Promise<{ paint: number; usable: number }>((resolve) => {
        const look = (): void => {
          const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
          if (document.querySelector(wanted) && paint !== undefined) {
            resolve({ paint, usable: performance.now() });
          } else {
            requestAnimationFrame(look);
          }
        };
        look();
      }),
    selector,
  );
}

/** Notes when the page first shows what is wanted after the next event of a type, to the frame that paints it. */
async function arm(page: Page, type: string, wanted: string): Promise<() => Promise<number>> {
  await page.evaluate(
    ([event, selector]) => {
      const box = window as unknown as { took?: Promise<number> };
      box.took = new Promise((resolve) => {
        addEventListener(
          event as "click",
          (e) => {
            const look = (): void => {
              if (document.querySelector(selector as string)) {
                const channel = new MessageChannel();
                channel.port1.addEventListener("message", () => resolve(performance.now() - e.timeStamp));
                channel.port1.start();
                channel.port2.postMessage(0);
              } else {
                requestAnimationFrame(look);
              }
            };
            requestAnimationFrame(look);
          },
          { once: true, capture: true },
        );
      });
    },
    [type, wanted],
  );
  return () => page.evaluate(() => (window as unknown as { took: Promise<number> }).took);
}

const figures: string[] = [];
function tell(what: string, values: number[], wanted: number): void {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
  const [middle, high] = [at(0.5), at(0.95)];
  const met = middle < wanted ? (high < wanted ? "met" : "met, but for the slowest") : "**missed**";
  figures.push(`| ${what} | ${middle.toFixed(0)} / ${high.toFixed(0)} ms | < ${wanted} ms | ${met} |`);
}

test("what a person waits for", { timeout: 900_000 }, async () => {
  const api = await new Api().signIn();
  const mark = `S${Date.now().toString(36)}`;
  const pipeline = await load(api, mark);
  const browser = await launch();

  const first: number[] = [];
  for (let i = 0; i < 8; i++) {
    const { page, context } = await openPage(browser);
    first.push((await openAt(page, "/", "input[type=email]")).usable);
    await context.close();
  }
  tell("sign-in screen, nothing cached", first, 1000);

  const { page } = await openPage(browser);
  await signIn(page);
  for (const [what, path, selector] of [
    ["My day", "/", "main h1"],
    [`list of ${ROWS.toLocaleString("en")} deals`, `/deals?view=list&pipeline=${pipeline}`, "[role=row] a"],
    [`board of ${ROWS.toLocaleString("en")} deals`, `/deals?view=board&pipeline=${pipeline}`, "[data-card]"],
  ] as const) {
    const paints: number[] = [];
    const usables: number[] = [];
    for (let i = 0; i < TIMES; i++) {
      const { paint, usable } = await openAt(page, path, selector);
      paints.push(paint);
      usables.push(usable);
    }
    tell(`${what}: first contentful paint`, paints, 1000);
    tell(`${what}: usable`, usables, 1000);
  }

  await openAt(page, `/deals?view=list&pipeline=${pipeline}`, "[role=row] a");
  const cards: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const took = await arm(page, "click", "aside h1");
    await page
      .locator("[role=row] a")
      .nth(i % 15)
      .click();
    cards.push(await took());
    await page.keyboard.press("Escape");
    await page.locator("aside h1").waitFor({ state: "detached" });
  }
  tell("a click on a row → its card is painted", cards, 100);

  await openAt(page, `/deals?view=board&pipeline=${pipeline}`, "[data-card]");
  const drops: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const card = page.locator("[data-column]").first().locator("[data-card]").first();
    const id = await card.getAttribute("data-card");
    const to = page.locator("[data-column]").nth(1);
    const took = await arm(
      page,
      "drop",
      `[data-column="${await to.getAttribute("data-column")}"] [data-card="${id}"]`,
    );
    await card.dragTo(to);
    drops.push(await took());
    await page.waitForTimeout(150);
  }
  tell("a card dropped → it is in its new column", drops, 100);

  await page.locator("[data-card] a").first().focus();
  const keys: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const took = await arm(page, "keydown", "[data-card] a:focus");
    await page.keyboard.press("ArrowDown");
    keys.push(await took());
  }
  tell("a key pressed on the board → the next card has the focus", keys, 100);
  await browser.close();

  process.stdout.write(`| what | p50 / p95 | wanted | |\n|---|---|---|---|\n${figures.join("\n")}\n`);
});
