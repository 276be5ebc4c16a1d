/** Blocks of the strand as they travel and as the ordering node keeps them: hansa.governance.StrandBlock. */
import { type Bytes, NO_BYTES, unixMs } from "@hansa/primitives";
import { decode, encode, hansa, toLong, toNumber } from "@hansa/wire";
import type { StrandBlock } from "./strand.js";

export function encodeStrandBlock({ block, records, streamPosition }: StrandBlock): Bytes {
  const { address, timestampMs, entryHashes, ...hashes } = block;
  return encode(hansa.governance.StrandBlock, {
    block: {
      ...hashes,
      address: { strandId: address.strandId, sequenceNo: toLong(address.sequenceNo) },
      timestampMs: toLong(timestampMs),
      entryHashes: [...entryHashes],
    },
    records: [...records],
    ...(streamPosition === undefined ? {} : { streamPosition }),
  });
}

/** What the bytes say; nothing is checked. @throws WireError */
export function readStrandBlock(bytes: Bytes): StrandBlock {
  return strandBlockOf(decode(hansa.governance.StrandBlock, bytes, "hansa.governance.StrandBlock"));
}

/** As `readStrandBlock`, of a message that is decoded already. @throws WireError for numbers out of range */
export function strandBlockOf(message: hansa.governance.IStrandBlock): StrandBlock {
  const { block, records, streamPosition } = message;
  return {
    block: {
      address: {
        strandId: block?.address?.strandId ?? "",
        sequenceNo: toNumber(block?.address?.sequenceNo),
      },
      timestampMs: unixMs(toNumber(block?.timestampMs)),
      binding: block?.binding ?? NO_BYTES,
      entryHashes: block?.entryHashes ?? [],
      entriesHash: block?.entriesHash ?? NO_BYTES,
      previousBlockHash: block?.previousBlockHash ?? NO_BYTES,
      blockHash: block?.blockHash ?? NO_BYTES,
    },
    records: records ?? [],
    ...(streamPosition?.length ? { streamPosition } : {}),
  };
}
