/** Fabric's own command line tools as an operator of a network of ours runs them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import type { Network } from "@hansa/network";

const tools = process.env.HANSA_FABRIC_BIN;

/** Why tests with these tools are skipped; false when they are there. */
export const toolsAreMissing =
  tools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's tools" : false;

export type Outcome = { readonly exit: number; readonly stdout: string; readonly stderr: string };

export class FabricTools {
  readonly #network: Network;
  readonly #folder: string;

  /** @param folder where the tools run, and where files without a path are */
  constructor(network: Network, folder: string) {
    this.#network = network;
    this.#folder = folder;
  }

  run(tool: string, args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { cwd: this.#folder, env: { PATH: process.env.PATH, ...env }, maxBuffer: 16 << 20 };
      execFile(path.join(tools!, tool), args, options, (error, stdout, stderr) => {
        const exit = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ exit, stdout, stderr });
      });
    });
  }

  envOf(member: string): Record<string, string> {
    return this.#network.member(member).env();
  }

  /** As the member's administrator. */
  peer(member: string, ...args: string[]): Promise<Outcome> {
    return this.run("peer", args, this.envOf(member));
  }

  osnadmin(...args: string[]): Promise<Outcome> {
    const env = this.envOf(this.#network.members[0]!.name);
    const access = [
      ...["-o", env.ORDERER_ADMIN_ADDRESS!, "--ca-file", env.ORDERER_CA!],
      ...["--client-cert", env.ORDERER_ADMIN_TLS_SIGN_CERT!, "--client-key", env.ORDERER_ADMIN_TLS_PRIVATE_KEY!],
    ];
    return this.run("osnadmin", ["channel", ...args, ...access]);
  }

  /** Options that name the orderer. */
  get orderer(): string[] {
    const env = this.envOf(this.#network.members[0]!.name);
    return [
      ...["-o", env.ORDERER_ADDRESS!, "--ordererTLSHostnameOverride", env.ORDERER_HOST!],
      ...["--tls", "--cafile", env.ORDERER_CA!],
    ];
  }

  /** Options that name the first peers of these members. */
  peersOf(...members: string[]): string[] {
    return members.flatMap((member) => {
      const env = this.envOf(member);
      return ["--peerAddresses", env.CORE_PEER_ADDRESS!, "--tlsRootCertFiles", env.CORE_PEER_TLS_ROOTCERT_FILE!];
    });
  }
}

/** What it printed. */
export async function done(work: Promise<Outcome>): Promise<string> {
  const { exit, stdout, stderr } = await work;
  assert.equal(exit, 0, stderr);
  return stdout;
}

/** What it complained of, with the exit code that scripts look at. */
export async function refused(work: Promise<Outcome>): Promise<string> {
  const { exit, stderr } = await work;
  assert.equal(exit, 1, stderr);
  return stderr;
}
