/**
 * The commit hash: a chain over validation codes and state updates, by which peers find out that they disagree.
 *
 * Hashed are: the count of codes as a varint, the codes, the updates of public and hashed namespaces as
 * `txmgr.Updates` (namespaces by name, public keys before collections, keys in order; a repeated namespace or
 * collection name is left out), and the commit hash before. Block 0 has none. The channel configuration is left out,
 * and so are keys that expire: they are removed after the hash is taken.
 * Source: hyperledger/fabric, core/ledger/kvledger/kv_ledger.go, txmgmt/txmgr/update_batch_bytes.go and updates.proto.
 */
import { fromUtf8, NO_BYTES, sha256Of } from "@hansa/primitives";
import { ByteWriter } from "./byte-writer.js";
import { CONFIG_NAMESPACE, compareKeys, hashFromKey, splitNamespace } from "./keys.js";
import type { StateBatch, StateUpdate } from "./state.js";
import { versionBytes } from "./version.js";

const updates = new ByteWriter();
const entry = new ByteWriter();

/** @param previous empty before block 1 */
export function commitHash(previous: Uint8Array, codes: Uint8Array, batch: StateBatch): Uint8Array {
  const count = new ByteWriter();
  count.varint(codes.length);
  return sha256Of([count.view(), codes, updateBytes(batch), previous]);
}

/** `txmgr.Updates`; a view that the next call overwrites. */
export function updateBytes(batch: StateBatch): Uint8Array {
  updates.clear();
  let lastNamespace = "";
  for (const { namespace, collection, keys } of sections(batch)) {
    let namespaceOnce = namespace === lastNamespace ? "" : namespace;
    let collectionOnce = collection ?? "";
    lastNamespace = namespace;
    for (const key of [...keys.keys()].sort(compareKeys)) {
      const update = keys.get(key) as StateUpdate;
      writeUpdate(namespaceOnce, collectionOnce, collection === undefined ? fromUtf8(key) : hashFromKey(key), update);
      namespaceOnce = "";
      collectionOnce = "";
    }
  }
  return updates.view();
}

type Section = {
  readonly namespace: string;
  /** Undefined for public keys. */
  readonly collection: string | undefined;
  readonly keys: ReadonlyMap<string, StateUpdate>;
};

function sections(batch: StateBatch): Section[] {
  const found: Section[] = [];
  for (const [joined, keys] of batch.updates) {
    const { kind, namespace, collection } = splitNamespace(joined);
    if (joined === CONFIG_NAMESPACE || kind === "private" || kind === "bookkeeping" || keys.size === 0) continue;
    found.push({ namespace, collection, keys });
  }
  if (found.length < 2) return found;
  return found.sort(
    (a, b) =>
      compareKeys(a.namespace, b.namespace) ||
      Number(a.collection !== undefined) - Number(b.collection !== undefined) ||
      compareKeys(a.collection ?? "", b.collection ?? ""),
  );
}

function writeUpdate(namespace: string, collection: string, key: Uint8Array, update: StateUpdate): void {
  entry.clear();
  entry.field(1, fromUtf8(namespace));
  entry.field(2, fromUtf8(collection));
  entry.field(3, key);
  if (update.value === undefined) {
    entry.byte(4 * 8);
    entry.byte(1);
  }
  entry.field(5, update.value ?? NO_BYTES);
  entry.field(6, versionBytes(update.version));
  updates.byte(1 * 8 + 2);
  updates.varint(entry.length);
  updates.raw(entry.view());
}
