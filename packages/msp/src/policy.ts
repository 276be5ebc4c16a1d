/**
 * Policies: which signers are enough.
 *
 * A signature policy is a tree of n-out-of gates over principals. Each signer may stand for one leaf only, and the
 * evaluation is greedy in the order of rules and signers, without going back: it can miss a way to satisfy a policy
 * that a cleverer search would find. Peers must agree, so this is kept exactly as Fabric has it.
 * Source: hyperledger/fabric, common/cauthdsl/cauthdsl.go, common/policies/policy.go and implicitmeta.go.
 */
import type { Bytes } from "@hansa/primitives";
import { common } from "@hansa/wire";
import { MspError } from "./error.js";
import type { Identity } from "./identity.js";
import type { MspManager } from "./manager.js";
import { describePrincipal, principalKey } from "./principal.js";

/** `identity` is a serialized identity; `message` is what the signature is over. */
export type SignedData = { identity: Bytes; message: Bytes; signature: Bytes };

/**
 * `reason` is Fabric's sentence, because orderers and peers hand it to clients. `missing` names principals that
 * nobody satisfied, for people.
 */
export type PolicyVerdict = { ok: true } | { ok: false; reason: string; missing?: readonly string[] };

export interface Policy {
  /** Signatures that do not verify and identities that cannot be read are left out, as if they were not there. */
  evaluateSigned(data: readonly SignedData[]): PolicyVerdict;
  /** The signatures have been verified already. Duplicates are the caller's matter. */
  evaluateIdentities(identities: readonly Identity[]): PolicyVerdict;
}

const SATISFIED: PolicyVerdict = { ok: true };

/**
 * What one evaluation of an implicit meta policy has verified already: its sub-policies are all asked about the same
 * signatures. Only set while that evaluation runs, so nothing can change in between.
 */
let underWay: { data: readonly SignedData[]; manager?: MspManager; signers?: readonly Identity[] } | undefined;

/** Signers of verified signatures, each once, in the order of `data`. */
export function verifiedSigners(data: readonly SignedData[], manager: MspManager): readonly Identity[] {
  const shared = underWay?.data === data ? underWay : undefined;
  if (shared?.manager === manager && shared.signers !== undefined) return shared.signers;
  const signers = verify(data, manager);
  if (shared !== undefined) Object.assign(shared, { manager, signers });
  return signers;
}

function verify(data: readonly SignedData[], manager: MspManager): Identity[] {
  const seen = new Set<string>();
  const signers: Identity[] = [];
  for (const { identity: serialized, message, signature } of data) {
    let signer: Identity;
    try {
      signer = manager.identity(serialized);
    } catch (error) {
      if (error instanceof MspError) continue;
      throw error;
    }
    // Before the signature is checked, so that nobody can make us check one a thousand times.
    if (seen.has(signer.signerKey) || !signer.verify(message, signature)) continue;
    seen.add(signer.signerKey);
    signers.push(signer);
  }
  return signers;
}

/** Marks in `used` which signers a rule consumed; its content means nothing after a rule that failed. */
type Rule = (signers: readonly Identity[], used: boolean[]) => boolean;

function compileRule(policy: common.ISignaturePolicy | null | undefined, principals: readonly Principal[]): Rule {
  if (policy === null || policy === undefined) throw new MspError("INVALID_POLICY", "Empty policy element");
  const gate = policy.nOutOf;
  if (gate !== null && gate !== undefined) {
    const needed = gate.n ?? 0;
    const rules = (gate.rules ?? []).map((rule) => compileRule(rule, principals));
    return (signers, used) => {
      let satisfied = 0;
      for (const rule of rules) {
        const attempt = used.slice();
        if (!rule(signers, attempt)) continue;
        satisfied++;
        for (let i = 0; i < used.length; i++) used[i] = attempt[i] === true;
      }
      return satisfied >= needed;
    };
  }
  const index = policy.signedBy;
  if (index === null || index === undefined) throw new MspError("INVALID_POLICY", "Unknown type: <nil>:<nil>");
  const wanted = principals[index];
  if (wanted === undefined) {
    throw new MspError(
      "INVALID_POLICY",
      `identity index out of range, requested ${index}, but identities length is ${principals.length}`,
    );
  }
  return (signers, used) => {
    for (let i = 0; i < signers.length; i++) {
      if (used[i] === true || signers[i]?.satisfies(wanted.principal, wanted.key) !== true) continue;
      used[i] = true;
      return true;
    }
    return false;
  };
}

type Principal = { principal: common.IMSPPrincipal; key: string };

/** @throws MspError INVALID_POLICY with Fabric's sentence */
export function compileSignaturePolicy(envelope: common.ISignaturePolicyEnvelope, manager: MspManager): Policy {
  if ((envelope.version ?? 0) !== 0) {
    throw new MspError(
      "INVALID_POLICY",
      `This evaluator only understands messages of version 0, but version was ${envelope.version}`,
    );
  }
  const principals = (envelope.identities ?? []).map((principal) => ({ principal, key: principalKey(principal) }));
  const rule = compileRule(envelope.rule, principals);
  const evaluateIdentities = (signers: readonly Identity[]): PolicyVerdict => {
    if (rule(signers, new Array<boolean>(signers.length).fill(false))) return SATISFIED;
    const unmet = principals.filter(
      ({ principal, key }) => !signers.some((signer) => signer.satisfies(principal, key)),
    );
    const missing = [...new Set(unmet.map(({ principal }) => describePrincipal(principal)))];
    return { ok: false, reason: "signature set did not satisfy policy", missing };
  };
  return {
    evaluateIdentities,
    evaluateSigned: (data) => evaluateIdentities(verifiedSigners(data, manager)),
  };
}

/**
 * @param rule names the sub-policy and how many must hold: ANY one, ALL, or a MAJORITY (more than half)
 * @param subPolicies one for each group below, in any order; a group without the policy counts as `rejectPolicy`
 */
export function compileImplicitMeta(rule: common.IImplicitMetaPolicy, subPolicies: readonly Policy[]): Policy {
  const threshold = implicitThreshold(rule.rule ?? 0, subPolicies.length);
  const evaluate = (judge: (policy: Policy) => PolicyVerdict): PolicyVerdict => {
    let satisfied = 0;
    const missing: string[] = [];
    for (const policy of subPolicies) {
      if (satisfied === threshold) break;
      const verdict = judge(policy);
      if (verdict.ok) satisfied++;
      else missing.push(...(verdict.missing ?? []));
    }
    if (satisfied === threshold) return SATISFIED;
    const reason =
      `implicit policy evaluation failed - ${satisfied} sub-policies were satisfied, but this policy requires ` +
      `${threshold} of the '${rule.subPolicy ?? ""}' sub-policies to be satisfied`;
    return { ok: false, reason, missing };
  };
  return {
    evaluateSigned(data) {
      const outer = underWay;
      if (outer?.data !== data) underWay = { data };
      try {
        return evaluate((policy) => policy.evaluateSigned(data));
      } finally {
        underWay = outer;
      }
    },
    evaluateIdentities: (identities) => evaluate((policy) => policy.evaluateIdentities(identities)),
  };
}

/** How many of `count` sub-policies must hold. With none there is nothing to ask for. */
export function implicitThreshold(rule: common.ImplicitMetaPolicy.Rule, count: number): number {
  if (count === 0) return 0;
  switch (rule) {
    case common.ImplicitMetaPolicy.Rule.ANY:
      return 1;
    case common.ImplicitMetaPolicy.Rule.ALL:
      return count;
    case common.ImplicitMetaPolicy.Rule.MAJORITY:
      return Math.floor(count / 2) + 1;
    default:
      // A rule number that does not exist leaves Fabric's threshold at zero.
      return 0;
  }
}

/** What stands in for a policy that does not exist: never satisfied. */
export function rejectPolicy(name: string): Policy {
  const verdict: PolicyVerdict = { ok: false, reason: `no such policy: '${name}'` };
  return { evaluateSigned: () => verdict, evaluateIdentities: () => verdict };
}
