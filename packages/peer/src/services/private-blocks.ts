/** Blocks with the private data that the one who asks may see. Source: hyperledger/fabric, core/peer/deliverevents.go. */
import { privateWritesOf, type StateReader } from "@hansa/ledger";
import { decode, encode, type ReadEnvelope, rwset } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import { isCollectionMember, type Member } from "../collections.js";
import { privateDataResponse } from "./deliver-responses.js";

/** Encoded `protos.DeliverResponse`. */
export async function blockWithPrivateData(
  channel: PeerChannel,
  number: number,
  request: ReadEnvelope,
): Promise<Uint8Array> {
  const reader = channel.config().msps.identity(request.signatureHeader.creator);
  const [block, visible] = await Promise.all([
    channel.block(number),
    visiblePrivateWrites(channel.ledger.state, number, reader),
  ]);
  return privateDataResponse(block, visible);
}

/** Encoded `rwset.TxPvtReadWriteSet` of a block's transactions as far as the reader may see them, by their index. */
export async function visiblePrivateWrites(
  state: StateReader,
  number: number,
  reader: Member,
): Promise<Map<number, Uint8Array>> {
  const visible = new Map<number, Uint8Array>();
  for (const [txIndex, writes] of await privateWritesOf(state, number)) {
    const seen = visiblePart(writes, (namespace, collection) =>
      isCollectionMember(state, namespace, collection, reader),
    );
    if (seen !== undefined) visible.set(txIndex, seen);
  }
  return visible;
}

function visiblePart(
  writes: Uint8Array,
  isMember: (namespace: string, collection: string) => boolean,
): Uint8Array | undefined {
  const { dataModel, nsPvtRwset } = decode(rwset.TxPvtReadWriteSet, writes, "rwset.TxPvtReadWriteSet");
  const namespaces: rwset.NsPvtReadWriteSet.$Properties[] = [];
  for (const { namespace, collectionPvtRwset } of nsPvtRwset) {
    const collections = (collectionPvtRwset ?? []).filter(({ collectionName }) =>
      isMember(namespace ?? "", collectionName ?? ""),
    );
    if (collections.length > 0) namespaces.push({ namespace, collectionPvtRwset: collections });
  }
  return namespaces.length === 0 ? undefined : encode(rwset.TxPvtReadWriteSet, { dataModel, nsPvtRwset: namespaces });
}
