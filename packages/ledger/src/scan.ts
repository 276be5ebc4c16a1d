/**
 * Reads protobuf messages field by field, without building objects: what a committer needs of a transaction is a few
 * views into the bytes it received.
 *
 * The rules are those of Go's protobuf, so that our peer calls malformed what a Fabric peer calls malformed: a known
 * field with an unexpected wire type is skipped as unknown, strings must be valid UTF-8, and a singular message that
 * occurs twice is merged (which is the same as concatenating its bytes).
 */
import { isUtf8 } from "node:buffer";

/** The bytes are not a protobuf message. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

const MAX_GROUP_DEPTH = 100;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

export class FieldReader {
  readonly #bytes: Buffer;
  #position = 0;
  #wireType = 0;
  /** Number of the field that `next` came to. */
  field = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Moves to the next field; false at the end of the message. The value must then be read or skipped. */
  next(): boolean {
    if (this.#position >= this.#bytes.length) return false;
    const tag = this.#varint();
    const field = Math.floor(tag / 8);
    if (field < 1 || field > 0x1fffffff) throw new MalformedMessage(`field number ${field}`);
    this.field = field;
    this.#wireType = tag & 7;
    return true;
  }

  isLengthDelimited(): boolean {
    return this.#wireType === LENGTH_DELIMITED;
  }

  isVarint(): boolean {
    return this.#wireType === VARINT;
  }

  /** A view of the field's bytes. */
  bytes(): Buffer {
    const length = this.#varint();
    const start = this.#position;
    const end = start + length;
    if (end > this.#bytes.length) throw new MalformedMessage("a field runs past the end");
    this.#position = end;
    return this.#bytes.subarray(start, end);
  }

  string(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw new MalformedMessage("a string is not UTF-8");
    return bytes.toString("utf8");
  }

  /** An unsigned integer. Above 2^53 it loses its last digits. */
  number(): number {
    return this.#varint();
  }

  skip(): void {
    this.#skip(0);
  }

  #skip(depth: number): void {
    const wireType: number = this.#wireType;
    switch (wireType) {
      case VARINT:
        this.#varint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case LENGTH_DELIMITED:
        this.#advance(this.#varint());
        return;
      case FIXED32:
        this.#advance(4);
        return;
      case START_GROUP: {
        if (depth >= MAX_GROUP_DEPTH) throw new MalformedMessage("groups too deep");
        const group = this.field;
        while (this.next()) {
          if (this.#isGroupEnd()) {
            if (this.field !== group) throw new MalformedMessage("a group ends that did not begin");
            return;
          }
          this.#skip(depth + 1);
        }
        throw new MalformedMessage("a group does not end");
      }
      default:
        throw new MalformedMessage(`wire type ${wireType}`);
    }
  }

  #isGroupEnd(): boolean {
    return this.#wireType === END_GROUP;
  }

  #advance(length: number): void {
    this.#position += length;
    if (this.#position > this.#bytes.length) throw new MalformedMessage("a field runs past the end");
  }

  #varint(): number {
    const bytes = this.#bytes;
    let position = this.#position;
    let byte = bytes[position++];
    if (byte === undefined) throw new MalformedMessage("a number runs past the end");
    if (byte < 0x80) {
      this.#position = position;
      return byte;
    }
    let value = byte & 0x7f;
    let scale = 128;
    for (let count = 1; count < 10; count++) {
      byte = bytes[position++];
      if (byte === undefined) throw new MalformedMessage("a number runs past the end");
      if (count === 9 && byte > 1) throw new MalformedMessage("a number is above 64 bits");
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        this.#position = position;
        return value;
      }
    }
    throw new MalformedMessage("a number is above 64 bits");
  }
}

/** The bytes of a singular message field after one more occurrence of it. */
export function merged(before: Uint8Array | undefined, next: Uint8Array): Uint8Array {
  return before === undefined ? next : Buffer.concat([before, next]);
}
