/**
 * Keys and namespaces of a channel's state.
 *
 * A key is a JavaScript string that holds valid Unicode; its order is that of its UTF-8 bytes, which is the order of
 * code points and not the order of JavaScript's `<` (surrogates sort wrongly there).
 *
 * Namespaces:
 * - `name`: public state of chaincode `name`. The channel configuration is in the empty namespace.
 * - `name$$hcollection`: hashed private state. Keys are the 32-byte SHA-256 of the key as a latin1 string
 *   (see `hashKey`), values the SHA-256 of the value.
 * - `name$$pcollection`: private state in plain.
 * - names that begin with `$` are the ledger's own bookkeeping; no chaincode can be called so.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/privacyenabledstate/db.go (namespace joining).
 */
import { bytesKey, sha256 } from "@hansa/primitives";

/** Namespace of the channel configuration. */
export const CONFIG_NAMESPACE = "";

/** Key of the serialized `common.Config` in the empty namespace. Source: hyperledger/fabric, core/peer/configtx_processor.go. */
export const CONFIG_KEY = "CHANNEL_CONFIG_ENV_BYTES";

/** Where a collection's hashes are kept. */
export function hashedNamespace(namespace: string, collection: string): string {
  return `${namespace}$$h${collection}`;
}

/** Where a collection's data is kept in plain. */
export function privateNamespace(namespace: string, collection: string): string {
  return `${namespace}$$p${collection}`;
}

/** Key of a hashed namespace for a key in plain. */
export function hashKey(key: string): string {
  return bytesKey(sha256(Buffer.from(key, "utf8")));
}

/** Key of a hashed namespace for the 32 bytes that a read-write set carries. */
export function keyFromHash(hash: Uint8Array): string {
  return bytesKey(hash);
}

/** The bytes that `keyFromHash` was given. */
export function hashFromKey(key: string): Uint8Array {
  return Buffer.from(key, "latin1");
}

/** Order of keys by their UTF-8 bytes: negative, zero or positive. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    // Code units at and above the surrogates are moved so that surrogates (code points from U+10000) come last.
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

export type SplitNamespace = {
  readonly kind: "public" | "hashed" | "private" | "bookkeeping";
  readonly namespace: string;
  /** Undefined for public state. */
  readonly collection: string | undefined;
};

/** Takes a state namespace apart. Chaincode names hold no `$`. */
export function splitNamespace(joined: string): SplitNamespace {
  if (joined.startsWith("$")) return { kind: "bookkeeping", namespace: joined, collection: undefined };
  const at = joined.indexOf("$$");
  if (at < 0) return { kind: "public", namespace: joined, collection: undefined };
  const kind = joined[at + 2] === "p" ? "private" : "hashed";
  return { kind, namespace: joined.slice(0, at), collection: joined.slice(at + 3) };
}
