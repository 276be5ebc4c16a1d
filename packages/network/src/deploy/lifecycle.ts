import { parsePolicy, type SigningIdentity } from "@hansa/msp";
import { fromUtf8, HansaError } from "@hansa/primitives";
import { decode, encode, lifecycle, protos } from "@hansa/wire";
import { evaluate, submit, type Target } from "../client/admin-client.js";
import { whyNotRunning } from "../library/why-not-running.js";
import type { ContractPackage } from "./contract-package.js";

/** An organisation that takes part in a deployment: its administrator and its peers on the channel. */
export type DeployingOrg = {
  readonly mspId: string;
  readonly admin: SigningIdentity;
  readonly peers: readonly Target[];
};

export type Definition = {
  readonly name: string;
  readonly version: string;
  /** "majority", "all", "any" or a signature policy. */
  readonly endorsement: string;
  readonly collections: Uint8Array | undefined;
  readonly initRequired: boolean;
};

export type Deployment = { readonly sequence: number; readonly blockNumber: number; readonly changed: boolean };

/**
 * Installs a package on every peer, approves the definition for every organisation, and commits it: two blocks when
 * the approvals are cut together. A definition that stands already, with the same package approved, is left as it is.
 */
export async function deployContract(
  channelId: string,
  contract: ContractPackage,
  definition: Definition,
  organizations: readonly DeployingOrg[],
  orderer: Target,
  report: (step: string) => void = () => {},
): Promise<Deployment> {
  const [first] = organizations;
  if (first === undefined) throw new HansaError("UNKNOWN_CHANNEL", `Channel ${channelId} has no members to deploy to.`);
  report("installing");
  const [current] = await Promise.all([
    committedSequence(channelId, definition.name, first),
    ...organizations.flatMap(({ admin, peers }) => peers.map((peer) => install(peer, admin, contract))),
  ]);
  const validationParameter = applicationPolicy(
    definition.endorsement,
    organizations.map((org) => org.mspId),
  );
  const collections =
    definition.collections === undefined
      ? undefined
      : decode(protos.CollectionConfigPackage, definition.collections, "protos.CollectionConfigPackage");
  const { name, version, initRequired } = definition;
  const fields = { name, version, validationParameter, collections, initRequired };
  if (current !== 0 && (await stands(channelId, current, fields, contract.id, organizations)))
    return { sequence: current, blockNumber: 0, changed: false };
  const sequence = current + 1;
  const lifecycleCall = (fn: string, argument: Uint8Array) => ({
    channelId,
    chaincode: "_lifecycle",
    args: [fromUtf8(fn), argument],
  });
  report("approving");
  const approval = encode(lifecycle.ApproveChaincodeDefinitionForMyOrgArgs, {
    ...fields,
    sequence,
    source: { localPackage: { packageId: contract.id } },
  });
  const observers = organizations.flatMap((org) => org.peers);
  const outcomes = await Promise.allSettled([
    ...organizations.map(({ admin, peers }) =>
      submit(
        peers.slice(0, 1),
        orderer,
        observers,
        admin,
        lifecycleCall("ApproveChaincodeDefinitionForMyOrg", approval),
      ),
    ),
    ...organizations.flatMap(({ admin, peers }) => peers.map((peer) => untilRunning(peer, admin, contract))),
  ]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  report("committing");
  const { blockNumber } = await submit(
    organizations.flatMap(({ peers }) => peers.slice(0, 1)),
    orderer,
    observers,
    first.admin,
    lifecycleCall(
      "CommitChaincodeDefinition",
      encode(lifecycle.CommitChaincodeDefinitionArgs, { ...fields, sequence }),
    ),
  );
  return { sequence, blockNumber, changed: true };
}

export async function install(peer: Target, admin: SigningIdentity, contract: ContractPackage): Promise<void> {
  const argument = encode(lifecycle.InstallChaincodeArgs, { chaincodeInstallPackage: contract.bytes });
  try {
    await evaluate(peer, admin, {
      channelId: "",
      chaincode: "_lifecycle",
      args: [fromUtf8("InstallChaincode"), argument],
    });
  } catch (error) {
    if (error instanceof HansaError && error.message.includes("chaincode already successfully installed")) return;
    if (error instanceof HansaError && error.code === "ENDORSEMENT_REFUSED")
      throw new HansaError("CONTRACT_BUILD", `${contract.label} cannot be installed: ${error.message}`, {
        cause: error,
      });
    throw error;
  }
}

/** @throws HansaError CONTRACT_NOT_RUNNING with the reason */
async function untilRunning(peer: Target, admin: SigningIdentity, contract: ContractPackage): Promise<void> {
  const argument = encode(lifecycle.QueryInstalledChaincodeArgs, { packageId: contract.id });
  const args = [fromUtf8("AwaitInstalledChaincode"), argument];
  try {
    await evaluate(peer, admin, { channelId: "", chaincode: "_lifecycle", args });
  } catch (error) {
    if (!(error instanceof HansaError && error.code === "ENDORSEMENT_REFUSED")) throw error;
    const reason = error.message.replace(/^.*implementation of 'AwaitInstalledChaincode': /, "");
    throw new HansaError("CONTRACT_NOT_RUNNING", `${contract.label} does not run: ${whyNotRunning(reason)}.`, {
      cause: error,
      nextStep: `Correct the contract and deploy it again; what it wrote is in: hansa logs ${contract.label}@${peer.name}`,
    });
  }
}

/** The sequence of what the channel agreed on, 0 before anything was committed. */
export async function committedSequence(channelId: string, name: string, org: DeployingOrg): Promise<number> {
  const argument = encode(lifecycle.QueryChaincodeDefinitionArgs, { name });
  try {
    const bytes = await evaluate(org.peers[0]!, org.admin, {
      channelId,
      chaincode: "_lifecycle",
      args: [fromUtf8("QueryChaincodeDefinition"), argument],
    });
    return Number(
      decode(lifecycle.QueryChaincodeDefinitionResult, bytes, "lifecycle.QueryChaincodeDefinitionResult").sequence,
    );
  } catch (error) {
    if (error instanceof HansaError && /is not defined/.test(error.message)) return 0;
    throw error;
  }
}

type Fields = {
  readonly name: string;
  readonly version: string;
  readonly validationParameter: Uint8Array;
  readonly collections: protos.ICollectionConfigPackage | undefined;
  readonly initRequired: boolean;
};

/** Whether every organisation approved exactly this, with this package, at the committed sequence. */
async function stands(
  channelId: string,
  sequence: number,
  fields: Fields,
  packageId: string,
  organizations: readonly DeployingOrg[],
): Promise<boolean> {
  const argument = encode(lifecycle.QueryApprovedChaincodeDefinitionArgs, { name: fields.name, sequence });
  const call = { channelId, chaincode: "_lifecycle", args: [fromUtf8("QueryApprovedChaincodeDefinition"), argument] };
  const approved = await Promise.all(
    organizations.map(async ({ admin, peers }) => {
      try {
        const bytes = await evaluate(peers[0]!, admin, call);
        return decode(
          lifecycle.QueryApprovedChaincodeDefinitionResult,
          bytes,
          "lifecycle.QueryApprovedChaincodeDefinitionResult",
        );
      } catch (error) {
        if (error instanceof HansaError && error.code === "ENDORSEMENT_REFUSED") return undefined;
        throw error;
      }
    }),
  );
  return approved.every(
    (found) =>
      found !== undefined &&
      found.version === fields.version &&
      found.initRequired === fields.initRequired &&
      Buffer.compare(found.validationParameter, fields.validationParameter) === 0 &&
      Buffer.compare(collectionBytes(found.collections), collectionBytes(fields.collections)) === 0 &&
      found.source?.localPackage?.packageId === packageId,
  );
}

function collectionBytes(collections: protos.ICollectionConfigPackage | null | undefined): Uint8Array {
  return encode(protos.CollectionConfigPackage, collections ?? {});
}

/** An endorsement policy as a definition carries it. */
export function applicationPolicy(endorsement: string, mspIds: readonly string[]): Uint8Array {
  if (endorsement === "majority")
    return encode(protos.ApplicationPolicy, { channelConfigPolicyReference: "/Channel/Application/Endorsement" });
  const peers = mspIds.map((mspId) => `'${mspId}.peer'`).join(", ");
  const text = endorsement === "all" ? `AND(${peers})` : endorsement === "any" ? `OR(${peers})` : endorsement;
  return encode(protos.ApplicationPolicy, { signaturePolicy: parsePolicy(text) });
}
