import { expect } from "@playwright/test";

import { signIn, test } from "./page.ts";

test.use({ javaScriptEnabled: false });

test("a key is made and revoked before any script has loaded", async ({ page }) => {
  await signIn(page);
  await page.goto("/p/default/keys");
  await page.getByRole("button", { name: "Create a key" }).first().click();
  await page.locator("#key-name").fill("plain");
  await page.getByRole("button", { name: "Create the key" }).click();
  const row = page.getByRole("row", { name: /^plain / });
  await expect(row).toContainText("Active");
  await row.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke the key" }).click();
  await expect(page.getByRole("row", { name: /^plain / })).toContainText("Revoked");
});

test("pages come with their data", async ({ page }) => {
  await signIn(page);
  await page.goto("/p/default/datasets");
  await expect(page.getByRole("heading", { name: "Datasets" })).toBeVisible();
  await expect(page.getByText("housing").first()).toBeVisible();
});

test("signing out ends the session", async ({ page, context }) => {
  await signIn(page);
  const [cookie] = await context.cookies();
  await page.request.post("/auth/sign-out", { headers: { origin: new URL(page.url()).origin } });
  await context.addCookies(cookie ? [cookie] : []);
  await page.goto("/p/default/keys");
  await expect(page).toHaveURL(/\/login/);
});
