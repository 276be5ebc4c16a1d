/**
 * The way back from JSON to bytes. Reads what configtxlator writes, and what it reads: names in either spelling, enums
 * by name or number, integers as text or number. Absent and null mean the same.
 */
import { encode } from "../codec.js";
import { JsonError } from "./error.js";
import { heldMessage, type Role, roleWithin } from "./opaque.js";
import { classOf, enumOf, type Field, fieldsOf, isMessage, type Message } from "./tables.js";
import { MAX_DEPTH } from "./to-json.js";

/**
 * Equal JSON gives equal bytes, whatever the order of its keys.
 * @param type the message's full name, as "common.Config"
 * @throws JsonError naming the place, what was found and what is expected
 */
export function fromJson(type: string, json: unknown): Uint8Array {
  return encode(classOf(type), messageFromJson(type, json));
}

/** The same as a message of the class of that name. */
export function messageFromJson<T extends object>(type: string, json: unknown): T {
  return read(type, json, { path: "", role: undefined, key: "", depth: 0 }) as T;
}

type Place = { readonly path: string; readonly role: Role | undefined; readonly key: string; readonly depth: number };

function read(type: string, json: unknown, place: Place): Message {
  if (place.depth > MAX_DEPTH) throw new JsonError(place.path, `lies more than ${MAX_DEPTH} levels deep`);
  const source = objectOf(json, place.path);
  const fields = fieldsOf(type);
  const given = new Map<Field, unknown>();
  for (const [name, value] of Object.entries(source)) {
    const field = fields.find((each) => each.name === name || each.property === name);
    if (field === undefined) {
      throw new JsonError(place.path, `${type} has no field "${name}"`, {
        nextStep: `Its fields are ${fields.map((each) => each.name).join(", ")}.`,
      });
    }
    if (value !== null) given.set(field, value);
  }
  const Class = classOf(type);
  const message = new Class();
  // What bytes hold may follow from the other fields, so those come first.
  const last = [...given].sort(([a], [b]) => Number(a.type === "bytes") - Number(b.type === "bytes"));
  for (const [field, value] of last) message[field.property] = readField(type, message, field, value, place);
  return message;
}

function readField(type: string, message: Message, field: Field, json: unknown, place: Place): unknown {
  const path = place.path === "" ? field.name : `${place.path}.${field.name}`;
  const inside = (key: string, suffix: string): Place => ({
    path: path + suffix,
    role: roleWithin(type, place.role, field.name, key),
    key,
    depth: place.depth + 1,
  });
  if (field.kind === "map") {
    const entries = Object.entries(objectOf(json, path)).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      entries.map(([key, item]) => [key, readSingle(field.type, item, inside(key, `.${key}`))]),
    );
  }
  const held = field.type === "bytes" ? heldMessage(type, field.name, message, place.role, place.key) : undefined;
  const one = (item: unknown, where: Place) =>
    held === undefined || typeof item === "string"
      ? readSingle(field.type, item, where)
      : encode(classOf(held), read(held, item, where));
  if (field.kind !== "repeated") return one(json, inside("", ""));
  if (!Array.isArray(json)) throw new JsonError(path, `expected a list, found ${found(json)}`);
  return json.map((item: unknown, index) => one(item, inside("", `[${index}]`)));
}

const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

function readSingle(type: string, json: unknown, place: Place): unknown {
  const wrong = (expected: string) => new JsonError(place.path, `expected ${expected}, found ${found(json)}`);
  if (Object.hasOwn(INTEGERS, type)) return readInteger(type, json, wrong);
  switch (type) {
    case "string":
      if (typeof json === "string") return json;
      throw wrong("text");
    case "bool":
      if (typeof json === "boolean") return json;
      throw wrong("true or false");
    case "bytes":
      if (typeof json === "string" && /^[A-Za-z0-9+/_-]*={0,2}$/.test(json)) return Buffer.from(json, "base64");
      throw wrong("bytes in base64");
    case "double":
    case "float":
      if (typeof json === "number") return json;
      throw wrong("a number");
    case "google.protobuf.Timestamp":
      return readTimestamp(json, wrong);
    default:
      if (isMessage(type)) return read(type, json, place);
      return readEnum(type, json, wrong);
  }
}

function readInteger(type: string, json: unknown, wrong: (expected: string) => JsonError): unknown {
  const [least, most] = INTEGERS[type] ?? [0n, 0n];
  const isExact = typeof json === "number" ? Number.isSafeInteger(json) : /^-?\d{1,20}$/.test(String(json));
  const value = isExact && (typeof json === "number" || typeof json === "string") ? BigInt(json) : undefined;
  if (value === undefined || value < least || value > most) throw wrong(`a whole number of type ${type}`);
  if (type.endsWith("32")) return Number(value);
  return { low: Number(value & 0xffff_ffffn) | 0, high: Number((value >> 32n) & 0xffff_ffffn) | 0 };
}

function readEnum(type: string, json: unknown, wrong: (expected: string) => JsonError): number {
  const values = enumOf(type) ?? {};
  if (typeof json === "number" && Number.isInteger(json)) return json;
  if (typeof json === "string" && Object.hasOwn(values, json)) return values[json] ?? 0;
  throw wrong(`one of ${Object.keys(values).join(", ")}`);
}

function readTimestamp(json: unknown, wrong: (expected: string) => JsonError): object {
  const match =
    typeof json === "string" ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(json) : null;
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(ms)) throw wrong("a time as 2026-01-31T12:00:00Z");
  return { seconds: ms / 1000, nanos: Number((match[2] ?? "").padEnd(9, "0")) };
}

function objectOf(json: unknown, path: string): Record<string, unknown> {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new JsonError(path, `expected an object, found ${found(json)}`);
}

function found(json: unknown): string {
  if (json === null || json === undefined) return "nothing";
  if (Array.isArray(json)) return "a list";
  const text = typeof json === "object" ? "an object" : JSON.stringify(json);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
