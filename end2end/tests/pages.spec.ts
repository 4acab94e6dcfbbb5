import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, type Page } from "@playwright/test";

import { hydrated, PAGES, seriousFaults, signIn, sidewaysScroll, test } from "./page.ts";

const SHOTS = process.env.VOLARY_SCREENSHOTS ?? fileURLToPath(new URL("../test-results/screenshots", import.meta.url));

async function look(page: Page, name: string): Promise<void> {
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await sidewaysScroll(page), `${name} scrolls sideways at ${width} px`).toBeLessThanOrEqual(0);
      await page.screenshot({ path: join(SHOTS, `${name}-${scheme}-${width}.png`), fullPage: true });
    }
    expect(await seriousFaults(page), `${name}, ${scheme}`).toEqual([]);
  }
}

for (const [name, path] of PAGES) {
  test(`${name} reads well in light and dark, wide and narrow`, async ({ page }) => {
    await signIn(page);
    await page.goto(path);
    await hydrated(page);
    await look(page, name);
  });
}

test("the sign-in page reads well, refuses without saying which field, and loses nothing", async ({ page }) => {
  await page.goto("/login");
  await hydrated(page);
  await look(page, "login");
  await page.getByLabel("E-mail address").fill("nobody@example.org");
  await page.getByLabel("Password", { exact: true }).fill("not the right password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
});
