import { spawn } from "node:child_process";
import path from "node:path";
import { repositoryRoot } from "./paths.js";

export type Outcome = { readonly exit: number; readonly stdout: string; readonly stderr: string };

export const hansaProgram = path.join(repositoryRoot, "packages/cli/bin/hansa.mjs");

/** Runs the hansa command as a user would, in the given folder. */
export function hansa(cwd: string, ...args: string[]): Promise<Outcome> {
  return runProgram(process.execPath, [hansaProgram, ...args], cwd);
}

export function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // What the test runner sets for its own children would change how ours behave.
    const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...plain } = env;
    const child = spawn(program, args, { cwd, env: plain, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString("utf8");
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ exit: code ?? -1, stdout, stderr }));
  });
}
