/** JSON values, their order, and keys that sort in that order. */
import { compareKeys as utf8Compare } from "../keys.js";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json };

const OPEN_BRACE = 0x7b;
/** Deeper documents and queries are refused: each level costs a stack frame. */
const MAX_DEPTH = 100;

/** The object that a value holds; undefined for anything that is not one. */
export function readDocument(value: Uint8Array): JsonObject | undefined {
  if (value[0] !== OPEN_BRACE) return undefined;
  try {
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8")) as JsonObject;
  } catch {
    return undefined;
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The value at a path; undefined where there is none. Array elements are named by their number. */
export function valueAt(value: Json, path: readonly string[]): Json | undefined {
  let found: Json | undefined = value;
  for (const name of path) {
    if (found === undefined) return undefined;
    found = childOf(found, name);
  }
  return found;
}

function childOf(parent: Json, name: string): Json | undefined {
  if (typeof parent !== "object" || parent === null) return undefined;
  if (isArray(parent)) return /^\d{1,9}$/.test(name) ? parent[Number(name)] : undefined;
  return Object.hasOwn(parent, name) ? (parent as JsonObject)[name] : undefined;
}

/** Parts of a field's name: dots separate, a backslash before a dot keeps it. */
export function fieldPath(name: string): string[] {
  return name.split(/(?<!\\)\./).map((part) => part.replaceAll("\\.", "."));
}

/** Ranks of CouchDB's order: null, false, true, numbers, strings, arrays, objects. */
function rankOf(value: Json): number {
  if (value === null) return 1;
  if (typeof value === "boolean") return value ? 3 : 2;
  if (typeof value === "number") return 4;
  if (typeof value === "string") return 5;
  return Array.isArray(value) ? 6 : 7;
}

/**
 * CouchDB's order of values, but for texts: those are compared by their UTF-8 bytes and not by a language's rules, so
 * that an index on disk has the same order.
 */
export function compareJson(a: Json, b: Json): number {
  const rank = rankOf(a);
  const difference = rank - rankOf(b);
  if (difference !== 0) return difference;
  switch (rank) {
    case 4:
      return (a as number) - (b as number);
    case 5:
      return utf8Compare(a as string, b as string);
    case 6:
      return compareLists(a as readonly Json[], b as readonly Json[]);
    case 7:
      return compareLists(flattened(a as JsonObject), flattened(b as JsonObject));
    default:
      return 0;
  }
}

function compareLists(a: readonly Json[], b: readonly Json[]): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const difference = compareJson(a[at]!, b[at]!);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Names and values in turn, in the order of the names: equal objects are equal however they are written. */
function flattened(value: JsonObject): Json[] {
  return Object.keys(value)
    .sort(utf8Compare)
    .flatMap((name) => [name, value[name]!]);
}

/** Bytes whose order is `compareJson`'s; none is a prefix of another. */
export function encodeSorted(value: Json): Buffer {
  const parts: Buffer[] = [];
  encodeInto(value, parts, 0);
  return Buffer.concat(parts);
}

/** Sorts after every encoded value, and after all keys that begin with one. */
export const AFTER = Buffer.of(0xff);
const END = Buffer.of(0x00);
const TEXT_END = Buffer.of(0x00, 0x00);

function encodeInto(value: Json, parts: Buffer[], depth: number): void {
  if (depth > MAX_DEPTH) throw new RangeError(`a value nests deeper than ${MAX_DEPTH}`);
  const rank = rankOf(value);
  parts.push(Buffer.of(rank));
  switch (rank) {
    case 4:
      parts.push(encodeNumber(value as number));
      break;
    case 5:
      parts.push(encodeText(value as string), TEXT_END);
      break;
    case 6:
    case 7:
      for (const item of rank === 6 ? (value as readonly Json[]) : flattened(value as JsonObject))
        encodeInto(item, parts, depth + 1);
      parts.push(END);
      break;
  }
}

/** IEEE 754, turned so that the bytes sort as the numbers do. */
function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value === 0 ? 0 : value);
  if ((bytes[0]! & 0x80) === 0) bytes[0]! ^= 0x80;
  else for (let at = 0; at < 8; at++) bytes[at]! ^= 0xff;
  return bytes;
}

/** A zero byte within becomes 00 FF, so that 00 00 ends the text before anything that goes on. */
function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (!bytes.includes(0)) return bytes;
  return Buffer.concat([...bytes].map((byte) => (byte === 0 ? Buffer.of(0x00, 0xff) : Buffer.of(byte))));
}
