/**
 * What a vote makes of a channel: members come and go, and the rule that guards membership follows their number, so
 * that the votes that decide always are the signatures that suffice.
 */
import { signaturesNeeded, type VotingPolicy } from "@hansa/governance";
import { describePrincipal, formatPolicy, signedByOutOf } from "@hansa/msp";
import { type Bytes, equalBytes, type MspId, NO_BYTES } from "@hansa/primitives";
import { common, decode, msp } from "@hansa/wire";
import { withApplicationPolicy, withOrganization, withoutOrganization } from "./edit.js";
import { type ConfigElement, equalRules, member, modPolicyOf, sortedKeys, toElements } from "./elements.js";
import { ConfigError } from "./error.js";
import { ADMINS, APPLICATION, CHANNEL } from "./names.js";
import { policyOf } from "./profile.js";

export type MembershipChange = {
  readonly admits: readonly {
    readonly mspId: MspId;
    /** bytes of a msp.MSPConfig */
    readonly mspConfig: Bytes;
  }[];
  readonly removes: readonly MspId[];
  /** The voting policy that the channel is to follow afterwards. */
  readonly policy: VotingPolicy;
};

/**
 * The configuration after a change of its members. Pure: equal arguments give equal results, and a change that holds
 * already changes nothing. Who is there already keeps its group as it is; who is not there is not missed.
 *
 * The rule of /Channel/Application/Admins is written anew only where it has the form of `governedAdminsRule` over the
 * channel's present members; another rule is somebody's own choice and stays. It stays as well when no member is left,
 * since a rule over nobody does not exist.
 *
 * @throws ConfigError when the configuration has no application section or an MSP id cannot be named in a policy
 */
export function changeMembership(config: common.IConfig, change: MembershipChange): common.IConfig {
  const before = groupsByMspId(config);
  let changed = config;
  for (const mspId of change.removes) {
    const group = before.get(mspId);
    if (group !== undefined) changed = withoutOrganization(changed, group);
  }
  for (const { mspId, mspConfig } of change.admits) {
    if (groupsByMspId(changed).has(mspId)) continue;
    changed = withOrganization(changed, { mspId, mspConfig });
  }
  const after = [...groupsByMspId(changed).keys()];
  if (after.length === 0 || !isGoverned(config)) return changed;
  const rule = governedAdminsRule(after, change.policy);
  const current = member(applicationOf(changed).policies, ADMINS)?.policy;
  if (current && equalRules(current, policyOf(rule))) return changed;
  return withApplicationPolicy(changed, ADMINS, rule);
}

/** As "OutOf(2, 'A.admin', 'B.admin', 'C.admin')": as many administrators as the voting policy asks for votes. */
export function governedAdminsRule(mspIds: readonly MspId[], policy: VotingPolicy): string {
  if (mspIds.length === 0) throw new ConfigError("INVALID_CONFIG", "a channel without members has no rule for them");
  const admins = [...new Set(mspIds)].sort().map((mspId) => `'${mspId}.admin'`);
  return `OutOf(${signaturesNeeded(policy, admins.length)}, ${admins.join(", ")})`;
}

/** Whether the channel's members govern it: its Admins rule counts one administrator of each of them, and no more. */
export function isGoverned(config: common.IConfig): boolean {
  const mspIds = [...groupsByMspId(config).keys()];
  const rule = member(applicationOf(config).policies, ADMINS)?.policy;
  const found = rule && signaturePolicyOf(rule);
  if (!found || mspIds.length === 0) return false;
  return formatPolicy(found) === formatPolicy(signedByOutOf(found.rule?.nOutOf?.n ?? 0, "admin", mspIds));
}

function signaturePolicyOf(rule: common.IPolicy): common.SignaturePolicyEnvelope | undefined {
  if ((rule.type ?? 0) !== common.Policy.PolicyType.SIGNATURE) return undefined;
  return decode(common.SignaturePolicyEnvelope, rule.value ?? NO_BYTES, "SignaturePolicyEnvelope");
}

/** Names of the members' groups, which need not be their MSP ids, in the order of the names. */
function groupsByMspId(config: common.IConfig): Map<MspId, string> {
  const { groups } = applicationOf(config);
  return new Map(sortedKeys(groups).map((name) => [mspIdOf(member(groups, name) ?? {}), name]));
}

function mspIdOf(group: common.IConfigGroup): MspId {
  const { config } = decode(msp.MSPConfig, member(group.values, "MSP")?.value ?? NO_BYTES, "MSPConfig");
  return decode(msp.FabricMSPConfig, config, "FabricMSPConfig").name;
}

function applicationOf(config: common.IConfig): common.IConfigGroup {
  const application = member(config.channelGroup?.groups, APPLICATION);
  if (application === undefined) {
    throw new ConfigError("INVALID_CONFIG", "the configuration has no application section, so it has no members");
  }
  return application;
}

/** What of a value differs, as ": max_message_count from 10 to 20"; either may be absent. */
export type ValueWords = (path: string, from: ConfigElement | undefined, to: ConfigElement | undefined) => string;

/**
 * What differs between two configurations of a channel, in words, members first. Empty when nothing does.
 * @param valueWords says what changed inside of values; without it they are only named
 */
export function describeChange(
  before: common.IConfig,
  after: common.IConfig,
  valueWords: ValueWords = () => "",
): string[] {
  const [was, is] = [groupsByMspId(before), groupsByMspId(after)];
  const admitted = [...is].filter(([mspId]) => !was.has(mspId));
  const removed = [...was].filter(([mspId]) => !is.has(mspId));
  const told = [...admitted, ...removed].map(([, group]) => `/${CHANNEL}/${APPLICATION}/${group}`);
  return [
    ...admitted.map(([mspId]) => `admits ${mspId}`),
    ...removed.map(([mspId]) => `removes ${mspId}`),
    ...changedElements(before, after, valueWords)
      .filter(({ path }) => !told.some((group) => `${path}/`.startsWith(`${group}/`)))
      .map(({ text }) => text),
  ];
}

function changedElements(
  before: common.IConfig,
  after: common.IConfig,
  valueWords: ValueWords,
): { path: string; text: string }[] {
  const [was, is] = [toElements(before.channelGroup, CHANNEL), toElements(after.channelGroup, CHANNEL)];
  const changes: { path: string; text: string }[] = [];
  for (const key of new Set([...was.keys(), ...is.keys()])) {
    const [from, to] = [was.get(key), is.get(key)];
    const element = to ?? from;
    if (element === undefined || (from && to && isSameElement(from, to))) continue;
    const path = `/${[...element.path, element.key].join("/")}`;
    changes.push({ path, text: changeText(path, from, to, valueWords) });
  }
  return changes;
}

function changeText(
  path: string,
  from: ConfigElement | undefined,
  to: ConfigElement | undefined,
  valueWords: ValueWords,
): string {
  const what = `${(to ?? from)?.kind} ${path}`;
  const inside = (to ?? from)?.kind === "value" ? valueWords(path, from, to) : "";
  if (inside !== "") return `${from === undefined ? "adds" : to === undefined ? "drops" : "changes"} ${what}${inside}`;
  if (from === undefined) return `adds ${what}${ruleText(to, ": ")}`;
  if (to === undefined) return `drops ${what}${ruleText(from, ": ")}`;
  const [old, now] = [ruleText(from, ""), ruleText(to, "")];
  const [wasGuarded, isGuarded] = [modPolicyOf(from), modPolicyOf(to)];
  if (wasGuarded !== isGuarded) return `lets ${isGuarded} instead of ${wasGuarded} guard ${what}`;
  return old === now ? `changes ${what}` : `changes ${what} from ${old} to ${now}`;
}

function ruleText(element: ConfigElement | undefined, prefix: string): string {
  if (element?.kind !== "policy" || !element.item.policy) return "";
  const signature = signaturePolicyOf(element.item.policy);
  if (signature !== undefined) return prefix + thresholdText(signature);
  const bytes = element.item.policy.value ?? NO_BYTES;
  const { rule, subPolicy } = decode(common.ImplicitMetaPolicy, bytes, "ImplicitMetaPolicy");
  return `${prefix}${common.ImplicitMetaPolicy.Rule[rule]} ${subPolicy}`;
}

/** "2 of 'A.admin', 'B.admin'" where all stand side by side, which reads better than AND and OR for one and all. */
function thresholdText(envelope: common.SignaturePolicyEnvelope): string {
  const { n, rules } = envelope.rule?.nOutOf ?? {};
  if (!rules || rules.some((rule) => rule.nOutOf)) return formatPolicy(envelope);
  const names = rules.map((rule) => describePrincipal(envelope.identities[rule.signedBy ?? 0] ?? {}));
  return `${n ?? 0} of ${rules.length} (${names.join(", ")})`;
}

/** Versions aside: they follow from the change. A group differs by what guards it, its content is told element by element. */
function isSameElement(a: ConfigElement, b: ConfigElement): boolean {
  if (modPolicyOf(a) !== modPolicyOf(b)) return false;
  if (a.kind === "value" && b.kind === "value") {
    return equalBytes(a.item.value ?? NO_BYTES, b.item.value ?? NO_BYTES);
  }
  return a.kind !== "policy" || b.kind !== "policy" || equalRules(a.item.policy, b.item.policy);
}
