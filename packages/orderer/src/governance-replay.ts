/** The governance strand as this node's journal has it: found, and read back. */
import { GOVERNANCE_STRAND, readStrandBlock, type StrandBlock, verifyStrand } from "@hansa/governance";
import type { JournalStore, JournalStrand } from "@hansa/journal";
import { advanceOf, type GovernanceTip } from "@hansa/ordering";
import { assert, equalBytes, HansaError, type Logger } from "@hansa/primitives";

const READ_AHEAD_BLOCKS = 64;

/** The strand that the journal holds; undefined before the founding. @throws JournalError */
export async function openGovernanceStrand(store: JournalStore, logger: Logger): Promise<JournalStrand | undefined> {
  let found: JournalStrand | undefined;
  for (const { strandId, name } of await store.list()) {
    if (name !== GOVERNANCE_STRAND) continue;
    const strand = await store.open(strandId);
    if (strand.tip.size === 0) {
      // The first block decides whether a network was founded.
      logger.warn("unfinished founding undone", { strand: strandId });
      await store.remove(strandId);
      continue;
    }
    assert(found === undefined, "the journal holds two governance strands");
    found = strand;
  }
  return found;
}

/**
 * What the first `size` blocks lead to. Hashes and rules are checked, signatures are not: what stands on this node's own
 * strand was verified when it was written.
 * @throws JournalError, HansaError GOVERNANCE_DAMAGED naming strand and block
 */
export async function replayStrand(strand: JournalStrand, size: number): Promise<GovernanceTip> {
  const { strandId } = strand.info;
  const blocks: StrandBlock[] = [];
  for (let from = 0; from < size; from += READ_AHEAD_BLOCKS) {
    const count = Math.min(READ_AHEAD_BLOCKS, size - from);
    const contents = await Promise.all(Array.from({ length: count }, (_, i) => strand.content(from + i)));
    for (const content of contents) blocks.push(readStrandBlock(content));
  }
  const verified = verifyStrand(blocks, () => true);
  if (!verified.ok) throw damaged(strandId, verified.fault.sequenceNo, verified.fault.reason);
  const { tip, state } = verified.position;
  if (size > 0) {
    const { blockHash } = await strand.block(size - 1);
    if (state === undefined || tip?.strandId !== strandId || !equalBytes(tip.lastBlockHash, blockHash)) {
      throw damaged(strandId, size - 1, "its records are not those of the block that the journal holds");
    }
  }
  const aheadMs = blocks.reduce((sum, block) => sum + advanceOf(block), 0);
  return { tip, governance: state, aheadMs };
}

function damaged(strandId: string, sequenceNo: number, reason: string): HansaError {
  return new HansaError("GOVERNANCE_DAMAGED", `governance strand ${strandId}, block ${sequenceNo}: ${reason}`, {
    nextStep: "restore this node's data folder from a copy",
  });
}
