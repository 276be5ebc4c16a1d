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
export function ionBinaryHead(): Buffer {
  const list = tagged(TYPE.list, Buffer.concat(FIELD_NAMES.map((name) => writeIonBinary(name))));
  const table = tagged(TYPE.struct, Buffer.concat([varUint(SYMBOLS), list]));
  const annotations = varUint(SYMBOL_TABLE);
  const wrapped = Buffer.concat([varUint(annotations.length), annotations, table]);
  return Buffer.concat([VERSION_MARKER, tagged(TYPE.annotated, wrapped)]);
}

export function writeIonBinary(value: Value): Buffer {
  if (typeof value === "number") return tagged(TYPE.integer, uint(value));
  if (typeof value === "string") return tagged(TYPE.string, Buffer.from(value, "utf8"));
  if (value instanceof Uint8Array) return tagged(TYPE.blob, value);
  if (value instanceof Date) return tagged(TYPE.timestamp, timestamp(value));
  if (Array.isArray(value)) return tagged(TYPE.list, Buffer.concat(value.map(writeIonBinary)));
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const symbol = SYMBOL_OF.get(name);
    assert(symbol !== undefined, `${name} has no symbol`);
    return [varUint(symbol), writeIonBinary(field as Value)];
  });
  return tagged(TYPE.struct, Buffer.concat(fields));
}

export class IonBinaryReader {
  readonly #bytes: Buffer;
  #at = 0;

  /** @throws BadValue when the file does not begin as `ionBinaryHead` */
  constructor(bytes: Bytes) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const head = ionBinaryHead();
    for (let i = 0; i < head.length; i++) {
      if (this.#bytes[i] !== head[i]) throw new BadValue(i, "the file does not begin with the symbols of an export");
    }
    this.#at = head.length;
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
    const start = this.#at;
    const offset = this.#byte(end);
    const [year, month, day, hour, minute, second] = Array.from({ length: 6 }, () => this.#varUint(end)) as [
      number,
      ...number[],
    ];
    const exponent = this.#byte(end);
    const millis = this.#at === end ? 0 : this.#bytes.readUIntBE(this.#at, Math.min(6, end - this.#at));
    this.#at = end;
    const time = new Date(Date.UTC(year, (month ?? 0) - 1, day ?? 0, hour ?? 0, minute ?? 0, second ?? 0, millis));
    const isPlain =
      offset === 0x80 && exponent === (0x80 | 0x40 | 3) && timestamp(time).equals(this.#bytes.subarray(start, end));
    if (!isPlain) throw this.#bad("a time that an export does not hold");
    return time;
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

function tagged(type: number, content: Bytes): Buffer {
  const length = content.length;
  if (length < LONG_LENGTH && !(type === TYPE.struct && length === 1)) {
    return Buffer.concat([Buffer.of((type << 4) | length), content]);
  }
  return Buffer.concat([Buffer.of((type << 4) | LONG_LENGTH), varUint(length), content]);
}

function varUint(value: number): Buffer {
  const digits = [(value % 128) | 0x80];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(rest % 128);
  return Buffer.from(digits);
}

/** Big endian, no leading zeros; empty for 0. */
function uint(value: number): Buffer {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} in an export`);
  const digits: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Buffer.from(digits);
}

/** UTC, milliseconds: a fraction with exponent -3. */
function timestamp(time: Date): Buffer {
  const millis = time.getUTCMilliseconds();
  return Buffer.concat([
    Buffer.of(0x80),
    varUint(time.getUTCFullYear()),
    varUint(time.getUTCMonth() + 1),
    varUint(time.getUTCDate()),
    varUint(time.getUTCHours()),
    varUint(time.getUTCMinutes()),
    varUint(time.getUTCSeconds()),
    Buffer.of(0x80 | 0x40 | 3),
    // Sign and magnitude: a first bit that is set would say "below zero".
    millis >= 0x80 && millis < 0x100 ? Buffer.of(0, millis) : uint(millis),
  ]);
}
