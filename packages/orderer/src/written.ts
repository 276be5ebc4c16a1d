/**
 * How much the members of a channel wrote: read from the strand when somebody asks, so that ordering itself counts
 * nothing, and what was written before anybody asked is known as well.
 */
import type { JournalStrand } from "@hansa/journal";
import { type Bytes, NO_BYTES } from "@hansa/primitives";
import { type hansa, readPair, readPayload, readSignatureHeader, splitBlock, toLong, WireError } from "@hansa/wire";

const MAX_BLOCKS = 4_096;
/** Of blocks that are read for one answer. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Whose envelopes a block holds, and how long they are together, by MSP id. What names nobody is left out. */
export function bytesByCreator(block: Bytes): Map<string, number> {
  const written = new Map<string, number>();
  for (const envelope of splitBlock(block).envelopes) {
    const mspId = creatorOf(envelope);
    if (mspId !== "") written.set(mspId, (written.get(mspId) ?? 0) + envelope.length);
  }
  return written;
}

/** From a block on, as far as one answer goes; nothing beyond the tip. */
export async function writtenBlocks(
  strand: JournalStrand,
  first: number,
  signal: { readonly aborted: boolean },
): Promise<hansa.journal.IWrittenBlocks> {
  const blocks: hansa.journal.IWrittenBlock[] = [];
  const { size } = strand.tip;
  let bytes = 0;
  for (let n = first; n < size && blocks.length < MAX_BLOCKS && bytes < MAX_BYTES && !signal.aborted; n++) {
    const block = await strand.peek(n, ({ block: { timestampMs }, content }) => {
      bytes += content.length;
      const written = [...bytesByCreator(content)].map(([mspId, length]) => ({ mspId, bytes: toLong(length) }));
      return { timestampMs: toLong(timestampMs), written };
    });
    blocks.push(block);
  }
  return { strandId: strand.info.strandId, firstSequenceNo: toLong(first), blocks };
}

/** MSP id of an envelope's creator; empty where a layer does not read, which no envelope that was ordered is like. */
function creatorOf(envelope: Bytes): string {
  try {
    const { header = NO_BYTES } = readPayload(readPair(envelope, "common.Envelope")[0]);
    const { creator } = readSignatureHeader(readPair(header, "common.Header")[1]);
    return Buffer.from(readPair(creator, "msp.SerializedIdentity")[0]).toString("utf8");
  } catch (error) {
    if (error instanceof WireError) return "";
    throw error;
  }
}
