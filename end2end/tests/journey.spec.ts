import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

import { expect } from "@playwright/test";

import { callApi, hydrated, signIn, test } from "./page.ts";

const packed = fileURLToPath(new URL("../../demo/california_housing.csv.gz", import.meta.url));
const housing = gunzipSync(readFileSync(packed));
const titanic = readFileSync(fileURLToPath(new URL("../../crates/trainer/tests/data/titanic.csv", import.meta.url)));
const ridge = readFileSync(fileURLToPath(new URL("../../crates/onnx/tests/fixtures/housing_ridge.onnx", import.meta.url)));

const house = {
  longitude: -122.23,
  latitude: 37.88,
  housing_median_age: 41,
  total_rooms: 880,
  total_bedrooms: 129,
  population: 322,
  households: 126,
  median_income: 8.3252,
  ocean_proximity: "NEAR BAY",
};

test.describe.configure({ mode: "serial" });

test.beforeEach(async ({ page }) => {
  await signIn(page);
  await hydrated(page);
});

test("a table is uploaded and profiled", async ({ page }) => {
  await page.goto("/p/default/datasets");
  await hydrated(page);
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  await page.locator("input[type=file]").setInputFiles({ name: "housing.csv", mimeType: "text/csv", buffer: housing });
  await expect(page.getByLabel("Name")).toHaveValue("housing");
  await page.getByRole("dialog").getByRole("button", { name: "Upload", exact: true }).click();
  await expect(page).toHaveURL(/\/datasets\/housing/);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
  await expect(page.getByText("ocean_proximity").first()).toBeVisible();
  await expect(page.getByText("20,640").first()).toBeVisible();
});

test("a malformed table fails with the row, the column and the value", async ({ page }) => {
  await page.goto("/p/default/datasets");
  await hydrated(page);
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  const buffer = Buffer.from("a,b\n1,2\n3\n");
  await page.locator("input[type=file]").setInputFiles({ name: "ragged.csv", mimeType: "text/csv", buffer });
  await page.getByRole("dialog").getByRole("button", { name: "Upload", exact: true }).click();
  await expect(page).toHaveURL(/\/datasets\/ragged/);
  await expect(page.getByText(/row 2/i).first()).toBeVisible();
});

for (const [version, seed] of [[1, "42"], [2, "7"]] as const) {
  test(`a run makes version ${version}`, async ({ page }) => {
    await page.goto(`/p/default/training-runs/new?dataset=housing&target=median_house_value&model=price&seed=${seed}`);
    await hydrated(page);
    await page.getByRole("button", { name: "Start the run" }).click();
    await expect(page).toHaveURL(/\/training-runs\/[0-9a-f-]{36}/);
    await expect(page.getByText("Succeeded").first()).toBeVisible({ timeout: 30_000 });
    await expect(page.getByText("Coefficients").first()).toBeVisible();
    await page.goto(`/p/default/models/price/versions/${version}`);
    await expect(page.getByText("median_income").first()).toBeVisible();
  });
}

test("a run of boosted trees shows what the model relies on", async ({ page }) => {
  await page.goto("/p/default/training-runs/new?dataset=housing&target=median_house_value&model=price-trees");
  await hydrated(page);
  await expect(page.getByLabel("Fitting budget")).toBeHidden();
  await page.getByRole("radio", { name: /Gradient boosting/ }).check();
  await page.getByLabel("Fitting budget").fill("7");
  await page.getByRole("button", { name: "Start the run" }).click();
  await expect(page.locator(".field-error", { hasText: "a number from 0.1 to 2" })).toBeVisible();
  await page.getByLabel("Fitting budget").fill("0.3");
  await page.getByRole("button", { name: "Start the run" }).click();
  await expect(page).toHaveURL(/\/training-runs\/[0-9a-f-]{36}/);
  await expect(page.getByText("Succeeded").first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("heading", { name: "Feature importance" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Coefficients" })).toBeHidden();
  await expect(page.getByText("Gradient boosting, budget 0.3, seed 42")).toBeVisible();
  await page.getByRole("link", { name: "Clone" }).click();
  await hydrated(page);
  await expect(page.getByLabel("Fitting budget")).toHaveValue("0.3");
  await page.goto("/p/default/models/price-trees/versions/1");
  await expect(page.getByRole("heading", { name: "Feature importance" })).toBeVisible();
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download ONNX" }).click();
  expect((await downloading).suggestedFilename()).toBe("price-trees-v1.onnx");
});

test("the best of all algorithms is taken, and what was tried is shown", async ({ page }) => {
  await page.goto("/p/default/datasets");
  await hydrated(page);
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  const lines = Array.from({ length: 300 }, (_, row) => {
    const [a, b] = [(row * 7919) % 300, (row * 31) % 301];
    return `${a},${b},${Math.round(1000 * Math.sin(a / 30) + b)}`;
  });
  const buffer = Buffer.from(`a,b,y\n${lines.join("\n")}\n`);
  await page.locator("input[type=file]").setInputFiles({ name: "waves.csv", mimeType: "text/csv", buffer });
  await page.getByRole("dialog").getByRole("button", { name: "Upload", exact: true }).click();
  await expect(page).toHaveURL(/\/datasets\/waves/);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
  await page.goto("/p/default/training-runs/new?dataset=waves&target=y&model=waves&feature=a&feature=b");
  await hydrated(page);
  await page.getByRole("radio", { name: /Best of all/ }).check();
  await page.getByRole("button", { name: "Start the run" }).click();
  await expect(page).toHaveURL(/\/training-runs\/[0-9a-f-]{36}/);
  await expect(page.getByText("Succeeded").first()).toBeVisible({ timeout: 60_000 });
  const tried = page.getByRole("region", { name: "What was tried" }).getByRole("row");
  expect(await tried.count()).toBeGreaterThan(10);
  // Alone, or together with others.
  await expect(tried.nth(1)).toContainText(/(Gradient|Histogram) boosting.*Taken/s);
  await expect(tried.last()).toContainText("µs");
  await page.goto("/p/default/models/waves/versions/1");
  await expect(page.getByRole("heading", { name: "What was tried" })).toBeVisible();
});

test("a table is scored from the version's page, and the answer is a dataset", async ({ page }) => {
  await page.goto("/p/default/models/price/versions/1");
  await hydrated(page);
  await page.getByRole("link", { name: "Score a table" }).click();
  await expect(page.getByLabel("Model version")).toHaveValue("price/1");
  await page.getByLabel("Table", { exact: true }).selectOption("housing");
  await page.getByLabel("Dataset for the answer").fill("housing-scored");
  await page.getByRole("button", { name: "Start scoring" }).click();
  await expect(page).toHaveURL(/\/scoring-runs\/[0-9a-f-]{36}/);
  await expect(page.getByText("20,640 of 20,640 rows, 0 refused")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("Succeeded", { exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Open the answer" }).click();
  await expect(page).toHaveURL(/\/datasets\/housing-scored/);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
  await expect(page.getByRole("columnheader", { name: "prediction", exact: true })).toBeVisible();
  await page.getByRole("link", { name: "price v1 on housing v1" }).click();
  await expect(page).toHaveURL(/\/scoring-runs\/[0-9a-f-]{36}/);

  await page.goto("/p/default/scoring-runs?dataset=ragged/1&model=price/1");
  await hydrated(page);
  await page.getByRole("button", { name: "Start scoring" }).click();
  await expect(page.getByText(/can not be used: .*row 2/)).toBeVisible();
});

test("a version is deployed and answers in the playground", async ({ page }) => {
  await page.goto("/p/default/deployments/new?model=price&version=1");
  await hydrated(page);
  await page.getByLabel("Name").fill("price");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await expect(page).toHaveURL(/\/deployments\/price/);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();

  await page.goto("/p/default/deployments/price/try");
  await hydrated(page);
  await page.getByRole("button", { name: "Predict" }).click();
  await expect(page.getByText("stable").first()).toBeVisible();
  await expect(page.locator(".snippet code, .snippet pre").first()).toContainText("/predict/price");

  await page.getByLabel("Explain").check();
  await expect(page.locator(".snippet code, .snippet pre").first()).toContainText("/predict/price?explain=true");
  await page.getByRole("button", { name: "Predict" }).click();
  const added = page.getByRole("region", { name: "What each input adds" });
  await expect(added.getByRole("row", { name: /^On average/ })).toBeVisible();
  await expect(added.getByRole("row", { name: /^Together/ })).toBeVisible();
  await expect(added.locator("svg.effect-bar").first()).toBeVisible();
});

test("a canary takes its share, is promoted, and the ledger says so", async ({ page }) => {
  await page.goto("/p/default/deployments/price?tab=traffic");
  await hydrated(page);
  await page.getByRole("button", { name: "Start the canary" }).click();
  await expect(page.getByText("Canary v2 beside stable v1")).toBeVisible();
  await expect(page.getByText(/canary has answered|canary requests/).first()).toBeVisible();
  await page.getByRole("button", { name: "Promote" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Promote" }).click();
  await expect(page.getByText("Start a canary")).toBeVisible();
  await page.goto("/p/default/ledger");
  await expect(page.getByText("rollout.promoted").first()).toBeVisible();
});

test("a key is shown once, predicts, and is refused after it is revoked", async ({ page, request }) => {
  await page.goto("/p/default/keys");
  await hydrated(page);
  await page.getByRole("button", { name: "Create a key" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("#key-name").fill("journey");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  const secret = (await page.locator(".secret-value code").innerText()).trim();
  expect(secret).toMatch(/^vol_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}$/);
  const predict = (inputs: object) =>
    request.post("/predict/price", { data: { inputs }, headers: { authorization: `Bearer ${secret}` } });
  await expect.poll(async () => (await predict(house)).status()).toBe(200);
  const answer = await (await predict(house)).json();
  expect(answer).toMatchObject({ model: "price", version: 2, route: "stable" });
  expect(typeof answer.predictions[0]).toBe("number");
  const refused = await predict({ ...house, median_income: "much" });
  expect(refused.status()).toBe(422);
  expect((await refused.json()).errors[0].pointer).toBe("/inputs/median_income");

  await page.reload();
  await hydrated(page);
  expect(await page.content()).not.toContain(secret);
  await page.getByRole("button", { name: "Revoke" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke the key" }).click();
  await expect.poll(async () => (await predict(house)).status()).toBe(401);
});

test("the metrics page shows the traffic", async ({ page }) => {
  // Styles that hold motion back must not hold back the colours.
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.goto("/p/default/deployments/price?tab=metrics");
  await hydrated(page);
  await expect(page.getByRole("region", { name: "Figures by version" }).getByRole("table")).toContainText("v2");
  await expect(page.locator(".chart-canvas svg").first()).toBeVisible();
  const firstColour = await page.evaluate(() => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = "var(--s1)";
    return getComputedStyle(probe).color;
  });
  expect(firstColour).not.toBe(await page.evaluate(() => getComputedStyle(document.body).color));
  await expect(page.locator(`.chart-canvas svg [stroke="${firstColour}"]`).first()).toBeAttached();
});

test("a budget is set, shown with what is used of it, and kept", async ({ page, request }) => {
  await page.goto("/p/default/keys");
  await hydrated(page);
  await page.getByRole("button", { name: "Create a key" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("#key-name").fill("budgeted");
  await dialog.getByLabel("Budget", { exact: true }).fill("9999999999999");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  await expect(dialog.locator("#key-budget-note")).toContainText("a whole number from 1 to 1000000000000");
  await dialog.getByLabel("Budget", { exact: true }).fill("2");
  await dialog.getByLabel("in every").selectOption("day");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  const secret = (await page.locator(".secret-value code").innerText()).trim();
  const row = page.getByRole("row", { name: /^budgeted / });
  await expect(row).toContainText("0 of 2 today, then refused");
  await expect(row.getByRole("progressbar", { name: "Budget used by budgeted" })).toBeVisible();

  const headers = { authorization: `Bearer ${secret}` };
  const predict = () => request.post("/predict/price", { data: { inputs: house }, headers });
  await expect.poll(async () => (await predict()).status()).toBe(200);
  await expect.poll(async () => (await predict()).status()).toBe(429);
  await expect(async () => {
    await page.reload();
    await expect(row).toContainText("2 of 2 today, now refused", { timeout: 1_000 });
  }).toPass();
});

test("a rollout that begins elsewhere appears on the open page", async ({ page }) => {
  await page.goto("/p/default/deployments/price?tab=traffic");
  await hydrated(page);
  await expect(page.getByRole("button", { name: "Start the canary" })).toBeVisible();
  const rollouts = "/deployments/price/rollouts";
  const begin = { version: 1, mode: "canary", steps: [{ weight: 25, seconds: 0 }] };
  const begun = await callApi(page, "POST", rollouts, begin);
  expect(begun.status()).toBe(201);
  await expect(page.getByText("Canary v1 beside stable v2")).toBeVisible();
  await expect(page.getByRole("spinbutton", { name: /Share of the traffic/ })).toHaveValue("25");
  await expect(page.getByRole("button", { name: "Roll back" }).first()).toBeEnabled();
  const { id } = await begun.json();
  expect((await callApi(page, "POST", `${rollouts}/${id}/rollback`, { reason: "looked at" })).status()).toBe(200);
  await expect(page.getByRole("button", { name: "Start the canary" })).toBeVisible();
  await expect(page.locator(".past-rollout").first()).toContainText("looked at");
});

test("an answer that this page does not know says what to do", async ({ page }) => {
  await page.goto("/p/default/deployments");
  await hydrated(page);
  await page.route("**/get_deployment", (route) =>
    route.fulfill({ contentType: "application/json", body: '{"of":"a newer server"}' }));
  await page.getByRole("link", { name: "price", exact: true }).first().click();
  await expect(page.getByText(/reload the page/)).toBeVisible();
  await page.unroute("**/get_deployment");
  await page.reload();
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();
});

test("a lost network fails every part of a page at once, and is told", async ({ page }) => {
  await page.addInitScript(() => {
    const send = window.fetch;
    const lost: (() => void)[] = [];
    let isHeld = false;
    window.fetch = (...request) =>
      isHeld ? new Promise((_, reject) => lost.push(() => reject(new TypeError("network lost")))) : send(...request);
    Object.assign(window, {
      hold: () => {
        isHeld = true;
      },
      held: () => lost.length,
      lose: () => {
        for (const reject of lost) {
          reject();
        }
      },
    });
  });
  const path = "/p/default/deployments/price?tab=traffic";
  await page.goto(path);
  await hydrated(page);
  await expect(page.getByText("No canary is out")).toBeVisible();
  await page.evaluate("hold()");
  const elsewhere = await page.context().newPage();
  await elsewhere.goto(path);
  await hydrated(elsewhere);
  await elsewhere.getByRole("button", { name: "Start the canary" }).click();
  await expect(elsewhere.getByText(/Canary v\d+ beside stable/)).toBeVisible();
  await expect.poll(() => page.evaluate("held()")).toBeGreaterThan(1);
  await page.evaluate("lose()");
  await expect(page.locator(".error-panel").first()).toBeVisible();
  await elsewhere.getByRole("button", { name: "Roll back" }).first().click();
  await elsewhere.getByRole("dialog").getByRole("button", { name: "Roll back" }).click();
  await expect(elsewhere.getByText("Start a canary")).toBeVisible();
});

test("who survived is told by a classifier, from the table to the playground", async ({ page }) => {
  await page.goto("/p/default/datasets");
  await hydrated(page);
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  await page.locator("input[type=file]").setInputFiles({ name: "titanic.csv", mimeType: "text/csv", buffer: titanic });
  await page.getByRole("dialog").getByRole("button", { name: "Upload", exact: true }).click();
  await expect(page).toHaveURL(/\/datasets\/titanic/);
  await expect(page.getByText("Ready", { exact: true }).first()).toBeVisible();

  await page.goto("/p/default/training-runs/new?dataset=titanic&model=survival");
  await hydrated(page);
  await expect(page.getByRole("radio", { name: /^Linear regression/ })).toBeChecked();
  await expect(page.getByRole("radio", { name: /^Logistic regression/ })).toBeHidden();
  await page.getByLabel("Target", { exact: true }).selectOption("Survived");
  await expect(page.getByText("the most probable one as the label")).toBeVisible();
  await expect(page.getByRole("radio", { name: /^Linear regression/ })).toBeHidden();
  await expect(page.getByRole("radio", { name: /^Best of all/ })).toBeChecked();
  await page.getByRole("radio", { name: /^Logistic regression/ }).check();
  await page.getByRole("button", { name: "Start the run" }).click();
  await expect(page).toHaveURL(/\/training-runs\/[0-9a-f-]{36}/);
  await expect(page.getByText("Succeeded").first()).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("heading", { name: "Confusion matrix" })).toBeVisible();
  await expect(page.getByText("ROC curve").first()).toBeVisible();

  const lowest = page.locator("tr", { hasText: "Lowest cost" }).getByRole("rowheader");
  const before = await lowest.textContent();
  await page.getByLabel("Cost of a row that is missed").fill("20");
  await expect(lowest).not.toHaveText(before ?? "");

  await page.getByRole("link", { name: "Deploy it" }).click();
  await hydrated(page);
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await expect(page).toHaveURL(/\/deployments\/survival/);
  await page.goto("/p/default/deployments/survival/try");
  await hydrated(page);
  await page.getByRole("button", { name: "Predict", exact: true }).click();
  await expect(page.locator(".prediction")).toHaveText(/^[01]$/);
  await expect(page.getByRole("region", { name: "Probabilities" }).getByRole("row")).toHaveCount(3);
});

test("an ONNX file is imported, and one that can not be run says why", async ({ page }) => {
  await page.goto("/p/default/models");
  await hydrated(page);
  await page.getByRole("button", { name: "Import ONNX" }).first().click();
  const dialog = page.getByRole("dialog");
  const send = async (buffer: Buffer) => {
    await dialog.locator("#import-file").setInputFiles({ name: "ridge.onnx", mimeType: "application/octet-stream", buffer });
    await dialog.getByRole("button", { name: "Import", exact: true }).click();
  };
  await dialog.locator("#import-name").fill("imported");
  await send(Buffer.from("a,b\n1,2\n"));
  await expect(dialog.getByRole("alert")).toContainText("not an ONNX model");
  await send(ridge);
  await expect(page).toHaveURL(/\/models\/imported\/versions\/1$/);
  await expect(page.getByText("none: imported from a file")).toBeVisible();
  await expect(page.getByText("<1H OCEAN").first()).toBeVisible();
});
