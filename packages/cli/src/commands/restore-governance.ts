import { GOVERNANCE_STRAND, Identities, readStrandBlock, verifyStrand } from "@hansa/governance";
import { JournalError } from "@hansa/journal";
import { readWholeStrandCopy } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import { importRecords } from "@hansa/storage";

/**
 * Gives an orderer whose journal was lost the members' acts again, from the network's own copy of their strand. Every
 * hash, signature and rule of the copy is checked first.
 * @param copy `governance/strand` in the network's folder
 * @param journal the journal's folder of an orderer that does not run
 * @returns the count of blocks; undefined when there is no copy, or the journal has such a strand already
 * @throws HansaError DAMAGED; STORE_IN_USE while an orderer has the journal open
 */
export async function restoreGovernanceStrand(copy: string, journal: string): Promise<number | undefined> {
  const { blocks: contents, unread } = await readWholeStrandCopy(copy);
  const damaged = (place: string, cause?: unknown) =>
    new HansaError("DAMAGED", `The copy of the governance strand in ${copy} does not hold at ${place}.`, { cause });
  if (unread !== undefined) throw damaged(`byte ${unread.byte}`);
  if (contents.length === 0) return undefined;
  const blocks = contents.map((content, number) => {
    try {
      return readStrandBlock(content);
    } catch (cause) {
      throw damaged(`block ${number}`, cause);
    }
  });
  const verified = verifyStrand(blocks, new Identities().verifier());
  if (!verified.ok) throw damaged(`block ${verified.fault.sequenceNo}: ${verified.fault.reason}`);
  const records = blocks.map(({ block }, number) => ({ block, content: contents[number]! }));
  const { strandId } = records[0]!.block.address;
  try {
    return (await importRecords(journal, { strandId, name: GOVERNANCE_STRAND }, records)).blocks;
  } catch (error) {
    if (error instanceof JournalError && error.code === "STRAND_EXISTS") return undefined;
    throw error;
  }
}
