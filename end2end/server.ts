import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { admin } from "./admin.ts";

/** Long enough for a private Postgres to be made and migrated on a busy machine. */
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 30_000;

/** Starts the real server on an empty data directory, for all tests; what it returns stops it. */
export default async function startServer(): Promise<() => Promise<void>> {
  const binary = process.env.VOLARY_BIN;
  if (!binary || !process.env.VOLARY_SITE_ROOT) {
    throw new Error("VOLARY_BIN and VOLARY_SITE_ROOT are not set: run `cargo xtask test --only e2e`");
  }
  const dir = mkdtempSync(join(tmpdir(), "volary-e2e-"));
  // When the tests run as root, Postgres runs under another account, which must be able to enter.
  chmodSync(dir, 0o755);

  const results = fileURLToPath(new URL("test-results", import.meta.url));
  mkdirSync(results, { recursive: true });
  const logPath = join(results, "server.log");
  const log = createWriteStream(logPath);

  const server = spawn(binary, ["serve", "--listen", "127.0.0.1:0"], {
    env: {
      ...process.env,
      VOLARY_DATA_DIR: join(dir, "data"),
      VOLARY_BOOTSTRAP_ADMIN_EMAIL: admin.email,
      VOLARY_BOOTSTRAP_ADMIN_PASSWORD: admin.password,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  server.stderr.pipe(log);

  const stop = async () => {
    await stopped(server);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    process.env.VOLARY_BASE_URL = await address(server, log);
  } catch (error) {
    await stop();
    throw new Error(`${error instanceof Error ? error.message : error}\n${end(logPath)}`);
  }
  return stop;
}

/** The address in the line that the server prints once it answers. */
function address(server: ChildProcess, log: NodeJS.WritableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the server was not ready within ${START_LIMIT_MS / 1000} s`)),
      START_LIMIT_MS,
    );
    const finish = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    server.once("error", (error) => finish(() => reject(error)));
    server.once("exit", (code, signal) =>
      finish(() => reject(new Error(`the server ended before it was ready (${signal ?? `exit code ${code}`})`))),
    );
    if (!server.stdout) {
      return;
    }
    createInterface({ input: server.stdout }).on("line", (line) => {
      log.write(`${line}\n`);
      const ready = /^volary ready on (http:\/\/\S+)/.exec(line);
      if (ready?.[1]) {
        const url = ready[1];
        finish(() => resolve(url));
      }
    });
  });
}

/** Asks the server to stop, so that its Postgres stops with it; insists after a while. */
async function stopped(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) {
    return;
  }
  const exited = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  server.kill("SIGTERM");
  const insist = setTimeout(() => server.kill("SIGKILL"), STOP_LIMIT_MS);
  await exited;
  clearTimeout(insist);
}

function end(path: string): string {
  return readFileSync(path, "utf8").split("\n").slice(-30).join("\n");
}
