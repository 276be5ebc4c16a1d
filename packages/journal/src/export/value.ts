/** The values that exports are made of, whichever of the three formats they are written in. */
import type { Bytes } from "@hansa/primitives";

/** Whole numbers from 0 up; times with milliseconds, UTC. */
export type Value = number | string | Bytes | Date | readonly Value[] | { readonly [field: string]: Value };

export type ExportFormat = "ION_TEXT" | "ION_BINARY" | "JSON";

export const EXPORT_FORMATS: readonly ExportFormat[] = ["ION_TEXT", "ION_BINARY", "JSON"];

/** A value that does not read, and at which byte of its file. */
export class BadValue extends Error {
  override readonly name = "BadValue";

  constructor(
    readonly byte: number,
    readonly reason: string,
  ) {
    super(`${reason} at byte ${byte}`);
  }
}

/** Values nest this deep at most: a block, its revisions, their data. */
export const DEEPEST = 8;

/**
 * The fields of one struct, each to be taken once and of the kind asked for. JSON has no bytes and no times of its own:
 * there they are text, so the asking decides.
 */
export class Struct {
  readonly #fields: { readonly [field: string]: Value };
  readonly #what: string;
  readonly #json: boolean;
  #left: number;

  /** @throws BadValue, at byte 0 of what is read */
  constructor(value: Value | undefined, what: string, json: boolean) {
    const isStruct =
      typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array) && !(value instanceof Date);
    if (!isStruct) throw new BadValue(0, `${what} is no struct`);
    this.#fields = value as { readonly [field: string]: Value };
    this.#what = what;
    this.#json = json;
    this.#left = Object.keys(value).length;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  /** To be called once for each field. */
  take(name: string): Value {
    const value = this.has(name) ? this.#fields[name] : undefined;
    if (value === undefined) throw new BadValue(0, `${this.#what} has no ${name}`);
    this.#left--;
    return value;
  }

  number(name: string): number {
    const value = this.take(name);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw this.#wrong(name, "whole number");
    return value;
  }

  text(name: string): string {
    const value = this.take(name);
    if (typeof value !== "string") throw this.#wrong(name, "text");
    return value;
  }

  /** Milliseconds since 1970. */
  time(name: string): number {
    const value = this.take(name);
    const date = this.#json && typeof value === "string" ? new Date(value) : value;
    const isTime = date instanceof Date && !Number.isNaN(date.getTime());
    if (!isTime || (typeof value === "string" && date.toISOString() !== value)) throw this.#wrong(name, "time");
    return date.getTime();
  }

  bytes(name: string): Bytes {
    return this.#bytes(name, this.take(name));
  }

  bytesList(name: string): Bytes[] {
    return this.list(name).map((item) => this.#bytes(name, item));
  }

  list(name: string): readonly Value[] {
    const value = this.take(name);
    if (!Array.isArray(value)) throw this.#wrong(name, "list");
    return value as readonly Value[];
  }

  struct(name: string): Struct {
    return new Struct(this.take(name), name, this.#json);
  }

  structs(name: string): Struct[] {
    return this.list(name).map((item, i) => new Struct(item, `${name}[${i}]`, this.#json));
  }

  /** @throws BadValue when a field was not taken */
  end(): void {
    if (this.#left > 0) throw new BadValue(0, `${this.#what} has fields that do not belong there`);
  }

  #bytes(name: string, value: Value): Bytes {
    if (!this.#json) {
      if (!(value instanceof Uint8Array)) throw this.#wrong(name, "blob");
      return value;
    }
    if (typeof value !== "string") throw this.#wrong(name, "base64");
    const bytes = Buffer.from(value, "base64");
    if (bytes.toString("base64") !== value) throw this.#wrong(name, "base64");
    return bytes;
  }

  #wrong(name: string, kind: string): BadValue {
    return new BadValue(0, `${this.#what}'s ${name} is no ${kind}`);
  }
}
