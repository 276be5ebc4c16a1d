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
  return firstUnmet(check) === undefined;
}

/** What the endorsements fall short of. Key and collection are empty where they do not matter. */
export type Unmet = {
  readonly kind:
    | "chaincode"
    | "collection"
    | "key"
    /** An earlier transaction of the block changes the key's policy. */
    | "changed key"
    /** The key's policy cannot be read. */
    | "unreadable key"
    | "unknown collection";
  readonly collection: string;
  /** As in the read-write set: a hash in a collection. */
  readonly key: string;
  /** `common.SignaturePolicyEnvelope` of a key, `protos.ApplicationPolicy` of chaincode and collection. */
  readonly policy: Bytes | undefined;
};

/** The first policy that the endorsements of a namespace do not satisfy; undefined when they satisfy all. */
export function firstUnmet(check: NamespaceCheck): Unmet | undefined {
  const evaluation = new Evaluation(check);
  for (const set of check.rwset.namespaces) {
    if (set.namespace !== check.namespace) continue;
    const unmet =
      firstOf(set.writes, "", evaluation) ??
      firstOf(set.metadataWrites, "", evaluation) ??
      first(set.collections, ({ name, writes }) => firstOf(writes, name, evaluation)) ??
      first(set.collections, ({ name, metadataWrites }) => firstOf(metadataWrites, name, evaluation));
    if (unmet !== undefined) return unmet;
  }
  return evaluation.isAnythingChecked ? undefined : evaluation.ofChaincode();
}

function firstOf(writes: readonly { key: string }[], collection: string, evaluation: Evaluation): Unmet | undefined {
  return first(writes, ({ key }) => evaluation.ofKey(collection, key));
}

function first<T>(items: readonly T[], check: (item: T) => Unmet | undefined): Unmet | undefined {
  for (const item of items) {
    const unmet = check(item);
    if (unmet !== undefined) return unmet;
  }
  return undefined;
}

class Evaluation {
  readonly #check: NamespaceCheck;
  /** Verdicts reached; "" is the chaincode's policy. Only good ones: a bad one ends the evaluation. */
  readonly #satisfied = new Set<string>();
  isAnythingChecked = false;

  constructor(check: NamespaceCheck) {
    this.#check = check;
  }

  ofKey(collection: string, key: string): Unmet | undefined {
    const { namespace, changed, state, policies, signers } = this.#check;
    if (changed.has(namespace, collection, key)) return { kind: "changed key", collection, key, policy: undefined };
    const place = collection === "" ? namespace : hashedNamespace(namespace, collection);
    const metadata = state.get(place, key)?.metadata;
    if (metadata !== undefined) {
      const policy = readPolicy(metadata);
      if (policy === "unreadable") return { kind: "unreadable key", collection, key, policy: undefined };
      if (policy !== undefined) {
        if (!policies.satisfiesSignaturePolicy(policy, signers)) return { kind: "key", collection, key, policy };
        this.isAnythingChecked = true;
        return undefined;
      }
    }
    return collection === "" ? this.ofChaincode() : this.#ofCollection(collection);
  }

  ofChaincode(): Unmet | undefined {
    const { chaincodePolicy, policies, signers } = this.#check;
    if (this.#satisfied.has("")) return undefined;
    if (!policies.satisfiesApplicationPolicy(chaincodePolicy, signers)) {
      return { kind: "chaincode", collection: "", key: "", policy: chaincodePolicy };
    }
    return this.#note("");
  }

  #ofCollection(collection: string): Unmet | undefined {
    const { namespace, definitions, policies, signers } = this.#check;
    if (this.#satisfied.has(collection)) return undefined;
    const policy = definitions.collectionPolicyOf(namespace, collection);
    if (policy === undefined) return { kind: "unknown collection", collection, key: "", policy };
    if (policy === "chaincode") return this.ofChaincode();
    if (!policies.satisfiesApplicationPolicy(policy, signers)) {
      return { kind: "collection", collection, key: "", policy };
    }
    return this.#note(collection);
  }

  #note(collection: string): undefined {
    this.#satisfied.add(collection);
    this.isAnythingChecked = true;
    return undefined;
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
