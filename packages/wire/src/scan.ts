/**
 * A reader over raw protobuf bytes that gives views instead of copies.
 *
 * The hot path needs three or four fields of a message and the exact bytes of others; a full decode costs seven times
 * as much and invites re-encoding.
 */
import { WireError } from "./codec.js";

export type Field = {
  readonly number: number;
  readonly wireType: number;
  /** Value of a varint (wire type 0), exact below 2^53; 0 otherwise. */
  readonly varint: number;
  /** Payload of a length-delimited field (wire type 2), a view into the scanned bytes; empty otherwise. */
  readonly bytes: Uint8Array;
};

const EMPTY = new Uint8Array(0);
const VARINT_LIMIT_BYTES = 10;

export class FieldScanner {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  number = 0;
  wireType = 0;
  varint = 0;
  bytes: Uint8Array = EMPTY;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** Moves to the next field. False at the end. @throws WireError on malformed bytes */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.#readVarint();
    this.number = Math.floor(tag / 8);
    this.wireType = tag & 7;
    this.varint = 0;
    this.bytes = EMPTY;
    if (this.number === 0) this.#fail("field number 0");
    switch (this.wireType) {
      case 0:
        this.varint = this.#readVarint();
        return true;
      case 1:
        this.#skip(8);
        return true;
      case 2: {
        const length = this.#readVarint();
        const start = this.#at;
        this.#skip(length);
        this.bytes = this.#bytes.subarray(start, this.#at);
        return true;
      }
      case 5:
        this.#skip(4);
        return true;
      default:
        return this.#fail(`wire type ${this.wireType}`);
    }
  }

  #readVarint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_LIMIT_BYTES; count++) {
      if (this.#at >= bytes.length) this.#fail("a cut integer");
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    return this.#fail("an integer of more than 10 bytes");
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#at) this.#fail("a length past the end");
    this.#at += length;
  }

  #fail(found: string): never {
    throw new WireError(`${this.#bytes.length} bytes are not a valid ${this.#what}: ${found} at byte ${this.#at}`);
  }
}

/** Bytes of a varint, for writing shells around kept bytes. */
export function varintBytes(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Uint8Array.from(out);
}

/** The tag and length that go before a length-delimited field. */
export function fieldHead(fieldNumber: number, length: number): Uint8Array {
  const tag = varintBytes(fieldNumber * 8 + 2);
  const size = varintBytes(length);
  const head = new Uint8Array(tag.length + size.length);
  head.set(tag);
  head.set(size, tag.length);
  return head;
}
