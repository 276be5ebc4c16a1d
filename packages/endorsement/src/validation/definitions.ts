/**
 * Which policies a chaincode's definition asks for, as the state was before the block.
 *
 * Source: hyperledger/fabric, core/chaincode/lifecycle/deployedcc_infoprovider.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { StateReader } from "@hansa/ledger";
import { type Bytes, HansaError } from "@hansa/primitives";
import { common, encode, protos } from "@hansa/wire";
import type { ChaincodeDefinition } from "../lifecycle/definition.js";
import { LIFECYCLE_NAMESPACE, mspIdOfImplicitCollection } from "../lifecycle/keys.js";
import { chaincodeDefinition } from "../lifecycle/reading.js";

const LIFECYCLE_POLICY = "/Channel/Application/LifecycleEndorsement";
const BUILTIN_PLUGIN = "vscc";

/** A collection's own policy; "chaincode": it has none; undefined: there is no such collection. */
export type CollectionPolicy = Bytes | "chaincode" | undefined;

export class Definitions {
  readonly #state: StateReader;
  readonly #config: ChannelConfig;
  readonly #known = new Map<string, ChaincodeDefinition | undefined>();

  constructor(state: StateReader, config: ChannelConfig) {
    this.#state = state;
    this.#config = config;
  }

  /**
   * `protos.ApplicationPolicy` of a namespace, or undefined when no such chaincode is defined.
   * @throws HansaError when the definition names a validation plugin that there is none of
   */
  policyOf(namespace: string): Bytes | undefined {
    if (namespace === LIFECYCLE_NAMESPACE) return this.#lifecyclePolicy();
    const definition = this.#definition(namespace);
    if (definition === undefined || definition.validationPlugin === "") return undefined;
    if (definition.validationParameter.length === 0) return undefined;
    if (definition.validationPlugin !== BUILTIN_PLUGIN) {
      throw new HansaError(
        "UNKNOWN_VALIDATION_PLUGIN",
        `chaincode ${namespace} asks for validation plugin "${definition.validationPlugin}", this peer has only "${BUILTIN_PLUGIN}"`,
        { nextStep: "Define the chaincode with the default plugins; other peers of the channel would stop here too." },
      );
    }
    return definition.validationParameter;
  }

  collectionPolicyOf(namespace: string, collection: string): CollectionPolicy {
    const isLifecycle = namespace === LIFECYCLE_NAMESPACE;
    const definition = isLifecycle ? undefined : this.#definition(namespace);
    if (!isLifecycle && definition === undefined) return "chaincode";
    const mspId = mspIdOfImplicitCollection(collection);
    if (mspId !== undefined) return this.#implicitPolicy(mspId);
    const found = definition?.collections.find(({ name }) => name === collection);
    if (found === undefined) return undefined;
    const policy = found.endorsementPolicy;
    if (policy === undefined || policy === null) return "chaincode";
    // An ApplicationPolicy that names no policy encodes to nothing, which Fabric takes as none.
    const bytes = encode(protos.ApplicationPolicy, policy);
    return bytes.length === 0 ? "chaincode" : bytes;
  }

  #definition(name: string): ChaincodeDefinition | undefined {
    if (this.#known.has(name)) return this.#known.get(name);
    const definition = chaincodeDefinition(this.#state, name);
    this.#known.set(name, definition);
    return definition;
  }

  #lifecyclePolicy(): Bytes {
    if (this.#config.hasPolicy(LIFECYCLE_POLICY)) return referenceTo(LIFECYCLE_POLICY);
    const mspIds = this.#config.applicationOrgs().map(({ mspId }) => mspId);
    return signedBy(Math.floor(mspIds.length / 2) + 1, mspIds.sort());
  }

  #implicitPolicy(mspId: string): Bytes | undefined {
    const org = this.#config.applicationOrgs().find((each) => each.mspId === mspId);
    if (org === undefined) return undefined;
    const path = `/Channel/Application/${org.name}/Endorsement`;
    return this.#config.hasPolicy(path) ? referenceTo(path) : signedBy(1, [mspId]);
  }
}

function referenceTo(path: string): Bytes {
  return encode(protos.ApplicationPolicy, { channelConfigPolicyReference: path });
}

/** Members of `count` of these organisations. */
function signedBy(count: number, mspIds: readonly string[]): Bytes {
  const identities = mspIds.map((mspIdentifier) => ({
    principalClassification: common.MSPPrincipal.Classification.ROLE,
    principal: encode(common.MSPRole, { mspIdentifier, role: common.MSPRole.MSPRoleType.MEMBER }),
  }));
  const rules = mspIds.map((_, signedByIndex) => ({ signedBy: signedByIndex }));
  return encode(protos.ApplicationPolicy, {
    signaturePolicy: { rule: { nOutOf: { n: count, rules } }, identities },
  });
}
