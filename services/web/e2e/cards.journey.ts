import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api } from "./api";
import { expectAccessible, go, launch, openPage, picture, signIn } from "./browser";

describe("what hangs on a card", () => {
  const api = new Api();
  const mark = `C${Date.now().toString(36)}`;
  let browser: Browser;
  let page: Page;
  let faults: string[];
  let folder: string;
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    await api.signIn();
    folder = await mkdtemp(join(tmpdir(), "kontor-journey-"));
    const company = await api.post<{ company: { id: string } }>("/v1/companies", { name: `${mark} Werft` });
    const contact = await api.post<{ contact: { id: string } }>("/v1/contacts", { firstName: mark });
    const lead = await api.post<{ lead: { id: string } }>("/v1/leads", { title: `${mark} enquiry` });
    const deal = await api.post<{ deal: { id: string } }>("/v1/deals", { name: `${mark} deal` });
    Object.assign(ids, {
      companies: company.company.id,
      contacts: contact.contact.id,
      leads: lead.lead.id,
      deals: deal.deal.id,
    });
    browser = await launch();
    ({ page, faults } = await openPage(browser));
    await signIn(page);
  });
  afterAll(async () => {
    await browser?.close();
    expect(faults).toEqual([]);
  });

  const openTab = async (list: string, tab: string): Promise<Locator> => {
    await go(page, `/${list}/${ids[list]}`);
    const card = page.getByRole("complementary");
    await card.getByRole("tab", { name: tab }).click();
    return card;
  };

  // WEB-4, DEAL-1, CON-1, CON-7, CON-8: cards of all four kinds carry files.
  test.each(["leads", "contacts", "companies", "deals"])(
    "a file is added to the card of %s, fetched, deleted and put back",
    async (list) => {
      const card = await openTab(list, "Files");
      await card.getByText("No files yet").waitFor();
      const path = join(folder, `${list} offer.txt`);
      const content = `An offer for ${mark}, in ${list}.\n`.repeat(500);
      await writeFile(path, content);
      await card.locator("input[type=file]").setInputFiles(path);
      const line = card.getByRole("listitem").filter({ hasText: `${list} offer.txt` });
      await line.getByRole("button", { name: `Download ${list} offer.txt` }).waitFor();

      const downloading = page.waitForEvent("download");
      await line.getByRole("button", { name: `Download ${list} offer.txt` }).click();
      expect(await readFile(await (await downloading).path(), "utf8")).toBe(content);

      await line.getByRole("button", { name: `Delete ${list} offer.txt` }).click();
      await card.getByText("No files yet").waitFor();
      await page.getByRole("button", { name: "Undo" }).click();
      await line.waitFor();
      await expect.poll(() => card.getByRole("tab", { name: "Files" }).textContent()).toBe("Files1");
      await expectAccessible(page, `files of ${list}`);
    },
  );

  test("files are dropped on the card, and one too many is told of where it failed (WEB-4, WEB-8)", async () => {
    const card = await openTab("deals", "Files");
    const lines = card.getByRole("list", { name: "Files" }).getByRole("listitem");
    await lines.first().waitFor();
    const dropped = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File(["plan"], "plan.txt", { type: "text/plain" }));
      data.items.add(new File(["%PDF-1.4 order"], "order.pdf", { type: "application/pdf" }));
      return data;
    });
    const area = card.getByTestId("files");
    await area.dispatchEvent("dragover", { dataTransfer: dropped });
    await area.dispatchEvent("drop", { dataTransfer: dropped });
    await expect.poll(() => lines.count()).toBe(3);
    await picture(page, "files");

    await page.route("**/v1/files", (route) => route.abort());
    await card.locator("input[type=file]").setInputFiles(join(folder, "deals offer.txt"));
    await card.getByRole("alert").getByText("The server cannot be reached", { exact: false }).waitFor();
    await page.unroute("**/v1/files");
    await card.getByRole("button", { name: "Try again" }).click();
    await expect.poll(() => lines.count()).toBe(4);
  });

  test("a set of requisites is refused by field, mended and saved (CON-8, WEB-8)", async () => {
    const card = await openTab("companies", "Requisites");
    await card.getByRole("button", { name: "Add a set" }).click();
    const form = card.getByRole("form", { name: "Requisites" });
    await form.getByLabel("Name of the set").fill("Head office");
    await form.getByRole("combobox", { name: "Country" }).fill("Germany");
    await page.getByRole("option", { name: "Germany" }).click();
    await form.getByLabel("Legal form").fill("GmbH");
    await form.getByLabel("VAT number").fill("DE 136 695 977");
    await form.getByLabel("Handelsregister").fill("HRB 12345");
    const legal = form.getByRole("group", { name: "Legal address" });
    await legal.getByLabel("Street").fill("Am Kai 1");
    await legal.getByLabel("City").fill("Hamburg");
    await form.getByRole("button", { name: "Add an account" }).click();
    await form.getByLabel("IBAN").fill("DE89 3704 0044 0532 0130 01");
    await form.getByLabel("BIC").fill("COBA");
    await form.getByRole("button", { name: "Add a person" }).click();
    const signs = form.getByRole("group", { name: "Who signs" });
    await signs.getByLabel("Name").fill("Frieda Hansen");
    await signs.getByLabel("Position").fill("Managing director");
    await form.getByRole("button", { name: "Save" }).click();

    await form.getByText("the number is not valid in that country", { exact: false }).waitFor();
    await form.getByText("not a valid IBAN", { exact: false }).waitFor();
    await form.getByText("not a valid BIC", { exact: false }).waitFor();
    expect(await form.getByLabel("VAT number").getAttribute("aria-invalid")).toBe("true");
    expect(await form.getByLabel("Handelsregister").getAttribute("aria-invalid")).not.toBe("true");
    await picture(page, "requisites-faults");
    // Tall enough for the whole form: what the fixed tabs and buttons happen to cover elsewhere, a person scrolls into view.
    await page.setViewportSize({ width: 1366, height: 2400 });
    await expectAccessible(page, "requisites at fault");
    await page.setViewportSize({ width: 1366, height: 768 });

    await form.getByLabel("VAT number").fill("DE 136 695 976");
    await form.getByLabel("IBAN").fill("DE89 3704 0044 0532 0130 00");
    await form.getByLabel("BIC").fill("cobadeff");
    await form.getByRole("button", { name: "Save" }).click();
    const set = card.getByRole("region", { name: "Head office" });
    await set.getByText("DE136695976").waitFor();
    await set.getByText("DE89 3704 0044 0532 0130 00 · COBADEFF").waitFor();
    await set.getByText("Frieda Hansen, Managing director").waitFor();
  });

  test("a second set becomes the primary one, is deleted, and comes back (CON-8)", async () => {
    const card = await openTab("companies", "Requisites");
    await card.getByRole("button", { name: "Add a set" }).click();
    const form = card.getByRole("form", { name: "Requisites" });
    await form.getByLabel("Name of the set").fill("Polish branch");
    await form.getByRole("combobox", { name: "Country" }).fill("Poland");
    await page.getByRole("option", { name: "Poland" }).click();
    await form.getByLabel("NIP").fill("526-10-40-828");
    await form.getByLabel("Use unless another is chosen").check();
    await form.getByRole("button", { name: "Save" }).click();
    const branch = card.getByRole("region", { name: "Polish branch" });
    await branch.getByText("5261040828").waitFor();
    await branch.getByText("Primary").waitFor();
    expect(await card.getByRole("region", { name: "Head office" }).getByText("Primary").count()).toBe(0);
    await expectAccessible(page, "requisites");
    await picture(page, "requisites");

    await branch.getByRole("button", { name: "Delete" }).click();
    await branch.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).last().click();
    await branch.waitFor();
  });

  test("what was typed into a set outlives a closed card (WEB-8)", async () => {
    const card = await openTab("companies", "Requisites");
    await card.getByRole("button", { name: "Add a set" }).click();
    await card.getByLabel("Name of the set").fill("Half typed");
    await page.reload();
    await card.getByRole("button", { name: "Add a set" }).click();
    expect(await card.getByLabel("Name of the set").inputValue()).toBe("Half typed");
    await card.getByRole("button", { name: "Cancel" }).click();
  });
});
