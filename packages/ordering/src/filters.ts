/**
 * The filters that every message passes, in Fabric's order, with Fabric's texts.
 * Source: hyperledger/fabric, orderer/common/msgprocessor/filter.go, sizefilter.go, expiration.go, sigfilter.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { certificateEndMs, verifiedSigners } from "@hansa/msp";
import type { UnixMs } from "@hansa/primitives";
import { CANNOT_PARSE, readSignatureHeader, Status, WireError } from "@hansa/wire";
import { type BroadcastMessage, type Refusal, rejected } from "./route.js";

const CHANNEL_WRITERS = "/Channel/Writers";
const ORDERER_WRITERS = "/Channel/Orderer/Writers";

/** What a filter looks at: a broadcast message, or the CONFIG envelope made from one. */
export type Filtered = Pick<BroadcastMessage, "payload" | "signature" | "signatureHeader">;

/** Undefined when the message may be ordered. */
export function applyFilters(message: Filtered, config: ChannelConfig, now: UnixMs): Refusal | undefined {
  if (message.payload.length === 0) return rejected(Status.BAD_REQUEST, "Message was empty");

  const size = messageBytes(message);
  const { absoluteMaxBytes, state } = config.orderer;
  if (size > absoluteMaxBytes) {
    const info = `message payload is ${size} bytes and exceeds maximum allowed ${absoluteMaxBytes} bytes`;
    return rejected(Status.BAD_REQUEST, info);
  }

  let creator: Uint8Array;
  try {
    creator = readSignatureHeader(message.signatureHeader).creator;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const reason = `GetSignatureHeaderFromBytes failed, err ${CANNOT_PARSE}`;
    return rejected(Status.BAD_REQUEST, `could not convert message to signedData: ${reason}`);
  }

  if (checksExpiration(config) && hasExpired(creator, config, now)) {
    return rejected(Status.BAD_REQUEST, "broadcast client identity expired");
  }

  const path = state === "MAINTENANCE" ? ORDERER_WRITERS : CHANNEL_WRITERS;
  if (!config.hasPolicy(path)) return rejected(Status.BAD_REQUEST, `could not find policy ${path}`);
  // The signature is checked once here and not again by each sub-policy.
  const signed = { identity: creator, message: message.payload, signature: message.signature };
  const verdict = config.policy(path).evaluateIdentities(verifiedSigners([signed], config.msps));
  if (!verdict.ok) return rejected(Status.FORBIDDEN, `${verdict.reason}: permission denied`);
  return undefined;
}

/** A message's size as filters and batches count it: payload plus signature. */
export function messageBytes(message: { payload: Uint8Array; signature: Uint8Array }): number {
  return message.payload.length + message.signature.length;
}

/** Whether the identity's certificate has run out, whoever issued it. One that cannot be read is left to the policy. */
export function hasExpired(identity: Uint8Array, config: ChannelConfig, now: UnixMs): boolean {
  const expiresAt = expiryOf(identity, config);
  return expiresAt !== undefined && now >= expiresAt;
}

export function expiryOf(identity: Uint8Array, config: ChannelConfig): number | undefined {
  try {
    return config.msps.identity(identity).certificate.notAfterMs;
  } catch {
    return certificateEndMs(identity);
  }
}

const hasAny = (set: ReadonlySet<string>, names: readonly string[]) => names.some((name) => set.has(name));

// Source: hyperledger/fabric, common/capabilities/orderer.go.
function checksExpiration(config: ChannelConfig): boolean {
  return hasAny(config.capabilities.orderer, ["V1_1", "V1_4_2", "V2_0"]);
}

export function permitsMaintenance(config: ChannelConfig): boolean {
  return hasAny(config.capabilities.orderer, ["V1_4_2", "V2_0"]);
}
