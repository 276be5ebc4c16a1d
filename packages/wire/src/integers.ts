/** 64-bit integers: protobufjs reads them as Long; rules want bigint, or number where 2^53 is out of reach. */
import type Long from "long";
import $protobuf from "protobufjs/minimal.js";
import { WireError } from "./codec.js";

/** The very class that protobufjs decodes into; importing "long" here would load a second copy of it. */
const LongClass = $protobuf.util.Long as unknown as typeof Long;

type Int64 = number | Long | null | undefined;

/** Keeps the sign that the field's type gave the Long. Absent is 0n, as proto3 has it. */
export function toBigInt(value: Int64): bigint {
  if (value === null || value === undefined) return 0n;
  if (typeof value === "number") return BigInt(value);
  if (value.high === 0) return BigInt(value.low >>> 0);
  const high = BigInt(value.unsigned ? value.high >>> 0 : value.high);
  return (high << 32n) | BigInt(value.low >>> 0);
}

/** For a uint64 field. @throws RangeError below 0 or above 2^64-1 */
export function toLong(value: bigint | number): Long {
  const wide = BigInt(value);
  if (BigInt.asUintN(64, wide) !== wide) throw new RangeError(`${wide} is outside uint64`);
  return LongClass.fromBits(Number(wide & 0xffffffffn) | 0, Number(wide >> 32n) | 0, true);
}

/** @throws WireError when the value does not fit a number exactly */
export function toNumber(value: Int64): number {
  if (value === null || value === undefined) return 0;
  const n = typeof value === "number" ? value : value.toNumber();
  if (!Number.isSafeInteger(n)) throw new WireError("a 64-bit integer", `${value} does not fit in 53 bits`);
  return n;
}

/** A google.protobuf.Timestamp at the given milliseconds since 1970. */
export function toTimestamp(ms: number): { seconds: Long; nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds: LongClass.fromNumber(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** Milliseconds since 1970, or undefined where there is no timestamp or no number can hold it. */
export function fromTimestamp(
  stamp: { seconds?: Int64; nanos?: number | null } | null | undefined,
): number | undefined {
  if (!stamp) return undefined;
  const seconds = Number(toBigInt(stamp.seconds));
  const ms = seconds * 1000 + (stamp.nanos ?? 0) / 1e6;
  return Number.isSafeInteger(Math.trunc(ms)) ? ms : undefined;
}
