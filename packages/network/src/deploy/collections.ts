import { readFile } from "node:fs/promises";
import { parsePolicy } from "@hansa/msp";
import { HansaError, messageOf } from "@hansa/primitives";
import { encode, protos, toLong } from "@hansa/wire";
import { check, type ValueOf } from "../config/shape.js";

/** A collections file as Fabric's tools read it. Source: hyperledger/fabric, internal/peer/chaincode/common.go. */
const shape = {
  kind: "list",
  minItems: 1,
  of: {
    kind: "record",
    fields: {
      name: { shape: { kind: "text", pattern: /./, like: "a name" }, required: true, about: "the collection's name" },
      policy: {
        shape: { kind: "text", pattern: /./, like: "a signature policy" },
        required: true,
        about: "who keeps it",
      },
      requiredPeerCount: {
        shape: { kind: "integer", min: 0, max: 1000 },
        required: false,
        about: "peers that must get it",
      },
      maxPeerCount: { shape: { kind: "integer", min: 0, max: 1000 }, required: false, about: "peers that may get it" },
      blockToLive: {
        shape: { kind: "integer", min: 0, max: Number.MAX_SAFE_INTEGER },
        required: false,
        about: "blocks until it is purged; 0 for never",
      },
      memberOnlyRead: { shape: { kind: "boolean" }, required: false, about: "only members may read" },
      memberOnlyWrite: { shape: { kind: "boolean" }, required: false, about: "only members may write" },
      endorsementPolicy: {
        shape: {
          kind: "record",
          fields: {
            signaturePolicy: {
              shape: { kind: "text", pattern: /./, like: "a signature policy" },
              required: false,
              about: "",
            },
            channelConfigPolicy: {
              shape: { kind: "text", pattern: /./, like: "a policy's path" },
              required: false,
              about: "",
            },
          },
        },
        required: false,
        about: "who must endorse what is written to it",
      },
    },
  },
} as const;

/**
 * The bytes of protos.CollectionConfigPackage for a collections file.
 * @throws HansaError COLLECTIONS
 */
export async function readCollections(file: string): Promise<Uint8Array> {
  try {
    return encodeCollections(JSON.parse(await readFile(file, "utf8")));
  } catch (cause) {
    throw new HansaError("COLLECTIONS", `The collections file ${file} cannot be used: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Correct it; it is a list of collections as Fabric's tools read it.",
    });
  }
}

export function encodeCollections(value: unknown): Uint8Array {
  const [problem] = check(shape, value);
  if (problem !== undefined)
    throw new Error(`${problem.path.join(".")} is ${problem.found}; expected ${problem.expected}`);
  return encode(protos.CollectionConfigPackage, {
    config: (value as ValueOf<typeof shape>).map((collection) => ({
      staticCollectionConfig: {
        name: collection.name,
        memberOrgsPolicy: { signaturePolicy: parsePolicy(collection.policy) },
        requiredPeerCount: collection.requiredPeerCount ?? 0,
        maximumPeerCount: collection.maxPeerCount ?? 0,
        blockToLive: toLong(collection.blockToLive ?? 0),
        memberOnlyRead: collection.memberOnlyRead ?? false,
        memberOnlyWrite: collection.memberOnlyWrite ?? false,
        endorsementPolicy: endorsement(collection.endorsementPolicy),
      },
    })),
  });
}

function endorsement(
  policy: { readonly signaturePolicy?: string; readonly channelConfigPolicy?: string } | undefined,
): protos.IApplicationPolicy | undefined {
  if (policy?.signaturePolicy !== undefined) return { signaturePolicy: parsePolicy(policy.signaturePolicy) };
  if (policy?.channelConfigPolicy !== undefined) return { channelConfigPolicyReference: policy.channelConfigPolicy };
  return undefined;
}
