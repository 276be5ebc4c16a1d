/**
 * Acts on the governance strand while nodes are killed: a network that the ordering organisation's administrator founds
 * moves its clock ahead, again and again. Each accepted act must stand on the strand exactly once, where its receipt said.
 */
import assert from "node:assert/strict";
import { createPrivateKey, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { testOrganization } from "@hansa/channel-config/testing";
import {
  type Act,
  derivedId,
  encodeRecord,
  GOVERNANCE_STRAND,
  readStrandBlock,
  type StrandBlock,
  signedRecord,
  verifyStrand,
} from "@hansa/governance";
import { createSigningIdentity, mspConfigFromFiles, type SigningIdentity } from "@hansa/msp";
import { sha256Hex, type UnixMs } from "@hansa/primitives";
import { GrpcStatus, type RpcClient, RpcStatus } from "@hansa/transport";
import { encode, hansa, msp, services, toNumber } from "@hansa/wire";
import { journalRequest } from "../support/journal-request.js";

const PAUSE_MS = 50;
const STEP_MS = 1_000;
const CALL_MS = 10_000;

type Kept = { readonly hash: string; readonly sequenceNo: number; readonly entryIndex: number };

export class GovernanceLoad {
  readonly #operator: SigningIdentity;
  readonly #networkId = derivedId("n", randomBytes(8).toString("hex"));
  readonly #founding: Act;
  readonly #kept: Kept[] = [];
  #position: Parameters<typeof verifyStrand>[2];
  readonly #places = new Map<string, Kept[]>();
  #checked = 0;
  #height = 0;
  #time = 0;
  #isFounded = false;
  #isStopped = false;
  #working: Promise<void> = Promise.resolve();

  /** @param organization folder of the ordering organisation */
  constructor(organization: string, mspId: string) {
    this.#operator = administrator(organization, mspId);
    const names = readdirSync(path.join(organization, "msp"), { recursive: true, encoding: "utf8" });
    const files = names.filter((name) => /\.(pem|yaml)$/.test(name));
    const texts = new Map(files.map((name) => [name, readFileSync(path.join(organization, "msp", name), "utf8")]));
    const operatorMspConfig = encode(msp.MSPConfig, mspConfigFromFiles(texts, mspId));
    const org = testOrganization("CrashMSP");
    const memberId = derivedId("m", "crash");
    const governanceIdentity = org.identity("admin").serialized;
    const { mspConfig } = org;
    this.#founding = {
      kind: "founded",
      networkId: this.#networkId,
      name: "crash",
      frameworkVersion: "2.5",
      edition: "STANDARD",
      policy: { thresholdPercentage: 50, comparator: "GREATER_THAN", proposalDurationHours: 24 },
      rules: { electorate: "live", rejection: "unreachable", memberLimit: 0, simulatedClock: true },
      channels: { kind: "all" },
      operatorIdentity: this.#operator.serialized,
      operatorMspConfig,
      members: [
        { memberId, name: "Crash", accountId: "000000000001", mspId: "CrashMSP", mspConfig, governanceIdentity },
      ],
    };
  }

  get acknowledged(): number {
    return this.#kept.length;
  }

  start(orderer: () => RpcClient): void {
    this.#isStopped = false;
    this.#working = this.#work(orderer);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#working;
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
        const place = { hash: sha256Hex(record), sequenceNo: block.address.sequenceNo, entryIndex: i + 1 };
        this.#places.set(place.hash, [...(this.#places.get(place.hash) ?? []), place]);
      }
      this.#height = block.address.sequenceNo + 1;
    }
    assert(this.#height >= needed, `the governance strand has ${this.#height} blocks, ${needed} were acknowledged`);
    for (const kept of due)
      assert.deepEqual(this.#places.get(kept.hash), [kept], "an act stands where its receipt says");
    this.#checked += due.length;
    return this.#height;
  }

  async #read(orderer: RpcClient): Promise<StrandBlock[]> {
    if (!this.#isFounded) return [];
    const request = encode(hansa.governance.FollowRequest, { fromSequenceNo: this.#height });
    const envelope = journalRequest(this.#operator, GOVERNANCE_STRAND, request);
    const stream = orderer.serverStream(services.Governance.methods.Follow, envelope, { timeoutMs: CALL_MS });
    const blocks: StrandBlock[] = [];
    try {
      for await (const bytes of stream.incoming) blocks.push(readStrandBlock(Buffer.from(bytes)));
    } finally {
      stream.close();
    }
    return blocks;
  }

  async #work(orderer: () => RpcClient): Promise<void> {
    while (!this.#isStopped) {
      const act: Act = this.#isFounded ? { kind: "clockAdvanced", to: this.#next() } : this.#founding;
      try {
        await this.#submit(orderer(), act);
        this.#isFounded = true;
      } catch (error) {
        // A founding whose answer was lost is there already.
        if (error instanceof RpcStatus && error.code === GrpcStatus.FAILED_PRECONDITION) this.#isFounded = true;
        await sleep(PAUSE_MS);
      }
      await sleep(PAUSE_MS);
    }
  }

  #next(): UnixMs {
    this.#time = Math.max(Date.now(), this.#time) + STEP_MS;
    return this.#time as UnixMs;
  }

  async #submit(orderer: RpcClient, act: Act): Promise<void> {
    const bytes = encodeRecord(this.#networkId, act);
    const { serialized } = this.#operator;
    const record = signedRecord(bytes, [{ identity: serialized, signature: this.#operator.sign(bytes) }]);
    const answer = await orderer.unary(services.Governance.methods.Submit, record, { timeoutMs: CALL_MS });
    const { address, entryIndex } = hansa.governance.Receipt.decode(answer);
    this.#kept.push({ hash: sha256Hex(record), sequenceNo: toNumber(address?.sequenceNo), entryIndex });
  }
}

function administrator(organization: string, mspId: string): SigningIdentity {
  const users = path.join(organization, "users");
  const admin = readdirSync(users).find((name) => name.startsWith("Admin@"));
  assert(admin !== undefined, `${users} has no administrator`);
  const folder = path.join(users, admin, "msp");
  const cert = path.join(folder, "signcerts", readdirSync(path.join(folder, "signcerts"))[0]!);
  const key = readFileSync(path.join(folder, "keystore", readdirSync(path.join(folder, "keystore"))[0]!));
  return createSigningIdentity(mspId, readFileSync(cert, "utf8"), createPrivateKey(key), null);
}
