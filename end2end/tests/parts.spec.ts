import { expect, type Page } from "@playwright/test";

import { hydrated, signIn, test } from "./page.ts";

/** What a browser may have to download before the first page it visits takes over, in bytes. */
const FIRST_VISIT = 500_000;

/** The files of WebAssembly that the page has loaded since, with their sizes on the wire. */
function loaded(page: Page): Map<string, number> {
  const files = new Map<string, number>();
  page.on("response", (response) => {
    const name = /\/pkg\/(\w+)\.[0-9a-f]+\.wasm$/.exec(response.url())?.[1];
    if (name) {
      files.set(name, Number(response.headers()["content-length"]));
    }
  });
  return files;
}

function sum(files: Map<string, number>): number {
  return [...files.values()].reduce((total, size) => total + size, 0);
}

test("the code of a page is loaded when the page is visited", async ({ page }) => {
  const files = loaded(page);
  await signIn(page);
  await hydrated(page);
  expect([...files.keys()]).toEqual(["volary"]);

  await page.getByRole("link", { name: "Datasets" }).first().click();
  await expect(page.getByRole("heading", { name: "Datasets" })).toBeVisible();
  expect([...files.keys()].sort()).toEqual(["datasets", "shared", "volary"]);

  await page.getByRole("link", { name: "Models" }).first().click();
  await expect(page.getByRole("heading", { name: "Models" })).toBeVisible();
  expect([...files.keys()].sort()).toEqual(["datasets", "models", "shared", "volary"]);
});

for (const path of ["datasets", "training-runs", "models", "deployments", "compare", "keys"]) {
  test(`a first visit to ${path} downloads little`, async ({ page }) => {
    await signIn(page);
    const files = loaded(page);
    await page.goto(`/p/default/${path}`);
    await hydrated(page);
    expect(files.size).toBe(3);
    expect(sum(files)).toBeGreaterThan(0);
    expect(sum(files)).toBeLessThanOrEqual(FIRST_VISIT);
  });
}

test("a page whose code is gone is loaded anew", async ({ page }) => {
  await signIn(page);
  await hydrated(page);
  await page.route("**/pkg/models.*.wasm", (route) => route.abort(), { times: 1 });
  await page.getByRole("link", { name: "Models" }).first().click();
  await expect(page.getByRole("heading", { name: "Models" })).toBeVisible();
  await expect(page).toHaveURL(/\/p\/default\/models$/);
  await hydrated(page);
});

test("a page whose code can not be loaded at all stays readable", async ({ page }) => {
  await signIn(page);
  await page.route("**/pkg/models.*.wasm", (route) => route.abort());
  await page.goto("/p/default/models");
  await expect(page.getByRole("heading", { name: "Models" })).toBeVisible();
  await page.getByRole("link", { name: "Datasets" }).first().click();
  await expect(page.getByRole("heading", { name: "Datasets" })).toBeVisible();
  await hydrated(page);
});
