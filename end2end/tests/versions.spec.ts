import { readFileSync } from "node:fs";

import { expect, type Page } from "@playwright/test";

import { callApi, hydrated, seriousFaults, sidewaysScroll, signIn, test } from "./page.ts";

test.describe.configure({ mode: "serial" });

const CARD = "/p/default/models/compared/versions/1";

/** The id of a run of this algorithm, which has succeeded. */
async function trained(page: Page, algorithm: string, seed: number): Promise<string> {
  const spec = { dataset: "waves", target: "y", model: "compared", algorithm, features: ["a", "b"], split: { seed } };
  const queued = await callApi(page, "POST", "/training-runs", spec);
  expect(queued.status()).toBe(202);
  const { id } = await queued.json();
  const status = async () => (await (await callApi(page, "GET", `/training-runs/${id}`)).json()).status;
  await expect.poll(status, { timeout: 60_000 }).toBe("succeeded");
  return id;
}

test("runs that are ticked stand beside each other, and other rows are called that", async ({ page }) => {
  await signIn(page);
  const first = await trained(page, "linear_regression", 1);
  const second = await trained(page, "decision_tree", 1);
  await trained(page, "decision_tree", 2);
  await page.goto("/p/default/training-runs");
  await hydrated(page);
  const box = (id: string) => page.getByRole("checkbox", { name: `Compare run ${id.slice(-8)}` });
  // The runs of other tests come into the list meanwhile, and may move a row away from below the pointer.
  await expect(async () => {
    for (const ticked of await page.getByRole("checkbox", { name: /^Compare run/, checked: true }).all()) {
      await ticked.uncheck();
    }
    await box(first).check();
    await box(second).check();
    await expect(box(first)).toBeChecked({ timeout: 500 });
    await expect(box(second)).toBeChecked({ timeout: 500 });
    await expect(page.getByText("2 are ticked.")).toBeVisible({ timeout: 500 });
  }).toPass();
  await page.getByRole("button", { name: "Compare" }).click();
  await expect(page).toHaveURL(new RegExp(`/compare\\?(run=(${first}|${second})&?){2}$`));
  const metrics = page.getByRole("region", { name: "Metrics" });
  await expect(metrics.getByRole("row", { name: /^RMSE/ })).toContainText(/better|worse/);
  await expect(page.getByText("not judged by the same held-out rows")).toHaveCount(0);
  await expect(page.locator("figure.chart svg").first()).toBeVisible();

  await page.getByLabel("A version").fill("compared/3");
  await page.getByRole("button", { name: "Add to the comparison" }).click();
  await expect(page.getByText(/not judged by the same held-out rows: their splits differ/).first()).toBeVisible();
  await expect(metrics.getByRole("columnheader")).toHaveCount(4);
  await page.getByRole("link", { name: /^Remove compared v3/ }).click();
  await expect(metrics.getByRole("columnheader")).toHaveCount(3);
  await page.getByRole("link", { name: /more rows? that/ }).click();
  await expect(page.getByRole("rowheader", { name: "target", exact: true })).toBeVisible();
});

test("the comparison reads well, wide and narrow", async ({ page }) => {
  await signIn(page);
  const versions = [1, 2, 3].map((number) => `version=compared/${number}`).join("&");
  for (const query of [`?${versions}&all=1`, "?version=compared/1", "", "?version=compared/1&version=compared/99"]) {
    await page.goto(`/p/default/compare${query}`);
    await hydrated(page);
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await sidewaysScroll(page), query).toBeLessThanOrEqual(0);
      }
      expect(await seriousFaults(page), query).toEqual([]);
    }
  }
  await expect(page.getByText("model version compared/99 not found")).toBeVisible();
});

test("a card is written, downloaded, and no edit is lost", async ({ page, browser }) => {
  await signIn(page);
  await page.goto(CARD);
  await hydrated(page);
  await expect(page.getByRole("heading", { name: "Intended use" })).toBeVisible();
  await page.getByText("Edit the card").click();
  await page.getByLabel("Text, in Markdown").fill("# Waves\n\n<b onclick=alert(1)>not bold</b> and [a link](https://example.org)\n");
  await page.getByRole("button", { name: "Save the card" }).click();
  const card = page.locator(".markdown");
  await expect(card.getByRole("heading", { name: "Waves" })).toBeVisible();
  await expect(card).toContainText("<b onclick=alert(1)>not bold</b>");
  await expect(card.getByRole("link", { name: "a link" })).toHaveAttribute("href", "https://example.org");
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download .md" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe("compared-v1.md");
  expect(readFileSync(await download.path(), "utf8")).toContain("# Waves");

  const other = await browser.newPage();
  await signIn(other);
  const written = await callApi(other, "PUT", "/models/compared/versions/1/card", { markdown: "# Theirs" });
  expect(written.status()).toBe(200);
  await other.close();
  await page.getByText("Edit the card").click();
  await page.getByLabel("Text, in Markdown").fill("# Mine");
  await page.getByRole("button", { name: "Save the card" }).click();
  await expect(page.getByText(/wrote revision 2 of the card meanwhile/)).toBeVisible();
  await expect(page.getByLabel("Text, in Markdown")).toHaveValue("# Mine");
  await page.getByRole("link", { name: "Show the newest text" }).click();
  await hydrated(page);
  await expect(card.getByRole("heading", { name: "Theirs" })).toBeVisible();
  await expect(page.getByLabel("Text, in Markdown")).toHaveValue(/# Mine/);
  await page.getByRole("button", { name: "Save the card" }).click();
  await expect(card.getByRole("heading", { name: "Mine" })).toBeVisible();
  expect(await seriousFaults(page)).toEqual([]);
});

test("a run is trained again, and is the same byte by byte", async ({ page }) => {
  await signIn(page);
  const id = await trained(page, "gradient_boosting", 1);
  await page.goto(`/p/default/training-runs/${id}`);
  await hydrated(page);
  await page.getByRole("button", { name: "Train it again" }).click();
  await expect(page).not.toHaveURL(new RegExp(id));
  await expect(page.getByText("Reproduced: the same artifact")).toBeVisible({ timeout: 60_000 });
  await page.getByRole("link", { name: id.slice(-8) }).click();
  await expect(page.getByRole("link", { name: "Reproduced bit for bit" })).toBeVisible();
});

test.describe("before any script has loaded", () => {
  test.use({ javaScriptEnabled: false });

  test("versions are ticked and compared, and a refused card is kept", async ({ page }) => {
    await signIn(page);
    await page.goto("/p/default/models/compared");
    await page.getByRole("checkbox", { name: "Compare version 1" }).check();
    await page.getByRole("checkbox", { name: "Compare version 2" }).check();
    await page.getByRole("button", { name: "Compare" }).click();
    await expect(page).toHaveURL(/\/compare\?version=compared(%2F|\/)2&version=compared(%2F|\/)1$/);
    await expect(page.getByRole("region", { name: "Metrics" })).toContainText("RMSE");
    await page.getByText("Show as table").first().click();
    await expect(page.getByRole("region", { name: "The chart's figures" }).first()).toContainText("compared v1");

    await page.goto("/p/default/models/compared/versions/2");
    await page.getByText("Edit the card").click();
    await page.getByLabel("Text, in Markdown").fill("   ");
    await page.getByRole("button", { name: "Save the card" }).click();
    await expect(page.getByText(/a card can not be empty/).first()).toBeVisible();
    const other = await callApi(page, "PUT", "/models/compared/versions/2/card", { markdown: "# Theirs" });
    expect(other.status()).toBe(200);
    await page.getByLabel("Text, in Markdown").fill("# Typed without script");
    await page.getByRole("button", { name: "Save the card" }).click();
    await expect(page.getByText(/wrote revision 1 of the card meanwhile/).first()).toBeVisible();
    await expect(page.getByLabel("Text, in Markdown")).toHaveValue(/# Typed without script/);
    await page.getByRole("button", { name: "Save the card" }).click();
    await expect(page.locator(".markdown").getByRole("heading", { name: "Typed without script" })).toBeVisible();
  });
});
