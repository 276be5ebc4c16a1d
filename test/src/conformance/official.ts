/** The classes of @hyperledger/fabric-protos, which google's own compiler made, found and driven by name. */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import protobuf from "protobufjs";

const require = createRequire(import.meta.url);

export type OfficialMessage = { serializeBinary(): Uint8Array };
type Instance = OfficialMessage & Record<string, (...values: unknown[]) => unknown>;
export type OfficialClass = {
  new (): Instance;
  readonly prototype: object;
  deserializeBinary(bytes: Uint8Array): OfficialMessage;
  serializeBinaryToWriter: (...values: unknown[]) => void;
};
export type OfficialEnum = Readonly<Record<string, number>>;
export type OfficialMethod = {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestType: OfficialClass;
  readonly responseType: OfficialClass;
};

const library = path.join(path.dirname(require.resolve("@hyperledger/fabric-protos/package.json")), "lib");

/** "peer/proposal" for each file that the library has. */
export function officialFiles(): string[] {
  return readdirSync(library, { recursive: true })
    .map((file) => String(file).replaceAll(path.sep, "/"))
    .filter((file) => file.endsWith("_pb.js") && !file.endsWith("_grpc_pb.js"))
    .map((file) => file.slice(0, -"_pb.js".length))
    .sort();
}

/** What a file's package exports; files of one package share one export object, so it may be more than the file's. */
export function officialExports(file: string): Record<string, unknown> {
  return require(path.join(library, `${file}_pb.js`)) as Record<string, unknown>;
}

/** The messages of google's own that Fabric's refer to. */
export function wellKnownClasses(): Record<string, OfficialClass> {
  const load = (file: string) =>
    require(`google-protobuf/google/protobuf/${file}_pb.js`) as Record<string, OfficialClass>;
  const { Timestamp } = load("timestamp");
  const { Empty } = load("empty");
  if (Timestamp === undefined || Empty === undefined) throw new Error("google-protobuf has changed its exports");
  return { "google.protobuf.Timestamp": Timestamp, "google.protobuf.Empty": Empty };
}

/** Services by full name, as the library's gRPC stubs define them. */
export function officialServices(): Map<string, Record<string, OfficialMethod>> {
  const services = new Map<string, Record<string, OfficialMethod>>();
  for (const file of readdirSync(library, { recursive: true }).map(String)) {
    if (!file.endsWith("_grpc_pb.js")) continue;
    const stubs = require(path.join(library, file)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(stubs)) {
      if (!name.endsWith("Service") || typeof value !== "object") continue;
      const methods = Object.values(value as Record<string, OfficialMethod>);
      const fullName = methods[0]?.path.split("/")[1];
      if (fullName) services.set(fullName, Object.fromEntries(methods.map((m) => [m.path.split("/")[2] ?? "", m])));
    }
  }
  return services;
}

export function isOfficialClass(value: unknown): value is OfficialClass {
  return typeof value === "function" && "deserializeBinary" in value;
}

export function isOfficialEnum(value: unknown): value is OfficialEnum {
  return typeof value === "object" && value !== null && Object.values(value).every((item) => typeof item === "number");
}

/** Messages and enums declared inside a class, by simple name; the `…Case` enums of oneofs are not declarations. */
export function nestedExports(type: OfficialClass): Record<string, OfficialClass | OfficialEnum> {
  const nested: Record<string, OfficialClass | OfficialEnum> = {};
  for (const [name, value] of Object.entries(type)) {
    if (isOfficialClass(value)) nested[name] = value;
    else if (/^[A-Z]/.test(name) && !name.endsWith("Case") && !Array.isArray(value) && isOfficialEnum(value))
      nested[name] = value;
  }
  return nested;
}

/** Field number to how it is written, e.g. 4 → "writeString", or "writeString writeMessage" for a map's key and value. */
export function writtenFields(type: OfficialClass): Map<number, string> {
  const source = type.serializeBinaryToWriter.toString();
  const fields = new Map<number, string>();
  for (const [, how, number] of source.matchAll(/writer\.(write\w+)\(\s*(\d+),/g))
    fields.set(Number(number), how ?? "");
  const map =
    /f\.serializeBinary\((\d+), writer, jspb\.BinaryWriter\.prototype\.(\w+), jspb\.BinaryWriter\.prototype\.(\w+)/g;
  for (const [, number, key, value] of source.matchAll(map)) fields.set(Number(number), `${key} ${value}`);
  return fields;
}

/** How google's compiler writes such a field, in the words of `writtenFields`. */
export function expectedWriting(field: protobuf.Field): string {
  const verb = (type: string, resolved: unknown) => {
    if (resolved instanceof protobuf.Enum) return "Enum";
    if (resolved instanceof protobuf.Type) return "Message";
    return type.charAt(0).toUpperCase() + type.slice(1);
  };
  const value = verb(field.type, field.resolvedType);
  if (field instanceof protobuf.MapField) return `write${verb(field.keyType, null)} write${value}`;
  if (!field.repeated) return `write${value}`;
  const packable = value !== "Message" && value !== "String" && value !== "Bytes";
  return field.packed && packable ? `writePacked${value}` : `writeRepeated${value}`;
}

/** "tls_cert_hash" → "TlsCertHash"; capitals inside a name are lost, as google's compiler loses them. */
function accessorName(field: protobuf.Field): string {
  const original = field.options?.json_name ?? field.name;
  const snake = String(original).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return snake
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

const suffix = (field: protobuf.Field) => (field instanceof protobuf.MapField ? "Map" : field.repeated ? "List" : "");

/** The accessor for a field, or undefined. Names are compared without case: the original spelling is not kept. */
export function findAccessor(type: OfficialClass, kind: "get" | "set", field: protobuf.Field): string | undefined {
  const wanted = `${kind}${accessorName(field)}${suffix(field)}`.toLowerCase();
  return Object.getOwnPropertyNames(type.prototype).find((name) => {
    const plain = name.toLowerCase().replace(/\$$/, "");
    return plain === wanted;
  });
}

/** An official message with the same content as a plain object of ours. */
export function buildOfficial(
  type: OfficialClass,
  definition: protobuf.Type,
  content: Readonly<Record<string, unknown>>,
  classOf: (type: protobuf.Type) => OfficialClass,
): OfficialMessage {
  const message = new type();
  const convert = (field: protobuf.Field, value: unknown) =>
    field.resolvedType instanceof protobuf.Type
      ? buildOfficial(classOf(field.resolvedType), field.resolvedType, value as Record<string, unknown>, classOf)
      : value;
  for (const field of definition.fieldsArray) {
    const value = content[field.name];
    if (value === undefined) continue;
    const name = findAccessor(type, field instanceof protobuf.MapField ? "get" : "set", field);
    if (name === undefined) throw new Error(`${definition.fullName} has no accessor for ${field.name}`);
    if (field instanceof protobuf.MapField) {
      const map = message[name]?.() as { set(key: unknown, value: unknown): void };
      const numeric = field.keyType !== "string";
      for (const [key, item] of Object.entries(value as object))
        map.set(numeric ? Number(key) : key, convert(field, item));
    } else if (field.repeated) {
      message[name]?.((value as unknown[]).map((item) => convert(field, item)));
    } else {
      message[name]?.(convert(field, value));
    }
  }
  return message;
}
