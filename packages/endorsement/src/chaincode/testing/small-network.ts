/**
 * Two organisations, Brewery and Pub, with a peer each on the channel "trade": real certificates and rules, state in
 * maps, chaincodes as functions. `submit` endorses, compares and commits.
 */
import assert from "node:assert/strict";
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { type TestOrganization, testOrganization } from "@hansa/channel-config/testing";
import { parseTxRwSet, prepareBlock, privateNamespace, TxSimulator } from "@hansa/ledger";
import { MspManager } from "@hansa/msp";
import { type Bytes, toUtf8, type UnixMs } from "@hansa/primitives";
import { common, encode, kvrwset, protos } from "@hansa/wire";
import type { EndorserChannel, PrivateWrites } from "../channel.js";
import type { InstalledChaincode } from "../lifecycle-chaincode.js";
import { ChaincodeRegistry } from "../registry.js";
import { ShimType } from "../shim-message.js";
import { createEndorsingPeer } from "./endorsing-peer.js";
import { MapState } from "./map-state.js";
import { NOW, newProposal, type ProposalFields } from "./proposals.js";

/** What a chaincode may do in tests: ask its peer, and answer. */
export type Contract = (args: string[], ask: Ask) => Promise<protos.Response.$Properties>;
/** Sends a request and returns the answer's payload; throws an ERROR's text. */
export type Ask = (type: number, payload: Bytes) => Promise<Bytes>;

class SmallPeer implements EndorserChannel {
  readonly channelId = "trade";
  readonly organization: TestOrganization;
  readonly config: ChannelConfig;
  readonly state = new MapState();
  now: number = NOW;
  /** Looks for time-outs. */
  sweep: () => void = () => {};
  readonly registry = new ChaincodeRegistry({
    clock: { now: () => this.now as UnixMs },
    every: (_ms, run) => this.#keepSweep(run),
  });
  readonly installed: InstalledChaincode[] = [];
  readonly endorser;
  readonly known = new Set<string>();
  persisted: PrivateWrites[] = [];
  height = 1;

  constructor(org: TestOrganization, genesis: Bytes) {
    this.organization = org;
    this.config = ChannelConfig.fromBlock(genesis);
    const own = this.config.msps.get(org.mspId);
    assert(own);
    this.endorser = createEndorsingPeer({
      signer: org.identity("peer"),
      localMsp: new MspManager([own]),
      clock: { now: () => this.now as UnixMs },
      channel: (channelId) => (channelId === "trade" ? this : undefined),
      channelIds: () => ["trade"],
      join: async () => {},
      installed: {
        install: async (bytes) => {
          const installed = { label: "cargo", packageId: toUtf8(bytes) };
          this.installed.push(installed);
          return installed;
        },
        get: (packageId) => this.installed.find((each) => each.packageId === packageId),
        list: () => this.installed,
        load: async () => undefined,
      },
      processes: {
        isReady: (packageId) => this.registry.isReady(packageId),
        launch: async (packageId) => {
          throw new Error(`no process for ${packageId}`);
        },
        execute: (packageId, call) => this.registry.execute(packageId, call),
      },
    }).endorser;
  }

  get ledger() {
    return {
      height: this.height,
      state: this.state,
      hasId: (txId: string) => this.known.has(txId),
      find: (txId: string) => (this.known.has(txId) ? { blockNumber: 1, txIndex: 0, code: 0 } : undefined),
      simulator: (txId: string, lookup?: (namespace: string) => ReadonlySet<string> | undefined) =>
        new TxSimulator(this.state, txId, lookup),
      history: () => assert.fail("not expected"),
      info: () => assert.fail("not expected"),
      blocks: {} as never,
    };
  }

  async persistPrivate(writes: PrivateWrites): Promise<void> {
    this.persisted.push(writes);
  }

  /** A process of this package dials in. */
  run(packageId: string, contract: Contract): void {
    const waiting = new Map<string, { resolve(bytes: Bytes): void; reject(error: Error): void }>();
    const connection = this.registry.connect({
      close: () => {},
      send: (bytes) => {
        const message = protos.ChaincodeMessage.decode(bytes);
        const { txid, channelId } = message;
        if (message.type === ShimType.RESPONSE) waiting.get(txid)?.resolve(message.payload);
        else if (message.type === ShimType.ERROR) waiting.get(txid)?.reject(new Error(toUtf8(message.payload)));
        else if (message.type === ShimType.TRANSACTION || message.type === ShimType.INIT) {
          const args = protos.ChaincodeInput.decode(message.payload).args.map((arg) => toUtf8(arg));
          const ask: Ask = (type, payload) =>
            new Promise((resolve, reject) => {
              waiting.set(txid, { resolve, reject });
              connection.receive(encode(protos.ChaincodeMessage, { type, payload, txid, channelId }));
            });
          const complete = (response: protos.Response.$Properties) => {
            const payload = encode(protos.Response, response);
            connection.receive(encode(protos.ChaincodeMessage, { type: ShimType.COMPLETED, payload, txid, channelId }));
          };
          contract(args, ask).then(complete, ({ message }: Error) => complete({ status: 500, message }));
        }
      },
    });
    const payload = encode(protos.ChaincodeID, { name: packageId });
    connection.receive(encode(protos.ChaincodeMessage, { type: ShimType.REGISTER, payload }));
  }

  async commit(results: Bytes, txId: string): Promise<void> {
    const version = { blockNumber: this.height, txIndex: 0 };
    const transaction = { txId, type: 3, code: 0, rwset: parseTxRwSet(results) };
    const { codes, batch } = await prepareBlock(this.height, [transaction], this.state, true);
    assert.equal(codes[0], 0);
    this.state.apply(batch);
    for (const { writes } of this.persisted.filter((each) => each.txId === txId)) {
      for (const { namespace, collectionPvtRwset } of writes.nsPvtRwset ?? []) {
        for (const { collectionName, rwset } of collectionPvtRwset ?? []) {
          for (const { key, value } of kvrwset.KVRWSet.decode(rwset!).writes) {
            this.state.set(privateNamespace(namespace!, collectionName!), key!, { value: value!, version });
          }
        }
      }
    }
    this.known.add(txId);
    this.height += 1;
  }

  #keepSweep(run: () => void): () => void {
    this.sweep = run;
    return () => {};
  }
}

export class SmallNetwork {
  readonly brewery: SmallPeer;
  readonly pub: SmallPeer;

  constructor() {
    const [brewery, pub, orderer] = ["BreweryMSP", "PubMSP", "OrdererMSP"].map(testOrganization);
    assert(brewery && pub && orderer);
    const genesis = genesisBlock({
      channelId: "trade",
      createdAtMs: NOW,
      organizations: [brewery, pub].map(({ mspId, mspConfig }) => ({ mspId, mspConfig })),
      ordererOrgs: [{ mspId: orderer.mspId, mspConfig: orderer.mspConfig, endpoints: ["orderer.example:7050"] }],
      consenters: [
        { host: "orderer.example", port: 7050, clientTlsCertPem: orderer.caPem, serverTlsCertPem: orderer.caPem },
      ],
    });
    this.brewery = new SmallPeer(brewery, genesis);
    this.pub = new SmallPeer(pub, genesis);
  }

  /** Endorses at the given peers, demands equal results, commits everywhere. */
  async submit(peers: readonly SmallPeer[], fields: Omit<ProposalFields, "channelId">): Promise<protos.Response> {
    const proposal = newProposal({ channelId: "trade", ...fields });
    const responses = await Promise.all(peers.map((peer) => peer.endorser.process(proposal)));
    const [first] = responses;
    for (const { response, payload } of responses) {
      assert.equal(response?.message ?? "", "");
      assert.deepEqual(payload, first?.payload);
    }
    const { extension } = protos.ProposalResponsePayload.decode(first!.payload!);
    const { results, response } = protos.ChaincodeAction.decode(extension);
    const txId = txIdOf(proposal);
    await Promise.all([this.brewery, this.pub].map((peer) => peer.commit(results, txId)));
    return protos.Response.decode(encode(protos.Response, response ?? {}));
  }
}

function txIdOf(signedProposal: Bytes): string {
  const { proposalBytes } = protos.SignedProposal.decode(signedProposal);
  const { header } = protos.Proposal.decode(proposalBytes);
  return common.ChannelHeader.decode(common.Header.decode(header).channelHeader).txId;
}
