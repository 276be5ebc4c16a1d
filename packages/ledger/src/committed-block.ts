import { NO_BYTES } from "@hansa/primitives";
import { type BlockParts, blockHeaderHash, common, encode, METADATA, TxValidationCode } from "@hansa/wire";
import type { CommittedBlock } from "./ledger-types.js";
import type { PreparedBlock, ValidatedTransaction } from "./mvcc.js";

const METADATA_COUNT = 5;

/**
 * A block as it is stored: with its transactions' codes and its commit hash in the metadata.
 * @param hash commit hash; empty for block 0, which has none
 */
export function committedBlock(
  number: number,
  block: BlockParts,
  transactions: readonly ValidatedTransaction[],
  { codes }: PreparedBlock,
  hash: Uint8Array,
): CommittedBlock {
  const metadata: Uint8Array[] = [...block.metadata];
  while (metadata.length < METADATA_COUNT) metadata.push(NO_BYTES);
  metadata[METADATA.TRANSACTIONS_FILTER] = codes;
  if (hash.length > 0) metadata[METADATA.COMMIT_HASH] = encode(common.Metadata, { value: hash });
  return {
    number,
    headerHash: blockHeaderHash(block.header),
    block: { ...block, metadata },
    codes,
    commitHash: hash,
    transactions: transactions.map((transaction, index) => {
      const code = codes[index] ?? TxValidationCode.VALID;
      return code === transaction.code ? transaction : { ...transaction, code };
    }),
  };
}
