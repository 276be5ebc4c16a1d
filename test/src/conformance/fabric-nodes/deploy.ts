/** A chaincode's way onto a channel by Fabric's `peer` command. */
import assert from "node:assert/strict";
import type { Outcome, PeerName } from "./fabric-network.js";

/** The output of a program that is expected to succeed. */
export async function done(work: Promise<Outcome>): Promise<string> {
  const { exit, stdout, stderr } = await work;
  assert.equal(exit, 0, stderr);
  return stdout;
}

export type Installation = {
  /** Runs `peer …` as the administrator of a peer's organisation. */
  readonly run: (peer: PeerName, ...args: string[]) => Promise<Outcome>;
  readonly peers: readonly PeerName[];
  /** The package's file. */
  readonly archive: string;
  /** Channel, name, version and sequence, as the command takes them. */
  readonly definition: readonly string[];
  /** How the peer's administrator reaches an orderer. */
  readonly orderer: (peer: PeerName) => readonly string[];
  /** Told the package's id before anything is installed: a chaincode's server takes its time to start. */
  readonly serve: (packageId: string) => void;
};

/** Installs a package on every peer and approves it for their organisations. */
export async function installAndApprove(installation: Installation): Promise<void> {
  const { run, peers, archive, definition, orderer, serve } = installation;
  const lifecycle = (peer: PeerName, ...args: string[]) => done(run(peer, "lifecycle", "chaincode", ...args));
  const packageId = (await lifecycle(peers[0]!, "calculatepackageid", archive)).trim();
  serve(packageId);
  for (const peer of peers) {
    await lifecycle(peer, "install", archive);
    await lifecycle(peer, "approveformyorg", ...orderer(peer), ...definition, "--package-id", packageId);
  }
}
