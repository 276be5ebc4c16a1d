import type { Branded } from "./brand.js";

/** Milliseconds since 1970-01-01 UTC. */
export type UnixMs = Branded<number, "UnixMs">;

/** @throws RangeError for what is no finite number */
export function unixMs(ms: number): UnixMs {
  if (!Number.isFinite(ms)) throw new RangeError(`${ms} is not a time in milliseconds`);
  return ms as UnixMs;
}

/** Position of a block in one channel. uint64 on the wire; genesis is 0n, so compare with undefined, never by truth. */
export type BlockNumber = Branded<bigint, "BlockNumber">;

/** @throws RangeError outside uint64 */
export function blockNumber(n: bigint | number): BlockNumber {
  const value = BigInt(n);
  if (BigInt.asUintN(64, value) !== value) throw new RangeError(`block number ${value} is outside uint64`);
  return value as BlockNumber;
}

/** Lower-case hex SHA-256 of nonce and creator: 64 characters when a client followed the rule. */
export type TransactionId = Branded<string, "TransactionId">;

/** Name of an organisation's membership service provider, e.g. "BreweryMSP". */
export type MspId = string;

export type ChannelId = string;
