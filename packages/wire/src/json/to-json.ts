/**
 * Messages as JSON in the exact shape of Fabric's configtxlator: fields by their names in the .proto files and in the
 * order of the alphabet, absent ones included; 64-bit integers as text, bytes in base64, enums by name; and bytes that
 * hold a message are shown as that message.
 *
 * Absent bytes are null, as in 2.5; 3.1 writes "" for some, and either reads both. Where configtxlator gives up, as on
 * a value that it does not know, the bytes are shown in base64.
 * Source: the Protocol Buffers documentation, "ProtoJSON format"; hyperledger/fabric-config, protolator/json.go.
 */
import type { google } from "../../generated/messages.js";
import { decode } from "../codec.js";
import { toBigInt } from "../integers.js";
import { JsonError } from "./error.js";
import { heldMessage, type Role, roleWithin } from "./opaque.js";
import { classOf, enumOf, type Field, fieldsOf, isMessage, type Message } from "./tables.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Messages within messages, however they are packed; honest blocks have about twenty. */
export const MAX_DEPTH = 100;

/**
 * @param type the message's full name, as "common.Block"
 * @throws WireError when the bytes, or bytes within them, are not what they should be; JsonError for an unknown type
 */
export function toJson(type: string, bytes: Uint8Array): JsonObject {
  return messageToJson(type, decode(classOf(type), bytes, type));
}

/** The same of a message that is decoded already. */
export function messageToJson(type: string, message: object): JsonObject {
  return render(type, message as Message, { role: undefined, key: "", depth: 0 });
}

type Place = { readonly role: Role | undefined; readonly key: string; readonly depth: number };

function render(type: string, message: Message, place: Place): JsonObject {
  if (place.depth > MAX_DEPTH) throw new JsonError("", `messages lie more than ${MAX_DEPTH} deep within each other`);
  const fields: [string, Json][] = [];
  for (const field of fieldsOf(type)) {
    const value = Object.hasOwn(message, field.property) ? message[field.property] : undefined;
    if (field.kind === "oneof" && (value === undefined || value === null)) continue;
    fields.push([field.name, renderField(type, message, field, value, place)]);
  }
  return Object.fromEntries(fields);
}

function renderField(type: string, message: Message, field: Field, value: unknown, place: Place): Json {
  const inside = (key: string): Place => ({
    role: roleWithin(type, place.role, field.name, key),
    key,
    depth: place.depth + 1,
  });
  if (field.kind === "map") {
    const entries = Object.entries((value ?? {}) as Record<string, unknown>);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, item]) => [key, renderSingle(field.type, item, inside(key))]));
  }
  const held = field.type === "bytes" ? heldMessage(type, field.name, message, place.role, place.key) : undefined;
  const one = (item: unknown) => {
    if (held === undefined) return renderSingle(field.type, item, inside(""));
    return render(held, decode(classOf(held), item as Uint8Array, held), inside(""));
  };
  if (field.kind === "repeated") return ((value ?? []) as unknown[]).map(one);
  if (value !== undefined && value !== null) return one(value);
  if (field.type === "bytes" || isMessage(field.type)) return null;
  return renderSingle(field.type, DEFAULTS[field.type] ?? 0, inside(""));
}

const DEFAULTS: Readonly<Record<string, unknown>> = { string: "", bool: false };

function renderSingle(type: string, value: unknown, place: Place): Json {
  switch (type) {
    case "bytes":
      return Buffer.from(value as Uint8Array).toString("base64");
    case "int64":
    case "uint64":
    case "sint64":
    case "fixed64":
    case "sfixed64":
      return String(toBigInt(value as Parameters<typeof toBigInt>[0]));
    case "google.protobuf.Timestamp":
      return timestampText(value as google.protobuf.Timestamp);
    default: {
      if (isMessage(type)) return render(type, value as Message, place);
      const values = enumOf(type);
      if (values === undefined) return value as Json;
      return Object.keys(values).find((name) => values[name] === value) ?? (value as number);
    }
  }
}

/** RFC 3339 with as many digits of a second as it takes: none, 3, 6 or 9. */
function timestampText({ seconds, nanos }: google.protobuf.Timestamp): string {
  const date = new Date(Number(toBigInt(seconds)) * 1000);
  if (Number.isNaN(date.getTime())) throw new JsonError("", `timestamp ${seconds} is outside of years 1 to 9999`);
  const digits = String(nanos ?? 0).padStart(9, "0");
  const fraction = digits.replace(/(000){1,3}$/, "");
  return `${date.toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}Z`;
}
