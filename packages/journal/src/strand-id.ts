import { type Bytes, fromUtf8, sha256Of } from "@hansa/primitives";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 22;

/** 128 bits as 22 base-62 digits, the shape of every QLDB id. */
export function idFromBytes(bytes: Bytes): string {
  let rest = BigInt(`0x${Buffer.from(bytes.subarray(0, 16)).toString("hex")}`);
  let text = "";
  for (let i = 0; i < ID_LENGTH; i++) {
    text = `${DIGITS[Number(rest % 62n)]}${text}`;
    rest /= 62n;
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
