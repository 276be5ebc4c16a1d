/** A founded network and its members' acts with real signatures, for this package's tests. */
import { randomBytes } from "node:crypto";
import { type TestOrganization, testOrganization } from "@hansa/channel-config/testing";
import {
  type Act,
  derivedId,
  encodeRecord,
  type Founded,
  type MemberIdentity,
  type Rules,
  readStrandBlock,
  refusalIn,
  type StrandBlock,
  signedRecord,
  type VotingPolicy,
} from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import type { Bytes } from "@hansa/primitives";
import { type ClientStream, RpcClient, RpcStatus } from "@hansa/transport";
import { encode, HeaderType, hansa, services, signedEnvelope } from "@hansa/wire";
import { testClock } from "./testing.js";

export const DEFAULT_RULES: Rules = {
  electorate: "live",
  rejection: "unreachable",
  memberLimit: 0,
  simulatedClock: true,
};

const DEFAULT_POLICY: VotingPolicy = {
  thresholdPercentage: 50,
  comparator: "GREATER_THAN",
  proposalDurationHours: 24,
};

export class TestMember {
  readonly org: TestOrganization;
  readonly memberId: string;

  constructor(readonly name: string) {
    this.org = testOrganization(`${name}MSP`);
    this.memberId = derivedId("m", name);
  }

  get signer(): SigningIdentity {
    return this.org.identity("admin");
  }

  get accountId(): string {
    return String(this.name.charCodeAt(0)).padStart(12, "0");
  }

  get identity(): MemberIdentity {
    return {
      memberId: this.memberId,
      name: this.name,
      accountId: this.accountId,
      mspId: this.org.mspId,
      mspConfig: this.org.mspConfig,
      governanceIdentity: this.signer.serialized,
    };
  }
}

export class TestGovernance {
  readonly networkId: string;
  readonly operatorOrg: TestOrganization;
  readonly members: readonly TestMember[];

  constructor(names: readonly string[] = ["Brewery", "Pub", "Cellar"], operatorOrg = testOrganization("OrdererMSP")) {
    this.networkId = derivedId("n", randomBytes(8).toString("hex"));
    this.operatorOrg = operatorOrg;
    this.members = names.map((name) => new TestMember(name));
  }

  get operator(): SigningIdentity {
    return this.operatorOrg.identity("admin");
  }

  founding(extra: Partial<Founded> = {}): Founded {
    return {
      kind: "founded",
      networkId: this.networkId,
      name: "guild",
      frameworkVersion: "2.5",
      edition: "STANDARD",
      policy: DEFAULT_POLICY,
      rules: DEFAULT_RULES,
      channels: { kind: "all" },
      operatorIdentity: this.operator.serialized,
      operatorMspConfig: this.operatorOrg.mspConfig,
      members: this.members.map(({ identity }) => identity),
      ...extra,
    };
  }

  /** A signed record. */
  sign(act: Act, ...signers: readonly SigningIdentity[]): Bytes {
    const record = encodeRecord(this.networkId, act);
    return signedRecord(
      record,
      signers.map((signer) => ({ identity: signer.serialized, signature: signer.sign(record) })),
    );
  }

  founded(extra: Partial<Founded> = {}): Bytes {
    return this.sign(this.founding(extra), this.operator);
  }

  invite(proposal: string, by: TestMember, account: string): Bytes {
    const invitations = [{ invitationId: derivedId("in", proposal), accountId: account }];
    return this.propose(proposal, by, { invitations });
  }

  propose(
    proposal: string,
    by: TestMember,
    content: Partial<Pick<Extract<Act, { kind: "proposed" }>, "invitations" | "removals" | "newPolicy">>,
  ): Bytes {
    const proposalId = derivedId("p", proposal);
    const act: Act = {
      kind: "proposed",
      proposalId,
      memberId: by.memberId,
      invitations: [],
      removals: [],
      tags: {},
      ...content,
    };
    return this.sign(act, by.signer);
  }

  vote(proposal: string, by: TestMember, yes = true): Bytes {
    const act: Act = { kind: "voted", proposalId: derivedId("p", proposal), memberId: by.memberId, yes };
    return this.sign(act, by.signer);
  }

  accept(proposal: string, joining: TestMember): Bytes {
    const act: Act = {
      kind: "invitationAccepted",
      invitationId: derivedId("in", proposal),
      member: joining.identity,
    };
    return this.sign(act, joining.signer, this.operator);
  }
}

export class GovernanceClient {
  readonly rpc: RpcClient;

  constructor(address: string) {
    this.rpc = new RpcClient(address);
  }

  close(): void {
    this.rpc.close();
  }

  async submit(record: Bytes): Promise<hansa.governance.Receipt> {
    return hansa.governance.Receipt.decode(await this.rpc.unary(services.Governance.methods.Submit, record));
  }

  /** The refusal's reason, or the status code when there is none; undefined when the record was ordered. */
  async refusal(record: Bytes): Promise<string | number | undefined> {
    try {
      await this.submit(record);
      return undefined;
    } catch (error) {
      if (!(error instanceof RpcStatus)) throw error;
      return refusalIn(error.details)?.reason ?? error.code;
    }
  }

  followEnvelope(
    by: SigningIdentity,
    request: hansa.governance.IFollowRequest = {},
    extras: { spoil?: boolean; channelId?: string; type?: number; timestampMs?: number } = {},
  ): Bytes {
    return signedEnvelope({
      type: extras.type ?? HeaderType.MESSAGE,
      channelId: extras.channelId ?? ".governance",
      creator: by.serialized,
      nonce: randomBytes(24),
      timestampMs: extras.timestampMs ?? testClock.now(),
      data: encode(hansa.governance.FollowRequest, request),
      sign: (payload) => {
        const signature = Buffer.from(by.sign(payload));
        if (extras.spoil) signature[signature.length - 1] = (signature.at(-1) as number) ^ 1;
        return signature;
      },
    });
  }

  followStream(envelope: Bytes): ClientStream {
    return this.rpc.serverStream(services.Governance.methods.Follow, envelope);
  }

  /** The strand as it stands. */
  async strand(by: SigningIdentity, from = 0): Promise<StrandBlock[]> {
    const blocks: StrandBlock[] = [];
    const { incoming } = this.followStream(this.followEnvelope(by, { fromSequenceNo: from }));
    for await (const bytes of incoming) blocks.push(readStrandBlock(bytes));
    return blocks;
  }
}
