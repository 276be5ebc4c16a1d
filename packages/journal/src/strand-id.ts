import { type Bytes, fromUtf8, sha256Of } from "@hansa/primitives";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 22;
const BASE = 62;
const PAIR = BASE * BASE;

/** 128 bits as 22 base-62 digits, the shape of every QLDB id. */
export function idFromBytes(bytes: Bytes): string {
  // Eight digits to the base 2^16, most significant first: plain numbers are much faster here than one BigInt.
  const rest = Array.from({ length: 8 }, (_, i) => (bytes[2 * i] as number) * 256 + (bytes[2 * i + 1] as number));
  let text = "";
  for (let pairs = 0; pairs < ID_LENGTH / 2; pairs++) {
    let remainder = 0;
    for (let i = 0; i < rest.length; i++) {
      const value = remainder * 65_536 + (rest[i] as number);
      rest[i] = Math.floor(value / PAIR);
      remainder = value % PAIR;
    }
    text = `${DIGITS[Math.floor(remainder / BASE)]}${DIGITS[remainder % BASE]}${text}`;
  }
  return text;
}

/**
 * The strand of a channel: follows from its name and the hash of its genesis header, so that every ordering node of the
 * channel arrives at the same addresses, and a channel made anew under an old name does not.
 */
export function channelStrandId(channelId: string, genesisHeaderHash: Bytes): string {
  return idFromBytes(sha256Of([fromUtf8("hansa.journal.strand/1\0"), fromUtf8(`${channelId}\0`), genesisHeaderHash]));
}
