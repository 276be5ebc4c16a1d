/** A channel with one orderer and a peer of each member, over plain connections, for tests of witnesses. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { genesisBlock } from "@hansa/channel-config";
import { type TestOrganization, testOrganization, testProfile } from "@hansa/channel-config/testing";
import type { SigningIdentity } from "@hansa/msp";
import { type OrdererConfig, type RunningOrderer, startOrderer } from "@hansa/orderer";
import { type PeerConfig, type RunningPeer, startPeer } from "@hansa/peer";
import { silentLogger } from "@hansa/primitives";
import { type MethodDefinition, RpcClient } from "@hansa/transport";
import {
  orderer as ab,
  decode,
  encode,
  HeaderType,
  hansa,
  msp,
  services,
  signedEnvelope,
  toLong,
  transactionId,
} from "@hansa/wire";
import { journalRequest } from "./journal-request.js";

const { journal } = hansa;
export const CHANNEL = "trade";
const LISTED = "orderer.example:7050";

export class WitnessedChannel {
  readonly members: readonly TestOrganization[];
  readonly ordererOrg = testOrganization("OrdererMSP");
  readonly folder: string;
  readonly client: SigningIdentity;
  readonly genesis: Uint8Array;
  #address = "127.0.0.1:0";

  constructor(folder: string, names: readonly string[]) {
    this.folder = folder;
    this.members = names.map(testOrganization);
    this.client = this.members[0]!.identity("client");
    this.genesis = genesisBlock(testProfile(this.members, this.ordererOrg));
  }

  get roots(): string[] {
    return [this.ordererOrg, ...this.members].map(({ caPem }) => caPem);
  }

  /** Every orderer of the test answers at one address, so one may take another's place. */
  async startOrderer(folder: string, witnesses: OrdererConfig["witnesses"] = { quietMs: 20 }): Promise<RunningOrderer> {
    const orderer = await startOrderer({
      identity: this.ordererOrg.identity("orderer"),
      dataFolder: path.join(this.folder, folder),
      listen: { address: this.#address },
      ...(witnesses === undefined ? {} : { witnesses }),
    });
    this.#address = orderer.address;
    if (orderer.channels().length === 0) await orderer.join(this.genesis);
    return orderer;
  }

  async startPeer(member: number, extra: Partial<PeerConfig> = {}): Promise<RunningPeer> {
    const org = this.members[member]!;
    const peer = await startPeer({
      name: `peer.${org.mspId}`,
      identity: org.credentials("peer") as PeerConfig["identity"],
      localMsp: decode(msp.MSPConfig, org.mspConfig, "msp.MSPConfig"),
      listenAddress: "127.0.0.1:0",
      dataDirectory: path.join(this.folder, `peer${member}`),
      ordererOverrides: { [LISTED]: { address: this.#address } },
      logger: silentLogger,
      ...extra,
    });
    if (peer.channelIds().length === 0) await peer.join(this.genesis);
    return peer;
  }

  /** Orders something that is in the journal whatever peers think of it. @returns its status */
  async order(orderer: RunningOrderer, text: string): Promise<number> {
    const creator = this.client.serialized;
    const nonce = randomBytes(24);
    const envelope = signedEnvelope({
      type: HeaderType.ENDORSER_TRANSACTION,
      channelId: CHANNEL,
      txId: transactionId(nonce, creator),
      creator,
      nonce,
      timestampMs: Date.now(),
      data: Buffer.from(text),
      sign: (payload) => this.client.sign(payload),
    });
    return decode(ab.BroadcastResponse, await orderer.broadcast(envelope), "orderer.BroadcastResponse").status;
  }

  async ask(method: MethodDefinition, data: Uint8Array, by = this.client): Promise<Uint8Array> {
    const rpc = new RpcClient(this.#address);
    try {
      return await rpc.unary(method, journalRequest(by, CHANNEL, data), { timeoutMs: 20_000 });
    } finally {
      rpc.close();
    }
  }

  async digest(tipSequenceNo: number | undefined, waitMs = 0): Promise<hansa.journal.SignedDigest> {
    const tip = tipSequenceNo === undefined ? {} : { tipSequenceNo: toLong(tipSequenceNo) };
    const answer = await this.ask(
      services.Journal.methods.GetDigest,
      encode(journal.GetDigestRequest, { ...tip, waitMs }),
    );
    return decode(journal.SignedDigest, answer, "hansa.journal.SignedDigest");
  }

  async digests(): Promise<hansa.journal.DigestList> {
    const answer = await this.ask(services.Journal.methods.ListDigests, encode(journal.ListDigestsRequest, {}));
    return decode(journal.DigestList, answer, "hansa.journal.DigestList");
  }

  async receipt(sequenceNo: number, entryIndex: number, waitMs: number): Promise<hansa.journal.Receipt> {
    const request = { sequenceNo: toLong(sequenceNo), entryIndex, waitMs };
    const answer = await this.ask(services.Journal.methods.GetReceipt, encode(journal.GetReceiptRequest, request));
    return decode(journal.Receipt, answer, "hansa.journal.Receipt");
  }
}
