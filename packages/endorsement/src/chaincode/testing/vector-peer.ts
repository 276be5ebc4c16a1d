/** A peer of the vectors' channel, with the contracts of that channel under the real shim, and its clients. */
import assert from "node:assert/strict";
import { MspManager, type SigningIdentity } from "@hansa/msp";
import { type Bytes, concatBytes, fromUtf8, type UnixMs } from "@hansa/primitives";
import { common, encode, HeaderType, protos, toTimestamp, transactionId } from "@hansa/wire";
import type { InstalledChaincode } from "../lifecycle-chaincode.js";
import { ChaincodeRegistry } from "../registry.js";
import { createEndorsingPeer } from "./endorsing-peer.js";
import { loadContracts, startShim } from "./shim-process.js";
import {
  contractSource,
  identity,
  packageIds,
  sameBytes,
  VectorChannel,
  type VectorTransaction,
} from "./vector-channel.js";

export const NOW = Date.parse("2026-12-01T00:00:00Z") as UnixMs;

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
  return sign(signer, tx.header, encode(protos.ChaincodeProposalPayload, { input, TransientMap: transient }));
}

export type ProposalFields = {
  readonly client: SigningIdentity;
  readonly chaincode: string;
  readonly args: readonly (string | Bytes)[];
  readonly channelId?: string;
  readonly isInit?: boolean;
  readonly transient?: Record<string, Bytes>;
  readonly header?: Partial<common.ChannelHeader.$Properties>;
  readonly nonce?: Bytes;
  readonly creator?: Bytes;
};

let count = 0;

export function newProposal(fields: ProposalFields): Bytes {
  const { client, chaincode, args, channelId = "mychannel", isInit = false, transient = {} } = fields;
  const creator = fields.creator ?? client.serialized;
  const nonce = fields.nonce ?? fromUtf8(`nonce ${count++}`);
  const channelHeader = encode(common.ChannelHeader, {
    type: HeaderType.ENDORSER_TRANSACTION,
    channelId,
    txId: transactionId(nonce, creator),
    timestamp: toTimestamp(NOW),
    extension: encode(protos.ChaincodeHeaderExtension, { chaincodeId: { name: chaincode } }),
    ...fields.header,
  });
  const header = { channelHeader, signatureHeader: encode(common.SignatureHeader, { creator, nonce }) };
  const input = { args: args.map((arg) => (typeof arg === "string" ? fromUtf8(arg) : arg)), isInit };
  const invocation = { chaincodeSpec: { type: 1, chaincodeId: { name: chaincode }, input } };
  const payload = encode(protos.ChaincodeProposalPayload, {
    input: encode(protos.ChaincodeInvocationSpec, invocation),
    TransientMap: transient,
  });
  return sign(client, header, payload);
}

function sign(client: SigningIdentity, header: common.Header.$Properties, payload: Bytes): Bytes {
  const proposalBytes = encode(protos.Proposal, { header: encode(common.Header, header), payload });
  return encode(protos.SignedProposal, { proposalBytes, signature: client.sign(proposalBytes) });
}

/** What an endorser's signature covers. */
export function endorsedBytes(response: protos.ProposalResponse.$Properties): Bytes {
  return concatBytes(response.payload ?? new Uint8Array(), response.endorsement?.endorser ?? new Uint8Array());
}
