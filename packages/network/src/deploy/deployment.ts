/** A contract's way onto a channel: its package, its definition, and its first call where it needs one. */
import type { SigningIdentity } from "@hansa/msp";
import { fromUtf8, HansaError } from "@hansa/primitives";
import { submit, type Target } from "../client/admin-client.js";
import { policyProblem } from "../config/endorsement-policy.js";
import type { ChannelDefinition } from "../config/network-config.js";
import type { Layout } from "../plan/layout.js";
import { type DeployedContract, writeFileDurably } from "../plan/state-file.js";
import { readCollections } from "./collections.js";
import { type ContractPackage, packageContract } from "./contract-package.js";
import { type DeployingOrg, deployContract } from "./lifecycle.js";

export type DeployRequest = {
  readonly name: string;
  readonly channel: string;
  /** The contract's folder, or a chaincode package. */
  readonly path: string;
  readonly version?: string;
  /** "majority" (the default), "all", "any" or a signature policy. */
  readonly endorsement?: string;
  /** A file with private data collections, as Fabric's tools read it. */
  readonly collections?: string;
  readonly initRequired?: boolean;
};

export type DeployResult = DeployedContract & {
  readonly blockNumber: number;
  /** False when exactly this was deployed already. */
  readonly changed: boolean;
};

export type InitRequest = {
  readonly name: string;
  readonly channel: string;
  readonly transaction: string;
  readonly arguments?: readonly string[];
  /** The member and its user that sign; the channel's first member and its administrator unless given. */
  readonly member?: string;
  readonly user?: string;
};

/** A channel, its members that have a peer, and its orderer. */
export type DeploymentChannel = {
  readonly channel: ChannelDefinition;
  readonly organizations: readonly DeployingOrg[];
  readonly orderer: Target;
};

/**
 * Packages a contract unless it is packaged, installs it on the peers, approves it for every member and commits it.
 * @throws HansaError UNKNOWN_NODE where nobody has a peer, USAGE, CONTRACT_NOT_FOUND, CONTRACT_BUILD, …
 */
export async function deployTo(
  { channel, organizations, orderer }: DeploymentChannel,
  layout: Layout,
  request: DeployRequest,
  report: (step: string) => void,
  packaged: ContractPackage | undefined,
): Promise<DeployResult> {
  const { name, version = "1.0", endorsement = "majority", initRequired = false } = request;
  if (organizations.length === 0)
    throw new HansaError("UNKNOWN_NODE", `No member of channel ${channel.name} has a peer to install a contract on.`, {
      nextStep: "Give one a peer with: hansa node create",
    });
  const problem = policyProblem(
    endorsement,
    organizations.map(({ mspId }) => mspId),
  );
  if (problem !== undefined)
    throw new HansaError("USAGE", `The endorsement policy is ${JSON.stringify(endorsement)}; expected ${problem}`);
  report("packaging");
  const contract = packaged ?? (await packageContract(request.path, name, version, report));
  await writeFileDurably(layout.package(contract.id), contract.bytes);
  const collections = request.collections === undefined ? undefined : await readCollections(request.collections);
  const definition = { name, version, endorsement, collections, initRequired };
  const { sequence, blockNumber, changed } = await deployContract(
    channel.name,
    contract,
    definition,
    organizations,
    orderer,
    report,
  );
  return { channel: channel.name, name, version, sequence, packageId: contract.id, blockNumber, changed };
}

/** Makes a contract's first call, which a peer of every member endorses. @throws HansaError ENDORSEMENT_REFUSED, TRANSACTION_INVALID */
export function initializeOn(
  { channel, organizations, orderer }: DeploymentChannel,
  caller: SigningIdentity,
  request: InitRequest,
): Promise<{ readonly txId: string; readonly blockNumber: number }> {
  return submit(
    organizations.map(({ peers }) => peers[0]!),
    orderer,
    organizations.flatMap(({ peers }) => peers),
    caller,
    {
      channelId: channel.name,
      chaincode: request.name,
      args: [request.transaction, ...(request.arguments ?? [])].map(fromUtf8),
      isInit: true,
    },
  );
}
