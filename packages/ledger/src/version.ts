/** Versions of keys. Source: hyperledger/fabric, core/ledger/internal/version/version.go. */
import type { Version } from "./state.js";

/** Two absent versions are the same. */
export function sameVersion(a: Version | undefined, b: Version | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.blockNumber === b.blockNumber && a.txIndex === b.txIndex;
}

/** Negative where `a` is the earlier one, zero where they are the same. */
export function compareVersions(a: Version, b: Version): number {
  return a.blockNumber - b.blockNumber || a.txIndex - b.txIndex;
}

/**
 * Both numbers, each as one byte of length and that many big-endian bytes: shorter numbers sort first.
 * Source: hyperledger/fabric, common/ledger/util/util.go.
 */
export function versionBytes(version: Version): Uint8Array {
  const bytes = Buffer.alloc(18);
  const end = writeOrdered(bytes, writeOrdered(bytes, 0, version.blockNumber), version.txIndex);
  return bytes.subarray(0, end);
}

function writeOrdered(bytes: Buffer, offset: number, value: number): number {
  let size = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) size++;
  bytes[offset] = size;
  let rest = value;
  for (let i = offset + size; i > offset; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + 1 + size;
}
