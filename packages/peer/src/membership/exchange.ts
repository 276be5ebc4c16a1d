/**
 * The question and answer by which two peers tell each other of themselves: made, signed, checked. No timers, no
 * connections.
 *
 * A question carries its time and an answer the hash of its question, so that neither can be used again later. Who
 * speaks must be a peer of this one's own organisation or of a member of a channel that it has joined; of a channel
 * only peers of its members are told, and believed.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { type Identity, type MspManager, rolePrincipal, type SigningIdentity } from "@hansa/msp";
import { type Bytes, equalBytes, type MspId, NO_BYTES, sha256, toHex, type UnixMs } from "@hansa/primitives";
import { decode, encode, hansa, toLong, toNumber } from "@hansa/wire";
import { pkiIdOf, readAlive, readState, type SignedEnvelope } from "./gossip-messages.js";
import type { Member, MemberState } from "./view.js";

const QUESTION_FORMAT = "hansa.peer.membership-question/1";
const ANSWER_FORMAT = "hansa.peer.membership-answer/1";
const MAX_OTHERS = 1_000;

/** The channels and organisations in whose light statements are read. */
export type Realm = {
  /** Holds this peer's own organisation. */
  readonly localMsp: MspManager;
  /** Of the channels that this peer has joined. */
  readonly configs: () => readonly ChannelConfig[];
};

export type Statement = {
  readonly alive: SignedEnvelope;
  readonly channels: readonly { readonly channelId: string; readonly stateInfo: SignedEnvelope }[];
};

/** A peer that a third peer has named: not believed to be there before it has spoken itself. */
export type Named = { readonly id: string; readonly mspId: MspId; readonly endpoint: string };

export type Question = { readonly from: Member; readonly at: UnixMs };

/** Why a message is not taken. */
export type Refusal = { readonly kind: "malformed" | "denied"; readonly reason: string };

export function memberId(serialized: Bytes): string {
  return toHex(pkiIdOf(serialized));
}

/** Bytes of hansa.peer.SignedMembershipQuestion. */
export function signQuestion(signer: SigningIdentity, self: Statement, at: UnixMs): Bytes {
  const question = encode(hansa.peer.MembershipQuestion, {
    format: QUESTION_FORMAT,
    timestampMs: toLong(at),
    self: { alive: self.alive, channels: [...self.channels] },
  });
  return encode(hansa.peer.SignedMembershipQuestion, {
    question,
    creator: signer.serialized,
    signature: signer.sign(question),
  });
}

export function readQuestion(bytes: Bytes, realm: Realm, now: UnixMs, windowMs: number): Question | Refusal {
  let signed: hansa.peer.SignedMembershipQuestion;
  let question: hansa.peer.MembershipQuestion;
  let at: UnixMs;
  try {
    signed = decode(hansa.peer.SignedMembershipQuestion, bytes, "hansa.peer.SignedMembershipQuestion");
    question = decode(hansa.peer.MembershipQuestion, signed.question, "hansa.peer.MembershipQuestion");
    at = toNumber(question.timestampMs) as UnixMs;
  } catch (error) {
    return { kind: "malformed", reason: error instanceof Error ? error.message : String(error) };
  }
  if (question.format !== QUESTION_FORMAT)
    return { kind: "malformed", reason: `the question is not of format ${QUESTION_FORMAT}` };
  const from = speaker(signed.creator, signed.question, signed.signature, realm, now);
  if (from === undefined) return { kind: "denied", reason: "the question comes from no peer of a shared channel" };
  if (Math.abs(now - at) > windowMs)
    return { kind: "denied", reason: "the question's time is too far from this peer's clock" };
  const member = readStatement(question.self, from, realm);
  if (member === undefined) return { kind: "malformed", reason: "the question does not say who asks" };
  return { from: member, at };
}

/** Bytes of hansa.peer.SignedMembershipAnswer. */
export function signAnswer(
  signer: SigningIdentity,
  questionBytes: Bytes,
  self: Statement,
  others: readonly Member[],
): Bytes {
  const answer = encode(hansa.peer.MembershipAnswer, {
    format: ANSWER_FORMAT,
    questionHash: sha256(questionBytes),
    self: { alive: self.alive, channels: [...self.channels] },
    others: others.slice(0, MAX_OTHERS).map(({ identity, alive }) => ({ identity, alive: alive.envelope })),
  });
  return encode(hansa.peer.SignedMembershipAnswer, {
    answer,
    creator: signer.serialized,
    signature: signer.sign(answer),
  });
}

/** @returns why it is not believed, as a text, or what it says */
export function readAnswer(
  bytes: Bytes,
  questionBytes: Bytes,
  realm: Realm,
  now: UnixMs,
): { readonly from: Member; readonly others: readonly Named[] } | string {
  const { answer, creator, signature } = decode(hansa.peer.SignedMembershipAnswer, bytes, "SignedMembershipAnswer");
  const { format, questionHash, self, others } = decode(hansa.peer.MembershipAnswer, answer, "MembershipAnswer");
  if (format !== ANSWER_FORMAT) return `the answer is not of format ${ANSWER_FORMAT}`;
  if (!equalBytes(questionHash, sha256(questionBytes))) return "the answer is to another question";
  const speaking = speaker(creator, answer, signature, realm, now);
  if (speaking === undefined) return "the answer comes from no peer of a shared channel";
  const from = readStatement(self, speaking, realm);
  if (from === undefined) return "the answer does not say who answers";
  return { from, others: others.slice(0, MAX_OTHERS).flatMap((other) => readNamed(other, realm, now)) };
}

/** The channels of both organisations. */
export function sharedChannels(configs: readonly ChannelConfig[], one: MspId, other: MspId): ChannelConfig[] {
  return configs.filter((config) => isMemberOf(config, one) && isMemberOf(config, other));
}

export function isMemberOf(config: ChannelConfig, mspId: MspId): boolean {
  return config.applicationOrgs().some((organization) => organization.mspId === mspId);
}

/** The identity as a peer of one of a channel's members by its configuration; undefined when it is none. */
export function peerOfChannel(config: ChannelConfig, serialized: Bytes, now: UnixMs): Identity | undefined {
  try {
    const identity = config.msps.identity(serialized);
    return isMemberOf(config, identity.mspId) && isPeer(identity, now) ? identity : undefined;
  } catch {
    return undefined;
  }
}

function isPeer(identity: Identity, now: UnixMs): boolean {
  return identity.expiresAtMs > now && identity.satisfies(rolePrincipal(identity.mspId, "peer"));
}

function speaker(creator: Bytes, message: Bytes, signature: Bytes, realm: Realm, now: UnixMs): Identity | undefined {
  const identity = peerOfRealm(creator, realm, now);
  return identity?.verify(message, signature) ? identity : undefined;
}

/** The identity as a peer of this one's organisation or of a member of a channel; undefined when it is none. */
export function peerOfRealm(serialized: Bytes, { localMsp, configs }: Realm, now: UnixMs): Identity | undefined {
  for (const config of configs()) {
    const identity = peerOfChannel(config, serialized, now);
    if (identity !== undefined) return identity;
  }
  try {
    const identity = localMsp.identity(serialized);
    return isPeer(identity, now) ? identity : undefined;
  } catch {
    return undefined;
  }
}

function readStatement(
  statement: hansa.peer.IPeerStatement | null | undefined,
  by: Identity,
  { configs }: Realm,
): Member | undefined {
  const alive = readAlive(statement?.alive, by);
  if (alive === undefined) return undefined;
  const states = new Map<string, MemberState>();
  const joined = new Map(configs().map((config) => [config.channelId, config]));
  for (const { channelId, stateInfo } of statement?.channels ?? []) {
    const config = joined.get(channelId ?? "");
    // Each channel once: what is not known here, or was there already, costs nothing.
    if (config === undefined || states.has(config.channelId) || !isMemberOf(config, by.mspId)) continue;
    const state = readState(stateInfo, config.channelId, by);
    if (state !== undefined) states.set(config.channelId, { ...state, envelope: copyOf(stateInfo) });
  }
  return {
    id: memberId(by.serialized),
    mspId: by.mspId,
    identity: by.serialized,
    endpoint: alive.endpoint,
    alive: { time: alive.time, envelope: copyOf(statement?.alive) },
    states,
  };
}

function readNamed(other: hansa.peer.IKnownPeer, realm: Realm, now: UnixMs): Named[] {
  const identity = peerOfRealm(other.identity ?? NO_BYTES, realm, now);
  const alive = identity && readAlive(other.alive, identity);
  if (identity === undefined || alive === undefined) return [];
  return [{ id: memberId(identity.serialized), mspId: identity.mspId, endpoint: alive.endpoint }];
}

/** What is kept must not be a view into a message that came in. */
function copyOf(envelope: { payload?: Bytes | null; signature?: Bytes | null } | null | undefined): SignedEnvelope {
  return {
    payload: Buffer.from(envelope?.payload ?? NO_BYTES),
    signature: Buffer.from(envelope?.signature ?? NO_BYTES),
  };
}
