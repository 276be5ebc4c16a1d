/** Fabric's messages by their full names, as "common.ConfigGroup": their classes, fields and enums. */
import type $protobuf from "protobufjs/minimal.js";
import { enums, messages } from "../../generated/fields.js";
import * as namespaces from "../../generated/messages.js";
import { JsonError } from "./error.js";

/** A decoded message whose class is known by name only. Fields that were not sent are not own properties. */
export type Message = Record<string, unknown>;

export type MessageClass = {
  new (): Message;
  encode(message: Message, writer?: $protobuf.Writer): $protobuf.Writer;
  decode(reader: $protobuf.Reader | Uint8Array): Message;
};

export type Field = {
  /** as in the .proto file and in JSON: "channel_group" */
  readonly name: string;
  /** of the class: "channelGroup" */
  readonly property: string;
  readonly kind: "single" | "oneof" | "repeated" | "map";
  /** "uint64", "bytes", … or a message's or enum's full name */
  readonly type: string;
};

const known = new Map<string, readonly Field[]>();

export function isMessage(type: string): boolean {
  return Object.hasOwn(messages, type);
}

/** Fields in the order of their names. @throws JsonError for a name that no message has */
export function fieldsOf(type: string): readonly Field[] {
  let fields = known.get(type);
  if (fields === undefined) {
    if (!isMessage(type)) {
      throw new JsonError("", `there is no message ${type}`, { nextStep: "Use a full name, e.g. common.Config." });
    }
    const table = Object.entries(messages[type] ?? {});
    fields = table.map(([name, [property, text]]) => fieldOf(name, property, text)).sort(byName);
    known.set(type, fields);
  }
  return fields;
}

const byName = (a: Field, b: Field) => (a.name < b.name ? -1 : 1);

function fieldOf(name: string, property: string, text: string): Field {
  const words = text.split(" ");
  const type = words.at(-1) ?? "";
  const kind = words.length === 1 ? "single" : (words[0] as Field["kind"]);
  return { name, property, kind, type };
}

/** Value → number. Undefined for what is no enum. */
export function enumOf(type: string): Readonly<Record<string, number>> | undefined {
  return Object.hasOwn(enums, type) ? enums[type] : undefined;
}

/** @throws JsonError for a name that no message has */
export function classOf(type: string): MessageClass {
  fieldsOf(type);
  let found: unknown = namespaces;
  for (const name of type.split(".")) found = (found as Record<string, unknown>)[name];
  return found as MessageClass;
}
