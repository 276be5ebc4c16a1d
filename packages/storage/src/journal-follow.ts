import { describeBlock, type JournalBlock, type StrandTip } from "@hansa/journal";
import { assert, equalBytes } from "@hansa/primitives";

/** An appended block stands on the tip. */
export function assertFollows(tip: StrandTip, block: JournalBlock): void {
  const name = describeBlock(block.address);
  assert(block.address.strandId === tip.strandId, `${name} appended to strand ${tip.strandId}`);
  assert(block.address.sequenceNo === tip.size, `${name} appended to a strand of ${tip.size} blocks`);
  assert(equalBytes(block.previousBlockHash, tip.lastBlockHash), `${name} does not carry the last block's hash`);
  assert(block.timestampMs >= tip.lastTimestampMs, `${name} is older than the block before`);
  assert(block.entryHashes.length >= 1, `${name} has no entries`);
}
