/** The service under test: the real binary, on free ports, with data of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

function binary(): string {
  const chosen = process.env.KIZASHI_BIN;
  if (chosen === undefined || !existsSync(chosen)) {
    throw new Error(`KIZASHI_BIN is ${JSON.stringify(chosen)}; it must be the path of the kizashi binary`);
  }
  return path.resolve(chosen);
}

/** The environment without the tester's own settings of the service. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("KIZASHI_")),
);

export class Service {
  #child: ChildProcess | undefined;
  #folder = mkdtempSync(path.join(tmpdir(), "kizashi-browser-"));
  #listen = "127.0.0.1:0";

  /** Address of the dashboard, without a slash at its end. */
  get url(): string {
    return `http://${this.#listen}`;
  }

  /** Starts the service: at first on a free port, later on the same one. */
  async start(): Promise<void> {
    const data = path.join(this.#folder, "data");
    const child = spawn(
      binary(),
      ["serve", "--data", data, "--listen", this.#listen, "--kinesis", "127.0.0.1:0"],
      { cwd: this.#folder, env: environment, stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#child = child;
    let stderr = "";
    child.stderr?.on("data", (chunk) => (stderr = (stderr + chunk).slice(-4000)));
    for await (const line of createInterface({ input: child.stdout! })) {
      const ready = /^ready listen=(\S+) kinesis=\S+$/.exec(line);
      if (ready === null) continue;
      this.#listen = ready[1]!;
      child.stdout!.resume();
      return;
    }
    throw new Error(`the service ended before it was ready: ${stderr}`);
  }

  /** Stops the service as an operator does, and keeps its data. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const hung = setTimeout(() => child.kill("SIGKILL"), 30_000);
    await ended;
    clearTimeout(hung);
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Puts records, each an object or a line, with one partition key: they stay in order. */
  async put(key: string, records: readonly (object | string)[]): Promise<void> {
    const child = spawn(binary(), ["put", "--server", this.url, "--partition-key", key], {
      env: environment,
      stdio: ["pipe", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr?.on("data", (chunk) => (stderr += chunk));
    const lines = records.map((record) => (typeof record === "string" ? record : JSON.stringify(record)));
    child.stdin?.end(`${lines.join("\n")}\n`);
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`kizashi put ended with ${code}: ${stderr}`);
  }
}
