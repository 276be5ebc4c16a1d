/**
 * An interest as Go prints it into the error that clients see: protobuf's compact text format, as Fabric 2.5 has it.
 * Source: golang/protobuf, proto/text.go (CompactTextString).
 */
import type { protos } from "@hansa/wire";

const MAX_TEXT = 2_000;

export function interestText({ chaincodes }: protos.IChaincodeInterest): string {
  const text = (chaincodes ?? []).map((call) => `chaincodes:<${callText(call)}> `).join("");
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}

function callText(call: protos.IChaincodeCall): string {
  const parts = [
    ...(call.name ? [`name:${quoted(call.name)}`] : []),
    ...(call.collectionNames ?? []).map((name) => `collection_names:${quoted(name)}`),
    ...(call.noPrivateReads ? ["no_private_reads:true"] : []),
    // Their content would fill pages, and says nothing that the names do not.
    ...(call.keyPolicies ?? []).map(() => "key_policies:<…>"),
    ...(call.disregardNamespacePolicy ? ["disregard_namespace_policy:true"] : []),
  ];
  return parts.map((part) => `${part} `).join("");
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
