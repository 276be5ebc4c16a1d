/**
 * A clone of fabric-samples beside a network that has the names, ports and passwords of its test network. What is
 * committed in the clone stays as it is: it is copied, and the copy's `test-network/organizations` gets links to the
 * network's identities, as the how-to says.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hansa, type Outcome, runProgram } from "../../support/hansa-command.js";
import { repositoryRoot } from "../../support/paths.js";

const clone = process.env.HANSA_SAMPLES_DIR;

/** Why nothing here can run; false when it can. */
export const samplesAreMissing: string | false =
  clone !== undefined && existsSync(path.join(clone, "asset-transfer-basic"))
    ? false
    : "HANSA_SAMPLES_DIR names no clone of fabric-samples";

/** What a contract in Go runs with: a server for each member's peers. */
const MEMBERS = ["Org1MSP", "Org2MSP"];

export class Samples {
  readonly root: string;
  readonly #servers: ChildProcess[] = [];

  /** @param folder an empty one */
  constructor(folder: string) {
    this.root = path.join(folder, "fabric-samples");
    const made = new Set(["node_modules", "dist", "wallet", ".git", ".hansa", "crypto-material"]);
    for (const name of ["checkpoint.json", "store.log", "connection.json"]) made.add(name);
    // Links of an earlier trial by hand lead elsewhere.
    const isLink = (source: string) => /organizations\/(peer|orderer)Organizations$/.test(source);
    cpSync(clone!, this.root, {
      recursive: true,
      filter: (source) => !made.has(path.basename(source)) && !isLink(source),
    });
  }

  at(...names: string[]): string {
    return path.join(this.root, ...names);
  }

  /** The folder of one member's identities, as applications look for it. */
  organization(number: 1 | 2, ...names: string[]): string {
    const folder = `test-network/organizations/peerOrganizations/org${number}.example.com`;
    return this.at(folder, ...names);
  }

  async start(): Promise<void> {
    const folder = this.at("test-network");
    await succeeded(hansa(folder, "up", path.join(repositoryRoot, "network-configs/test-network.yaml")));
    for (const kind of ["peerOrganizations", "ordererOrganizations"])
      symlinkSync(path.join("../.hansa/test-network/organizations", kind), path.join(folder, "organizations", kind));
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) server.kill("SIGKILL");
    await hansa(this.at("test-network"), "down");
  }

  hansa(...args: string[]): Promise<string> {
    return succeeded(hansa(this.at("test-network"), ...args));
  }

  /** What the command said when it failed, as it should. */
  async refused(...args: string[]): Promise<string> {
    const { exit, stderr } = await hansa(this.at("test-network"), ...args);
    assert.notEqual(exit, 0, `hansa ${args.join(" ")} should fail`);
    return stderr;
  }

  deploy(folder: string, name: string, ...options: string[]): Promise<string> {
    this.#takeModules(folder);
    return this.hansa("contract", "deploy", this.at(folder), "--name", name, ...options);
  }

  /** Installs an application's modules, or takes those that the clone has, and builds it. */
  async application(folder: string): Promise<Application> {
    const here = this.at(folder);
    if (!existsSync(path.join(here, "dist"))) {
      if (!this.#takeModules(folder))
        await succeeded(runProgram("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], here));
      if (existsSync(path.join(here, "tsconfig.json")))
        await succeeded(runProgram("npx", ["--no-install", "tsc"], here));
    }
    return new Application(here);
  }

  /**
   * Builds a contract in Go with the environment's toolchain and modules, deploys it as a service and starts a server for
   * each member: contracts ask for whose peer they work.
   * @returns why it cannot be built here; undefined when it runs
   */
  async goService(folder: string, name: string, ...options: string[]): Promise<string | undefined> {
    const program = path.join(this.at(folder), "hansa-service");
    const built = await runProgram("go", ["build", "-o", program, "."], this.at(folder)).catch((error: Error) => ({
      exit: 1,
      stdout: "",
      stderr: error.message,
    }));
    if (built.exit !== 0) return `go build of ${folder} failed: ${built.stderr.trim().split("\n")[0]}`;
    const ports = await Promise.all(MEMBERS.map(freePort));
    const [first, second] = ports.map((port) => `127.0.0.1:${port}`);
    writeFileSync(
      path.join(this.at(folder), "connection.json"),
      JSON.stringify({ address: first, addresses: { [MEMBERS[1]!]: second } }),
    );
    const packageId = /^Package: (.*)$/m.exec(await this.deploy(folder, name, ...options))![1]!;
    for (const [index, mspId] of MEMBERS.entries()) {
      const env = {
        ...process.env,
        CHAINCODE_SERVER_ADDRESS: `127.0.0.1:${ports[index]}`,
        CORE_CHAINCODE_ID_NAME: packageId,
        CORE_PEER_LOCALMSPID: mspId,
      };
      this.#servers.push(spawn(program, [], { env, stdio: "ignore" }));
    }
    return undefined;
  }

  /** Links the modules that the clone has installed. @returns whether there are any now */
  #takeModules(folder: string): boolean {
    const [here, there] = [this.at(folder, "node_modules"), path.resolve(clone!, folder, "node_modules")];
    if (!existsSync(here) && existsSync(there)) symlinkSync(there, here);
    return existsSync(here);
  }

  /** A user's certificate where an application looks for it: copied from what `hansa enrol` wrote. */
  copy(from: string, ...to: string[]): void {
    const target = this.at(...to);
    mkdirSync(path.dirname(target), { recursive: true });
    cpSync(from, target);
  }
}

export class Application {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Runs it to its end and returns what it printed. @throws AssertionError when it fails */
  async run(program: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<string> {
    return succeeded(this.tried(program, args, env));
  }

  /**
   * Runs it again where it has failed, twice at most: some applications ask one member's peer for what another's has just
   * committed, and on a busy machine it comes a moment later. Fabric's peers are not in step either.
   */
  async patiently(program: string, isRight: (printed: string) => boolean = () => true): Promise<string> {
    for (let left = 2; ; left--) {
      const { exit, stdout, stderr } = await this.tried(program);
      const printed = stdout + stderr;
      if (exit === 0 && isRight(printed)) return printed;
      assert.ok(left > 0, `exit code ${exit}\n${printed}`);
    }
  }

  tried(program: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Outcome> {
    return runProgram(process.execPath, [program, ...args], this.folder, { ...process.env, ...env });
  }

  /** Starts it, waits until it has printed the text, and stops it. */
  async until(text: string, program: string, args: readonly string[], env: Record<string, string>): Promise<string> {
    const { NODE_TEST_CONTEXT: _, ...plain } = process.env;
    const child = spawn(process.execPath, [program, ...args], { cwd: this.folder, env: { ...plain, ...env } });
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        printed += chunk.toString("utf8");
      });
    for (let waitedMs = 0; !printed.includes(text) && waitedMs < 60_000; waitedMs += 50) await sleep(50);
    child.kill("SIGKILL");
    assert.ok(printed.includes(text), `waited in vain for ${JSON.stringify(text)}:\n${printed}`);
    return printed;
  }
}

async function succeeded(work: Promise<Outcome>): Promise<string> {
  const { exit, stdout, stderr } = await work;
  assert.equal(exit, 0, `exit code ${exit}\n${stdout}\n${stderr}`);
  return stdout + stderr;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
