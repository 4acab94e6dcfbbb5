import { expect, type Page } from "@playwright/test";

import { callApi, hydrated, seriousFaults, sidewaysScroll, signIn, test } from "./page.ts";

/** A version of the model, trained by the API. */
async function train(page: Page, model: string, features?: string[]): Promise<void> {
  const spec = { dataset: "housing", target: "median_house_value", model, algorithm: "linear_regression", features };
  const begun = await callApi(page, "POST", "/training-runs", spec);
  expect(begun.status()).toBe(202);
  const { id } = await begun.json();
  await expect
    .poll(async () => (await (await callApi(page, "GET", `/training-runs/${id}`)).json()).status, { timeout: 40_000 })
    .toBe("succeeded");
}

test("a model is trained anew, and what beats the live version is proposed and accepted", async ({ page }) => {
  test.setTimeout(150_000);
  await signIn(page);
  await train(page, "anew", ["latitude"]);
  await train(page, "anew");
  const deployed = await callApi(page, "PUT", "/deployments/anew", { model: "anew", version: 1 });
  expect(deployed.status()).toBe(200);

  await page.goto("/p/default/models/anew");
  await hydrated(page);
  await page.getByRole("link", { name: "Retraining" }).click();
  await expect(page.getByRole("heading", { name: "Train it anew by itself" })).toBeVisible();
  await page.getByLabel("Train", { exact: true }).selectOption({ label: "As v2 was: linear regression to predict median_house_value from housing" });
  await page.getByLabel("When", { exact: true }).selectOption("cron");
  await page.getByLabel("Times, in UTC").fill("0 25 * * *");
  await expect(page.getByText("numbers from 0 to 23 in the field of the hour")).toBeVisible();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await expect(page.locator(".field-error", { hasText: "field of the hour" })).toBeVisible();
  await page.getByLabel("When", { exact: true }).selectOption("weekly");
  await expect(page.getByText(/^Next: (\d{4}-\d\d-\d\d 03:00(, )?){3} UTC$/)).toBeVisible();
  await page.getByLabel("Compare with what is live on").selectOption("anew");
  await page.getByLabel("If the new version is better").selectOption("propose");
  await page.getByRole("button", { name: "Save the policy" }).click();
  await expect(page.getByRole("heading", { name: "Change the policy" })).toBeVisible();

  await page.getByRole("button", { name: "Train now" }).click();
  await expect(page.getByText("Proposed", { exact: true })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText(/^v3 beats v1: RMSE [\d,]+ against [\d,]+, difference -[\d,]+ \(95 % .+\), on 4,128 held-out rows\.$/)).toBeVisible();
  expect(await seriousFaults(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 900 });
  expect(await sidewaysScroll(page)).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1440, height: 900 });

  await page.getByRole("button", { name: "Start the canary of v3" }).click();
  await expect(page.getByText("Accepted", { exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Rollout on anew" }).click();
  await expect(page.getByText("Canary v3 beside stable v1")).toBeVisible();
});
