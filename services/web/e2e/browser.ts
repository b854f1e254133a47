import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { expect } from "vitest";

const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** The suite under test and who signs in. */
export const target = {
  url: process.env["KONTOR_URL"] ?? "http://127.0.0.1:8080",
  email: process.env["KONTOR_EMAIL"] ?? "",
  password: process.env["KONTOR_PASSWORD"] ?? "",
};

/** Where pictures of the screens go; none are taken without it. */
const pictures = process.env["KONTOR_PICTURES"];

function executable(): string {
  const found = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
    (path) => path && existsSync(path),
  );
  if (!found) {
    throw new Error("No Chromium found: install Debian's package chromium, or name one with CHROMIUM");
  }
  return found;
}

/** Starts the browser. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

/** A page of a person's own; what goes wrong in it fails the journey. */
export async function openPage(
  browser: Browser,
  size = { width: 1366, height: 768 },
  colorScheme: "light" | "dark" = "light",
): Promise<{ page: Page; context: BrowserContext; faults: string[] }> {
  const context = await browser.newContext({
    viewport: size,
    locale: "en-GB",
    baseURL: target.url,
    reducedMotion: "reduce",
    colorScheme,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  // A screen that fails is caught and tells so politely; the fault is in the console only.
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      faults.push(message.text());
    }
  });
  page.on("response", (response) => {
    if (response.status() >= 500) {
      faults.push(`${response.status()} ${response.url()}`);
    }
  });
  return { page, context, faults };
}

/** Signs in through the screen. */
export async function signIn(page: Page, email = target.email, password = target.password): Promise<void> {
  await page.goto("/");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

/** Goes to an address within the client, as a click on a link does, without loading it anew. */
export async function go(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

/** Fails when axe finds anything on the screen, colours included (WCAG 2.2 AA). */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
  if (!(await page.evaluate(() => "axe" in window))) {
    await page.evaluate(await (await import("node:fs/promises")).readFile(axePath, "utf8"));
  }
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run: (
          o: object,
        ) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    });
    return violations.map(
      (v) =>
        `${v.id}: ${v.nodes
          .slice(0, 3)
          .map((n) => `${n.html.slice(0, 160)} → ${n.failureSummary.slice(0, 200)}`)
          .join(" | ")}`,
    );
  });
  expect(found, what).toEqual([]);
}

/** Takes a picture of the screen for people to look at. */
export async function picture(page: Page, name: string): Promise<void> {
  if (pictures) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name}.png`) });
  }
}
