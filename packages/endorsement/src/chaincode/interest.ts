/**
 * What a client must know to find the endorsers of a simulated transaction: the chaincodes and collections it touched,
 * and the key-level policies that replace theirs.
 * Source: hyperledger/fabric, core/endorser/endorser.go (buildChaincodeInterest).
 */
import { type SimulationResults, VALIDATION_PARAMETER } from "@hansa/ledger";
import type { Bytes } from "@hansa/primitives";
import { common, decode, FieldScanner, type protos, readPair } from "@hansa/wire";

type Touched = {
  /** Whether the chaincode's own policy counts for the public state. */
  isPolicyRequired: boolean;
  readonly keyPolicies: common.SignaturePolicyEnvelope.$Properties[];
  /** Collections whose policy counts. */
  readonly collections: Set<string>;
};

/**
 * @param isSystem system chaincodes have no policy to look up and are left out
 * @throws WireError when a key-level policy in the state does not parse
 */
export function chaincodeInterest(
  results: SimulationResults,
  isSystem: (chaincode: string) => boolean,
): protos.ChaincodeInterest.$Properties {
  const touched = new Map<string, Touched>();
  for (const { namespace, collection, metadata } of results.writtenMetadata) {
    const found = touch(touched, namespace, false);
    const policy = metadata.get(VALIDATION_PARAMETER);
    if (policy !== undefined) {
      found.keyPolicies.push(decode(common.SignaturePolicyEnvelope, policy, "common.SignaturePolicyEnvelope"));
    } else if (collection === "") {
      found.isPolicyRequired = true;
    } else {
      found.collections.add(collection);
    }
  }
  // A namespace that was only read needs its policy too; reads of private data show up as hashed reads.
  for (const namespace of namespacesOf(results.publicBytes)) {
    if (!touched.has(namespace)) touch(touched, namespace, true);
  }
  for (const [namespace, collections] of results.privateReads) {
    const found = touch(touched, namespace, false);
    for (const collection of collections) found.collections.add(collection);
  }
  const chaincodes: protos.ChaincodeCall.$Properties[] = [];
  for (const [name, found] of touched) {
    if (isSystem(name)) continue;
    const { keyPolicies, isPolicyRequired } = found;
    if (keyPolicies.length > 0) {
      chaincodes.push({ name, keyPolicies, disregardNamespacePolicy: !isPolicyRequired });
    } else if (isPolicyRequired) {
      chaincodes.push({ name });
    }
    const reads = results.privateReads.get(name);
    for (const collection of [...found.collections].sort()) {
      chaincodes.push({ name, collectionNames: [collection], noPrivateReads: reads?.has(collection) !== true });
    }
  }
  return { chaincodes };
}

function touch(touched: Map<string, Touched>, namespace: string, isPolicyRequired: boolean): Touched {
  let found = touched.get(namespace);
  if (found === undefined) {
    found = { isPolicyRequired, keyPolicies: [], collections: new Set() };
    touched.set(namespace, found);
  }
  return found;
}

/** Namespaces of a rwset.TxReadWriteSet, in its order. */
function namespacesOf(publicBytes: Bytes): string[] {
  const names: string[] = [];
  const scanner = new FieldScanner(publicBytes, "rwset.TxReadWriteSet");
  while (scanner.next()) {
    if (scanner.number !== 2 || scanner.wireType !== 2) continue;
    const [name] = readPair(scanner.bytes, "rwset.NsReadWriteSet");
    names.push(Buffer.from(name.buffer, name.byteOffset, name.length).toString("utf8"));
  }
  return names;
}
