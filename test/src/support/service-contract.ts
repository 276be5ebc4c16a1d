/** A contract in another language, run as a service beside the network: built once, started with its package's id. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { repositoryRoot } from "./paths.js";
import { until } from "./until.js";

const exec = promisify(execFile);

/** An address that nobody listens at. */
export async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

/** @param gopath a folder whose `src` holds what the contract imports */
export async function buildGo(go: string, gopath: string, source: string, target: string): Promise<void> {
  const { HOME, PATH, GOCACHE } = process.env;
  const env = { HOME, PATH, GOCACHE, GOPATH: gopath, GO111MODULE: "off", GOFLAGS: "", GOTOOLCHAIN: "local" };
  await exec(go, ["build", "-o", target, path.join(repositoryRoot, source)], { cwd: gopath, env });
}

export class ServiceContract {
  readonly #child: ChildProcess;
  readonly #output: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on("data", (chunk: Buffer) => this.#output.push(chunk.toString("utf8")));
  }

  static start(program: string, args: readonly string[], chaincodeId: string, address: string): ServiceContract {
    const env = {
      PATH: process.env.PATH,
      CHAINCODE_ID: chaincodeId,
      // So the Java shim calls it.
      CORE_CHAINCODE_ID_NAME: chaincodeId,
      CHAINCODE_SERVER_ADDRESS: address,
    };
    return new ServiceContract(spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"] }));
  }

  /** What it wrote to its error output. */
  get output(): string {
    return this.#output.join("");
  }

  /** Waits until it ends by itself. */
  async ended(): Promise<number | null> {
    await until("the contract to end", async () => (this.#child.exitCode === null ? undefined : true));
    return this.#child.exitCode;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    assert.ok(this.#child.kill("SIGKILL"));
    await gone;
  }
}
