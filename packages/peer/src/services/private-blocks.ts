/** Blocks with the private data that the one who asks may see. Source: hyperledger/fabric, core/peer/deliverevents.go. */
import { privateWritesOf } from "@hansa/ledger";
import { decode, encode, type ReadEnvelope, rwset } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import { isCollectionMember } from "../collections.js";
import { privateDataResponse } from "./deliver-responses.js";

/** Encoded `protos.DeliverResponse`. */
export async function blockWithPrivateData(
  channel: PeerChannel,
  number: number,
  request: ReadEnvelope,
): Promise<Uint8Array> {
  const { state } = channel.ledger;
  const reader = channel.config().msps.identity(request.signatureHeader.creator);
  const [block, kept] = await Promise.all([channel.block(number), privateWritesOf(state, number)]);
  const visible = new Map<number, Uint8Array>();
  for (const [txIndex, writes] of kept) {
    const seen = visiblePart(writes, (namespace, collection) =>
      isCollectionMember(state, namespace, collection, reader),
    );
    if (seen !== undefined) visible.set(txIndex, seen);
  }
  return privateDataResponse(block, visible);
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
