import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

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

test("a budget that is none is told beside its field, and the form stays open", async ({ page }) => {
  await signIn(page);
  await page.goto("/p/default/keys");
  const create = async (budget: string) => {
    await page.locator("#key-name").fill("plain-budget");
    await page.locator("#key-budget").fill(budget);
    await page.getByRole("button", { name: "Create the key" }).click();
  };
  await page.getByRole("button", { name: "Create a key" }).first().click();
  await create("9999999999999");
  await expect(page.locator("#key-budget-note")).toContainText("a whole number from 1 to 1000000000000");
  await expect(page.locator("#key-name")).toHaveValue("plain-budget");
  await expect(page.locator("#key-budget")).toHaveValue("9999999999999");
  await create("5000");
  await expect(page.getByRole("row", { name: /^plain-budget / })).toContainText("0 of 5,000 this month, then refused");
});

test("an ONNX file is imported, or the reason against it told", async ({ page }) => {
  await signIn(page);
  const send = async (buffer: Buffer) => {
    await page.goto("/p/default/models");
    await page.getByRole("button", { name: "Import ONNX" }).first().click();
    await page.locator("#import-file").setInputFiles({ name: "plain.onnx", mimeType: "application/octet-stream", buffer });
    await page.getByRole("dialog").getByRole("button", { name: "Import", exact: true }).click();
  };
  await send(Buffer.from("a,b\n1,2\n"));
  await expect(page.getByText("not an ONNX model")).toBeVisible();
  const file = fileURLToPath(new URL("../../crates/onnx/tests/fixtures/housing_ridge.onnx", import.meta.url));
  await send(readFileSync(file));
  await expect(page).toHaveURL(/\/models\/plain\/versions\/1$/);
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
