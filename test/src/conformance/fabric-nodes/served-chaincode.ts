/** A contract of the test folder as a service (fabric-chaincode-node server), and its package. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { repositoryRoot } from "../../support/paths.js";
import type { FabricNetwork } from "./fabric-network.js";
import { NodeProcess } from "./node-process.js";

/** Writes the package of a chaincode that answers at the address. Returns its path. */
export async function writeServedPackage(network: FabricNetwork, label: string, address: string): Promise<string> {
  const folder = network.at(`${label}-package`);
  mkdirSync(folder, { recursive: true });
  const connection = { address, dial_timeout: "5s", tls_required: false };
  writeFileSync(path.join(folder, "connection.json"), JSON.stringify(connection));
  writeFileSync(path.join(folder, "metadata.json"), JSON.stringify({ type: "ccaas", label }));
  const tar = (...args: string[]) => runTar(folder, args);
  await tar("-czf", "code.tar.gz", "connection.json");
  await tar("-czf", `${label}.tar.gz`, "metadata.json", "code.tar.gz");
  return path.join(folder, `${label}.tar.gz`);
}

async function runTar(cwd: string, args: string[]): Promise<void> {
  const { runProgram } = await import("../../support/hansa-command.js");
  const { exit, stderr } = await runProgram("tar", args, cwd);
  if (exit !== 0) throw new Error(`tar: ${stderr}`);
}

/** Serves the contract under a package id; it waits for peers to dial. */
export function serveChaincode(
  network: FabricNetwork,
  contract: string,
  packageId: string,
  address: string,
): NodeProcess {
  const folder = path.join(repositoryRoot, "test/contracts", contract);
  const program = path.join(folder, "node_modules/.bin/fabric-chaincode-node");
  const args = ["server", "--chaincode-address", address, "--chaincode-id", packageId];
  return new NodeProcess("chaincode", { program, args }, {}, folder, network.at("logs/chaincode.log"));
}
