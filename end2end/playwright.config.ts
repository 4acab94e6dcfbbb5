import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  globalSetup: "./server.ts",
  // One server with one database: what a test makes, it names after itself.
  workers: 2,
  projects: [
    { name: "journey", testMatch: "journey.spec.ts" },
    // These look at what the journey has left, and change nothing that another one looks at.
    { name: "pages", testMatch: ["pages.spec.ts", "parts.spec.ts", "plain.spec.ts", "retraining.spec.ts", "versions.spec.ts"], dependencies: ["journey"], fullyParallel: true },
    { name: "roles", testMatch: "roles.spec.ts", dependencies: ["pages"] },
  ],
  // A test that passes at the second try is a bug in one of the two.
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  outputDir: "test-results/tests",
  use: {
    // Set by server.ts, once the server listens.
    baseURL: process.env.VOLARY_BASE_URL,
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.VOLARY_CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    },
  },
});
