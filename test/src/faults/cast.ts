/** Who takes part in the tests of bad messages, what they send, and the cases that several services share. */
import type { SigningIdentity } from "@hansa/msp";
import { common, encode, gateway, orderer, protos } from "@hansa/wire";
import { envelope, type Forgery, seekEnvelope, signedProposal } from "./forge.js";

/** Known once the network runs; messages are made after that. */
export const cast = {} as {
  user: SigningIdentity;
  admin: SigningIdentity;
  /** Of a member that is not on the channel. */
  outsider: SigningIdentity;
  /** Of an authority that nobody knows. */
  stranger: SigningIdentity;
  expired: SigningIdentity;
  revoked: SigningIdentity;
  /** A transaction that is on the ledger. */
  deployment: string;
};

export type Case = readonly [what: string, message: () => Uint8Array, answer: string | RegExp];

/** What Go's gRPC says of bytes that are no protobuf message, as the request of a unary call and in a stream. */
export const NO_REQUEST = "INTERNAL grpc: error unmarshalling request: proto: cannot parse invalid wire-format data";
export const NO_MESSAGE =
  "INTERNAL grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data";
export const GARBAGE = Buffer.from("this is no message of any kind");
export const HALF_AN_HOUR_MS = 1_800_000;

export const proposal = (change: Partial<Forgery> = {}) => signedProposal({ identity: cast.user, ...change }).bytes;
export const requestOf = (signed: Uint8Array) =>
  encode(gateway.EndorseRequest, {
    transactionId: "t",
    channelId: "trade",
    proposedTransaction: protos.SignedProposal.decode(signed),
  });
export const gatewayProposal = (change: Partial<Forgery> = {}) => requestOf(proposal(change));

/** One case for each identity that should not be let in, with what it is told. */
export function strangers(
  message: (identity: SigningIdentity) => Uint8Array,
  told: { unknown: string | RegExp; expired: string | RegExp; revoked: string | RegExp; outside: string | RegExp },
): Case[] {
  return [
    ["an identity of an unknown authority", () => message(cast.stranger), told.unknown],
    ["an expired identity", () => message(cast.expired), told.expired],
    ["a revoked identity", () => message(cast.revoked), told.revoked],
    ["an identity of a member that is not on the channel", () => message(cast.outsider), told.outside],
  ];
}

export const everyone = (told: string | RegExp) => ({ unknown: told, expired: told, revoked: told, outside: told });

export function seekTo(number: number): Uint8Array {
  const at = { specified: { number } };
  return encode(orderer.SeekInfo, { start: at, stop: at, behavior: orderer.SeekInfo.SeekBehavior.FAIL_IF_NOT_READY });
}

export const seek = (change: Partial<Forgery> = {}) => seekEnvelope({ identity: cast.user, ...change });
export function submission(change: Partial<Forgery> = {}): Uint8Array {
  const preparedTransaction = common.Envelope.decode(envelope({ identity: cast.user, ...change }));
  return encode(gateway.SubmitRequest, { channelId: change.channelId ?? "trade", preparedTransaction });
}
