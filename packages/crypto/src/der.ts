/**
 * A reader for DER (X.690), just enough for the parts of certificates and revocation lists that node:crypto does not
 * expose, and a writer for the few structures that are put together here. Views into the input, nothing is copied.
 */
import type { Bytes } from "@hansa/primitives";
import { CryptoError } from "./error.js";

export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `raw` is header and content, `content` the content alone. */
export type DerElement = { tag: number; raw: Bytes; content: Bytes };

/** Context-specific tag number n; constructed unless told otherwise. */
export function contextTag(n: number, constructed = true): number {
  return (constructed ? 0xa0 : 0x80) | n;
}

/** Steps through the elements of one constructed value. */
export class DerReader {
  readonly #bytes: Bytes;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Bytes, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Tag of the next element, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** @throws CryptoError MALFORMED_DER when the next element is cut short, too long or of another tag */
  next(tag?: number): DerElement {
    const start = this.#at;
    const found = this.#bytes[start];
    const first = this.#bytes[start + 1];
    if (found === undefined || first === undefined) throw this.#malformed("ends too early");
    if ((found & 0x1f) === 0x1f) throw this.#malformed("has a multi-byte tag");
    if (tag !== undefined && found !== tag) throw this.#malformed(`has tag ${found} where ${tag} belongs`);
    let length = first;
    let contentAt = start + 2;
    if (first >= 0x80) {
      const size = first & 0x7f;
      if (size === 0 || size > 4) throw this.#malformed("has a length that is not DER");
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + (this.#bytes[contentAt + i] ?? 0);
      contentAt += size;
      if (length < 0x80 || length < 2 ** (8 * (size - 1))) throw this.#malformed("has a length that is not minimal");
    }
    const end = contentAt + length;
    if (end > this.#bytes.length) throw this.#malformed("ends too early");
    this.#at = end;
    return {
      tag: found,
      raw: this.#bytes.subarray(start, end),
      content: this.#bytes.subarray(contentAt, end),
    };
  }

  /** The next element when it has this tag; otherwise nothing moves. */
  optional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.next(tag) : undefined;
  }

  /** A reader over the content of the next element. */
  enter(tag: number = Tag.sequence): DerReader {
    return new DerReader(this.next(tag).content, this.#what);
  }

  #malformed(fact: string): CryptoError {
    return new CryptoError("MALFORMED_DER", `${this.#what} ${fact} at byte ${this.#at}`);
  }
}

/** Dotted form. Arcs beyond 2^53 do not occur in what is compared here and lose precision. */
export function oidText(content: Bytes): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    if (arcs.length === 0) {
      const root = Math.min(Math.floor(arc / 40), 2);
      arcs.push(root, arc - root * 40);
    } else arcs.push(arc);
    arc = 0;
  }
  return arcs.join(".");
}

/** UTF8String and the ASCII family by their bytes; BMPString as UTF-16. @throws CryptoError MALFORMED_DER */
export function stringText(element: DerElement): string {
  const buffer = Buffer.from(element.content);
  if (element.tag !== Tag.bmpString) return buffer.toString("utf8");
  if (buffer.length % 2 === 1) throw new CryptoError("MALFORMED_DER", "a BMPString has half a character");
  return buffer.swap16().toString("utf16le");
}

/** Milliseconds since 1970 of UTCTime (two-digit years pivot at 50) or GeneralizedTime. NaN when it is neither. */
export function timeMs(element: DerElement): number {
  const text = Buffer.from(element.content).toString("latin1");
  const match = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return Number.NaN;
  const short = Number(match[1]);
  const year = element.tag === Tag.generalizedTime ? short : short + (short < 50 ? 2000 : 1900);
  return Date.UTC(year, Number(match[2]) - 1, Number(match[3]), Number(match[4]), Number(match[5]), Number(match[6]));
}

/** Lower-case hex of a non-negative INTEGER without leading zero bytes; "00" for zero. */
export function integerHex(content: Bytes): string {
  let start = 0;
  while (start < content.length - 1 && content[start] === 0) start++;
  return Buffer.from(content.subarray(start)).toString("hex");
}

/** One element out of its tag and the parts of its content. */
export function derElement(tag: number, ...parts: readonly Bytes[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const header: number[] = [tag];
  if (length < 0x80) header.push(length);
  else {
    const size: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
    header.push(0x80 | size.length, ...size);
  }
  return Buffer.concat([Buffer.from(header), ...parts]);
}
