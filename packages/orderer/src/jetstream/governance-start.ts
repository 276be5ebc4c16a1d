/**
 * Where the governance strand and its stream meet: after the newest block whose message the stream still holds. Blocks
 * without a place in a stream were ordered by one orderer alone, before orderers shared the strand: they are published
 * from the journal like blocks that the stream has lost.
 */
import { readStrandBlock } from "@hansa/governance";
import type { JournalStrand } from "@hansa/journal";
import {
  type GovernanceChainState,
  idsFrom,
  NOT_FOUNDED,
  STREAM_START,
  startGovernanceChain,
  strandPositionOf,
} from "@hansa/ordering";
import { replayStrand } from "../governance-replay.js";
import type { SharedStream } from "./shared-stream.js";
import { checkBeginning, leadsTo, readBetween } from "./start.js";

export type GovernanceStart = {
  readonly state: GovernanceChainState;
  /** The newest block that the stream led to; -1 when it led to none. */
  readonly knownBlock: number;
  /** The stream's end when it was looked at. */
  readonly last: number;
};

/** @throws HistoryError, or what the stream's servers throw while they cannot be reached */
export async function findGovernanceStart(
  strand: JournalStrand | undefined,
  stream: SharedStream,
): Promise<GovernanceStart> {
  const bounds = await stream.bounds();
  const { last } = bounds;
  for (let number = (strand?.tip.size ?? 0) - 1; number >= 0 && strand !== undefined; number--) {
    const position = strandPositionOf(readStrandBlock(await strand.content(number)));
    if (position === undefined || position.sequence > last) continue;
    checkBeginning(bounds, position, `block ${number} of the governance strand`);
    if (!(await leadsTo(stream, position))) continue;
    const from = Math.max(idsFrom(position), bounds.first - 1);
    const earlier = await readBetween(stream, from, position.sequence - 1);
    const state = startGovernanceChain(stream.id, await replayStrand(strand, number + 1), position, earlier);
    return { state, knownBlock: number, last };
  }
  checkBeginning(bounds, STREAM_START, "nothing of the governance strand");
  return { state: startGovernanceChain(stream.id, NOT_FOUNDED), knownBlock: -1, last };
}
