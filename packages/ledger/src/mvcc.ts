/**
 * Decides, in block order, whether what each transaction read still holds, and collects the writes of those for which
 * it does. A key that an earlier valid transaction of the block wrote is a conflict for every later reader.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/validation/validator.go and batch_preparer.go.
 */
import { TxValidationCode } from "@hansa/wire";
import { CONFIG_KEY, CONFIG_NAMESPACE, hashedNamespace } from "./keys.js";
import { isRangeUnchanged } from "./phantom.js";
import type { KvRead, NamespaceRwSet, ParsedRwSet } from "./rwset.js";
import { StateBatch, type StateReader, type Version } from "./state.js";
import type { ChaincodeIdView } from "./transaction.js";
import { sameVersion } from "./version.js";
import { applyWrites } from "./write-set.js";

/** A transaction with the verdict of the checks that come before the ledger's own. */
export type ValidatedTransaction = {
  /** Empty when it cannot be read. */
  readonly txId: string;
  /** `common.HeaderType`; undefined when it cannot be read. */
  readonly type: number | undefined;
  /** `protos.TxValidationCode`; VALID means: subject to the ledger's checks. */
  readonly code: number;
  /** Whose results these are, of endorser transactions that can be read so far. */
  readonly chaincode?: ChaincodeIdView | undefined;
  /** Of endorser transactions. */
  readonly rwset?: ParsedRwSet | undefined;
  /** `common.ConfigEnvelope` of configuration transactions. */
  readonly configData?: Uint8Array | undefined;
};

export type PreparedBlock = {
  /** One byte a transaction. */
  readonly codes: Uint8Array;
  readonly batch: StateBatch;
};

/** @param checkReads false when the codes are final already: a block is applied again after a crash */
export async function prepareBlock(
  blockNumber: number,
  transactions: readonly ValidatedTransaction[],
  state: StateReader,
  checkReads: boolean,
): Promise<PreparedBlock> {
  const codes = Buffer.alloc(transactions.length);
  const batch = new StateBatch();
  for (const [txIndex, transaction] of transactions.entries()) {
    const { rwset, configData } = transaction;
    let code = transaction.code;
    if (code === TxValidationCode.VALID) {
      const version: Version = { blockNumber, txIndex };
      if (rwset !== undefined) {
        if (checkReads) code = checkPointReads(rwset, batch, state) ?? (await checkAll(rwset, batch, state));
        if (code === TxValidationCode.VALID) {
          applyWrites(rwset, version, batch, state);
          recordHistory(rwset, version, batch);
        }
      } else if (configData !== undefined) {
        batch.set(CONFIG_NAMESPACE, CONFIG_KEY, { value: configData, version });
      }
    }
    codes[txIndex] = code;
  }
  return { codes, batch };
}

/** The verdict of a set without range queries; undefined when it has some. */
function checkPointReads(rwset: ParsedRwSet, batch: StateBatch, state: StateReader): number | undefined {
  for (const set of rwset.namespaces) if (set.rangeQueries.length > 0) return undefined;
  for (const set of rwset.namespaces) {
    if (!areUnchanged(set.namespace, set.reads, batch, state) || !areHashedUnchanged(set, batch, state)) {
      return TxValidationCode.MVCC_READ_CONFLICT;
    }
  }
  return TxValidationCode.VALID;
}

/** Public reads, ranges and hashed reads, namespace by namespace: the first conflict names the code. */
async function checkAll(rwset: ParsedRwSet, batch: StateBatch, state: StateReader): Promise<number> {
  for (const set of rwset.namespaces) {
    if (!areUnchanged(set.namespace, set.reads, batch, state)) return TxValidationCode.MVCC_READ_CONFLICT;
    for (const query of set.rangeQueries) {
      if (!(await isRangeUnchanged(set.namespace, query, batch, state))) return TxValidationCode.PHANTOM_READ_CONFLICT;
    }
    if (!areHashedUnchanged(set, batch, state)) return TxValidationCode.MVCC_READ_CONFLICT;
  }
  return TxValidationCode.VALID;
}

function areUnchanged(namespace: string, reads: readonly KvRead[], batch: StateBatch, state: StateReader): boolean {
  for (const read of reads) {
    if (batch.has(namespace, read.key)) return false;
    if (!sameVersion(state.get(namespace, read.key)?.version, read.version)) return false;
  }
  return true;
}

function areHashedUnchanged(set: NamespaceRwSet, batch: StateBatch, state: StateReader): boolean {
  return set.collections.every(({ name, reads }) =>
    areUnchanged(hashedNamespace(set.namespace, name), reads, batch, state),
  );
}

function recordHistory(rwset: ParsedRwSet, version: Version, batch: StateBatch): void {
  for (const { namespace, writes } of rwset.namespaces) {
    for (const { key } of writes) batch.history.push({ namespace, key, version });
  }
}
