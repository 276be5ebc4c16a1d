/**
 * What a Deliver request asks for, and whether its sender may have it.
 * Source: hyperledger/fabric, common/deliver/deliver.go, acl.go and blockledger/fileledger/impl.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { verifiedSigners } from "@hansa/msp";
import { equalBytes, type UnixMs } from "@hansa/primitives";
import {
  type common,
  decode,
  fromTimestamp,
  orderer,
  type ReadEnvelope,
  readEnvelope,
  Status,
  toBigInt,
  WireError,
} from "@hansa/wire";
import { expiryOf } from "./filters.js";

export type SeekRules = {
  readonly now: UnixMs;
  /** How far a client's clock may be off. */
  readonly timeWindowMs: number;
  /** With mutual TLS: SHA-256 of the client's TLS certificate, which the request must carry. */
  readonly tlsCertHash: Uint8Array | undefined;
  readonly mutualTls: boolean;
};

/** Why a request is refused: the status for the client, the reason for the log. Fabric tells clients the status only. */
export type SeekRefusal = { readonly kind: "refused"; readonly status: common.Status; readonly reason: string };

export function refused(status: common.Status, reason: string): SeekRefusal {
  return { kind: "refused", status, reason };
}

/** Checks everything that needs no channel: shape, clock, TLS binding. The seek itself is read by `readSeek`. */
export function readSeekEnvelope(raw: Uint8Array, rules: SeekRules): ReadEnvelope | SeekRefusal {
  let envelope: ReadEnvelope;
  try {
    envelope = readEnvelope(raw);
  } catch (error) {
    if (error instanceof WireError) return refused(Status.BAD_REQUEST, error.message);
    throw error;
  }
  const { timestamp, tlsCertHash } = envelope.channelHeader;
  const sentAt = fromTimestamp(timestamp);
  if (sentAt === undefined) {
    return refused(Status.BAD_REQUEST, "channel header in envelope must contain timestamp");
  }
  if (Math.abs(rules.now - sentAt) > rules.timeWindowMs) {
    const offMs = Math.round(sentAt - rules.now);
    return refused(Status.BAD_REQUEST, `the request's clock is ${offMs} ms off, ${rules.timeWindowMs} ms are allowed`);
  }
  if (rules.mutualTls) {
    if (tlsCertHash.length === 0) return refused(Status.BAD_REQUEST, "client didn't include its TLS cert hash");
    if (rules.tlsCertHash === undefined) return refused(Status.BAD_REQUEST, "client didn't send a TLS certificate");
    if (!equalBytes(tlsCertHash, rules.tlsCertHash)) {
      return refused(Status.BAD_REQUEST, "the TLS cert hash claimed is not that of the client's TLS certificate");
    }
  }
  return envelope;
}

export function readSeek(envelope: ReadEnvelope): orderer.SeekInfo | SeekRefusal {
  try {
    return decode(orderer.SeekInfo, envelope.data, "orderer.SeekInfo");
  } catch (error) {
    if (error instanceof WireError) return refused(Status.BAD_REQUEST, error.message);
    throw error;
  }
}

/** Blocks from `start` through `stop`; a stop that is never reached is Infinity. */
export type SeekPlan = {
  readonly kind: "plan";
  readonly start: number;
  readonly stop: number;
  readonly failIfNotReady: boolean;
  /** Leave out the transactions of blocks that hold no configuration. */
  readonly headersOnly: boolean;
  /** Go on while consensus is down. */
  readonly bestEffort: boolean;
};

export function planSeek(seek: orderer.SeekInfo, height: number): SeekPlan | SeekRefusal {
  const { start, stop } = seek;
  if (!start || !stop) return refused(Status.BAD_REQUEST, "the request lacks a start or a stop");
  let first: number;
  if (start.oldest) first = 0;
  else if (start.newest) first = height - 1;
  else if (start.nextCommit) first = height;
  else if (start.specified) {
    const number = toBigInt(start.specified.number);
    if (number > BigInt(height)) {
      return refused(Status.NOT_FOUND, `block ${number} was asked for, there are ${height}`);
    }
    first = Number(number);
  } else return refused(Status.NOT_FOUND, "the request's start names no position");

  let last = 0;
  if (stop.oldest) last = first;
  else if (stop.newest) last = start.newest ? first : height - 1;
  else if (stop.specified) {
    const number = toBigInt(stop.specified.number);
    if (number < BigInt(first)) return refused(Status.BAD_REQUEST, `the stop ${number} is before the start ${first}`);
    last = number > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(number);
  }
  return {
    kind: "plan",
    start: first,
    stop: last,
    failIfNotReady: seek.behavior === orderer.SeekInfo.SeekBehavior.FAIL_IF_NOT_READY,
    headersOnly: seek.contentType === orderer.SeekInfo.SeekContentType.HEADER_WITH_SIG,
    bestEffort: seek.errorResponse === orderer.SeekInfo.SeekErrorResponse.BEST_EFFORT,
  };
}

/**
 * A client's right to read a channel. It is judged at first use and again when the configuration changed; it ends with
 * the client's certificate.
 */
export class ReadAccess {
  readonly #envelope: ReadEnvelope;
  readonly #expiresAtMs: number | undefined;
  #judgedSequence: bigint | undefined;

  constructor(envelope: ReadEnvelope, config: ChannelConfig) {
    this.#envelope = envelope;
    this.#expiresAtMs = expiryOf(envelope.signatureHeader.creator, config);
  }

  evaluate(config: ChannelConfig, now: UnixMs): SeekRefusal | undefined {
    if (this.#expiresAtMs !== undefined && now > this.#expiresAtMs) {
      const ago = now - this.#expiresAtMs;
      return refused(Status.FORBIDDEN, `deliver client identity expired ${ago} ms before`);
    }
    if (this.#judgedSequence !== undefined && config.sequence <= this.#judgedSequence) return undefined;
    this.#judgedSequence = config.sequence;
    const { signatureHeader, payloadBytes, signature } = this.#envelope;
    const path = config.orderer.state === "MAINTENANCE" ? "/Channel/Orderer/Readers" : "/Channel/Readers";
    const signed = { identity: signatureHeader.creator, message: payloadBytes, signature };
    const verdict = config.policy(path).evaluateIdentities(verifiedSigners([signed], config.msps));
    return verdict.ok ? undefined : refused(Status.FORBIDDEN, verdict.reason);
  }
}
