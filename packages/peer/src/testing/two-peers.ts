/** A brewery's and a pub's peer on one channel, and all that a test asks of them. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@hansa/primitives";
import type { PeerConfig } from "../config.js";
import { startPeer } from "../peer.js";
import { connectPeer, type PeerConnection } from "../peer-connection.js";
import type { RunningPeer } from "../running-peer.js";
import { endorse, query } from "./client.js";
import { TestOrderer, testGenesis, testOrg } from "./consortium.js";

export const CHANNEL = "trade";
/** Of the chaincodes "store" and "vault". */
export const CONTRACT = `
const { Contract } = require("fabric-contract-api");
class Store extends Contract {
  async put(ctx, key, value) { await ctx.stub.putState(key, Buffer.from(value)); ctx.stub.setEvent("put", Buffer.from(key)); }
  async get(ctx, key) { return (await ctx.stub.getState(key)).toString(); }
  async putPrivate(ctx, key) { await ctx.stub.putPrivateData("_implicit_org_" + ctx.clientIdentity.getMSPID(), key, ctx.stub.getTransient().get("value")); }
  async getPrivate(ctx, key) { return (await ctx.stub.getPrivateData("_implicit_org_" + ctx.clientIdentity.getMSPID(), key)).toString(); }
  async putDeal(ctx, key) { await ctx.stub.putPrivateData("deal", key, ctx.stub.getTransient().get("value")); }
  async getDeal(ctx, key) { return (await ctx.stub.getPrivateData("deal", key)).toString(); }
  async fail(ctx) { throw new Error("no beer left"); }
}
module.exports.contracts = [Store];
`;

export const brewery = testOrg("BreweryMSP");
export const pub = testOrg("PubMSP");
const ordering = testOrg("OrdererMSP");
export const breweryAdmin = brewery.identity("admin", "admin");
export const pubAdmin = pub.identity("admin", "admin");
export const user = brewery.identity("user", "client");

const never = new AbortController().signal;

/** A call of the store. */
export const call = (...args: string[]) => ({ channelId: CHANNEL, chaincode: "store", args });
export const text = async (...args: Parameters<typeof query>) => Buffer.from(await query(...args)).toString();

export class TwoPeers {
  /** What the peers, and others that a test starts, keep lies below it. */
  readonly folder: string;
  readonly orderer: TestOrderer;
  readonly genesis: Uint8Array;
  readonly configs: readonly PeerConfig[];
  readonly #peers: RunningPeer[] = [];
  readonly #connections = new Map<string, PeerConnection>();

  private constructor(folder: string, orderer: TestOrderer, genesis: Uint8Array) {
    this.folder = folder;
    this.orderer = orderer;
    this.genesis = genesis;
    this.configs = [brewery, pub].map((org) => {
      const { certPem, keyPem } = org.identity("peer0", "peer");
      return {
        name: `peer0.${org.mspId}`,
        identity: { mspId: org.mspId, certPem, keyPem },
        localMsp: org.mspConfig,
        listenAddress: "127.0.0.1:0",
        dataDirectory: join(folder, org.mspId),
        chaincode: { allowAttach: org === pub },
        otherPeers: () =>
          this.#peers
            .filter((peer) => peer.mspId !== org.mspId)
            .map(({ mspId, address }) => ({ mspId, address, connection: this.connectionTo(address) })),
        logger: silentLogger,
      };
    });
  }

  static async start(): Promise<TwoPeers> {
    const folder = await mkdtemp(join(tmpdir(), "hansa-peer-"));
    const orderer = new TestOrderer(ordering.identity("orderer", "orderer"));
    const genesis = testGenesis(CHANNEL, [brewery, pub], ordering, await orderer.start());
    orderer.addChannel(genesis);
    const started = new TwoPeers(folder, orderer, genesis);
    started.#peers.push(...(await Promise.all(started.configs.map(startPeer))));
    return started;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.stop()));
    for (const connection of this.#connections.values()) connection.close();
    await this.orderer.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The brewery's. */
  get first(): RunningPeer {
    return this.#peers[0] as RunningPeer;
  }

  /** The pub's. */
  get second(): RunningPeer {
    return this.#peers[1] as RunningPeer;
  }

  /** Starts one of the two again, which has stopped. */
  async restart(which: "first" | "second", change: Partial<PeerConfig> = {}): Promise<RunningPeer> {
    const index = which === "first" ? 0 : 1;
    const peer = await startPeer({ ...(this.configs[index] as PeerConfig), ...change });
    this.#peers[index] = peer;
    return peer;
  }

  connectionTo(address: string): PeerConnection {
    const connection = this.#connections.get(address) ?? connectPeer(address, undefined);
    this.#connections.set(address, connection);
    return connection;
  }

  /** Has a call endorsed and ordered. Returns the validation code on which both peers agree. */
  async submit(
    fields: Parameters<typeof endorse>[2],
    signer = user,
    by: readonly RunningPeer[] = this.#peers,
  ): Promise<number> {
    const { txId, envelope } = await endorse([...by], signer, fields);
    return this.order(txId, envelope);
  }

  async order(txId: string, envelope: Uint8Array): Promise<number> {
    this.orderer.order(CHANNEL, envelope);
    const statuses = await Promise.all(this.#peers.map((peer) => peer.commitStatus(CHANNEL, txId, never)));
    assert.equal(new Set(statuses.map(({ code }) => code)).size, 1, "all peers agree");
    return statuses[0]?.code ?? -1;
  }
}
