/** An ordering node in a process of its own, for tests that kill it. */
import { type ChildProcess, spawn } from "node:child_process";

/**
 * Starts a process and resolves when its node listens.
 * @param source names the node `orderer`, starting it by `startOrderer` from the `setup`; `modules` is where this package's are
 * @param setupFile JSON
 */
export function startOrdererProcess(
  source: string,
  setupFile: string,
): Promise<{ readonly child: ChildProcess; readonly address: string }> {
  const program = `
    import { readFileSync } from "node:fs";
    const [modules, setupFile] = process.argv.slice(1);
    const { startOrderer } = await import(modules + "/orderer.js");
    const setup = JSON.parse(readFileSync(setupFile, "utf8"));
    ${source}
    process.send(orderer.address);
  `;
  const args = ["--input-type=module", "-e", program, "--", import.meta.dirname, setupFile];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the node ended with ${code}`)));
    child.once("message", (address) => resolve({ child, address: String(address) }));
  });
}
