/**
 * Do the endorsements of a transaction satisfy the policies of all it writes to one namespace?
 *
 * A key with a policy of its own asks for that; a key of a collection with a policy asks for the collection's; every
 * other key asks for the chaincode's. A transaction that writes nothing asks for the chaincode's. A key whose policy
 * an earlier transaction of the same block changes cannot be written until the next block.
 *
 * Source: hyperledger/fabric, core/common/validation/statebased.
 */
import {
  hashedNamespace,
  MalformedMessage,
  type NamespaceRwSet,
  type ParsedRwSet,
  parseMetadata,
  type StateReader,
  VALIDATION_PARAMETER,
} from "@hansa/ledger";
import type { Identity } from "@hansa/msp";
import type { Bytes } from "@hansa/primitives";
import type { Definitions } from "./definitions.js";
import type { PolicyEvaluator } from "./policy-evaluator.js";

/** Keys whose policy a transaction of this block, valid for its namespace so far, changes. */
export class ChangedPolicies {
  readonly #keys = new Set<string>();

  has(namespace: string, collection: string, key: string): boolean {
    return this.#keys.size > 0 && this.#keys.has(keyId(namespace, collection, key));
  }

  /** To be called for each namespace of a transaction whose policies are satisfied. */
  add(set: NamespaceRwSet): void {
    for (const { key } of set.metadataWrites) this.#keys.add(keyId(set.namespace, "", key));
    for (const { name, metadataWrites } of set.collections) {
      for (const { key } of metadataWrites) this.#keys.add(keyId(set.namespace, name, key));
    }
  }
}

function keyId(namespace: string, collection: string, key: string): string {
  return JSON.stringify([namespace, collection, key]);
}

export type NamespaceCheck = {
  readonly namespace: string;
  readonly chaincodePolicy: Bytes;
  readonly rwset: ParsedRwSet;
  readonly signers: readonly Identity[];
  readonly state: StateReader;
  readonly definitions: Definitions;
  readonly policies: PolicyEvaluator;
  readonly changed: ChangedPolicies;
};

export function isEndorsed(check: NamespaceCheck): boolean {
  const evaluation = new Evaluation(check);
  for (const set of check.rwset.namespaces) {
    if (set.namespace !== check.namespace) continue;
    for (const { key } of set.writes) if (!evaluation.isKeyEndorsed("", key)) return false;
    for (const { key } of set.metadataWrites) if (!evaluation.isKeyEndorsed("", key)) return false;
    for (const { name, writes } of set.collections) {
      for (const { key } of writes) if (!evaluation.isKeyEndorsed(name, key)) return false;
    }
    for (const { name, metadataWrites } of set.collections) {
      for (const { key } of metadataWrites) if (!evaluation.isKeyEndorsed(name, key)) return false;
    }
  }
  return evaluation.isAnythingChecked || evaluation.isChaincodePolicySatisfied();
}

class Evaluation {
  readonly #check: NamespaceCheck;
  /** Verdicts reached; "" is the chaincode's policy. Only good ones: a bad one ends the evaluation. */
  readonly #satisfied = new Set<string>();
  isAnythingChecked = false;

  constructor(check: NamespaceCheck) {
    this.#check = check;
  }

  isKeyEndorsed(collection: string, key: string): boolean {
    const { namespace, changed, state, policies, signers } = this.#check;
    if (changed.has(namespace, collection, key)) return false;
    const place = collection === "" ? namespace : hashedNamespace(namespace, collection);
    const metadata = state.get(place, key)?.metadata;
    if (metadata !== undefined) {
      const policy = readPolicy(metadata);
      if (policy === "unreadable") return false;
      if (policy !== undefined) {
        if (!policies.satisfiesSignaturePolicy(policy, signers)) return false;
        this.isAnythingChecked = true;
        return true;
      }
    }
    return collection === "" ? this.isChaincodePolicySatisfied() : this.#isCollectionPolicySatisfied(collection);
  }

  isChaincodePolicySatisfied(): boolean {
    const { chaincodePolicy, policies, signers } = this.#check;
    if (this.#satisfied.has("")) return true;
    if (!policies.satisfiesApplicationPolicy(chaincodePolicy, signers)) return false;
    return this.#note("");
  }

  #isCollectionPolicySatisfied(collection: string): boolean {
    const { namespace, definitions, policies, signers } = this.#check;
    if (this.#satisfied.has(collection)) return true;
    const policy = definitions.collectionPolicyOf(namespace, collection);
    if (policy === undefined) return false;
    if (policy === "chaincode") return this.isChaincodePolicySatisfied();
    if (!policies.satisfiesApplicationPolicy(policy, signers)) return false;
    return this.#note(collection);
  }

  #note(collection: string): true {
    this.#satisfied.add(collection);
    this.isAnythingChecked = true;
    return true;
  }
}

/** The key's policy; undefined when its metadata holds none or an empty one. */
function readPolicy(metadata: Bytes): Bytes | "unreadable" | undefined {
  try {
    const policy = parseMetadata(metadata).get(VALIDATION_PARAMETER);
    return policy === undefined || policy.length === 0 ? undefined : policy;
  } catch (error) {
    if (error instanceof MalformedMessage) return "unreadable";
    throw error;
  }
}
