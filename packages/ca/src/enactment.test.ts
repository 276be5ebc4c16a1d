/** Authorities that sign what their members stand for, each by its own reading of the strand. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import {
  ChannelConfig,
  changeMembership,
  computeConfigUpdate,
  configOfBlock,
  configUpdateEnvelope,
  genesisBlock,
  governedAdminsRule,
  judgeConfigUpdate,
  withApplicationPolicy,
} from "@hansa/channel-config";
import { testOrganization, testProfile } from "@hansa/channel-config/testing";
import { generatePrivateKey } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import {
  type Act,
  derivedId,
  encodeRecord,
  encodeStrandBlock,
  fold,
  GOVERNANCE_STRAND,
  type GovernanceState,
  type MemberIdentity,
  signedRecord,
  type VotingPolicy,
} from "@hansa/governance";
import { emptyTip, nextBlock, tipAfter } from "@hansa/journal";
import { mspConfigFromFiles, mspFolderFiles } from "@hansa/msp";
import { type Bytes, NO_BYTES, systemClock, unixMs } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import { common, encode, msp } from "@hansa/wire";
import { CaClient, caSigner } from "./client.js";
import { CaError } from "./error.js";
import type { CaSigner } from "./signed-requests.js";
import { startCa } from "./start.js";

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

const CHANNEL = "trade";
const POLICY: VotingPolicy = { thresholdPercentage: 50, comparator: "GREATER_THAN", proposalDurationHours: 24 };
const operatorOrg = testOrganization("OrdererMSP");
const operator = operatorOrg.identity("admin");

/** A member whose keys are in an authority of its own. */
class Member {
  readonly memberId: string;
  client!: CaClient;
  admin!: CaSigner;
  identity!: MemberIdentity;
  stop!: () => Promise<void>;

  constructor(
    readonly name: string,
    readonly dataDir?: string,
  ) {
    this.memberId = derivedId("m", name);
  }

  async start(): Promise<this> {
    const { name, memberId, dataDir } = this;
    const domain = name.toLowerCase();
    const ca = await startCa({
      domain,
      listenAddress: "127.0.0.1:0",
      registrar: { id: "admin", secret: "adminpw" },
      ...(dataDir === undefined ? {} : { dataDir }),
    });
    const rpc = new RpcClient(ca.address, { rootPems: [ca.tlsCaCertificatePem] });
    let stopping: Promise<void> | undefined;
    this.stop = () => {
      rpc.close();
      stopping ??= ca.stop();
      return stopping;
    };
    closing.push(this.stop);
    this.client = new CaClient(rpc);
    const key = generatePrivateKey("P-256");
    const csrPem = createCsr({ key, subject: { commonName: "admin" }, dnsNames: [], ipAddresses: [] });
    this.admin = caSigner(await this.client.enroll({ id: "admin", secret: "adminpw", csrPem }), key);
    const files = mspFolderFiles({
      domain,
      caCertPems: [ca.caCertificatePem],
      tlsCaCertPems: [ca.tlsCaCertificatePem],
    });
    const mspId = `${name}MSP`;
    this.identity = {
      memberId,
      name,
      accountId: "000000000001",
      mspId,
      mspConfig: encode(msp.MSPConfig, mspConfigFromFiles(files, mspId)),
      governanceIdentity: await this.client.governanceIdentity(this.admin, mspId),
    };
    return this;
  }

  sign(record: Bytes) {
    return this.client.signGovernanceRecord(this.admin, record);
  }
}

/** A strand as an ordering node would write it, one record to a block. */
class Strand {
  readonly networkId = derivedId("n", "guild");
  readonly blocks: Bytes[] = [];
  state: GovernanceState | undefined;
  #tip = emptyTip("0123456789012345678901");

  constructor(strandId = "0123456789012345678901") {
    this.#tip = emptyTip(strandId);
  }

  async order(act: Act, ...members: readonly Member[]): Promise<void> {
    const record = encodeRecord(this.networkId, act);
    const operators = members.length === 0 || act.kind === "invitationAccepted" ? [operator] : [];
    const signatures = [
      ...(await Promise.all(members.map((each) => each.sign(record)))),
      ...operators.map((each) => ({ identity: each.serialized, signature: each.sign(record) })),
    ];
    this.put(act, signedRecord(record, signatures));
  }

  put(act: Act, signed: Bytes): void {
    const at = unixMs(Math.max(systemClock.now(), this.#tip.lastTimestampMs));
    const folded = fold(this.state, act, at);
    assert.ok(folded.ok);
    this.state = folded.state;
    const contents = { channelId: GOVERNANCE_STRAND, timestampMs: at, headerHash: NO_BYTES, envelopes: [signed] };
    const block = nextBlock(this.#tip, contents);
    this.#tip = tipAfter(block);
    this.blocks.push(encodeStrandBlock({ block, records: [signed] }));
  }

  readonly from = async (sequenceNo: number) => this.blocks.slice(sequenceNo);

  async found(members: readonly Member[]): Promise<void> {
    await this.order({
      kind: "founded",
      networkId: this.networkId,
      name: "guild",
      frameworkVersion: "2.5",
      edition: "STANDARD",
      policy: POLICY,
      rules: { electorate: "live", rejection: "unreachable", memberLimit: 0, simulatedClock: false },
      channels: { kind: "all" },
      operatorIdentity: operator.serialized,
      operatorMspConfig: operatorOrg.mspConfig,
      members: members.map(({ identity }) => identity),
    });
  }

  async invite(proposal: string, by: Member, channels?: readonly string[]): Promise<void> {
    await this.order(
      {
        kind: "proposed",
        proposalId: derivedId("p", proposal),
        memberId: by.memberId,
        invitations: [{ invitationId: derivedId("in", proposal), accountId: "000000000001" }],
        removals: [],
        tags: {},
        ...(channels === undefined ? {} : { channels: { kind: "listed", names: channels } as const }),
      },
      by,
    );
  }

  async vote(proposal: string, by: Member, yes = true): Promise<void> {
    await this.order({ kind: "voted", proposalId: derivedId("p", proposal), memberId: by.memberId, yes }, by);
  }

  async accept(proposal: string, joining: Member): Promise<void> {
    const invitationId = derivedId("in", proposal);
    await this.order({ kind: "invitationAccepted", invitationId, member: joining.identity }, joining);
  }
}

function channelOf(members: readonly Member[]) {
  const base = testProfile([], operatorOrg, {
    organizations: members.map(({ identity: { mspId, mspConfig } }) => ({ mspId, mspConfig })),
    createdAtMs: systemClock.now(),
  });
  const config = configOfBlock(genesisBlock(base)).configEnvelope.config ?? {};
  const rule = governedAdminsRule(
    members.map(({ identity }) => identity.mspId),
    POLICY,
  );
  return withApplicationPolicy(config, "Admins", rule);
}

function requestFor(strand: Strand, enactmentId: string, current: common.IConfig, channelId = CHANNEL) {
  const enactment = strand.state?.enactments.find((each) => each.enactmentId === enactmentId);
  assert.ok(enactment, enactmentId);
  const update = computeConfigUpdate(channelId, current, changeMembership(current, enactment));
  return { enactmentId, channelId, current, configUpdate: encode(common.ConfigUpdate, update) };
}

const refused = (fault: string, about: RegExp) => (error: unknown) =>
  error instanceof CaError && error.fault === fault && about.test(error.message);

describe("an authority asked to sign a channel update", () => {
  it("signs what its member voted for, and the votes satisfy the channel", async () => {
    const [a, b, c] = (await Promise.all(["Alpha", "Beta", "Gamma"].map((name) => new Member(name).start()))) as [
      Member,
      Member,
      Member,
    ];
    const strand = new Strand();
    await strand.found([a, b, c]);
    await strand.invite("delta", a);
    await strand.vote("delta", a);
    await strand.vote("delta", b);
    const delta = await new Member("Delta").start();
    await strand.accept("delta", delta);
    const current = channelOf([a, b, c]);
    const request = requestFor(strand, `join:${delta.memberId}`, current);

    const signatures = await Promise.all(
      [a, b].map((each) => each.client.signEnactment(each.admin, request, strand.from)),
    );
    const didNotVote = refused("FORBIDDEN", /does not stand for/);
    await assert.rejects(c.client.signEnactment(c.admin, request, strand.from), didNotVote);
    await assert.rejects(delta.client.signEnactment(delta.admin, request, strand.from), didNotVote);
    const envelope = configUpdateEnvelope({
      channelId: CHANNEL,
      update: request.configUpdate,
      signatures,
      submitter: operator,
      nonce: Buffer.alloc(24, 7),
      timestampMs: systemClock.now(),
    });
    const { next } = judgeConfigUpdate(ChannelConfig.load(CHANNEL, current), envelope);
    assert.deepEqual([...next.msps.mspIds].sort(), ["AlphaMSP", "BetaMSP", "DeltaMSP", "GammaMSP", "OrdererMSP"]);
    const alone = configUpdateEnvelope({
      channelId: CHANNEL,
      update: request.configUpdate,
      signatures: signatures.slice(0, 1),
      submitter: operator,
      nonce: Buffer.alloc(24, 7),
      timestampMs: systemClock.now(),
    });
    assert.throws(() => judgeConfigUpdate(ChannelConfig.load(CHANNEL, current), alone), /not satisfied/);

    const unknown = { ...request, enactmentId: "join:nobody" };
    await assert.rejects(a.client.signEnactment(a.admin, unknown, strand.from), refused("NOT_FOUND", /nobody/));
    const otherUpdate = encode(common.ConfigUpdate, {
      ...computeConfigUpdate(CHANNEL, current, withApplicationPolicy(current, "Admins", "OR('BetaMSP.admin')")),
    });
    const isAnother = refused("FORBIDDEN", /not what/);
    for (const changed of [
      { ...request, configUpdate: otherUpdate },
      { ...request, configUpdate: new Uint8Array(0) },
      { ...request, channelId: "another" },
      { ...request, configUpdate: Buffer.concat([request.configUpdate, Buffer.from([0x7a, 0])]) },
    ]) {
      await assert.rejects(a.client.signEnactment(a.admin, changed, strand.from), isAnother);
    }
    const garbage = { ...request, current: {} };
    await assert.rejects(
      a.client.signEnactment(a.admin, garbage, strand.from),
      refused("BAD_REQUEST", /channel trade/),
    );
  });

  it("signs for the channels that were voted on, and a departure for all that remain", async () => {
    const [a, b, c] = (await Promise.all(["Alpha", "Beta", "Gamma"].map((name) => new Member(name).start()))) as [
      Member,
      Member,
      Member,
    ];
    const strand = new Strand();
    await strand.found([a, b, c]);
    await strand.invite("delta", a, ["wine"]);
    await strand.vote("delta", a);
    await strand.vote("delta", b);
    const delta = await new Member("Delta").start();
    await strand.accept("delta", delta);
    const current = channelOf([a, b, c]);
    const join = `join:${delta.memberId}`;
    await a.client.signEnactment(a.admin, requestFor(strand, join, current, "wine"), strand.from);
    const notMeant = refused("FORBIDDEN", /does not concern channel trade/);
    await assert.rejects(a.client.signEnactment(a.admin, requestFor(strand, join, current), strand.from), notMeant);

    await strand.order({ kind: "left", memberId: b.memberId }, b);
    const departure = requestFor(strand, `leave:${b.memberId}`, current);
    for (const each of [a, b, c]) await each.client.signEnactment(each.admin, departure, strand.from);
  });

  it("is told of the strand again after a restart, and only holds to the one it signed by", async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), "hansa-ca-enactment-"));
    closing.push(() => rm(dataDir, { recursive: true, force: true }));
    const a = await new Member("Alpha", dataDir).start();
    const b = await new Member("Beta").start();
    const strand = new Strand();
    await strand.found([a, b]);
    const current = channelOf([a, b]);
    await strand.order({ kind: "left", memberId: b.memberId }, b);
    const request = requestFor(strand, `leave:${b.memberId}`, current);
    const asked: number[] = [];
    const from = async (sequenceNo: number) => {
      asked.push(sequenceNo);
      return strand.blocks.slice(sequenceNo);
    };
    await a.client.signEnactment(a.admin, request, from);
    await a.client.signEnactment(a.admin, request, from);
    assert.deepEqual(asked, [0, 2], "told once");
    const tellsTooLate = async () => strand.blocks.slice(1);
    await a.stop();
    await a.start();
    await assert.rejects(
      a.client.signEnactment(a.admin, request, async () => []),
      refused("REFUSED", /from block 0/),
    );
    await assert.rejects(a.client.signEnactment(a.admin, request, tellsTooLate), CaError);
    await a.client.signEnactment(a.admin, request, from);

    // The same network on another strand: somebody else's story of it.
    const another = new Strand("abcdefghijklmnopqrstuv");
    await another.found([a, b]);
    await another.order({ kind: "left", memberId: b.memberId }, b);
    const retold = requestFor(another, `leave:${b.memberId}`, current);
    const elsewhere = refused("FORBIDDEN", /was founded on strand/);
    await a.stop();
    await a.start();
    await assert.rejects(a.client.signEnactment(a.admin, retold, another.from), elsewhere);
  });

  it("believes no strand that does not hold together", async () => {
    const a = await new Member("Alpha").start();
    const b = await new Member("Beta").start();
    const strand = new Strand();
    await strand.found([a, b]);
    await strand.order({ kind: "left", memberId: b.memberId }, b);
    const request = requestFor(strand, `leave:${b.memberId}`, channelOf([a, b]));
    const [founding, leaving] = strand.blocks as [Bytes, Bytes];
    for (const [at, block] of [founding, leaving].entries()) {
      for (let i = 5; i < block.length; i += 397) {
        const flipped = Buffer.from(block);
        flipped[i] = (flipped[i] as number) ^ 0x10;
        const blocks = at === 0 ? [flipped, leaving] : [founding, flipped];
        await assert.rejects(
          a.client.signEnactment(a.admin, request, async (n) => blocks.slice(n)),
          Error,
        );
      }
    }
    // A well-formed strand whose departure the leaver did not sign.
    const forged = new Strand();
    await forged.found([a, b]);
    const left: Act = { kind: "left", memberId: b.memberId };
    const record = encodeRecord(forged.networkId, left);
    forged.put(
      left,
      signedRecord(record, [{ identity: b.identity.governanceIdentity, signature: operator.sign(record) }]),
    );
    const doesNotHold = refused("BAD_REQUEST", /block 1, record 0/);
    await assert.rejects(a.client.signEnactment(a.admin, request, forged.from), doesNotHold);
    await a.client.signEnactment(a.admin, request, strand.from);
  });
});
