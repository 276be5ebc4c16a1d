/** The network that is attacked, and how the attackers reach it. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import type { Network } from "@hansa/network";
import type { RpcClient } from "@hansa/transport";
import { gateway, orderer, services, splitBlock, statusName, txValidationCodeName } from "@hansa/wire";
import type { Contract, Gateway } from "@hyperledger/fabric-gateway";
import { ask } from "../../faults/answers.js";
import { commitStatusRequest, type Forgery, identityOf } from "../../faults/forge.js";
import { envelopeOf, type Parts } from "./transaction.js";

export const CHANNEL = "trade";
const { Broadcast } = services.AtomicBroadcast.methods;
/** Known once the network runs. */
export const world = {} as { network: Network; user: SigningIdentity };

export const node = (id: string): RpcClient =>
  world.network.target(world.network.plan.nodes.find((each) => each.id === id)!).rpc;
export const admin = (member: string) => identityOf(world.network.member(member), "Admin");
export const twoPeers = () => [node("peer0.org1"), node("peer0.org2")];
const gateways = new Map<string, Gateway>();
/** The contract as an honest client of a member sees it. */
export function basic(member = "Org1"): Contract {
  const known = gateways.get(member) ?? world.network.member(member).gateway();
  gateways.set(member, known);
  return known.getNetwork(CHANNEL).getContract("basic");
}

export async function broadcast(bytes: Uint8Array): Promise<string> {
  const answer = await ask(node("orderer"), Broadcast, bytes);
  assert(answer.kind === "message", JSON.stringify(answer));
  const { status, info } = orderer.BroadcastResponse.decode(answer.bytes);
  return info === "" ? statusName(status) : `${statusName(status)}: ${info}`;
}

/** What a peer says became of a transaction. */
export async function codeOf(txId: string): Promise<string> {
  const answer = await ask(
    node("peer0.org1"),
    services.Gateway.methods.CommitStatus,
    commitStatusRequest({ identity: world.user, txId }),
  );
  assert(answer.kind === "message", JSON.stringify(answer));
  return txValidationCodeName(gateway.CommitStatusResponse.decode(answer.bytes).result);
}

/** Fate of a transaction that the orderer takes: its validation code. */
export async function fateOf(parts: Parts, sender = world.user): Promise<string> {
  assert.equal(await broadcast(envelopeOf(parts, sender)), "SUCCESS");
  return codeOf(parts.txId);
}

export const proposal = (...args: string[]): Forgery => ({
  identity: world.user,
  channelId: CHANNEL,
  chaincode: "basic",
  args,
});

/** Blocks as a peer has them, with the fate of each envelope. */
export async function blocks(): Promise<{ envelopes: readonly Uint8Array[]; codes: readonly string[] }[]> {
  const heights = await world.network.ledgers(CHANNEL);
  const height = Math.max(...heights.map((each) => each.height));
  const found: { envelopes: readonly Uint8Array[]; codes: readonly string[] }[] = [];
  const qscc = world.network.member("Org1").gateway().getNetwork(CHANNEL).getContract("qscc");
  for (let number = 0; number < height; number++) {
    const block = splitBlock(await qscc.evaluateTransaction("GetBlockByNumber", CHANNEL, String(number)));
    const filter = block.metadata[2] ?? new Uint8Array(0);
    found.push({ envelopes: block.envelopes, codes: [...filter].map(txValidationCodeName) });
  }
  return found;
}

/** A node's own key, as somebody has it who broke into its machine. */
export function nodeIdentity(host: string, member: string): SigningIdentity {
  const { mspId, domain } = world.network.member(member);
  const folder = path.join(world.network.layout.nodeIdentity("peer", domain, host), "msp");
  const cert = readFileSync(path.join(folder, "signcerts", `${host}-cert.pem`), "utf8");
  const key = createPrivateKey(readFileSync(path.join(folder, "keystore", "priv_sk")));
  return createSigningIdentity(mspId, cert, key, null);
}
