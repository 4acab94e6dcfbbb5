import { type Browser, expect, type Page } from "@playwright/test";

import { callApi, hydrated, PAGES, seriousFaults, sidewaysScroll, signIn, test } from "./page.ts";

const PASSWORD = "perch millet feather dusk";
const ROLLOUTS = "/deployments/price/rollouts";

/** What a page posts to that everybody may do: a person's own things. */
const OWN = ["/auth/sign-out", "/auth/change-password", "/_fn/create_project", "/_fn/set_theme"];
/** What takes the role admin. */
const ADMINISTRATION = [
  "/_fn/create_api_key",
  "/_fn/revoke_api_key",
  "/_fn/rotate_api_key",
  "/_fn/invite_member",
  "/_fn/remove_member",
  "/_fn/set_member_role",
  "/_fn/withdraw_invitation",
];
/** Pages with nothing to change on them, or that are not shown to a viewer. */
const NOTHING_TO_CHANGE = ["overview", "compare", "deployment-metrics", "deployment-history", "playground", "account", "ledger", "not-found"];

test.setTimeout(240_000);

/** Makes an account with this role, unless there is one. */
async function join(browser: Browser, admin: Page, role: string): Promise<{ email: string; password: string }> {
  const email = `${role}@example.org`;
  const invited = await callApi(admin, "POST", "/invitations", { email, role });
  expect(invited.status()).toBe(201);
  const { token } = await invited.json();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`/invite?token=${token}`);
  await page.getByLabel("Your name").fill(role);
  await page.getByLabel("Choose a password").fill(PASSWORD);
  await page.getByRole("button", { name: "Join the project" }).click();
  await expect(page).toHaveURL(/\/p\/default/);
  await context.close();
  return { email, password: PASSWORD };
}

/** Where the buttons of the page lead that could be pressed, in dialogs that are still closed, too. */
async function posts(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLFormElement>("form[method=post]")]
      .filter((form) => [...form.elements].some((control) => control.matches("[type=submit]:enabled")))
      .map((form) => new URL(form.action).pathname));
}

/** Forms on pages of their own. */
async function links(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLAnchorElement>("main a.button")]
      .map((link) => new URL(link.href).pathname)
      .filter((path) => path.endsWith("/new")));
}

/** Whether the page reads well with the reason in a button's place; the other pages are as an admin sees them. */
async function readsWell(page: Page, name: string): Promise<void> {
  await hydrated(page);
  expect(await seriousFaults(page), name).toEqual([]);
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await sidewaysScroll(page), `${name} scrolls sideways at ${width} px`).toBeLessThanOrEqual(0);
  }
}

test.describe.serial("roles", () => {
  let rollout = "";

  test.beforeAll(async ({ browser }) => {
    const page = await browser.newPage();
    await signIn(page);
    const begun = await callApi(page, "POST", ROLLOUTS, { version: 1, mode: "canary", steps: [{ weight: 10, seconds: 0 }] });
    expect(begun.status()).toBe(201);
    ({ id: rollout } = await begun.json());
    await page.close();
  });

  test.afterAll(async ({ browser }) => {
    const page = await browser.newPage();
    await signIn(page);
    expect((await callApi(page, "POST", `${ROLLOUTS}/${rollout}/rollback`, {})).status()).toBe(200);
    await page.close();
  });

  test("a viewer finds no button that would be refused, and the reason in its place", async ({ browser, page }) => {
    await signIn(page);
    const viewer = await join(browser, page, "viewer");
    await page.context().clearCookies();
    await signIn(page, viewer);
    for (const [name, path] of PAGES) {
      await page.goto(path);
      const refused = (await posts(page)).filter((action) => !OWN.includes(action));
      expect(refused, name).toEqual([]);
      expect(await links(page), name).toEqual([]);
      await expect(page.getByRole("button", { name: /^(Promote|Roll back|Delete|Upload|Invite|Create a key|Rotate|Revoke)/ }), name).toHaveCount(0);
      if (!NOTHING_TO_CHANGE.includes(name)) {
        const reason = page.locator("main").getByText(/needs the role (editor|admin), and yours is viewer: ask an admin/);
        await expect(reason.first(), name).toBeVisible();
        await readsWell(page, name);
      }
    }
    for (const runs of ["training-runs", "scoring-runs"]) {
      await page.goto(`/p/default/${runs}`);
      await page.locator("tbody th a").first().click();
      await expect(page).toHaveURL(new RegExp(`/${runs}/[0-9a-f-]{36}`));
      await expect(page.getByText("What was asked")).toBeVisible();
      expect((await posts(page)).filter((action) => !OWN.includes(action)), runs).toEqual([]);
      await expect(page.getByRole("link", { name: "Clone" }), runs).toHaveCount(0);
    }
    await page.goto("/p/default/keys");
    await expect(page.getByRole("heading", { name: "API keys", level: 1 })).toBeVisible();
    await expect(page.getByText("Seeing and making API keys needs the role admin, and yours is viewer")).toBeVisible();
    await page.goto("/p/default/deployments/price");
    await expect(page.getByLabel("Most that wait for a turn")).toBeDisabled();
    expect((await callApi(page, "POST", `${ROLLOUTS}/${rollout}/promote`, {})).status()).toBe(403);
    // What a viewer may do works.
    await page.goto("/p/default/deployments/price/try");
    await hydrated(page);
    await page.getByRole("button", { name: "Predict" }).click();
    await expect(page.locator(".prediction")).toBeVisible();
  });

  test("an editor changes what is live, and is not asked to administer", async ({ browser, page }) => {
    await signIn(page);
    const editor = await join(browser, page, "editor");
    await page.context().clearCookies();
    await signIn(page, editor);
    for (const [name, path] of PAGES) {
      // As the server wrote it; what an editor sees of a page beside what an admin sees is nothing but left out.
      await page.goto(path);
      const refused = (await posts(page)).filter((action) => ADMINISTRATION.includes(action));
      expect(refused, name).toEqual([]);
      await expect(page.getByText(/needs the role editor/), name).toHaveCount(0);
    }
    await page.goto("/p/default/settings/members");
    await expect(page.getByText("Inviting people and changing roles needs the role admin, and yours is editor")).toBeVisible();
    await page.goto("/p/default/datasets");
    await expect(page.getByRole("button", { name: "Upload", exact: true }).first()).toBeVisible();
    await page.goto("/p/default/deployments/price?tab=traffic");
    await hydrated(page);
    await page.getByRole("spinbutton", { name: /Share of the traffic/ }).fill("20");
    await page.getByRole("button", { name: "Apply" }).click();
    const weight = async () => (await (await callApi(page, "GET", `${ROLLOUTS}/${rollout}`)).json()).weight;
    await expect.poll(weight).toBe(20);
  });
});
