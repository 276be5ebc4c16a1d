/**
 * Judging updates. An update names what it read with versions, and what it writes with versions one higher; the
 * difference is what it changes, and each changed element must be signed for as its current mod_policy asks.
 * Orderers make the next configuration this way and every peer repeats it.
 * Source: hyperledger/fabric, common/configtx/update.go and validator.go.
 */

import type { Policy, SignedData } from "@hansa/msp";
import { concatBytes } from "@hansa/primitives";
import { CANNOT_PARSE, common, decode, HeaderType, headerTypeName, readEnvelope, toBigInt, toLong } from "@hansa/wire";
import { ChannelConfig } from "./channel-config.js";
import {
  type ConfigElement,
  type ConfigElements,
  equalTrees,
  modPolicyOf,
  toElements,
  toTree,
  versionOf,
} from "./elements.js";
import { ConfigError, inContext } from "./error.js";
import { CHANNEL, checkModPolicy } from "./names.js";
import { checkSuccession } from "./succession.js";

export type JudgedUpdate = {
  /** the next configuration, sequence one higher */
  config: common.IConfig;
  /** what a CONFIG transaction carries: the next configuration and the update that led to it */
  envelope: common.IConfigEnvelope;
  /** the next configuration, loaded and checked against the current one */
  next: ChannelConfig;
};

/**
 * What an orderer does with a CONFIG_UPDATE envelope.
 * @throws ConfigError with Fabric's text when the update does not fit, is not signed for, or leads to a
 *   configuration that is not acceptable
 */
export function judgeConfigUpdate(current: ChannelConfig, updateEnvelope: Uint8Array): JudgedUpdate {
  const update = inContext("error converting envelope to config update", () => readConfigUpdate(updateEnvelope));
  const elements = inContext("error authorizing update", () => authorize(current, update));
  const channelGroup = inContext("could not turn configMap back to channelGroup", () => toTree(elements, CHANNEL));
  const config: common.IConfig = { sequence: toLong(current.sequence + 1n), channelGroup };
  const next = ChannelConfig.load(current.channelId, config, { previous: current });
  if (!next.hasOrderer) {
    throw refused("config update is not compatible: config does not contain orderer config");
  }
  inContext("config update is not compatible", () => next.checkCapabilities());
  checkSuccession(current, next);
  const lastUpdate = decode(common.Envelope, updateEnvelope, "Envelope");
  return { config, envelope: { config, lastUpdate }, next };
}

/**
 * What a peer does with a CONFIG transaction: judges the update itself and compares.
 * @param configEnvelope a common.ConfigEnvelope, decoded or as bytes
 * @returns the next configuration
 * @throws ConfigError with Fabric's text
 */
export function validateConfigEnvelope(
  current: ChannelConfig,
  configEnvelope: common.IConfigEnvelope | Uint8Array,
): ChannelConfig {
  const { config, lastUpdate } =
    configEnvelope instanceof Uint8Array
      ? decode(common.ConfigEnvelope, configEnvelope, "ConfigEnvelope")
      : configEnvelope;
  if (!config) throw refused("config envelope has nil config");
  const sequence = toBigInt(config.sequence);
  if (sequence !== current.sequence + 1n) {
    throw refused(`config currently at sequence ${current.sequence}, cannot validate config at sequence ${sequence}`);
  }
  if (!lastUpdate) throw refused("config envelope has no last update");
  const update = readConfigUpdate(common.Envelope.encode(lastUpdate).finish());
  const elements = authorize(current, update);
  const channelGroup = inContext("could not turn configMap back to channelGroup", () => toTree(elements, CHANNEL));
  if (!config.channelGroup || !equalTrees(channelGroup, config.channelGroup)) {
    throw refused("ConfigEnvelope LastUpdate did not produce the supplied config result");
  }
  const next = ChannelConfig.load(current.channelId, config, { previous: current });
  checkSuccession(current, next);
  return next;
}

/**
 * The update inside a CONFIG_UPDATE envelope.
 * @throws ConfigError MALFORMED; WireError when the envelope does not parse
 */
export function readConfigUpdate(envelopeBytes: Uint8Array): common.ConfigUpdateEnvelope {
  const envelope = readEnvelope(envelopeBytes);
  const { type } = envelope.channelHeader;
  if (type !== HeaderType.CONFIG_UPDATE) {
    throw new ConfigError("MALFORMED", `invalid type ${headerTypeName(type)}, expected CONFIG_UPDATE`);
  }
  try {
    return decode(common.ConfigUpdateEnvelope, envelope.data, "ConfigUpdateEnvelope");
  } catch (cause) {
    const text = `error unmarshalling message for type CONFIG_UPDATE: ${CANNOT_PARSE}`;
    throw new ConfigError("MALFORMED", text, { cause });
  }
}

/**
 * What an update leads to once it is signed for: nobody's signature is asked. For looking at an update before signing.
 * @param update bytes of a common.ConfigUpdate
 * @throws ConfigError with Fabric's text when it does not fit the current configuration
 */
export function previewUpdate(current: ChannelConfig, update: Uint8Array): common.IConfig {
  const { channelId, readSet, writeSet } = decode(common.ConfigUpdate, update, "ConfigUpdate");
  if (channelId !== current.channelId) {
    throw refused(`ConfigUpdate for channel '${channelId}' but envelope for channel '${current.channelId}'`);
  }
  const read = inContext("error mapping ReadSet", () => toElements(readSet, CHANNEL));
  inContext("error validating ReadSet", () => checkReadSet(current.elements(), read));
  const written = inContext("error mapping WriteSet", () => toElements(writeSet, CHANNEL));
  const elements = new Map([...current.elements(), ...deltaOf(read, written)]);
  return { sequence: toLong(current.sequence + 1n), channelGroup: toTree(elements, CHANNEL) };
}

function authorize(current: ChannelConfig, envelope: common.ConfigUpdateEnvelope): ConfigElements {
  const update = decode(common.ConfigUpdate, envelope.configUpdate, "ConfigUpdate");
  if (update.channelId !== current.channelId) {
    throw refused(`ConfigUpdate for channel '${update.channelId}' but envelope for channel '${current.channelId}'`);
  }
  const readSet = inContext("error mapping ReadSet", () => toElements(update.readSet, CHANNEL));
  inContext("error validating ReadSet", () => checkReadSet(current.elements(), readSet));
  const writeSet = inContext("error mapping WriteSet", () => toElements(update.writeSet, CHANNEL));
  const deltaSet = deltaOf(readSet, writeSet);
  inContext("error validating DeltaSet", () => checkDeltaSet(current, deltaSet, signedDataOf(envelope)));
  const proposed = new Map([...current.elements(), ...deltaSet]);
  for (const key of writeSet.keys()) {
    if (!proposed.has(key)) {
      throw refused(
        `full config did not verify: writeset contained key ${key} which did not appear in proposed config`,
      );
    }
  }
  return proposed;
}

function checkReadSet(current: ConfigElements, readSet: ConfigElements): void {
  for (const [key, read] of readSet) {
    const existing = current.get(key);
    if (existing === undefined) {
      throw refused(`existing config does not contain element for ${key} but was in the read set`);
    }
    if (versionOf(existing) !== versionOf(read)) {
      throw refused(
        `proposed update requires that key ${key} be at version ${versionOf(read)}, but it is currently at version ${versionOf(existing)}`,
      );
    }
  }
}

/** What is written with another version than it was read with, or was not read at all. */
export function deltaOf(readSet: ConfigElements, writeSet: ConfigElements): ConfigElements {
  const delta = new Map<string, ConfigElement>();
  for (const [key, written] of writeSet) {
    const read = readSet.get(key);
    if (read === undefined || versionOf(read) !== versionOf(written)) delta.set(key, written);
  }
  return delta;
}

function checkDeltaSet(current: ChannelConfig, deltaSet: ConfigElements, signed: readonly SignedData[]): void {
  if (deltaSet.size === 0) throw refused("delta set was empty -- update would have no effect");
  const verdicts = new Map<Policy, ReturnType<Policy["evaluateSigned"]>>();
  for (const [key, changed] of deltaSet) {
    inContext(`invalid mod_policy for element ${key}`, () => checkModPolicy(modPolicyOf(changed)));
    const existing = current.elements().get(key);
    const version = versionOf(changed);
    if (existing === undefined) {
      if (version !== 0n) {
        throw refused(`attempted to set key ${key} to version ${version}, but key does not exist`);
      }
      continue;
    }
    if (version !== versionOf(existing) + 1n) {
      throw refused(`attempt to set key ${key} to version ${version}, but key is at version ${versionOf(existing)}`);
    }
    const policy = policyFor(current, existing);
    if (policy === undefined) {
      throw refused(`unexpected missing policy ${modPolicyOf(existing)} for item ${key}`);
    }
    const verdict = verdicts.get(policy) ?? policy.evaluateSigned(signed);
    verdicts.set(policy, verdict);
    if (!verdict.ok) throw refused(`policy for ${key} not satisfied: ${verdict.reason}`);
  }
}

/** A relative mod_policy is looked up in the group that holds the element; for a group, in the group itself. */
function policyFor(current: ChannelConfig, element: ConfigElement): Policy | undefined {
  return current.modPolicy(modPolicyOf(element), groupsAround(element).slice(1));
}

/** Absolute path of the policy that guards an element, as "/Channel/Application/Admins"; it may not exist. */
export function modPolicyPath(element: ConfigElement): string {
  const name = modPolicyOf(element);
  return name.startsWith("/") ? name : `/${[...groupsAround(element), name].join("/")}`;
}

function groupsAround(element: ConfigElement): readonly string[] {
  return element.kind === "group" ? [...element.path, element.key] : element.path;
}

/** What each signature in an update's envelope signs. */
export function signedDataOf(envelope: common.ConfigUpdateEnvelope): SignedData[] {
  return envelope.signatures.map((each) => {
    const header = each.signatureHeader ?? new Uint8Array(0);
    return {
      identity: decode(common.SignatureHeader, header, "SignatureHeader").creator,
      message: concatBytes(header, envelope.configUpdate),
      signature: each.signature ?? new Uint8Array(0),
    };
  });
}

function refused(message: string): ConfigError {
  return new ConfigError("UPDATE_REFUSED", message);
}
