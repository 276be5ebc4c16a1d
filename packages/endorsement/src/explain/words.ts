/** The phrases that summaries, advice and the long text share. */
import { LIFECYCLE_NAMESPACE } from "../lifecycle/keys.js";
import type { Place, PolicyShortfall, RangeConflict, ReadConflict, ShownKey, TransactionRef } from "./explanation.js";
import { keyText, personText } from "./shown.js";

const SHORT_HASH = 16;

/** Numbers within a block count from 0, as block numbers do. */
export function placeText({ block, index }: Place): string {
  return `block ${block}, transaction ${index}`;
}

/** Keys of `_lifecycle` that hold a chaincode's definition, which every transaction of it reads. */
const DEFINITION = /^namespaces\/(?:metadata|fields)\/([^/]+)/;

/** The chaincode whose definition a key belongs to. */
export function definedBy({ namespace, key }: ShownKey): string | undefined {
  return namespace === LIFECYCLE_NAMESPACE ? DEFINITION.exec(key ?? "")?.[1] : undefined;
}

export function keyWords(shown: ShownKey): string {
  const { namespace, collection, key, keyHash } = shown;
  const chaincode = definedBy(shown);
  if (chaincode !== undefined) return `the definition of chaincode ${chaincode}`;
  const where = collection === "" ? namespace : `collection ${collection} of ${namespace}`;
  if (key === undefined) return `the private key with SHA-256 ${keyHash?.slice(0, SHORT_HASH) ?? "?"}… in ${where}`;
  return `key ${keyText(key)} of ${where}`;
}

export function callText({ chaincode, function: name, arguments: args }: TransactionRef): string {
  if (name === "") return chaincode === "" ? "nothing that can be read" : chaincode;
  return `${chaincode} ${name}(${args.join(", ")})`;
}

export function refText(ref: TransactionRef): string {
  const by = ref.creator === undefined ? "" : ` by ${personText(ref.creator)}`;
  return `${ref.txId || "a transaction without an id"}${by}: ${callText(ref)}`;
}

/** "block 4, transaction 0 wrote it" */
export function changeWords({
  change,
  by,
  found,
  sameBlock,
}: Pick<ReadConflict, "change" | "by" | "found" | "sameBlock">): string {
  const who = by ?? found;
  const where = who === undefined ? "somebody" : placeText(who);
  const here = sameBlock ? " (the same block)" : "";
  switch (change) {
    case "written":
      return `${where}${here} had written it by then`;
    case "deleted":
      return `${where}${here} had deleted it by then`;
    case "policy changed":
      return `${where}${here} had changed its endorsement policy by then`;
    case "expired":
      return "it had lived its blockToLive by then";
    case "made up":
      return "the key never was as that says, so that the results must have been altered";
    case "unknown":
      return "it had changed by then, too far back to say whose doing that was";
  }
}

export function readWords(read: Place | undefined): string {
  return read === undefined ? "was not there when it was endorsed" : `was read as ${placeText(read)} had left it`;
}

export function rangeWords({ namespace, startKey, endKey }: RangeConflict): string {
  return `the range from ${startKey || "the first key"} to ${endKey || "the last key"} of ${namespace}`;
}

export function policyOwner({ of, namespace, collection, key }: PolicyShortfall): string {
  switch (of) {
    case "chaincode":
      return `the endorsement policy of chaincode ${namespace}`;
    case "lifecycle":
      return "the channel's LifecycleEndorsement policy";
    case "collection":
      return `the endorsement policy of collection ${collection} of ${namespace}`;
    case "unknown collection":
      return `a collection ${collection} that ${namespace} does not define`;
    default:
      return key === undefined ? `a key of ${namespace}` : `the policy of ${keyWords(key)}`;
  }
}

export function missingWords(missing: readonly (readonly string[])[], isCut: boolean): string {
  const ways = missing.map((set) => set.join(" and "));
  return ways.length === 0 ? "" : `${ways.join(", or ")}${isCut ? ", or others" : ""}`;
}

export function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
