/** What a stored transaction is: who sent it, what it called, what it read and wrote. Reads whatever can be read. */
import type { ChannelConfig } from "@hansa/channel-config";
import {
  chaincodeActionOf,
  type EndorsementView,
  MalformedMessage,
  type NamespaceRwSet,
  type ParsedRwSet,
  parseTxRwSet,
  type Version,
  viewActionPayload,
  viewActions,
  viewChannelHeader,
  viewEnvelope,
  viewHeaderExtension,
  viewPayload,
  viewSignatureHeader,
} from "@hansa/ledger";
import { type Bytes, NO_BYTES, toHex } from "@hansa/primitives";
import { decode, HeaderType, headerTypeName, protos, WireError } from "@hansa/wire";
import { indexedTxId } from "../validation/structure.js";
import type { Place, ShownCollection, ShownEvent, ShownSet, ShownWrite, TransactionRef } from "./explanation.js";
import { cut, keyText, MAX_VALUE, type PrivateKeys, personFrom, textOf, valueText } from "./shown.js";

const MAX_ARGUMENTS = 10;
export const MAX_LISTED = 20;

/** The parts of an envelope, each undefined or empty where it cannot be read. */
export type ReadParts = {
  readonly txId: string;
  readonly type: string;
  readonly timestampMs: number | undefined;
  readonly creator: Bytes;
  /** The chaincode that was asked for. */
  readonly chaincode: string;
  /** The one that the results say they are of. */
  readonly executed: { readonly name: string; readonly version: string } | undefined;
  readonly arguments: readonly Bytes[];
  readonly responsePayload: Bytes;
  readonly endorsements: readonly EndorsementView[];
  readonly rwset: ParsedRwSet | undefined;
  readonly events: Bytes;
};

export function readParts(envelope: Bytes): ReadParts {
  const parts = {
    txId: indexedTxId(envelope),
    type: "",
    timestampMs: undefined as number | undefined,
    creator: NO_BYTES,
    chaincode: "",
    executed: undefined as ReadParts["executed"],
    arguments: [] as readonly Bytes[],
    responsePayload: NO_BYTES,
    endorsements: [] as readonly EndorsementView[],
    rwset: undefined as ParsedRwSet | undefined,
    events: NO_BYTES,
  };
  tolerant(() => {
    const payload = viewPayload(viewEnvelope(envelope).payload);
    if (payload.header === undefined) return;
    const header = viewChannelHeader(payload.header.channelHeader);
    parts.type = headerTypeName(header.type);
    parts.timestampMs = header.timestampMs;
    parts.creator = viewSignatureHeader(payload.header.signatureHeader).creator;
    if (header.type !== HeaderType.ENDORSER_TRANSACTION) return;
    tolerant(() => {
      parts.chaincode = viewHeaderExtension(header.extension)?.name ?? "";
    });
    const [action] = viewActions(payload.data);
    if (action === undefined) return;
    const view = viewActionPayload(action.payload);
    tolerant(() => {
      parts.arguments = argumentsOf(view.proposalPayload);
    });
    if (view.action === undefined) return;
    parts.responsePayload = view.action.responsePayload;
    parts.endorsements = view.action.endorsements;
    const done = chaincodeActionOf(view);
    parts.events = done.events;
    parts.executed = done.chaincodeId;
    parts.rwset = parseTxRwSet(done.results);
  });
  return parts;
}

function argumentsOf(proposalPayload: Bytes): Bytes[] {
  const { input } = decode(protos.ChaincodeProposalPayload, proposalPayload, "ChaincodeProposalPayload");
  const { chaincodeSpec } = decode(protos.ChaincodeInvocationSpec, input, "ChaincodeInvocationSpec");
  return [...(chaincodeSpec?.input?.args ?? [])];
}

function tolerant(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof MalformedMessage || error instanceof WireError)) throw error;
  }
}

export function refOf(envelope: Bytes, place: Place, config: ChannelConfig | undefined): TransactionRef {
  return refOfParts(readParts(envelope), place, config);
}

export function refOfParts(parts: ReadParts, place: Place, config: ChannelConfig | undefined): TransactionRef {
  const [name, ...args] = parts.arguments;
  return {
    txId: cut(parts.txId, MAX_VALUE),
    ...place,
    creator: personFrom(parts.creator, config),
    chaincode: cut(parts.chaincode, MAX_VALUE),
    function: name === undefined ? "" : valueText(name),
    arguments: args.slice(0, MAX_ARGUMENTS).map((each) => valueText(each)),
  };
}

export function placeOf(version: Version | undefined): Place | undefined {
  return version === undefined ? undefined : { block: version.blockNumber, index: version.txIndex };
}

export function eventOf(bytes: Bytes): ShownEvent | undefined {
  if (bytes.length === 0) return undefined;
  try {
    const { eventName, payload } = decode(protos.ChaincodeEvent, bytes, "ChaincodeEvent");
    return { name: cut(eventName, MAX_VALUE), bytes: payload.length, payload: textOf(payload, MAX_VALUE) };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

export type CollectionFacts = (namespace: string, collection: string) => Pick<ShownCollection, "members" | "here">;

/** What one namespace of a transaction read and wrote, the first few of each. */
export function setOf(set: NamespaceRwSet, facts: CollectionFacts, keys: PrivateKeys): ShownSet {
  return {
    namespace: cut(set.namespace, MAX_VALUE),
    readCount: set.reads.length,
    rangeCount: set.rangeQueries.length,
    writeCount: set.writes.length,
    policyCount: set.metadataWrites.length,
    reads: set.reads.slice(0, MAX_LISTED).map(({ key, version }) => ({ key: keyText(key), version: placeOf(version) })),
    writes: set.writes.slice(0, MAX_LISTED).map(writeOf),
    collections: set.collections.slice(0, MAX_LISTED).map(({ name, reads, writes, privateHash }) => {
      const { members, here } = facts(set.namespace, name);
      return {
        name: cut(name, MAX_VALUE),
        members,
        reads: reads.length,
        writes: writes.length,
        hash: toHex(privateHash),
        here: privateHash.length === 0 ? "nothing written" : here,
        keys: writes.slice(0, MAX_LISTED).flatMap(({ key }) => {
          const plain = keys.find(set.namespace, name, key);
          return plain === undefined ? [] : [keyText(plain)];
        }),
      };
    }),
  };
}

function writeOf({ key, isDelete, value }: NamespaceRwSet["writes"][number]): ShownWrite {
  return { key: keyText(key), isDelete, bytes: value.length, value: isDelete ? undefined : textOf(value, MAX_VALUE) };
}

/** How many items of the sets are not listed. */
export function unlisted(rwset: ParsedRwSet): number {
  const over = (count: number) => Math.max(0, count - MAX_LISTED);
  return rwset.namespaces.reduce(
    (sum, { reads, writes, collections }) => sum + over(reads.length) + over(writes.length) + over(collections.length),
    over(rwset.namespaces.length),
  );
}
