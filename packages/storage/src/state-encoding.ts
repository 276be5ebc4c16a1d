/**
 * Keys and values of the state in a sorted byte store.
 *
 *   "s" length(namespace) namespace key                                → version, metadata length, metadata, value
 *   "h" length(namespace) namespace length(key) key block(6) index(4)  → nothing: this transaction wrote this key
 *   "m"                                                                → savepoint, 6 bytes
 *   "d", "x"                                                           → indexes, see state-indexes.ts
 *
 * Lengths and the numbers of a version are varints, all other numbers big endian; texts are UTF-8, so that the store's
 * byte order is the order of keys.
 */
import type { HistoryEntry, StateUpdate, Version, VersionedValue } from "@hansa/ledger";

const STATE = 0x73;
const HISTORY = 0x68;
const INDEX = 0x78;
const DEFINITIONS = 0x64;
const POSITION_BYTES = 10;

export const SAVEPOINT_KEY = Buffer.from("m", "latin1");

/** Where a key of the state is. */
export function stateKey(namespace: string, key: string): Buffer {
  const prefix = namespacePrefix(namespace, STATE);
  const bytes = Buffer.allocUnsafe(prefix.length + Buffer.byteLength(key));
  prefix.copy(bytes);
  bytes.write(key, prefix.length);
  return bytes;
}

/** The key's text, given the namespace it was written with. */
export function keyOfStateKey(bytes: Uint8Array, namespace: string): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(
    "utf8",
    namespacePrefix(namespace, STATE).length,
  );
}

/** The namespace that a state key was written with. */
export function namespaceOfStateKey(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const cursor = { at: 1 };
  const length = readVarint(view, cursor);
  return view.toString("utf8", cursor.at, cursor.at + length);
}

/** All keys of the state. */
export function stateRange(): { gte: Buffer; lt: Buffer } {
  return { gte: Buffer.of(STATE), lt: Buffer.of(STATE + 1) };
}

/** First key after the namespace's last one. */
export function namespaceEnd(namespace: string): Buffer {
  return successor(namespacePrefix(namespace, STATE));
}

/** Where it is noted that a transaction wrote a key. */
export function historyKey({ namespace, key, version }: HistoryEntry): Buffer {
  const prefix = historyPrefix(namespace, key);
  const bytes = Buffer.allocUnsafe(prefix.length + POSITION_BYTES);
  prefix.copy(bytes);
  bytes.writeUIntBE(version.blockNumber, prefix.length, 6);
  bytes.writeUInt32BE(version.txIndex, prefix.length + 6);
  return bytes;
}

/** All that is noted of one key, oldest first. */
export function historyRange(namespace: string, key: string): { gte: Buffer; lt: Buffer } {
  const prefix = historyPrefix(namespace, key);
  return { gte: prefix, lt: successor(prefix) };
}

/** Which transaction wrote the key. */
export function versionOfHistoryKey(bytes: Uint8Array): Version {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = view.length - POSITION_BYTES;
  return { blockNumber: view.readUIntBE(at, 6), txIndex: view.readUInt32BE(at + 6) };
}

/** @param allocate where the bytes go */
export function encodeValue(
  { version, metadata }: StateUpdate,
  value: Uint8Array,
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const metadataLength = metadata?.length ?? 0;
  const bytes = allocate(30 + metadataLength + value.length);
  let at = writeVarint(bytes, 0, version.blockNumber);
  at = writeVarint(bytes, at, version.txIndex);
  at = writeVarint(bytes, at, metadataLength);
  if (metadata !== undefined) bytes.set(metadata, at);
  at += metadataLength;
  bytes.set(value, at);
  return bytes.subarray(0, at + value.length);
}

/** The value and metadata are views. */
export function decodeValue(bytes: Buffer): VersionedValue {
  const cursor = { at: 0 };
  const blockNumber = readVarint(bytes, cursor);
  const txIndex = readVarint(bytes, cursor);
  const metadataLength = readVarint(bytes, cursor);
  const version: Version = { blockNumber, txIndex };
  const start = cursor.at + metadataLength;
  const value = bytes.subarray(start);
  if (metadataLength === 0) return { value, version };
  return { value, version, metadata: bytes.subarray(cursor.at, start) };
}

/** All state keys of a namespace. */
export function namespaceRange(namespace: string): { gte: Buffer; lt: Buffer } {
  return { gte: namespacePrefix(namespace, STATE), lt: namespaceEnd(namespace) };
}

/** What the places of one index begin with. */
export function indexPrefix(namespace: string, index: string): Buffer {
  const name = Buffer.from(index, "utf8");
  const length = Buffer.alloc(10);
  return Buffer.concat([
    namespacePrefix(namespace, INDEX),
    length.subarray(0, writeVarint(length, 0, name.length)),
    name,
  ]);
}

/** Where the definitions of a namespace's indexes are. */
export function definitionsKey(namespace: string): Buffer {
  return namespacePrefix(namespace, DEFINITIONS);
}

/** The definitions of all namespaces. */
export function definitionsRange(): { gte: Buffer; lt: Buffer } {
  return { gte: Buffer.of(DEFINITIONS), lt: Buffer.of(DEFINITIONS + 1) };
}

const prefixes = {
  [STATE]: new Map<string, Buffer>(),
  [HISTORY]: new Map<string, Buffer>(),
  [INDEX]: new Map<string, Buffer>(),
  [DEFINITIONS]: new Map<string, Buffer>(),
};
const REMEMBERED_PREFIXES = 1024;

function namespacePrefix(namespace: string, kind: keyof typeof prefixes): Buffer {
  const known = prefixes[kind];
  let prefix = known.get(namespace);
  if (prefix === undefined) {
    const text = Buffer.from(namespace, "utf8");
    const length = Buffer.alloc(10);
    prefix = Buffer.concat([Buffer.of(kind), length.subarray(0, writeVarint(length, 0, text.length)), text]);
    if (known.size >= REMEMBERED_PREFIXES) known.clear();
    known.set(namespace, prefix);
  }
  return prefix;
}

function historyPrefix(namespace: string, key: string): Buffer {
  const prefix = namespacePrefix(namespace, HISTORY);
  const text = Buffer.from(key, "utf8");
  const length = Buffer.alloc(10);
  return Buffer.concat([prefix, length.subarray(0, writeVarint(length, 0, text.length)), text]);
}

/** The first byte string after all that begin with the prefix. The prefix begins with a letter, so there is one. */
function successor(prefix: Buffer): Buffer {
  const bytes = Buffer.from(prefix);
  let last = bytes.length - 1;
  while (bytes[last] === 0xff) last--;
  bytes[last] = (bytes[last] ?? 0) + 1;
  return bytes.subarray(0, last + 1);
}

function writeVarint(bytes: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = bytes[cursor.at++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
}
