/** Ids as Managed Blockchain forms them: a prefix and 16 bytes in base32, 26 characters without padding. */
import { assert, type Bytes, fromUtf8, sha256 } from "@hansa/primitives";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ID_BYTES = 16;

export type IdPrefix = "n" | "m" | "nd" | "p" | "in";

/** @param bytes 16, drawn at random */
export function idOf(prefix: IdPrefix, bytes: Bytes): string {
  assert(bytes.length === ID_BYTES, `an id is made of ${ID_BYTES} bytes, not ${bytes.length}`);
  return `${prefix}-${base32(bytes)}`;
}

export const networkId = (bytes: Bytes) => idOf("n", bytes);
export const memberId = (bytes: Bytes) => idOf("m", bytes);
export const nodeId = (bytes: Bytes) => idOf("nd", bytes);
export const proposalId = (bytes: Bytes) => idOf("p", bytes);
export const invitationId = (bytes: Bytes) => idOf("in", bytes);

/** The same parts give the same id, other parts another one: for acts that may be asked for twice. */
export function derivedId(prefix: IdPrefix, ...parts: readonly string[]): string {
  return idOf(prefix, sha256(fromUtf8(JSON.stringify(parts))).subarray(0, ID_BYTES));
}

/** RFC 4648 without padding. */
function base32(bytes: Bytes): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}
