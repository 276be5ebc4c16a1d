/** A network in memory for tests of enactments: real certificates and configurations, no nodes. */
import {
  type ApplicationOrgProfile,
  ChannelConfig,
  channelGroupOf,
  configUpdateEnvelope,
  governedAdminsRule,
  judgeConfigUpdate,
  signConfigUpdate,
} from "@hansa/channel-config";
import { testOrganization } from "@hansa/channel-config/testing";
import {
  type Act,
  fold,
  GovernanceRefusal,
  type GovernanceState,
  type MemberIdentity,
  type VotingPolicy,
} from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError, messageOf, silentLogger, type UnixMs } from "@hansa/primitives";
import { type common, toNumber } from "@hansa/wire";
import { type EnactmentToSign, Enactor, type EnactorParts } from "../enactor.js";

const NOW_MS = Date.UTC(2026, 0, 1);
const NONCE = Buffer.alloc(24, 7);

export const MAJORITY: VotingPolicy = {
  thresholdPercentage: 50,
  comparator: "GREATER_THAN",
  proposalDurationHours: 24,
};

/** Made once: certificates are the slow part. */
const made = new Map<string, TestMember>();

export type TestMember = MemberIdentity & { readonly identity: SigningIdentity };

/** @param name letters and digits; its ids follow from it */
export function testMember(name: string): TestMember {
  const known = made.get(name);
  if (known !== undefined) return known;
  const mspId = `${name}MSP`;
  const organization = testOrganization(mspId);
  const identity = organization.identity("admin");
  const member: TestMember = {
    memberId: `m-${name}`,
    name,
    accountId: "000000000001",
    mspId,
    mspConfig: organization.mspConfig,
    governanceIdentity: identity.serialized,
    identity,
  };
  made.set(name, member);
  return member;
}

/** The first record of a network of these members. */
export function foundedBy(
  founders: readonly TestMember[],
  { policy = MAJORITY, simulatedClock = false }: { policy?: VotingPolicy; simulatedClock?: boolean },
): Act {
  const operator = testMember("Operator");
  return {
    kind: "founded",
    networkId: "n-TEST",
    name: "test",
    frameworkVersion: "2.5",
    edition: "STANDARD",
    policy,
    rules: { electorate: "live", rejection: "unreachable", memberLimit: 0, simulatedClock },
    channels: { kind: "all" },
    operatorIdentity: operator.governanceIdentity,
    operatorMspConfig: operator.mspConfig,
    members: founders.map(identityOf),
  };
}

/** What a test may put in the way of a call: throw, or never answer. */
export type Hook = (call: string) => Promise<void> | void;

export class TestWorld {
  state: GovernanceState;
  /** Every act that was taken, in order. */
  readonly acts: Act[] = [];
  /** Calls back before and after whatever the enactor does outside itself. */
  before: Hook = () => {};
  after: Hook = () => {};
  /** How often each channel was changed. */
  readonly changes = new Map<string, number>();
  readonly #channels = new Map<string, { config: common.IConfig; blockNumber: number }>();
  readonly #members = new Map<string, TestMember>();
  readonly #listeners = new Set<() => void>();
  #time = NOW_MS;
  #next = 0;

  constructor(founders: readonly TestMember[], policy = MAJORITY) {
    const founded = foundedBy(founders, { policy });
    for (const founder of founders) this.#members.set(founder.mspId, founder);
    const folded = fold(undefined, founded, this.#time as UnixMs);
    if (!folded.ok) throw folded.refusal;
    this.state = folded.state;
  }

  /** @param rule of the channel's Admins; that of the voting policy unless given */
  addChannel(name: string, members: readonly TestMember[], rule?: string): void {
    const operator = testMember("Operator");
    const organizations: ApplicationOrgProfile[] = members.map(({ mspId, mspConfig }) => ({ mspId, mspConfig }));
    const mspIds = members.map(({ mspId }) => mspId);
    const pem = operator.identity.certificate.pem;
    const channelGroup = channelGroupOf({
      channelId: name,
      createdAtMs: NOW_MS,
      organizations,
      ordererOrgs: [{ mspId: operator.mspId, mspConfig: operator.mspConfig, endpoints: ["127.0.0.1:7050"] }],
      consenters: [{ host: "127.0.0.1", port: 7050, clientTlsCertPem: pem, serverTlsCertPem: pem }],
      adminsPolicy: rule ?? governedAdminsRule(mspIds, this.state.policy),
    });
    this.#channels.set(name, { config: { channelGroup }, blockNumber: 0 });
  }

  /** MSP ids of a channel's members, and its sequence. */
  channel(name: string): { mspIds: readonly string[]; sequence: number } {
    const { config } = this.#channels.get(name)!;
    const loaded = ChannelConfig.load(name, config);
    return { mspIds: loaded.applicationOrgs().map(({ mspId }) => mspId), sequence: Number(loaded.sequence) };
  }

  /** Somebody else's update of a channel, which makes updates of its members start from another version. */
  touchMembers(name: string): void {
    const { config, blockNumber } = this.#channels.get(name)!;
    const application = config.channelGroup!.groups!.Application!;
    const touched = { ...application, version: toNumber(application.version) + 1 };
    const channelGroup = { ...config.channelGroup!, groups: { ...config.channelGroup!.groups, Application: touched } };
    const next = { channelGroup, sequence: toNumber(config.sequence) + 1 };
    this.#channels.set(name, { config: next, blockNumber: blockNumber + 1 });
  }

  submit(act: Act): void {
    const folded = fold(this.state, act, ++this.#time as UnixMs);
    if (!folded.ok) throw folded.refusal;
    this.state = folded.state;
    this.acts.push(act);
    for (const listener of this.#listeners) listener();
  }

  propose(proposer: TestMember, what: Partial<Extract<Act, { kind: "proposed" }>>): string {
    const proposalId = `p-${++this.#next}`;
    const { memberId } = proposer;
    this.submit({ kind: "proposed", proposalId, memberId, invitations: [], removals: [], tags: {}, ...what });
    return proposalId;
  }

  vote(proposalId: string, ...voters: readonly TestMember[]): void {
    for (const { memberId } of voters) this.submit({ kind: "voted", proposalId, memberId, yes: true });
  }

  /** Has a member join by a proposal that these vote for. Returns the proposal. */
  join(newcomer: TestMember, voters: readonly TestMember[], channels?: GovernanceState["channels"]): string {
    const invitationId = `in-${++this.#next}`;
    const choice = channels === undefined ? {} : { channels };
    const invitations = [{ invitationId, accountId: newcomer.accountId }];
    const proposalId = this.propose(voters[0]!, { invitations, ...choice });
    this.vote(proposalId, ...voters);
    this.#members.set(newcomer.mspId, newcomer);
    this.submit({ kind: "invitationAccepted", invitationId, member: identityOf(newcomer) });
    return proposalId;
  }

  /** Makes an enactor over this world; a test may make another when the first one "died". */
  enactor(): Enactor {
    const parts: EnactorParts = {
      channels: {
        names: () => this.#call("names", () => [...this.#channels.keys()]),
        read: (channelId) =>
          this.#call(`read ${channelId}`, () => {
            const { config, blockNumber } = this.#channels.get(channelId)!;
            return { config: config as common.Config, blockNumber };
          }),
        order: (channelId, update, signatures) =>
          this.#call(`order ${channelId}`, () => this.#order(channelId, update, signatures)),
      },
      state: () => this.state,
      onState: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      sign: (mspId, request) => this.#call(`sign ${mspId} ${request.channelId}`, () => this.#sign(mspId, request)),
      submit: (act) => this.#call("submit", () => this.submit(act)),
      committed: (channels) =>
        this.#call(`committed ${channels.map((each) => `${each.channelId}/${each.blockNumber}`).join(" ")}`, () => {}),
      logger: silentLogger,
    };
    return new Enactor(parts);
  }

  async enacted(): Promise<void> {
    for (let waitedMs = 0; this.state.enactments.length > 0; waitedMs += 2) {
      if (waitedMs > 5_000) throw new Error(`still to be carried out: ${this.state.enactments[0]?.enactmentId}`);
      await new Promise((done) => setTimeout(done, 2));
    }
  }

  async #call<T>(name: string, effect: () => T): Promise<T> {
    await this.before(name);
    const result = effect();
    await this.after(name);
    return result;
  }

  #sign(mspId: string, { enactmentId, update }: EnactmentToSign): common.IConfigSignature {
    const { identity, memberId } = this.#members.get(mspId)!;
    const enactment = this.state.enactments.find((each) => each.enactmentId === enactmentId);
    if (enactment?.signers.includes(memberId) !== true) throw new GovernanceRefusal("ILLEGAL_ACTION", "no signer");
    return signConfigUpdate(update, identity, NONCE);
  }

  #order(channelId: string, update: Uint8Array, signatures: readonly common.IConfigSignature[]): void {
    const { config, blockNumber } = this.#channels.get(channelId)!;
    const submitter = testMember("Operator").identity;
    const envelope = configUpdateEnvelope({
      channelId,
      update,
      signatures,
      submitter,
      nonce: NONCE,
      timestampMs: NOW_MS,
    });
    try {
      const { config: next } = judgeConfigUpdate(ChannelConfig.load(channelId, config), envelope);
      this.#channels.set(channelId, { config: next, blockNumber: blockNumber + 1 });
      this.changes.set(channelId, (this.changes.get(channelId) ?? 0) + 1);
    } catch (error) {
      throw new HansaError("ORDERING_REFUSED", `orderer refused the transaction: ${messageOf(error)} (status 400).`);
    }
  }
}

function identityOf({ identity: _, ...member }: TestMember): MemberIdentity {
  return member;
}
