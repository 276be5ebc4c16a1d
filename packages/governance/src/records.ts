/**
 * Records as bytes: what is signed, and what is kept on the strand. Signatures cover the record's bytes as they are, so
 * a record that was read is never encoded again.
 */
import type { Bytes } from "@hansa/primitives";
import { unixMs } from "@hansa/primitives";
import { decode, encode, hansa, toLong, toNumber } from "@hansa/wire";
import type { Act, ChannelChoice, MemberIdentity, VotingPolicy } from "./acts.js";
import { GovernanceRefusal } from "./error.js";

const { ChannelChoice: WireChoice, Record: WireRecord, Rules: WireRules, VotingPolicy: WirePolicy } = hansa.governance;

export const RECORD_FORMAT = "hansa.governance.record/1";

/** The strand of the orderer's journal that holds the records. No channel can have this name. */
export const GOVERNANCE_STRAND = ".governance";

export type RecordSignature = {
  /** msp.SerializedIdentity */
  readonly identity: Bytes;
  /** Over the record's bytes. */
  readonly signature: Bytes;
};

export type ReadRecord = {
  /** The bytes that were signed. */
  readonly record: Bytes;
  readonly networkId: string;
  readonly act: Act;
};

export type SignedRecord = ReadRecord & { readonly signatures: readonly RecordSignature[] };

/** The bytes to sign for an act. */
export function encodeRecord(networkId: string, act: Act): Bytes {
  return encode(WireRecord, { format: RECORD_FORMAT, networkId, ...wireAct(act) });
}

/** The bytes that are kept on the strand. */
export function signedRecord(record: Bytes, signatures: readonly RecordSignature[]): Bytes {
  return encode(hansa.governance.SignedRecord, {
    record,
    signatures: signatures.map(({ identity, signature }) => ({ identity, signature })),
  });
}

/** @throws GovernanceRefusal INVALID or WireError when the bytes hold no record that this version knows */
export function readSignedRecord(bytes: Bytes): SignedRecord {
  const signed = decode(hansa.governance.SignedRecord, bytes, "hansa.governance.SignedRecord");
  const signatures = signed.signatures.map(({ identity, signature }) => ({
    identity: identity ?? new Uint8Array(0),
    signature: signature ?? new Uint8Array(0),
  }));
  return { ...readRecord(signed.record), signatures };
}

/** @throws GovernanceRefusal INVALID or WireError when the bytes hold no record that this version knows */
export function readRecord(bytes: Bytes): ReadRecord {
  const record = decode(WireRecord, bytes, "hansa.governance.Record");
  if (record.format !== RECORD_FORMAT) {
    throw invalid(`the record's format is "${record.format}", not "${RECORD_FORMAT}"`);
  }
  return { record: bytes, networkId: record.networkId, act: readAct(record) };
}

function wireAct(act: Act): hansa.governance.Record.$Properties {
  switch (act.kind) {
    case "founded":
      return {
        founded: {
          ...act,
          policy: wirePolicy(act.policy),
          rules: {
            electorate: act.rules.electorate === "live" ? WireRules.Electorate.LIVE : WireRules.Electorate.SNAPSHOT,
            rejection:
              act.rules.rejection === "unreachable" ? WireRules.Rejection.UNREACHABLE : WireRules.Rejection.NO_SHARE,
            memberLimit: act.rules.memberLimit,
            simulatedClock: act.rules.simulatedClock,
          },
          channels: wireChoice(act.channels),
          members: [...act.members],
        },
      };
    case "proposed":
      return {
        proposed: {
          ...act,
          invitations: [...act.invitations],
          removals: [...act.removals],
          newPolicy: act.newPolicy && wirePolicy(act.newPolicy),
          tags: { ...act.tags },
          channels: act.channels && wireChoice(act.channels),
        },
      };
    case "voted":
      return { voted: act };
    case "invitationAccepted":
      return { invitationAccepted: { invitationId: act.invitationId, member: act.member } };
    case "invitationRejected":
      return { invitationRejected: act };
    case "left":
      return { left: act };
    case "enacted":
      return { enacted: { ...act, channels: act.channels.map((each) => ({ ...each })) } };
    case "clockAdvanced":
      return { clockAdvanced: { toMs: toLong(act.to) } };
  }
}

function wirePolicy(policy: VotingPolicy): hansa.governance.VotingPolicy.$Properties {
  return { ...policy, comparator: WirePolicy.Comparator[policy.comparator] };
}

function wireChoice(choice: ChannelChoice): hansa.governance.ChannelChoice.$Properties {
  switch (choice.kind) {
    case "all":
      return { kind: WireChoice.Kind.ALL };
    case "none":
      return { kind: WireChoice.Kind.NONE };
    case "listed":
      return { kind: WireChoice.Kind.LISTED, names: [...choice.names] };
  }
}

function readAct(record: hansa.governance.Record): Act {
  switch (record.act) {
    case "founded": {
      const founded = record.founded ?? {};
      const rules = founded.rules ?? {};
      return {
        kind: "founded",
        networkId: record.networkId,
        name: founded.name ?? "",
        ...described(founded.description),
        frameworkVersion: founded.frameworkVersion ?? "",
        edition: readEdition(founded.edition ?? ""),
        policy: readPolicy(founded.policy ?? {}),
        rules: {
          electorate: oneOf("electorate", rules.electorate ?? 0, ["live", "snapshot"] as const),
          rejection: oneOf("rejection", rules.rejection ?? 0, ["unreachable", "no-share"] as const),
          memberLimit: rules.memberLimit ?? 0,
          simulatedClock: rules.simulatedClock ?? false,
        },
        channels: readChoice(founded.channels ?? {}),
        operatorIdentity: founded.operatorIdentity ?? new Uint8Array(0),
        operatorMspConfig: founded.operatorMspConfig ?? new Uint8Array(0),
        members: (founded.members ?? []).map(readMember),
      };
    }
    case "proposed": {
      const proposed = record.proposed ?? {};
      return {
        kind: "proposed",
        proposalId: proposed.proposalId ?? "",
        memberId: proposed.memberId ?? "",
        ...described(proposed.description),
        invitations: (proposed.invitations ?? []).map((each) => ({
          invitationId: each.invitationId ?? "",
          accountId: each.accountId ?? "",
        })),
        removals: [...(proposed.removals ?? [])],
        ...(proposed.newPolicy ? { newPolicy: readPolicy(proposed.newPolicy) } : {}),
        tags: { ...proposed.tags },
        ...(proposed.channels ? { channels: readChoice(proposed.channels) } : {}),
      };
    }
    case "voted": {
      const voted = record.voted ?? {};
      return {
        kind: "voted",
        proposalId: voted.proposalId ?? "",
        memberId: voted.memberId ?? "",
        yes: voted.yes ?? false,
      };
    }
    case "invitationAccepted": {
      const accepted = record.invitationAccepted ?? {};
      return {
        kind: "invitationAccepted",
        invitationId: accepted.invitationId ?? "",
        member: readMember(accepted.member ?? {}),
      };
    }
    case "invitationRejected":
      return { kind: "invitationRejected", invitationId: record.invitationRejected?.invitationId ?? "" };
    case "left":
      return { kind: "left", memberId: record.left?.memberId ?? "" };
    case "enacted": {
      const enacted = record.enacted ?? {};
      return {
        kind: "enacted",
        enactmentId: enacted.enactmentId ?? "",
        channels: (enacted.channels ?? []).map(({ channelId, blockNumber }) => ({
          channelId: channelId ?? "",
          blockNumber: toNumber(blockNumber),
        })),
        ...(enacted.failure ? { failure: enacted.failure } : {}),
      };
    }
    case "clockAdvanced":
      return { kind: "clockAdvanced", to: unixMs(toNumber(record.clockAdvanced?.toMs)) };
    default:
      throw invalid("the record holds no act that this version knows");
  }
}

function readPolicy(policy: hansa.governance.VotingPolicy.$Properties): VotingPolicy {
  return {
    thresholdPercentage: policy.thresholdPercentage ?? 0,
    comparator: oneOf("comparator", policy.comparator ?? 0, ["GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO"] as const),
    proposalDurationHours: policy.proposalDurationHours ?? 0,
  };
}

function readChoice(choice: hansa.governance.ChannelChoice.$Properties): ChannelChoice {
  const kind = oneOf("choice of channels", choice.kind ?? 0, ["all", "none", "listed"] as const);
  return kind === "listed" ? { kind, names: [...(choice.names ?? [])] } : { kind };
}

function readMember(member: hansa.governance.MemberIdentity.$Properties): MemberIdentity {
  return {
    memberId: member.memberId ?? "",
    name: member.name ?? "",
    ...described(member.description),
    accountId: member.accountId ?? "",
    mspId: member.mspId ?? "",
    mspConfig: member.mspConfig ?? new Uint8Array(0),
    governanceIdentity: member.governanceIdentity ?? new Uint8Array(0),
  };
}

function described(description: string | null | undefined): { description?: string } {
  return description ? { description } : {};
}

function readEdition(edition: string): "STARTER" | "STANDARD" {
  if (edition !== "STARTER" && edition !== "STANDARD") throw invalid(`"${edition}" is no edition`);
  return edition;
}

/** The names of an enumeration in the order of its numbers. */
function oneOf<T extends string>(what: string, number: number, names: readonly T[]): T {
  const name = names[number];
  if (name === undefined) throw invalid(`${number} is no ${what} that this version knows`);
  return name;
}

function invalid(message: string): GovernanceRefusal {
  return new GovernanceRefusal("INVALID", message);
}
