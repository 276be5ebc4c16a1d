/**
 * Ion text, as far as exports need it: structs, lists, strings, blobs, integers and timestamps.
 * Source: the Amazon Ion specification.
 */
import type { Bytes } from "@hansa/primitives";
import { BadValue, DEEPEST, type Value } from "./value.js";

const CODE = { tab: 9, newline: 10, return: 13, space: 32, quote: 34, comma: 44, colon: 58 } as const;
const OPEN = "{".charCodeAt(0);
const CLOSE = "}".charCodeAt(0);
const OPEN_LIST = "[".charCodeAt(0);
const CLOSE_LIST = "]".charCodeAt(0);
const BACKSLASH = "\\".charCodeAt(0);
const BLOB_END = Buffer.from("}}");
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export function writeIonText(value: Value): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `{{${asBuffer(value).toString("base64")}}}`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `[${value.map(writeIonText).join(",")}]`;
  const fields = Object.entries(value).map(([name, field]) => `${name}:${writeIonText(field as Value)}`);
  return `{${fields.join(",")}}`;
}

export class IonTextReader {
  readonly #bytes: Sliced;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = asBuffer(bytes);
  }

  /** Where the next value begins: behind white space. */
  get position(): number {
    this.#skip();
    return this.#at;
  }

  get done(): boolean {
    return this.position === this.#bytes.length;
  }

  /** @throws BadValue */
  next(): Value {
    return this.#value(0);
  }

  #value(depth: number): Value {
    this.#skip();
    const code = this.#bytes[this.#at];
    if (depth > DEEPEST) throw this.#bad("values nest too deep");
    if (code === OPEN) return this.#bytes[this.#at + 1] === OPEN ? this.#blob() : this.#struct(depth);
    if (code === OPEN_LIST) return this.#list(depth);
    if (code === CODE.quote) return this.#string();
    return this.#scalar();
  }

  #blob(): Bytes {
    const start = this.#at + 2;
    const end = this.#bytes.indexOf(BLOB_END, start);
    if (end < 0) throw this.#bad("a blob does not end");
    const text = this.#bytes.latin1Slice(start, end);
    const bytes = Buffer.from(text, "base64");
    // Node passes over what is no base64; written again, it comes out shorter.
    if (bytes.toString("base64") !== text) throw this.#bad("a blob is no base64");
    this.#at = end + 2;
    return bytes;
  }

  #struct(depth: number): Value {
    const fields: Record<string, Value> = {};
    this.#at++;
    for (let first = true; !this.#takes(CLOSE); first = false) {
      if (!first) this.#expect(CODE.comma, "a comma");
      const name = this.#name();
      this.#expect(CODE.colon, "a colon");
      if (Object.hasOwn(fields, name)) throw this.#bad(`a second ${name}`);
      fields[name] = this.#value(depth + 1);
    }
    return fields;
  }

  #list(depth: number): Value {
    const items: Value[] = [];
    this.#at++;
    for (let first = true; !this.#takes(CLOSE_LIST); first = false) {
      if (!first) this.#expect(CODE.comma, "a comma");
      items.push(this.#value(depth + 1));
    }
    return items;
  }

  #name(): string {
    this.#skip();
    const start = this.#at;
    while (isNameCode(this.#bytes[this.#at])) this.#at++;
    if (this.#at === start) throw this.#bad("no field name");
    return this.#bytes.latin1Slice(start, this.#at);
  }

  #string(): string {
    const start = this.#at;
    for (this.#at++; this.#bytes[this.#at] !== CODE.quote; this.#at++) {
      if (this.#at >= this.#bytes.length) throw this.#bad("a string does not end");
      if (this.#bytes[this.#at] === BACKSLASH) this.#at++;
    }
    this.#at++;
    try {
      return JSON.parse(this.#bytes.utf8Slice(start, this.#at)) as string;
    } catch {
      throw this.#bad("a string does not read");
    }
  }

  #scalar(): Value {
    const start = this.#at;
    while (isScalarCode(this.#bytes[this.#at])) this.#at++;
    const text = this.#bytes.latin1Slice(start, this.#at);
    if (/^(0|[1-9]\d{0,15})$/.test(text)) return Number(text);
    const time = TIME.test(text) ? new Date(text) : undefined;
    if (time === undefined || Number.isNaN(time.getTime())) {
      this.#at = start;
      throw this.#bad("no value that an export holds");
    }
    return time;
  }

  #takes(code: number): boolean {
    this.#skip();
    if (this.#bytes[this.#at] !== code) return false;
    this.#at++;
    return true;
  }

  #expect(code: number, what: string): void {
    if (!this.#takes(code)) throw this.#bad(`no ${what.replace(/^an? /, "")}`);
  }

  #skip(): void {
    for (;;) {
      const code = this.#bytes[this.#at];
      if (code !== CODE.space && code !== CODE.newline && code !== CODE.return && code !== CODE.tab) return;
      this.#at++;
    }
  }

  #bad(reason: string): BadValue {
    return new BadValue(Math.min(this.#at, this.#bytes.length), reason);
  }
}

function isNameCode(code: number | undefined): boolean {
  return (
    code !== undefined && ((code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57))
  );
}

/** Digits, and what stands between them in a timestamp. */
function isScalarCode(code: number | undefined): boolean {
  return code !== undefined && ((code >= 45 && code <= 58) || code === 84 || code === 90);
}

type Sliced = Buffer & {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
};

function asBuffer(bytes: Bytes): Sliced {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) as Sliced;
}
