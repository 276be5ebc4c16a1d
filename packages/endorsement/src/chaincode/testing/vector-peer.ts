/** A peer of the vectors' channel, with the contracts of that channel under the real shim, and its clients. */
import assert from "node:assert/strict";
import { MspManager } from "@hansa/msp";
import { type Bytes, concatBytes, fromUtf8, type UnixMs } from "@hansa/primitives";
import { encode, protos } from "@hansa/wire";
import type { InstalledChaincode } from "../lifecycle-chaincode.js";
import { ChaincodeRegistry } from "../registry.js";
import { createEndorsingPeer } from "./endorsing-peer.js";
import { NOW, signProposal } from "./proposals.js";
import { loadContracts, startShim } from "./shim-process.js";
import {
  contractSource,
  identity,
  packageIds,
  sameBytes,
  VectorChannel,
  type VectorTransaction,
} from "./vector-channel.js";

export function vectorPeer(mspId: string, now: UnixMs = NOW) {
  const channel = new VectorChannel(mspId);
  const clock = { now: () => now };
  const registry = new ChaincodeRegistry({ clock, every: () => () => {} });
  const installed: InstalledChaincode[] = packageIds().map((packageId) => ({
    packageId,
    label: packageId.slice(0, packageId.indexOf(":")),
  }));
  for (const { packageId } of installed) startShim(registry, packageId, loadContracts(contractSource()));
  const own = channel.config.msps.get(mspId);
  assert(own);
  const joined: string[] = [];
  const peer = createEndorsingPeer({
    signer: identity(mspId, "peer"),
    localMsp: new MspManager([own]),
    clock,
    channel: (channelId) => (channelId === channel.channelId ? channel : undefined),
    channelIds: () => [channel.channelId],
    join: async (channelId) => void joined.push(channelId),
    installed: {
      install: async (bytes) => {
        if (bytes.length === 0) throw new Error("could not parse as a chaincode install package: empty");
        const packageId = `new:${bytes.length}`;
        installed.push({ packageId, label: "new" });
        return { packageId, label: "new" };
      },
      get: (packageId) => installed.find((each) => each.packageId === packageId),
      list: () => installed,
      load: async (packageId) => (packageId.startsWith("new:") ? fromUtf8("package") : undefined),
    },
    processes: {
      isReady: (packageId) => registry.isReady(packageId),
      launch: (packageId) => registry.whenReady(packageId, 1),
      execute: (packageId, call) => registry.execute(packageId, call),
    },
    proposalWindowMs: 15 * 60_000,
  });
  return { channel, registry, joined, installed, ...peer };
}

const clients = () =>
  ["Org1MSP", "Org2MSP", "Org3MSP"].flatMap((mspId) => ["Admin", "User1"].map((name) => identity(mspId, name)));

/** The proposal of a transaction, signed again by the client that it came from. */
export function proposalOf(tx: VectorTransaction, transient: Record<string, Bytes>): Bytes {
  const signer = clients().find(({ serialized }) => sameBytes(serialized, tx.creator));
  assert(signer, "one of the known clients");
  const { input } = protos.ChaincodeProposalPayload.decode(tx.proposalPayload);
  return signProposal(signer, tx.header, encode(protos.ChaincodeProposalPayload, { input, TransientMap: transient }));
}

/** What an endorser's signature covers. */
export function endorsedBytes(response: protos.ProposalResponse.$Properties): Bytes {
  return concatBytes(response.payload ?? new Uint8Array(), response.endorsement?.endorser ?? new Uint8Array());
}
