/**
 * A reader over raw protobuf bytes that gives views instead of copies.
 *
 * The hot path needs three or four fields of a message and the exact bytes of others; a full decode costs seven times
 * as much and invites re-encoding.
 */
import { concatBytes } from "@hansa/primitives";
import { asBuffer, EMPTY } from "./buffer.js";
import { WireError } from "./codec.js";

export type Field = {
  readonly number: number;
  readonly wireType: number;
  /** Value of a varint (wire type 0), exact below 2^53; 0 otherwise. */
  readonly varint: number;
  /** Payload of a length-delimited field (wire type 2), a view into the scanned bytes; empty otherwise. */
  readonly bytes: Uint8Array;
};

const VARINT_LIMIT_BYTES = 10;
/** Field numbers have 29 bits, so a tag has 32. Source: protobuf's encoding guide. */
const TAG_LIMIT = 0xffffffff;
const GROUP_START = 3;
const GROUP_END = 4;
/** As deep as protobufjs and protoc follow nested messages. */
const NESTING_LIMIT = 100;

export class FieldScanner {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  number = 0;
  wireType = 0;
  varint = 0;
  bytes: Uint8Array = EMPTY;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = asBuffer(bytes);
    this.#what = what;
  }

  /** Moves to the next field. False at the end. @throws WireError on malformed bytes */
  next(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.#readTag();
    this.number = tag >>> 3;
    this.wireType = tag & 7;
    this.varint = 0;
    this.bytes = EMPTY;
    if (this.wireType === 2) {
      const length = this.#readVarint();
      const start = this.#at;
      this.#skip(length);
      this.bytes = this.#bytes.subarray(start, this.#at);
    } else if (this.wireType === 0) this.varint = this.#readVarint();
    else this.#skipValue(tag, 0);
    return true;
  }

  #readTag(): number {
    const tag = this.#readVarint();
    if (tag < 8) this.#fail("field number 0");
    if (tag > TAG_LIMIT) this.#fail("a field number of more than 29 bits");
    return tag;
  }

  #skipValue(tag: number, depth: number): void {
    const wireType = tag & 7;
    if (wireType === 0) this.#readVarint();
    else if (wireType === 1) this.#skip(8);
    else if (wireType === 2) this.#skip(this.#readVarint());
    else if (wireType === GROUP_START) this.#skipGroup(tag, depth + 1);
    else if (wireType === 5) this.#skip(4);
    else this.#fail(`wire type ${wireType}`);
  }

  /** Nobody writes groups any more; as unknown fields they are still well-formed. */
  #skipGroup(start: number, depth: number): void {
    if (depth > NESTING_LIMIT) this.#fail("too many nested groups");
    for (;;) {
      const tag = this.#readTag();
      if ((tag & 7) !== GROUP_END) this.#skipValue(tag, depth);
      else if (tag >>> 3 === start >>> 3) return;
      else this.#fail("the end of another group");
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
      if (byte < 0x80) {
        if (count === VARINT_LIMIT_BYTES - 1 && byte > 1) break;
        return value;
      }
      scale *= 128;
    }
    return this.#fail("an integer of more than 64 bits");
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.#at) this.#fail("a length past the end");
    this.#at += length;
  }

  #fail(found: string): never {
    const what = this.#what;
    throw new WireError(what, `${this.#bytes.length} bytes are not a valid ${what}: ${found} at byte ${this.#at}`);
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

/**
 * An embedded message that stands twice in its parent means the merge of both, and merging is concatenation.
 * Source: protobuf's encoding guide, "Last One Wins".
 */
export function mergeMessages(earlier: Uint8Array | undefined, later: Uint8Array): Uint8Array {
  return earlier === undefined ? later : concatBytes(earlier, later);
}

/** Whether the bytes are a sequence of protobuf fields, as far as can be said without knowing the message. */
export function isWireFormat(bytes: Uint8Array): boolean {
  const scanner = new FieldScanner(bytes, "a message");
  try {
    while (scanner.next());
    return true;
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}
