/** Whose signatures an update needs, told before anybody sends it. */
import { describePrincipal, formatPolicy, type Policy, type PolicyVerdict } from "@hansa/msp";
import { common, decode } from "@hansa/wire";
import type { ChannelConfig } from "../channel-config.js";
import { toElements } from "../elements.js";
import { CHANNEL } from "../names.js";
import { deltaOf, modPolicyPath } from "../update.js";

export type SignatureNeed = {
  /** Path of the policy that must be satisfied, as "/Channel/Application/Admins". */
  readonly policyPath: string;
  /** What it guards and the update changes, as "[Value]  /Channel/Orderer/BatchSize". */
  readonly elements: readonly string[];
  /** The rule written out over principals, as "OutOf(2, 'A.admin', 'B.admin')"; undefined when nobody satisfies it. */
  readonly rule: string | undefined;
  /** How many of how many principals, where the rule is as plain as that. */
  readonly outOf: { readonly needed: number; readonly principals: readonly string[] } | undefined;
  readonly policy: Policy;
};

/**
 * The policies that an update must satisfy, each with what it guards. New elements need no policy of their own: the
 * group that they come into does.
 * @param update bytes of a common.ConfigUpdate that was computed against the current configuration
 * @throws ConfigError or WireError when it is none
 */
export function signaturesFor(current: ChannelConfig, update: Uint8Array): SignatureNeed[] {
  const { readSet, writeSet } = decode(common.ConfigUpdate, update, "ConfigUpdate");
  const delta = deltaOf(toElements(readSet, CHANNEL), toElements(writeSet, CHANNEL));
  const elementsByPolicy = new Map<string, string[]>();
  for (const key of delta.keys()) {
    const existing = current.elements().get(key);
    if (existing === undefined) continue;
    const path = modPolicyPath(existing);
    elementsByPolicy.set(path, [...(elementsByPolicy.get(path) ?? []), key]);
  }
  return [...elementsByPolicy].map(([policyPath, elements]) => {
    const written = current.signaturePolicy(policyPath);
    return {
      policyPath,
      elements,
      rule: written && formatPolicy(written),
      outOf: written && plainCount(written),
      policy: current.policy(policyPath),
    };
  });
}

/**
 * What is lacking; empty when the signatures are enough.
 * @param judge asks a policy about the signatures there are
 */
export function missingSignatures(
  needs: readonly SignatureNeed[],
  judge: (policy: Policy) => PolicyVerdict,
): { need: SignatureNeed; missing: readonly string[] }[] {
  return needs.flatMap((need) => {
    const verdict = judge(need.policy);
    return verdict.ok ? [] : [{ need, missing: [...new Set(verdict.missing ?? [])] }];
  });
}

/** "2 of A.admin, B.admin, C.admin", where alternatives of one member count as that member. */
function plainCount(policy: common.ISignaturePolicyEnvelope): SignatureNeed["outOf"] {
  const name = (rule: common.ISignaturePolicy | null | undefined): string | undefined => {
    if (!rule?.nOutOf) return describePrincipal(policy.identities?.[rule?.signedBy ?? 0] ?? {});
    const { n, rules } = rule.nOutOf;
    return rules?.length === 1 && n === 1 ? name(rules[0]) : undefined;
  };
  const gate = policy.rule?.nOutOf;
  if (!gate) return undefined;
  const principals = (gate.rules ?? []).map(name);
  if (!principals.every((each) => each !== undefined)) return undefined;
  return { needed: gate.n ?? 0, principals };
}
