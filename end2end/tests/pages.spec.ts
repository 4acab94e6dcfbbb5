import { join } from "node:path";
import { fileURLToPath } from "node:url";

import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

import { hydrated, signIn, test } from "./page.ts";

/** The project that the journey has left behind, page by page. */
const PAGES: [name: string, path: string][] = [
  ["overview", "/p/default"],
  ["datasets", "/p/default/datasets"],
  ["dataset", "/p/default/datasets/housing"],
  ["dataset-columns", "/p/default/datasets/housing?tab=columns"],
  ["dataset-failed", "/p/default/datasets/ragged"],
  ["training-runs", "/p/default/training-runs"],
  ["training-run-new", "/p/default/training-runs/new?dataset=housing"],
  ["scoring-runs", "/p/default/scoring-runs?model=price/1"],
  ["models", "/p/default/models"],
  ["model", "/p/default/models/price"],
  ["model-version", "/p/default/models/price/versions/1"],
  ["deployments", "/p/default/deployments"],
  ["deployment-new", "/p/default/deployments/new"],
  ["deployment", "/p/default/deployments/price"],
  ["deployment-traffic", "/p/default/deployments/price?tab=traffic"],
  ["deployment-metrics", "/p/default/deployments/price?tab=metrics"],
  ["deployment-history", "/p/default/deployments/price?tab=history"],
  ["playground", "/p/default/deployments/price/try"],
  ["keys", "/p/default/keys"],
  ["members", "/p/default/settings/members"],
  ["account", "/p/default/settings/account"],
  ["ledger", "/p/default/ledger"],
  ["not-found", "/p/default/models/nothing"],
];

const SHOTS = process.env.VOLARY_SCREENSHOTS ?? fileURLToPath(new URL("../test-results/screenshots", import.meta.url));

async function look(page: Page, name: string): Promise<void> {
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(wide, `${name} scrolls sideways at ${width} px`).toBeLessThanOrEqual(0);
      await page.screenshot({ path: join(SHOTS, `${name}-${scheme}-${width}.png`), fullPage: true });
    }
    const { violations } = await new AxeBuilder({ page }).analyze();
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(serious.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]), `${name}, ${scheme}`).toEqual([]);
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
