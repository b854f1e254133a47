import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api";
import { go, launch, openPage, signIn } from "./browser";

// WEB-3, ID-5, ID-6: what a user sees beyond the own records changes before their eyes, and goes when the right goes.
describe("changes reach who may see them", () => {
  const api = new Api();
  const mark = `L${Date.now().toString(36)}`;
  const password = "correct-horse-battery-8";
  const email = (name: string): string => `${name}.${mark}@example.com`.toLowerCase();
  let browser: Browser;
  let watcherId: string;
  let companyId: string;
  const contexts: BrowserContext[] = [];

  const enter = async (who: string): Promise<Page> => {
    const { page, context } = await openPage(browser);
    contexts.push(context);
    await signIn(page, email(who), password);
    await go(page, `/companies?q=${mark}`);
    await page.getByText("Live", { exact: false }).first().waitFor();
    return page;
  };

  beforeAll(async () => {
    await api.signIn();
    watcherId = await api.makeUser("Wanda Watcher", email("wanda"), "manager", password);
    await api.makeUser("Otto Other", email("otto"), "manager", password);
    const made = await api.post<{ company: { id: string } }>("/v1/companies", {
      name: `${mark} Observed`,
      observerIds: [watcherId],
    });
    companyId = made.company.id;
    browser = await launch();
  });
  afterAll(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    await browser?.close();
  });

  test("an observer sees a change at once; another manager neither sees the record nor hears of it", async () => {
    const wanda = await enter("wanda");
    const otto = await enter("otto");
    const heard: string[] = [];
    otto.on("request", (request) => heard.push(request.url()));
    const row = wanda.getByRole("row", { name: new RegExp(`${mark} Observed`) });
    await row.waitFor();
    await otto
      .getByText("No companies", { exact: false })
      .or(otto.getByText("Nothing", { exact: false }))
      .first()
      .waitFor();
    await api.patch(`/v1/companies/${companyId}`, { industry: "Shipbuilding" });
    await row.getByText("Shipbuilding").waitFor();
    expect(heard.filter((url) => url.includes(companyId))).toEqual([]);

    // Open to everyone, it is there for the other too; closed again, it goes.
    await api.patch(`/v1/companies/${companyId}`, { availableToEveryone: true });
    const others = otto.getByRole("row", { name: new RegExp(`${mark} Observed`) });
    await others.waitFor();
    await api.patch(`/v1/companies/${companyId}`, { availableToEveryone: false });
    await others.waitFor({ state: "detached" });

    // No observer any more.
    await api.patch(`/v1/companies/${companyId}`, { observerIds: [] });
    await row.waitFor({ state: "detached" });
  });
});
