/** Bytes as they travel: Uint8Array everywhere, with the few operations that rules need. */
export type Bytes = Uint8Array;

export const NO_BYTES: Bytes = new Uint8Array(0);

/** A copy of all parts, one after the other. */
export function concatBytes(...parts: readonly Bytes[]): Bytes {
  return Buffer.concat(parts);
}

/** Same length and content. Not in constant time: not for secrets. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Two lower-case digits a byte. */
export function toHex(bytes: Bytes): string {
  return view(bytes).toString("hex");
}

/** The standard alphabet, padded. */
export function toBase64(bytes: Bytes): string {
  return view(bytes).toString("base64");
}

/** Reads both alphabets, padded or not. Never throws: what is no base64 is skipped, so check outside input first. */
export function fromBase64(text: string): Bytes {
  return Buffer.from(text, "base64");
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function toUtf8(bytes: Bytes): string {
  return view(bytes).toString("utf8");
}

/** Half a surrogate pair becomes the bytes of U+FFFD. */
export function fromUtf8(text: string): Bytes {
  return Buffer.from(text, "utf8");
}

/** A one-character-per-byte string: the cheapest exact Map key for bytes. */
export function bytesKey(bytes: Bytes): string {
  return view(bytes).latin1Slice(0, bytes.length);
}

function view(bytes: Bytes): Buffer & { latin1Slice(start: number, end: number): string } {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer as Buffer & { latin1Slice(start: number, end: number): string };
}
