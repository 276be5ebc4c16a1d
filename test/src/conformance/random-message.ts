/** Random content for a message type: plain objects as protobufjs takes them, from a seed. */
import protobuf from "protobufjs";

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const words = [
  "",
  "a",
  "deliveries",
  "Org1MSP",
  "ключ",
  "鍵",
  "🍺",
  "key with space",
  "\u0000composite\u0000",
  "é".repeat(70),
];
const deepest = 4;

export function randomMessage(type: protobuf.Type, random: () => number, depth = 0): Record<string, unknown> {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)));
  // google-protobuf keeps 64-bit integers in numbers, so they stay below 2^53 here.
  const wide = () => pick([0, 1, 127, 128, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, below(2 ** 53)]);
  const signed = (value: number) => (random() < 0.5 ? -value : value) || 0;

  const scalar = (name: string): unknown => {
    switch (name) {
      case "string":
        return pick(words);
      case "bytes":
        return bytes(pick([0, 1, 20, 130]));
      case "bool":
        return random() < 0.5;
      case "uint32":
        return pick([0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 - 1]);
      case "int32":
        return signed(pick([0, 1, 127, 128, 2 ** 31 - 1]));
      case "uint64":
        return wide();
      case "int64":
        return signed(wide());
      default:
        throw new Error(`no random value for type ${name}`);
    }
  };
  const value = (field: protobuf.Field): unknown => {
    const { resolvedType } = field;
    if (resolvedType instanceof protobuf.Enum) return pick(Object.values(resolvedType.values));
    if (resolvedType instanceof protobuf.Type) return randomMessage(resolvedType, random, depth + 1);
    return scalar(field.type);
  };

  const message: Record<string, unknown> = {};
  const chosen = new Set(type.oneofsArray.map((oneof) => pick([...oneof.fieldsArray, undefined])?.name));
  for (const field of type.fieldsArray) {
    if (field.partOf ? !chosen.has(field.name) : random() < 0.3) continue;
    if (depth >= deepest && field.resolvedType instanceof protobuf.Type) continue;
    if (field instanceof protobuf.MapField) {
      // Ours writes a map as the object has it, google's sorts keys as text: these keys come out the same either way.
      const keys = field.keyType === "string" ? words.slice(0, 5) : ["0", "3", "44", "555", "9007199254740991"];
      const entries = keys.filter(() => random() < 0.5).sort();
      message[field.name] = Object.fromEntries(entries.map((key) => [key, value(field)]));
    } else if (field.repeated) {
      message[field.name] = Array.from({ length: pick([0, 1, 2, 3]) }, () => value(field));
    } else {
      message[field.name] = value(field);
    }
  }
  return message;
}
