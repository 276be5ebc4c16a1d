/**
 * Acts on the governance strand while everything is killed: the operator moves the network's clock ahead, again and
 * again, through supervisor and authorities. Each accepted act must stand on the strand exactly once, where it was said to.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  GOVERNANCE_STRAND,
  readSignedRecord,
  readStrandBlock,
  type StrandBlock,
  verifyStrand,
} from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import { type Layout, RemoteNetwork } from "@hansa/network";
import { silentLogger, type UnixMs } from "@hansa/primitives";
import type { RpcClient } from "@hansa/transport";
import { encode, hansa, services } from "@hansa/wire";
import { journalRequest } from "../support/journal-request.js";

const PAUSE_MS = 250;
const STEP_MS = 1_000;
const READ_MS = 20_000;

/** A move of the clock to this time, and where it stands. */
type Kept = { readonly to: number; readonly sequenceNo: number; readonly entryIndex: number };

export class GovernanceLoad {
  readonly #network: RemoteNetwork;
  readonly #reader: SigningIdentity;
  readonly #kept: Kept[] = [];
  readonly #places = new Map<number, Kept[]>();
  #position: Parameters<typeof verifyStrand>[2];
  #checked = 0;
  #height = 0;
  #isStopped = false;
  readonly #working: Promise<void>;

  private constructor(network: RemoteNetwork, reader: SigningIdentity) {
    this.#network = network;
    this.#reader = reader;
    this.#working = this.#work();
  }

  /** @param reader an identity of a member */
  static async start(layout: Layout, reader: SigningIdentity): Promise<GovernanceLoad> {
    return new GovernanceLoad(await RemoteNetwork.open(layout, silentLogger), reader);
  }

  get acknowledged(): number {
    return this.#kept.length;
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.#working;
    await this.#network.close();
  }

  /** Reads what is new on the strand. @throws AssertionError saying what does not hold */
  async check(orderer: RpcClient): Promise<number> {
    const due = this.#kept.slice(this.#checked);
    const needed = Math.max(0, ...due.map(({ sequenceNo }) => sequenceNo + 1));
    const blocks = await this.#read(orderer);
    const verified = verifyStrand(blocks, () => true, this.#position);
    assert(verified.ok, verified.ok ? "" : `governance block ${verified.fault.sequenceNo}: ${verified.fault.reason}`);
    this.#position = verified.position;
    for (const { block, records } of blocks) {
      for (const [i, record] of records.entries()) {
        const { act } = readSignedRecord(record);
        if (act.kind !== "clockAdvanced") continue;
        const place = { to: act.to, sequenceNo: block.address.sequenceNo, entryIndex: i + 1 };
        this.#places.set(act.to, [...(this.#places.get(act.to) ?? []), place]);
      }
      this.#height = block.address.sequenceNo + 1;
    }
    assert(this.#height >= needed, `the governance strand has ${this.#height} blocks, ${needed} were acknowledged`);
    for (const kept of due) assert.deepEqual(this.#places.get(kept.to), [kept], "an act stands where it was said to");
    this.#checked += due.length;
    return this.#height;
  }

  async #read(orderer: RpcClient): Promise<StrandBlock[]> {
    const request = encode(hansa.governance.FollowRequest, { fromSequenceNo: this.#height });
    const envelope = journalRequest(this.#reader, GOVERNANCE_STRAND, request);
    const stream = orderer.serverStream(services.Governance.methods.Follow, envelope, { timeoutMs: READ_MS });
    const blocks: StrandBlock[] = [];
    try {
      for await (const bytes of stream.incoming) blocks.push(readStrandBlock(Buffer.from(bytes)));
    } finally {
      stream.close();
    }
    return blocks;
  }

  async #work(): Promise<void> {
    let to = 0;
    while (!this.#isStopped) {
      try {
        to = Math.max(this.#network.now(), to) + STEP_MS;
        const { sequenceNo, entryIndex } = await this.#network.submit({ kind: "clockAdvanced", to: to as UnixMs });
        this.#kept.push({ to, sequenceNo, entryIndex });
      } catch {
        // Whoever is killed does not answer; whether the act counts is for the strand to say.
      }
      await sleep(PAUSE_MS);
    }
  }
}
