/**
 * Ion binary, as far as exports need it: structs, lists, strings, blobs, integers and timestamps, with one local symbol
 * table at the beginning of the file. Source: the Amazon Ion specification.
 */
import { assert, type Bytes } from "@hansa/primitives";
import { BadValue, DEEPEST, type Value } from "./value.js";

const VERSION_MARKER = Buffer.of(0xe0, 0x01, 0x00, 0xea);
const TYPE = { integer: 2, timestamp: 6, string: 8, blob: 10, list: 11, struct: 13, annotated: 14 } as const;
const LONG_LENGTH = 14;
const SYMBOL_TABLE = 3;
const SYMBOLS = 7;
const FIRST_OWN_SYMBOL = 10;
const UTC_OFFSET = Buffer.of(0x80);
/** An exponent of -3, as a signed number of variable length. */
const MILLISECONDS = Buffer.of(0x80 | 0x40 | 3);

/** Every field name of an export. Their places are their symbol ids, so new ones come last. */
const FIELD_NAMES = [
  ...["blockAddress", "strandId", "sequenceNo", "transactionId", "blockTimestamp", "blockHash", "entriesHash"],
  ...["previousBlockHash", "entriesHashList", "transactionInfo", "statements", "documents", "revisions", "hash"],
  ...["data", "envelope", "metadata", "id", "version", "txTime", "txId", "channelBlock", "binding", "header"],
  ...["content", "checksum", "ledgerName", "exportId", "inclusiveStartTime", "exclusiveEndTime", "bucket", "prefix"],
  ...["objectEncryptionType", "outputFormat", "keys"],
] as const;
const SYMBOL_OF = new Map<string, number>(FIELD_NAMES.map((name, i) => [name, FIRST_OWN_SYMBOL + i]));

/** What a file begins with. */
export function ionBinaryHead(names: readonly string[] = FIELD_NAMES): Buffer {
  const list = writeIonBinary(names);
  const writer = new Writer(SYMBOL_OF);
  writer.container(TYPE.annotated, () => {
    writer.varUint(1);
    writer.varUint(SYMBOL_TABLE);
    writer.container(TYPE.struct, () => {
      writer.varUint(SYMBOLS);
      writer.bytes(list);
    });
  });
  return Buffer.concat([VERSION_MARKER, writer.taken()]);
}

/** A value that stands by itself: the names of its own fields come first. */
export function ionBinaryDocument(value: Value): Buffer {
  const names = [...fieldNames(value, new Set())];
  const symbols = new Map(names.map((name, i) => [name, FIRST_OWN_SYMBOL + i]));
  return Buffer.concat([ionBinaryHead(names), writeIonBinary(value, symbols)]);
}

function fieldNames(value: Value, into: Set<string>): Set<string> {
  if (typeof value !== "object" || value instanceof Uint8Array || value instanceof Date) return into;
  if (!Array.isArray(value)) for (const name of Object.keys(value)) into.add(name);
  for (const inner of Object.values(value)) fieldNames(inner as Value, into);
  return into;
}

export function writeIonBinary(value: Value, symbols: ReadonlyMap<string, number> = SYMBOL_OF): Buffer {
  const writer = new Writer(symbols);
  writer.value(value);
  return writer.taken();
}

/** A length takes five bytes at most; what is above four GiB is no value of an export. */
const LONGEST_HEAD = 6;

/** One buffer that grows. A container is written behind the longest head it might need, then moved up to its own. */
class Writer {
  readonly #symbols: ReadonlyMap<string, number>;
  #buffer = Buffer.allocUnsafe(4096);
  #at = 0;

  constructor(symbols: ReadonlyMap<string, number>) {
    this.#symbols = symbols;
  }

  taken(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  value(value: Value): void {
    if (typeof value === "number") this.#integer(value);
    else if (typeof value === "string") this.#scalar(TYPE.string, Buffer.from(value, "utf8"));
    else if (value instanceof Uint8Array) this.#scalar(TYPE.blob, value);
    else if (value instanceof Date) this.container(TYPE.timestamp, () => this.#time(value));
    else if (Array.isArray(value)) {
      this.container(TYPE.list, () => {
        for (const item of value) this.value(item as Value);
      });
    } else {
      this.container(TYPE.struct, () => {
        for (const name of Object.keys(value)) {
          const symbol = this.#symbols.get(name);
          assert(symbol !== undefined, `${name} has no symbol`);
          this.varUint(symbol);
          this.value((value as { readonly [field: string]: Value })[name] as Value);
        }
      });
    }
  }

  container(type: number, write: () => void): void {
    const start = this.#at;
    this.#room(LONGEST_HEAD);
    this.#at += LONGEST_HEAD;
    write();
    const length = this.#at - start - LONGEST_HEAD;
    this.#at = start;
    this.#head(type, length);
    this.#buffer.copyWithin(this.#at, start + LONGEST_HEAD, start + LONGEST_HEAD + length);
    this.#at += length;
  }

  varUint(value: number): void {
    this.#room(8);
    let width = 1;
    for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) width++;
    let rest = value;
    for (let i = width - 1; i >= 0; i--) {
      this.#buffer[this.#at + i] = rest % 128;
      rest = Math.floor(rest / 128);
    }
    this.#at += width;
    this.#buffer[this.#at - 1] = (this.#buffer[this.#at - 1] as number) | 0x80;
  }

  bytes(bytes: Bytes): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #head(type: number, length: number): void {
    this.#room(LONGEST_HEAD);
    const isShort = length < LONG_LENGTH && !(type === TYPE.struct && length === 1);
    this.#buffer[this.#at++] = (type << 4) | (isShort ? length : LONG_LENGTH);
    if (!isShort) this.varUint(length);
  }

  #scalar(type: number, content: Bytes): void {
    this.#head(type, content.length);
    this.bytes(content);
  }

  #integer(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, `${value} in an export`);
    const width = value === 0 ? 0 : Math.floor(Math.log2(value) / 8) + 1;
    this.#head(TYPE.integer, width);
    this.#uint(value, width);
  }

  /** UTC, milliseconds: a fraction with exponent -3. */
  #time(time: Date): void {
    this.bytes(UTC_OFFSET);
    this.varUint(time.getUTCFullYear());
    this.varUint(time.getUTCMonth() + 1);
    this.varUint(time.getUTCDate());
    this.varUint(time.getUTCHours());
    this.varUint(time.getUTCMinutes());
    this.varUint(time.getUTCSeconds());
    this.bytes(MILLISECONDS);
    const millis = time.getUTCMilliseconds();
    // Sign and magnitude: a first bit that is set would say "below zero".
    this.#uint(millis, millis === 0 ? 0 : millis < 0x80 ? 1 : 2);
  }

  /** Big endian. */
  #uint(value: number, width: number): void {
    this.#room(8);
    if (width > 0) this.#at = this.#buffer.writeUIntBE(value, this.#at, width);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#at + bytes));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

/** The reader compares it with every file. */
const HEAD = ionBinaryHead();

export class IonBinaryReader {
  readonly #bytes: Buffer;
  #at = 0;

  /** @throws BadValue when the file does not begin as `ionBinaryHead` */
  constructor(bytes: Bytes) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < HEAD.length; i++) {
      if (this.#bytes[i] !== HEAD[i]) throw new BadValue(i, "the file does not begin with the symbols of an export");
    }
    this.#at = HEAD.length;
  }

  get position(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @throws BadValue */
  next(): Value {
    return this.#value(this.#bytes.length, 0);
  }

  #value(limit: number, depth: number): Value {
    const descriptor = this.#byte(limit);
    const type = descriptor >> 4;
    const short = descriptor & 0x0f;
    const length = short === LONG_LENGTH ? this.#varUint(limit) : short;
    const end = this.#at + length;
    if (short === 15) throw this.#bad("a null");
    if (end > limit) throw this.#bad("a value that ends behind what holds it");
    if (depth > DEEPEST) throw this.#bad("values that nest too deep");
    const content = this.#bytes.subarray(this.#at, end);
    if (type === TYPE.list) return this.#list(end, depth);
    if (type === TYPE.struct && short !== 1) return this.#struct(end, depth);
    if (type === TYPE.integer && length <= 6) {
      this.#at = end;
      return length === 0 ? 0 : content.readUIntBE(0, length);
    }
    if (type === TYPE.string) {
      this.#at = end;
      return content.toString("utf8");
    }
    if (type === TYPE.blob) {
      this.#at = end;
      return content;
    }
    if (type === TYPE.timestamp) return this.#timestamp(end);
    throw this.#bad(`a value of type ${type}, which an export does not hold`);
  }

  #list(end: number, depth: number): Value {
    const items: Value[] = [];
    while (this.#at < end) items.push(this.#value(end, depth + 1));
    return items;
  }

  #struct(end: number, depth: number): Value {
    const fields: Record<string, Value> = {};
    while (this.#at < end) {
      const symbol = this.#varUint(end);
      const name = FIELD_NAMES[symbol - FIRST_OWN_SYMBOL];
      if (name === undefined) throw this.#bad(`an unknown symbol ${symbol}`);
      if (Object.hasOwn(fields, name)) throw this.#bad(`a second ${name}`);
      fields[name] = this.#value(end, depth + 1);
    }
    return fields;
  }

  #timestamp(end: number): Date {
    const offset = this.#byte(end);
    const year = this.#varUint(end);
    const month = this.#varUint(end);
    const day = this.#varUint(end);
    const hour = this.#varUint(end);
    const minute = this.#varUint(end);
    const second = this.#varUint(end);
    const exponent = this.#byte(end);
    const width = end - this.#at;
    const isPlain = offset === UTC_OFFSET[0] && exponent === MILLISECONDS[0] && width <= 2;
    if (!isPlain) throw this.#bad("a time that an export does not hold");
    const millis = width === 0 ? 0 : this.#bytes.readUIntBE(this.#at, width);
    this.#at = end;
    return new Date(Date.UTC(year, month - 1, day, hour, minute, second, millis));
  }

  #byte(limit: number): number {
    if (this.#at >= limit) throw this.#bad("a value that ends too early");
    return this.#bytes[this.#at++] as number;
  }

  #varUint(limit: number): number {
    let value = 0;
    for (let digits = 0; digits < 7; digits++) {
      const byte = this.#byte(limit);
      value = value * 128 + (byte & 0x7f);
      if (byte >= 0x80) return value;
    }
    throw this.#bad("a number that is too large");
  }

  #bad(what: string): BadValue {
    return new BadValue(Math.min(this.#at, this.#bytes.length), what);
  }
}
