/** A node of Fabric, or one of ours in its place, as a process of this test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { until } from "../../support/until.js";

export type NodeCommand = { readonly program: string; readonly args: readonly string[] };

export class NodeProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  #output = "";

  /** @param logFile what it prints, for whoever looks into a failure */
  constructor(name: string, { program, args }: NodeCommand, env: Record<string, string>, cwd: string, logFile: string) {
    this.name = name;
    const child = spawn(program, args, {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString("utf8");
        appendFileSync(logFile, chunk);
      });
  }

  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @throws Error with the end of what it printed when it ends before, or never prints it */
  async prints(line: RegExp, limitMs = 60_000): Promise<string> {
    return until(
      `${this.name} to print ${line}`,
      async () => {
        const found = line.exec(this.#output);
        if (found !== null) return found[0];
        if (!this.isRunning) throw new Error(`${this.name} ended:\n${this.#output.slice(-2_000)}`);
        return undefined;
      },
      limitMs,
    );
  }

  /** Its exit code, or the name of the signal that ended it. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | string> {
    if (this.isRunning) {
      const closed = once(this.#child, "close");
      this.#child.kill(signal);
      await closed;
    }
    return this.exit();
  }

  async exit(): Promise<number | string> {
    if (this.isRunning) await once(this.#child, "close");
    return this.#child.exitCode ?? this.#child.signalCode ?? "unknown";
  }
}
