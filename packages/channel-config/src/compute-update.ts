/**
 * The smallest update that leads from one configuration to another: what changed goes into the write set with its
 * version raised, and where the membership of a group changed, its unchanged members go into both sets.
 * Source: hyperledger/fabric, internal/configtxlator/update/update.go.
 */
import { equalBytes, NO_BYTES } from "@hansa/primitives";
import { type common, toBigInt, toLong } from "@hansa/wire";
import { equalRules, member, sortedKeys } from "./elements.js";
import { ConfigError } from "./error.js";

/**
 * Versions in `updated` are ignored: those of `original` count.
 * @throws ConfigError when one of them has no channel group, or nothing differs
 */
export function computeConfigUpdate(
  channelId: string,
  original: common.IConfig,
  updated: common.IConfig,
): common.IConfigUpdate {
  if (!original.channelGroup) throw invalid("no channel group included for original config");
  if (!updated.channelGroup) throw invalid("no channel group included for updated config");
  const { readSet, writeSet, changed } = compareGroups(original.channelGroup, updated.channelGroup);
  if (!changed) throw invalid("no differences detected between original and updated config");
  return { channelId, readSet, writeSet };
}

type Maps<T> = { read: Record<string, T>; write: Record<string, T>; same: Record<string, T>; membersChanged: boolean };
type Versioned = { version?: common.IConfigGroup["version"] };

function compareGroups(original: common.IConfigGroup, updated: common.IConfigGroup) {
  const policies = compareMembers(original.policies, updated.policies, samePolicy, policyAt);
  const values = compareMembers(original.values, updated.values, sameValue, valueAt);
  const groups = compareChildren(original.groups, updated.groups);
  const parts = [policies, values, groups];
  const version = original.version ?? 0;

  const membersChanged = parts.some((part) => part.membersChanged);
  if (!membersChanged && (original.modPolicy ?? "") === (updated.modPolicy ?? "")) {
    if (parts.every((part) => isEmpty(part.read) && isEmpty(part.write))) {
      return { readSet: { version }, writeSet: { version }, changed: false };
    }
    return {
      readSet: { version, policies: policies.read, values: values.read, groups: groups.read },
      writeSet: { version, policies: policies.write, values: values.write, groups: groups.write },
      changed: true,
    };
  }
  return {
    readSet: {
      version,
      policies: { ...policies.read, ...policies.same },
      values: { ...values.read, ...values.same },
      groups: { ...groups.read, ...groups.same },
    },
    writeSet: {
      version: raised(original),
      modPolicy: updated.modPolicy ?? "",
      policies: { ...policies.write, ...policies.same },
      values: { ...values.write, ...values.same },
      groups: { ...groups.write, ...groups.same },
    },
    changed: true,
  };
}

function compareMembers<T extends Versioned>(
  original: { [key: string]: T } | null | undefined,
  updated: { [key: string]: T } | null | undefined,
  isSame: (a: T, b: T) => boolean,
  at: (version: T["version"], content: T) => T,
): Maps<T> {
  const result: Maps<T> = { read: {}, write: {}, same: {}, membersChanged: false };
  for (const key of sortedKeys(original)) {
    const before = member(original, key)!;
    const after = member(updated, key);
    if (after === undefined) result.membersChanged = true;
    else if (isSame(before, after)) result.same[key] = { version: before.version ?? 0 } as T;
    else result.write[key] = at(raised(before), after);
  }
  for (const key of sortedKeys(updated)) {
    if (member(original, key) !== undefined) continue;
    result.membersChanged = true;
    result.write[key] = at(0, member(updated, key)!);
  }
  return result;
}

function compareChildren(original: common.IConfigGroup["groups"], updated: common.IConfigGroup["groups"]) {
  const result: Maps<common.IConfigGroup> = { read: {}, write: {}, same: {}, membersChanged: false };
  for (const key of sortedKeys(original)) {
    const after = member(updated, key);
    if (after === undefined) {
      result.membersChanged = true;
      continue;
    }
    const { readSet, writeSet, changed } = compareGroups(member(original, key)!, after);
    if (!changed) {
      result.same[key] = readSet;
    } else {
      result.read[key] = readSet;
      result.write[key] = writeSet;
    }
  }
  for (const key of sortedKeys(updated)) {
    if (member(original, key) !== undefined) continue;
    result.membersChanged = true;
    const added = member(updated, key)!;
    const { writeSet } = compareGroups({}, added);
    result.write[key] = { ...writeSet, version: 0, modPolicy: added.modPolicy ?? "" };
  }
  return result;
}

function sameValue(a: common.IConfigValue, b: common.IConfigValue): boolean {
  return (a.modPolicy ?? "") === (b.modPolicy ?? "") && equalBytes(a.value ?? NO_BYTES, b.value ?? NO_BYTES);
}

function samePolicy(a: common.IConfigPolicy, b: common.IConfigPolicy): boolean {
  return (a.modPolicy ?? "") === (b.modPolicy ?? "") && equalRules(a.policy, b.policy);
}

function valueAt(version: common.IConfigValue["version"], content: common.IConfigValue): common.IConfigValue {
  return { version, modPolicy: content.modPolicy ?? "", value: content.value ?? NO_BYTES };
}

function policyAt(version: common.IConfigPolicy["version"], content: common.IConfigPolicy): common.IConfigPolicy {
  return { version, modPolicy: content.modPolicy ?? "", policy: content.policy ?? null };
}

function raised(element: Versioned): common.IConfigGroup["version"] {
  return toLong(toBigInt(element.version) + 1n);
}

function isEmpty(map: Record<string, unknown>): boolean {
  return Object.keys(map).length === 0;
}

function invalid(message: string): ConfigError {
  return new ConfigError("INVALID_CONFIG", message);
}
