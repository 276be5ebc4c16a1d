/**
 * Judging one message for one channel: what the ordering service does before it orders anything.
 * Source: hyperledger/fabric, orderer/common/msgprocessor/standardchannel.go.
 */
import { type ChannelConfig, judgeConfigUpdate } from "@hansa/channel-config";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError, type Random, type UnixMs } from "@hansa/primitives";
import { common, encode, HeaderType, readPair, Status, signedEnvelope } from "@hansa/wire";
import { applyFilters, type Filtered, messageBytes, permitsMaintenance } from "./filters.js";
import { consensusMetadataFault, maintenanceFault } from "./maintenance.js";
import { type BroadcastMessage, classify, type Refusal, rejected } from "./route.js";

/** A message that may be ordered, judged by the configuration with this sequence. */
export type Admitted = NormalMessage | ConfigMessage;

export type NormalMessage = {
  readonly kind: "normal";
  readonly message: BroadcastMessage;
  /** What goes into the block: the envelope as received. */
  readonly envelope: Uint8Array;
  /** Payload plus signature. */
  readonly bytes: number;
  readonly sequence: bigint;
};

export type ConfigMessage = {
  readonly kind: "config";
  /** The CONFIG_UPDATE that was sent. */
  readonly message: BroadcastMessage;
  /** The CONFIG transaction made from it, signed by this orderer. */
  readonly envelope: Uint8Array;
  readonly bytes: number;
  readonly sequence: bigint;
  /** The configuration in force from this transaction's block on. */
  readonly next: ChannelConfig;
};

export type Admission = Admitted | Refusal;

export type AdmissionContext = {
  readonly config: ChannelConfig;
  readonly now: UnixMs;
  /** Signs CONFIG transactions. */
  readonly orderer: SigningIdentity;
  readonly random: Random;
};

/**
 * Judges a message of any kind. A configuration update that passes comes back as the CONFIG transaction made from it.
 */
export function admit(message: BroadcastMessage, context: AdmissionContext): Admission {
  const kind = classify(message.type);
  if (kind === "normal") return admitNormal(message, context);
  if (kind === "configUpdate") return admitConfigUpdate(message, context);
  return kind;
}

/** Judges a message that is ordered as it is. The same message, configuration and time lead to the same answer. */
export function admitNormal(
  message: BroadcastMessage,
  { config, now }: Pick<AdmissionContext, "config" | "now">,
): NormalMessage | Refusal {
  if (config.orderer.state === "MAINTENANCE" && permitsMaintenance(config)) {
    return rejected(Status.SERVICE_UNAVAILABLE, "normal transactions are rejected: maintenance mode");
  }
  const refusal = applyFilters(message, config, now);
  if (refusal !== undefined) return refusal;
  return { kind: "normal", message, envelope: message.raw, bytes: messageBytes(message), sequence: config.sequence };
}

function admitConfigUpdate(message: BroadcastMessage, context: AdmissionContext): Admission {
  const { config, now } = context;
  const initial = applyFilters(message, config, now);
  if (initial !== undefined) {
    return prefixed("config update for existing channel did not pass initial checks", initial);
  }
  const applying = `error applying config update to existing channel '${config.channelId}'`;
  let judged: ReturnType<typeof judgeConfigUpdate>;
  try {
    judged = judgeConfigUpdate(config, message.raw);
  } catch (error) {
    if (!(error instanceof HansaError)) throw error;
    return rejected(Status.BAD_REQUEST, `${applying}: ${error.message}`);
  }
  const { next } = judged;
  const metadataFault = consensusMetadataFault(next);
  if (metadataFault !== undefined) {
    const reason = `consensus metadata update for channel config update is invalid: ${metadataFault}`;
    return rejected(Status.BAD_REQUEST, `${applying}: ${reason}`);
  }

  const made = configTransaction(judged.envelope, context);
  const final = applyFilters(made.filtered, config, now);
  if (final !== undefined) return prefixed("config update for existing channel did not pass final checks", final);
  const fault = maintenanceFault(config, next, message.raw);
  if (fault !== undefined) {
    const prefix =
      "config update for existing channel did not pass maintenance checks: config transaction inspection failed";
    return rejected(Status.BAD_REQUEST, `${prefix}: ${fault}`);
  }
  const { envelope, filtered } = made;
  return { kind: "config", message, envelope, bytes: messageBytes(filtered), sequence: config.sequence, next };
}

function configTransaction(
  configEnvelope: common.IConfigEnvelope,
  { config, now, orderer, random }: AdmissionContext,
): { envelope: Uint8Array; filtered: Filtered } {
  const envelope = signedEnvelope({
    type: HeaderType.CONFIG,
    channelId: config.channelId,
    creator: orderer.serialized,
    nonce: random.bytes(24),
    timestampMs: now,
    data: encode(common.ConfigEnvelope, configEnvelope),
    sign: (payload) => orderer.sign(payload),
  });
  const [payload, signature] = readPair(envelope, "common.Envelope");
  const [header] = readPair(payload, "common.Payload");
  const [, signatureHeader] = readPair(header, "common.Header");
  return { envelope, filtered: { payload, signature, signatureHeader } };
}

function prefixed(prefix: string, refusal: Refusal): Refusal {
  return { ...refusal, info: `${prefix}: ${refusal.info}` };
}
