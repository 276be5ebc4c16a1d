/** Values in the three formats of an export: one after another in a file. */
import type { Bytes } from "@hansa/primitives";
import { IonBinaryReader, ionBinaryHead, writeIonBinary } from "./ion-binary.js";
import { IonTextReader, writeIonText } from "./ion-text.js";
import { BadValue, type ExportFormat, type Value } from "./value.js";

const NEWLINE = 10;

/** Reads the values of one file. */
export interface ValueReader {
  /** Byte at which the next value begins. */
  readonly position: number;
  readonly done: boolean;
  /** @throws BadValue */
  next(): Value;
}

/** What a file begins with. */
export function fileHead(format: ExportFormat): Bytes {
  return format === "ION_BINARY" ? ionBinaryHead() : Buffer.alloc(0);
}

export function writeValue(value: Value, format: ExportFormat): Bytes {
  if (format === "ION_BINARY") return writeIonBinary(value);
  const text = format === "JSON" ? JSON.stringify(downConverted(value)) : writeIonText(value);
  return Buffer.from(`${text}\n`, "utf8");
}

/** @throws BadValue when the file does not begin as one of this format */
export function valueReader(bytes: Bytes, format: ExportFormat): ValueReader {
  if (format === "ION_BINARY") return new IonBinaryReader(bytes);
  return format === "JSON" ? new JsonReader(bytes) : new IonTextReader(bytes);
}

/** The extension that QLDB gives a data object. */
export function extensionOf(format: ExportFormat): string {
  return format === "JSON" ? "json" : "ion";
}

/** Times become text by themselves; bytes become base64. */
function downConverted(value: Value): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
  if (Array.isArray(value)) return value.map(downConverted);
  if (typeof value !== "object" || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, downConverted(field as Value)]));
}

/** One value a line. */
class JsonReader implements ValueReader {
  readonly #bytes: Buffer;
  position = 0;

  constructor(bytes: Bytes) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.position === this.#bytes.length;
  }

  next(): Value {
    const start = this.position;
    const found = this.#bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? this.#bytes.length : found;
    try {
      const value = JSON.parse(this.#bytes.toString("utf8", start, end)) as Value;
      this.position = found < 0 ? end : end + 1;
      return value;
    } catch {
      throw new BadValue(start, "no JSON");
    }
  }
}
