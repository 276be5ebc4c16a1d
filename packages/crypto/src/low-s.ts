/**
 * The low-S rule of Fabric: of the two signatures (r, s) and (r, n - s) that verify, only the one with s ≤ n/2
 * counts. OpenSSL returns either, so signatures are mended after signing and judged before verifying.
 * All on bytes: BigInt would cost more than the rest of a signature's handling together.
 * Source: hyperledger/fabric-lib-go, bccsp/utils/ecdsa.go.
 */
import type { Bytes } from "@hansa/primitives";

export type EcAlgorithm = "P-256" | "P-384";

type Curve = { order: Uint8Array; half: Uint8Array; bytes: number };

function curve(orderHex: string): Curve {
  const order = Buffer.from(orderHex, "hex");
  const half = Buffer.alloc(order.length);
  let carry = 0;
  for (let i = 0; i < order.length; i++) {
    const byte = order[i] ?? 0;
    half[i] = (byte >> 1) | (carry << 7);
    carry = byte & 1;
  }
  return { order, half, bytes: order.length };
}

const CURVES: Readonly<Record<EcAlgorithm, Curve>> = {
  "P-256": curve("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
  "P-384": curve("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
};

/** Where the two integers of a signature stand; `exact` when nothing surrounds them. */
type Layout = { rAt: number; rLength: number; sAt: number; sLength: number; exact: boolean };

/**
 * Reads SEQUENCE { r, s } as Go's asn1.Unmarshal does: lengths and integers minimal, but bytes after s and after the
 * sequence are ignored. Both integers must be positive. Undefined for anything else.
 */
function layout(signature: Bytes): Layout | undefined {
  if (signature[0] !== 0x30) return undefined;
  let at = 2;
  let length = signature[1] ?? 0xff;
  if (length === 0x81) {
    length = signature[2] ?? 0;
    if (length < 0x80) return undefined;
    at = 3;
  } else if (length > 0x80) {
    return undefined;
  }
  const end = at + length;
  if (end > signature.length) return undefined;
  const rLength = positiveInteger(signature, at, end);
  if (rLength === 0) return undefined;
  const sHeader = at + 2 + rLength;
  const sLength = positiveInteger(signature, sHeader, end);
  if (sLength === 0) return undefined;
  const sAt = sHeader + 2;
  return { rAt: at + 2, rLength, sAt, sLength, exact: sAt + sLength === end && end === signature.length };
}

/** Content length of the positive minimal INTEGER at `at`, or 0. */
function positiveInteger(bytes: Bytes, at: number, end: number): number {
  const length = bytes[at + 1] ?? 0;
  if (bytes[at] !== 0x02 || length === 0 || length >= 0x80 || at + 2 + length > end) return 0;
  const first = bytes[at + 2] ?? 0xff;
  if (first >= 0x80) return 0;
  if (first === 0 && (length === 1 || (bytes[at + 3] ?? 0) < 0x80)) return 0;
  return length;
}

/** Whether the INTEGER content is at most `limit` (both big-endian). */
function atMost(bytes: Bytes, at: number, length: number, limit: Uint8Array): boolean {
  let start = at;
  let size = length;
  if (bytes[start] === 0) {
    start++;
    size--;
  }
  if (size !== limit.length) return size < limit.length;
  for (let i = 0; i < size; i++) {
    const difference = (bytes[start + i] ?? 0) - (limit[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Whether the bytes are a DER signature with positive integers whose s is at most half the order of the curve. */
export function isLowS(signature: Bytes, algorithm: EcAlgorithm): boolean {
  const at = layout(signature);
  return at !== undefined && atMost(signature, at.sAt, at.sLength, CURVES[algorithm].half);
}

/**
 * The same signature with s replaced by n - s where s is above n/2, in canonical DER. Returns its input when nothing
 * has to change, and undefined when the bytes are no signature or s is not below n.
 */
export function toLowS(signature: Bytes, algorithm: EcAlgorithm): Bytes | undefined {
  const at = layout(signature);
  if (at === undefined) return undefined;
  const { half, order, bytes } = CURVES[algorithm];
  const low = atMost(signature, at.sAt, at.sLength, half);
  if (low && at.exact) return signature;
  const r = signature.subarray(at.rAt, at.rAt + at.rLength);
  if (low) return join(r, signature.subarray(at.sAt, at.sAt + at.sLength));
  if (!atMost(signature, at.sAt, at.sLength, order)) return undefined;
  const from = signature[at.sAt] === 0 ? at.sAt + 1 : at.sAt;
  const s = Buffer.alloc(bytes + 1);
  let borrow = 0;
  for (let i = bytes - 1; i >= 0; i--) {
    let difference = (order[i] ?? 0) - (signature[from + i] ?? 0) - borrow;
    borrow = difference < 0 ? 1 : 0;
    if (borrow === 1) difference += 256;
    s[i + 1] = difference;
  }
  let start = 0;
  while (start < bytes && s[start] === 0 && (s[start + 1] ?? 0) < 0x80) start++;
  return join(r, s.subarray(start));
}

function join(r: Uint8Array, s: Uint8Array): Buffer {
  const length = r.length + s.length + 4;
  const out = Buffer.allocUnsafe(length + 2);
  out[0] = 0x30;
  out[1] = length;
  out[2] = 0x02;
  out[3] = r.length;
  out.set(r, 4);
  out[4 + r.length] = 0x02;
  out[5 + r.length] = s.length;
  out.set(s, 6 + r.length);
  return out;
}
