/**
 * Which package a peer runs for a committed definition: the one whose id its organisation approved, recognised by the
 * hash in the organisation's implicit collection, so that a peer without the plaintext finds it too.
 *
 * The answer is kept until the committed sequence or the approval changes, because it is asked for each proposal.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/cache.go and endorsement_info.go.
 */
import { hashedNamespace, hashKey } from "@hansa/ledger";
import { type Bytes, LruMap } from "@hansa/primitives";
import { type ChaincodeDefinition, localPackageStructure, parametersStructure } from "./definition.js";
import {
  approvalName,
  CHAINCODE_SOURCES,
  fieldKey,
  implicitCollection,
  LIFECYCLE_NAMESPACE,
  NAMESPACES,
} from "./keys.js";
import { chaincodeDefinition, type StateLookup } from "./reading.js";
import { isHashOf, mismatches } from "./stored.js";

export type RunnableChaincode = {
  readonly definition: ChaincodeDefinition;
  /** Whether this peer's organisation approved the committed definition. */
  readonly isApproved: boolean;
  /** The approved package if it is installed here. */
  readonly packageId: string | undefined;
};

type Entry = RunnableChaincode & { readonly approvalKey: string; readonly approval: Bytes | undefined };

const MAX_REMEMBERED = 1_024;

export class RunnableChaincodes {
  readonly #namespace: string;
  readonly #installed: () => Iterable<string>;
  readonly #known = new LruMap<string, Entry>(MAX_REMEMBERED);

  /**
   * @param mspId this peer's organisation
   * @param installed package ids that are installed on this peer
   */
  constructor(mspId: string, installed: () => Iterable<string>) {
    this.#namespace = hashedNamespace(LIFECYCLE_NAMESPACE, implicitCollection(mspId));
    this.#installed = installed;
  }

  /**
   * @param sequence the committed sequence, as the caller has read it
   * @returns undefined when the state has no definition, or (briefly, at a commit) one with another sequence
   */
  find(channelId: string, name: string, sequence: number, state: StateLookup): RunnableChaincode | undefined {
    const key = `${channelId}\n${name}`;
    const known = this.#known.get(key);
    if (known?.definition.sequence === sequence && known.packageId !== undefined) {
      // The store hands out the same bytes as long as nobody wrote the key.
      const approval = state.get(this.#namespace, known.approvalKey)?.value;
      if (
        approval === known.approval ||
        (approval && known.approval && Buffer.compare(approval, known.approval) === 0)
      ) {
        return known;
      }
    }
    const definition = chaincodeDefinition(state, name);
    if (definition?.sequence !== sequence) return undefined;
    const approvalKey = packageIdKey(name, sequence);
    const approval = state.get(this.#namespace, approvalKey)?.value;
    const entry = { definition, approvalKey, approval, ...this.#approval(definition, approval, state) };
    this.#known.set(key, entry);
    return entry;
  }

  #approval(definition: ChaincodeDefinition, approval: Bytes | undefined, state: StateLookup) {
    const { name, sequence } = definition;
    const hashOf = (key: string) => state.get(this.#namespace, hashKey(key))?.value;
    const structure = parametersStructure(definition);
    const isApproved = mismatches(NAMESPACES, approvalName(name, sequence), structure, hashOf).length === 0;
    if (!isApproved || approval === undefined) return { isApproved, packageId: undefined };
    for (const packageId of this.#installed()) {
      const [field] = localPackageStructure(packageId).fields;
      if (field !== undefined && isHashOf(approval, field[1])) return { isApproved, packageId };
    }
    return { isApproved, packageId: undefined };
  }
}

function packageIdKey(name: string, sequence: number): string {
  return hashKey(fieldKey(CHAINCODE_SOURCES, approvalName(name, sequence), "PackageID"));
}
