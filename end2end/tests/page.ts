import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test as base } from "@playwright/test";

import { admin } from "../admin.ts";

/** A test whose page must stay without console errors and failed scripts. */
export const test = base.extend<{ quiet: undefined }>({
  quiet: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on("console", (message) => {
        // The browser itself reports answers of 4xx as errors; the pages that show one are tested for what they say.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
          complaints.push(message.text());
        }
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      await use(undefined);
      expect(complaints, "console errors").toEqual([]);
    },
    { auto: true },
  ],
});

export async function signIn(page: Page, as = admin): Promise<void> {
  await page.goto("/login");
  await page.getByLabel("E-mail address").fill(as.email);
  await page.getByLabel("Password", { exact: true }).fill(as.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/p\/default/);
}

/** Waits until WebAssembly has taken the page over. */
export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator("html[data-live]")).toBeAttached();
}

/** The project that the journey has left behind, page by page. */
export const PAGES: [name: string, path: string][] = [
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
  ["model-retraining", "/p/default/models/price?tab=retraining"],
  ["model-version", "/p/default/models/price/versions/1"],
  ["compare", "/p/default/compare?version=price/1&version=price/2"],
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

/** What axe finds to be a serious fault: the rule, and where it is broken. */
export async function seriousFaults(page: Page): Promise<[string, string[]][]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
}

/** How many pixels the page is wider than its window. */
export async function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Calls the API with the session of the page. */
export async function callApi(page: Page, method: string, path: string, data?: object) {
  const origin = new URL(page.url()).origin;
  return page.request.fetch(`/api/v1/projects/default${path}`, { method, data, headers: { origin } });
}
