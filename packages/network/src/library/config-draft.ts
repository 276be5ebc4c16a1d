/**
 * A change of a configuration before it is sent: what it means, whose signatures it needs and has, and what speaks
 * against it.
 */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import {
  ChannelConfig,
  ConfigError,
  configUpdateEnvelope,
  previewUpdate,
  readConfigUpdate,
  signConfigUpdate,
  signedDataOf,
} from "@hansa/channel-config";
import {
  explainChange,
  type Finding,
  findLockouts,
  missingSignatures,
  type SignatureNeed,
  signaturesFor,
} from "@hansa/channel-config/editing";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError } from "@hansa/primitives";
import { common, decode, encode, WireError } from "@hansa/wire";
import { type JsonObject, toJson } from "@hansa/wire/json";

/** A change of the configuration before it is sent. */
export type ConfigDraft = {
  readonly current: ChannelConfig;
  /** bytes of the common.ConfigUpdate */
  readonly update: Uint8Array;
  readonly signatures: readonly common.IConfigSignature[];
  /** in words, one line for each element */
  readonly changes: readonly string[];
  readonly needs: readonly SignatureNeed[];
  /** what speaks against it, gravest first */
  readonly findings: readonly Finding[];
};

/** Policies that the signatures do not satisfy yet, and whose could. */
export type Missing = { readonly need: SignatureNeed; readonly missing: readonly string[] };

const PROBE_MS = 1_500;
const MOST_PROBES = 64;
const NONCE_BYTES = 24;

export type DraftParts = {
  readonly channelId: string;
  /** the configuration in force */
  readonly config: common.IConfig;
  /** bytes of the common.ConfigUpdate, and who has signed it */
  readonly update: Uint8Array;
  readonly signatures: readonly common.IConfigSignature[];
  /** what the update leads to, where that is known */
  readonly edited?: common.IConfig | undefined;
  /** when the certificates of administrators at hand run out, by MSP id */
  readonly administrators: ReadonlyMap<string, readonly number[]>;
};

/** @throws ConfigError UPDATE_REFUSED when the update does not fit the configuration; WireError */
export async function makeDraft(parts: DraftParts): Promise<ConfigDraft> {
  const { channelId, config, update, signatures, administrators } = parts;
  const current = ChannelConfig.load(channelId, config);
  const after = parts.edited ?? previewUpdate(current, update);
  return {
    current,
    update,
    signatures,
    changes: explainChange(config, after),
    needs: signaturesFor(current, update),
    findings: findLockouts(current, after, {
      nowMs: Date.now(),
      administrators,
      endpoints: await probe(addressesIn(current, after)),
    }),
  };
}

/** One signature more for each. */
export function signUpdate(
  update: Uint8Array,
  signatures: readonly common.IConfigSignature[],
  signers: readonly SigningIdentity[],
): readonly common.IConfigSignature[] {
  return [...signatures, ...signers.map((signer) => signConfigUpdate(update, signer, randomBytes(NONCE_BYTES)))];
}

/** The CONFIG_UPDATE envelope, as Fabric's tools read it too. */
export function envelopeFor(
  channelId: string,
  update: Uint8Array,
  signatures: readonly common.IConfigSignature[],
  submitter: SigningIdentity,
): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  return configUpdateEnvelope({ channelId, update, signatures, submitter, nonce, timestampMs: Date.now() });
}

/** What the signatures so far do not satisfy. */
export function missingIn({ update, signatures, needs }: ConfigDraft): Missing[] {
  const envelope = encode(common.ConfigUpdateEnvelope, { configUpdate: update, signatures: [...signatures] });
  const signed = signedDataOf(decode(common.ConfigUpdateEnvelope, envelope, "common.ConfigUpdateEnvelope"));
  return missingSignatures(needs, (policy) => policy.evaluateSigned(signed));
}

/** The update as JSON, as `configtxlator proto_decode --type common.ConfigUpdate` shows it. */
export function updateToJson(draft: ConfigDraft): JsonObject {
  return toJson("common.ConfigUpdate", draft.update);
}

/** The channel that an update's file is for. @throws WireError, ConfigError */
export function channelOfUpdate(file: Uint8Array): string {
  return decode(common.ConfigUpdate, updateIn(file).configUpdate, "common.ConfigUpdate").channelId;
}

/** Of an update in its envelope, or bare as `configtxlator compute_update` writes it. */
export function updateIn(file: Uint8Array): common.ConfigUpdateEnvelope {
  try {
    return readConfigUpdate(file);
  } catch (error) {
    if (!(error instanceof HansaError)) throw error;
    const bare = bareUpdate(file);
    if (bare === undefined)
      throw new ConfigError("MALFORMED", `The file is no update of a configuration: ${error.message}.`, {
        cause: error,
        nextStep: "Give what hansa config update --output or Fabric's tools wrote.",
      });
    return common.ConfigUpdateEnvelope.decode(encode(common.ConfigUpdateEnvelope, { configUpdate: bare }));
  }
}

function bareUpdate(file: Uint8Array): Uint8Array | undefined {
  try {
    const { channelId, writeSet } = decode(common.ConfigUpdate, file, "common.ConfigUpdate");
    return writeSet && /^[a-z][a-z0-9.-]*$/.test(channelId) ? file : undefined;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function addressesIn(current: ChannelConfig, after: common.IConfig): readonly string[] {
  try {
    const next = ChannelConfig.load(current.channelId, after, { previous: current });
    return next.ordererEndpoints().map(({ address }) => address);
  } catch (error) {
    // What is wrong with it is told among the findings.
    if (error instanceof HansaError) return [];
    throw error;
  }
}

/** Whether something answers at each address. */
async function probe(addresses: readonly string[]): Promise<ReadonlyMap<string, boolean>> {
  const asked = [...new Set(addresses)].slice(0, MOST_PROBES);
  return new Map(await Promise.all(asked.map(async (address) => [address, await answers(address)] as const)));
}

function answers(address: string): Promise<boolean> {
  const split = address.lastIndexOf(":");
  const port = Number(address.slice(split + 1));
  if (split <= 0 || !(port > 0 && port < 65_536)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: address.slice(0, split).replace(/^\[|\]$/g, ""), port });
    const done = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(PROBE_MS, () => done(false));
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}
