/**
 * The collections of a chaincode: those of its definition, and one implicit collection for each organisation of the
 * channel. `_lifecycle` itself has the implicit ones only.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/deployedcc_infoprovider.go.
 */
import { type MspId, NO_BYTES } from "@hansa/primitives";
import { common, encode } from "@hansa/wire";
import { staticCollections } from "./definition.js";
import { implicitCollection, LIFECYCLE_NAMESPACE, mspIdOfImplicitCollection } from "./keys.js";
import { type ReadKey, readDefinition } from "./reading.js";

export type StaticCollection = common.StaticCollectionConfig.$Properties;

/** What the implicit collection of an organisation amounts to: its members may use it, nothing expires. */
export function implicitCollectionConfig(mspId: MspId): StaticCollection {
  const role = encode(common.MSPRole, { mspIdentifier: mspId, role: common.MSPRole.MSPRoleType.MEMBER });
  return {
    name: implicitCollection(mspId),
    memberOrgsPolicy: {
      signaturePolicy: {
        rule: { nOutOf: { n: 1, rules: [{ signedBy: 0 }] } },
        identities: [{ principalClassification: common.MSPPrincipal.Classification.ROLE, principal: role }],
      },
    },
  };
}

/**
 * One collection, undefined when the chaincode has none of this name. Reads the whole definition, in Fabric's order.
 * Any organisation's implicit collection is found; whether the organisation is in the channel is another question.
 */
export function collectionConfig(
  read: ReadKey,
  chaincode: string,
  collection: string,
): { readonly isDefined: boolean; readonly config: StaticCollection | undefined } {
  const explicit = explicitCollections(read, chaincode);
  if (explicit === undefined) return { isDefined: false, config: undefined };
  const mspId = mspIdOfImplicitCollection(collection);
  const config =
    mspId === undefined ? explicit.find(({ name }) => name === collection) : implicitCollectionConfig(mspId);
  return { isDefined: true, config };
}

/** Explicit and implicit collections, or undefined when the chaincode is not defined. */
export function allCollections(
  read: ReadKey,
  chaincode: string,
  mspIds: readonly MspId[],
): StaticCollection[] | undefined {
  const explicit = explicitCollections(read, chaincode);
  return explicit && [...explicit, ...mspIds.map(implicitCollectionConfig)];
}

function explicitCollections(read: ReadKey, chaincode: string): readonly StaticCollection[] | undefined {
  return chaincode === LIFECYCLE_NAMESPACE ? [] : readDefinition(read, chaincode)?.collections;
}

/** protos.CollectionConfigPackage of explicit collections as a lifecycle request carries them; no bytes for none. */
export function collectionsOf(proposed: common.CollectionConfigPackage.$Properties | null | undefined): {
  readonly collections: readonly StaticCollection[];
  readonly collectionsBytes: Uint8Array;
} {
  const collectionsBytes = proposed ? encode(common.CollectionConfigPackage, proposed) : NO_BYTES;
  return { collections: staticCollections(proposed), collectionsBytes };
}
