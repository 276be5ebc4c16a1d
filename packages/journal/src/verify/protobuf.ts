/**
 * As much of protobuf's encoding as it takes to read what a receipt holds. Unknown fields are passed over. A field that
 * comes twice is refused: readers differ in which one they take, or whether they join them.
 */
import type { Bytes } from "@hansa/primitives";
import { Malformed, toText } from "./encoding.js";

/** The value of each field: bytes, or a whole number. */
export class Message {
  readonly #fields = new Map<number, Bytes | number>();

  /** @throws Malformed */
  constructor(bytes: Bytes) {
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++];
        if (byte === undefined || scale > 2 ** 63) throw new Malformed(`is no protobuf at byte ${at - 1}`);
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    const take = (length: number): Bytes => {
      if (at + length > bytes.length) throw new Malformed(`ends within a field that begins before byte ${at}`);
      at += length;
      return bytes.subarray(at - length, at);
    };
    while (at < bytes.length) {
      const tag = varint();
      const number = Math.floor(tag / 8);
      if (this.#fields.has(number)) throw new Malformed(`says field ${number} twice, before byte ${at}`);
      if (tag % 8 === 0) this.#fields.set(number, varint());
      else if (tag % 8 === 2) this.#fields.set(number, take(varint()));
      else if (tag % 8 === 1) take(8);
      else if (tag % 8 === 5) take(4);
      else throw new Malformed(`is no protobuf at byte ${at}`);
    }
  }

  /** Empty when absent. */
  bytes(number: number): Bytes {
    const value = this.#fields.get(number) ?? new Uint8Array(0);
    if (typeof value === "number") throw new Malformed(`has a number in field ${number}`);
    return value;
  }

  text(number: number): string {
    return toText(this.bytes(number));
  }

  message(number: number): Message {
    return new Message(this.bytes(number));
  }

  /** 0 when absent. */
  number(number: number): number {
    const value = this.#fields.get(number) ?? 0;
    if (typeof value !== "number" || !Number.isSafeInteger(value)) {
      throw new Malformed(`has no number that can be read in field ${number}`);
    }
    return value;
  }
}
