/**
 * The policies of a channel by path. Signature policies name principals; implicit meta policies count how many of
 * the groups below satisfy a policy of a given name, where a group without it counts as unsatisfied.
 * Source: hyperledger/fabric, common/policies/policy.go, implicitmeta.go, convert.go.
 */

import {
  compileImplicitMeta,
  compileSignaturePolicy,
  implicitThreshold,
  type MspManager,
  type Policy,
  principalKey,
  rejectPolicy,
} from "@hansa/msp";
import { bytesKey } from "@hansa/primitives";
import { common, decode } from "@hansa/wire";
import { entries } from "./elements.js";
import { ConfigError, inContext } from "./error.js";

type Compiled = { readonly policy: Policy; readonly definition: Definition };

type Definition =
  | { readonly kind: "signature"; readonly envelope: common.ISignaturePolicyEnvelope }
  | { readonly kind: "implicit"; readonly threshold: number; readonly parts: readonly (Compiled | undefined)[] };

/** How deep implicit meta policies may stand on each other when one is written out as a signature policy. */
const MAX_RULES = 4096;

export class PolicyTree {
  readonly #path: string;
  readonly #policies = new Map<string, Compiled>();
  readonly #children = new Map<string, PolicyTree>();

  /** @throws ConfigError when a policy does not decode or is of a type that does not exist */
  constructor(path: string, group: common.IConfigGroup, msps: MspManager) {
    this.#path = path;
    for (const [name, child] of entries(group.groups)) {
      this.#children.set(name, new PolicyTree(`${path}/${name}`, child, msps));
    }
    for (const [name, { policy }] of entries(group.policies)) {
      if (!policy) throw new ConfigError("INVALID_CONFIG", `policy ${name} at path ${path} was nil`);
      this.#policies.set(name, this.#compile(name, policy, msps));
    }
    for (const [childName, child] of this.#children) {
      for (const [name, policy] of child.#policies) this.#policies.set(`${childName}/${name}`, policy);
    }
  }

  #compile(name: string, policy: common.IPolicy, msps: MspManager): Compiled {
    const value = policy.value ?? new Uint8Array(0);
    switch (policy.type ?? 0) {
      case common.Policy.PolicyType.SIGNATURE:
        return inContext(`policy ${name} at path ${this.#path} did not compile`, () => {
          const envelope = decode(common.SignaturePolicyEnvelope, value, "SignaturePolicyEnvelope");
          return { policy: compileSignaturePolicy(envelope, msps), definition: { kind: "signature", envelope } };
        });
      case common.Policy.PolicyType.IMPLICIT_META:
        return inContext(`implicit policy ${name} at path ${this.#path} did not compile`, () => {
          const rule = decode(common.ImplicitMetaPolicy, value, "ImplicitMetaPolicy");
          const children = [...this.#children.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
          const parts = children.map(([, child]) => child.#policies.get(rule.subPolicy));
          const policies = parts.map((part) => part?.policy ?? rejectPolicy(rule.subPolicy));
          const threshold = implicitThreshold(rule.rule, parts.length);
          return { policy: compileImplicitMeta(rule, policies), definition: { kind: "implicit", threshold, parts } };
        });
      default:
        throw new ConfigError(
          "INVALID_CONFIG",
          `policy ${name} at path ${this.#path} has unknown policy type: ${policy.type ?? 0}`,
        );
    }
  }

  /** The tree of a group below this one. */
  at(path: readonly string[]): PolicyTree | undefined {
    let tree: PolicyTree | undefined = this;
    for (const name of path) {
      if (tree === undefined) return undefined;
      tree = tree.#children.get(name);
    }
    return tree;
  }

  /** @param id "Admins" or "Org1MSP/Admins" relative to this group, or "/Channel/Application/Admins" */
  find(id: string): Policy | undefined {
    return this.#lookUp(id)?.policy;
  }

  /**
   * The policy written out over the organisations' principals, so that one can reason about who satisfies it.
   * Undefined when it does not exist or counts a group that lacks the policy it asks for.
   */
  asSignaturePolicy(id: string): common.ISignaturePolicyEnvelope | undefined {
    const compiled = this.#lookUp(id);
    if (compiled === undefined) return undefined;
    const identities: common.IMSPPrincipal[] = [];
    const rule = writeOut(compiled, identities, new Map(), { rules: 0 });
    return rule && { version: 0, rule, identities };
  }

  /**
   * Whether there are signers at all that satisfy the policy; undefined when it does not exist.
   * @param supply how many different signers there can be for a principal; Infinity where a member issues them
   */
  isSatisfiable(id: string, supply: (principal: common.IMSPPrincipal) => number): boolean | undefined {
    const compiled = this.#lookUp(id);
    return compiled && canBeMet(compiled.definition, supply);
  }

  #lookUp(id: string): Compiled | undefined {
    if (!id.startsWith("/")) return this.#policies.get(id);
    const prefix = `/${this.#path}/`;
    return id.startsWith(prefix) ? this.#policies.get(id.slice(prefix.length)) : undefined;
  }
}

type Supply = (principal: common.IMSPPrincipal) => number;

/** Signatures are shared between sub-policies but not between the leaves of one signature policy. */
function canBeMet(definition: Definition, supply: Supply): boolean {
  if (definition.kind === "implicit") {
    const met = definition.parts.filter((part) => part !== undefined && canBeMet(part.definition, supply));
    return met.length >= definition.threshold;
  }
  const { rule, identities } = definition.envelope;
  return rule !== undefined && rule !== null && takeSigners(rule, identities ?? [], supply, new Map()) !== undefined;
}

/** Greedy as evaluation is: how many signers of each principal are taken when the rule is met; undefined when it cannot be. */
function takeSigners(
  rule: common.ISignaturePolicy,
  identities: readonly common.IMSPPrincipal[],
  supply: Supply,
  taken: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> | undefined {
  if (!rule.nOutOf) {
    const principal = identities[rule.signedBy ?? 0];
    if (principal === undefined) return undefined;
    const key = principalKey(principal);
    const count = (taken.get(key) ?? 0) + 1;
    return count <= supply(principal) ? new Map([...taken, [key, count]]) : undefined;
  }
  let met = 0;
  let now = taken;
  for (const part of rule.nOutOf.rules ?? []) {
    const after = takeSigners(part, identities, supply, now);
    if (after === undefined) continue;
    met += 1;
    now = after;
  }
  return met >= (rule.nOutOf.n ?? 0) ? now : undefined;
}

type Budget = { rules: number };

function writeOut(
  compiled: Compiled,
  identities: common.IMSPPrincipal[],
  positions: Map<string, number>,
  budget: Budget,
): common.ISignaturePolicy | undefined {
  const { definition } = compiled;
  if (definition.kind === "signature") {
    const places = (definition.envelope.identities ?? []).map((principal) => {
      const key = `${principal.principalClassification ?? 0}:${bytesKey(principal.principal ?? new Uint8Array(0))}`;
      const known = positions.get(key);
      if (known !== undefined) return known;
      positions.set(key, identities.length);
      return identities.push(principal) - 1;
    });
    return definition.envelope.rule ? renumber(definition.envelope.rule, places, budget) : undefined;
  }
  const rules: common.ISignaturePolicy[] = [];
  for (const part of definition.parts) {
    const rule = part && writeOut(part, identities, positions, budget);
    if (!rule) return undefined;
    rules.push(rule);
  }
  return { nOutOf: { n: definition.threshold, rules } };
}

function renumber(
  rule: common.ISignaturePolicy,
  places: readonly number[],
  budget: Budget,
): common.ISignaturePolicy | undefined {
  budget.rules += 1;
  if (budget.rules > MAX_RULES) return undefined;
  if (rule.nOutOf) {
    const rules: common.ISignaturePolicy[] = [];
    for (const part of rule.nOutOf.rules ?? []) {
      const renumbered = renumber(part, places, budget);
      if (!renumbered) return undefined;
      rules.push(renumbered);
    }
    return { nOutOf: { n: rule.nOutOf.n ?? 0, rules } };
  }
  const signedBy = places[rule.signedBy ?? 0];
  return signedBy === undefined ? undefined : { signedBy };
}
