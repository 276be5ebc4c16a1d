/** The Managed Blockchain API as its clients have it: served by processes of their own, with keys for four accounts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ManagedBlockchainClient } from "@aws-sdk/client-managedblockchain";
import { temporaryFolder } from "./folder.js";
import { hansa } from "./hansa-command.js";
import { repositoryRoot } from "./paths.js";

export const REGION = "eu-west-1";
export const PASSWORD = "Passw0rdPassw0rd";

export type ServiceAccount = {
  readonly accountId: string;
  readonly name: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
};

/** What `hansa status --json` says of one network. */
export type Status = {
  readonly running: boolean;
  /** Of a network that does not run: whether its last member left. */
  readonly ended?: boolean;
  readonly supervisorPid?: number;
  readonly nodes: readonly { readonly id: string; readonly state: string; readonly pid?: number }[];
};

const account = (name: string, digit: string): ServiceAccount => ({
  accountId: digit.repeat(12),
  name,
  accessKeyId: `AKIA${name.toUpperCase().repeat(16).slice(0, 16)}`,
  secretAccessKey: randomBytes(30).toString("base64url"),
});

export class ManagedService {
  readonly accounts = [account("a", "1"), account("b", "2"), account("c", "3"), account("d", "4")] as const;
  /** Where the command is run; the data is in `.hansa` below it. */
  readonly folder: string;
  url = "";
  pid = 0;
  credentialsFile = "";
  readonly #remove: () => void;
  readonly #clients: ManagedBlockchainClient[] = [];

  private constructor() {
    const { folder, remove } = temporaryFolder();
    this.folder = folder;
    this.#remove = remove;
    writeFileSync(path.join(folder, "accounts.json"), JSON.stringify(this.accounts), { mode: 0o600 });
  }

  static async start(): Promise<ManagedService> {
    const service = new ManagedService();
    await service.up();
    return service;
  }

  /** Starts the control plane, on the port that it had before. */
  async up(): Promise<void> {
    const port = this.url === "" ? [] : ["--port", new URL(this.url).port];
    const options = ["--accounts", "accounts.json", "--region", REGION, ...port];
    const up = await this.json<{ url: string; pid: number; credentialsFile: string }>(
      "control-plane",
      "up",
      ...options,
    );
    this.url = up.url;
    this.pid = up.pid;
    this.credentialsFile = up.credentialsFile;
  }

  /** The SDK's client with an account's keys. It tries once, so that refusals do not cost seconds. */
  client({ accessKeyId, secretAccessKey }: ServiceAccount, maxAttempts = 1): ManagedBlockchainClient {
    const credentials = { accessKeyId, secretAccessKey };
    const client = new ManagedBlockchainClient({ region: REGION, endpoint: this.url, credentials, maxAttempts });
    this.#clients.push(client);
    return client;
  }

  /** What a command prints with --json. @throws AssertionError when it fails */
  async json<T = unknown>(...args: string[]): Promise<T> {
    const { exit, stdout, stderr } = await hansa(this.folder, ...args, "--json");
    assert.equal(exit, 0, `hansa ${args.join(" ")}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  status(networkId: string): Promise<Status> {
    return this.json<Status>("status", "--network", networkId);
  }

  /** A chaincode package as Fabric's own tools make it. Returns its path. */
  contractPackage(label: string): string {
    const source = path.join(repositoryRoot, "test/contracts/bench");
    const folder = path.join(this.folder, "package");
    const file = path.join(this.folder, `${label}.tar.gz`);
    if (existsSync(file)) return file;
    mkdirSync(path.join(folder, "src"), { recursive: true });
    for (const name of ["index.js", "package.json"])
      writeFileSync(path.join(folder, "src", name), readFileSync(path.join(source, name)));
    writeFileSync(path.join(folder, "metadata.json"), JSON.stringify({ path: "", type: "node", label }));
    execFileSync("tar", ["-czf", "code.tar.gz", "src"], { cwd: folder });
    execFileSync("tar", ["-czf", file, "metadata.json", "code.tar.gz"], { cwd: folder });
    return file;
  }

  /** Ends everything that it started, whatever state that is in. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await hansa(this.folder, "control-plane", "down");
    const home = path.join(this.folder, ".hansa");
    const networks = existsSync(home) ? readdirSync(home).filter((name) => /^n-[A-Z2-7]{26}$/.test(name)) : [];
    await Promise.all(networks.map((name) => hansa(this.folder, "down", "--wipe", "--network", name)));
    this.#remove();
  }
}
