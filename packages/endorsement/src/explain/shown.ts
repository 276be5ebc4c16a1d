/** Keys, values and identities as people can read them, cut to a length that a screen holds. */
import type { ChannelConfig } from "@hansa/channel-config";
import { Certificate } from "@hansa/crypto";
import { hashFromKey } from "@hansa/ledger";
import { decodeSerializedIdentity, type Identity, ROLE_NAMES } from "@hansa/msp";
import { bytesKey, sha256, toHex } from "@hansa/primitives";
import { decode, kvrwset, rwset } from "@hansa/wire";
import type { Person, ShownKey } from "./explanation.js";

const MAX_KEY = 120;
const MAX_PARTS = 12;
export const MAX_VALUE = 100;

export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** On one line, without the characters that command a terminal: what comes from a transaction may hold any. */
export function oneLine(text: string): string {
  return text.replace(/[\t\n\r]+/g, " ").replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, "\uFFFD");
}

/** Text of bytes that are text, cut; undefined of others. */
export function textOf(bytes: Uint8Array, length: number): string | undefined {
  // A character that the cut goes through must not make text look like none.
  const head = bytes.subarray(0, length * 4);
  const text = new TextDecoder("utf-8").decode(head);
  const whole = head.length < bytes.length ? text.replace(/\uFFFD$/, "") : text;
  if (/\uFFFD|(?![\t\n\r])\p{Cc}/u.test(whole)) return undefined;
  return whole.length > length || head.length < bytes.length ? `${whole.slice(0, length)}…` : whole;
}

/** An argument or value: its text, else how long it is. */
export function valueText(bytes: Uint8Array, length = MAX_VALUE): string {
  return textOf(bytes, length) ?? `(${bytes.length} bytes)`;
}

/** Type and attributes of a composite key; undefined of a plain one. */
export function partsOf(key: string): string[] | undefined {
  if (!key.startsWith("\u0000") || !key.endsWith("\u0000") || key.length < 3) return undefined;
  const parts = key.slice(1, -1).split("\u0000");
  return parts.slice(0, MAX_PARTS).map((part) => cut(part, MAX_KEY));
}

/** A key on one line: `asset(blue, 7)` for composite ones, quoted otherwise. */
export function keyText(key: string): string {
  const [type, ...attributes] = partsOf(key) ?? [];
  if (type !== undefined) return `${type}(${attributes.join(", ")})`;
  return JSON.stringify(cut(key, MAX_KEY));
}

export function publicKeyOf(namespace: string, key: string): ShownKey {
  const parts = partsOf(key);
  return { namespace, collection: "", key: cut(key, MAX_KEY * 4), ...(parts === undefined ? {} : { parts }) };
}

/** Plain keys of private data that a reader may see, by collection and hash. */
export class PrivateKeys {
  readonly #keys = new Map<string, string>();

  /** @param writes encoded `rwset.TxPvtReadWriteSet` with what the reader may see */
  add(writes: Uint8Array): void {
    const { nsPvtRwset } = decode(rwset.TxPvtReadWriteSet, writes, "rwset.TxPvtReadWriteSet");
    for (const { namespace, collectionPvtRwset } of nsPvtRwset) {
      for (const { collectionName, rwset: plain } of collectionPvtRwset ?? []) {
        const set = decode(kvrwset.KVRWSet, plain ?? new Uint8Array(0), "kvrwset.KVRWSet");
        for (const { key } of [...set.writes, ...set.metadataWrites]) {
          const hash = bytesKey(sha256(Buffer.from(key ?? "", "utf8")));
          this.#keys.set(`${namespace}\n${collectionName}\n${hash}`, key ?? "");
        }
      }
    }
  }

  find(namespace: string, collection: string, hashed: string): string | undefined {
    return this.#keys.get(`${namespace}\n${collection}\n${hashed}`);
  }

  /** @param hashed the key's hash as read-write sets carry it */
  shown(namespace: string, collection: string, hashed: string): ShownKey {
    const plain = this.find(namespace, collection, hashed);
    const parts = plain === undefined ? undefined : partsOf(plain);
    return {
      namespace,
      collection,
      key: plain === undefined ? undefined : cut(plain, MAX_KEY * 4),
      ...(parts === undefined ? {} : { parts }),
      keyHash: toHex(hashFromKey(hashed)),
    };
  }
}

export function personOf(identity: Identity): Person {
  const { roles } = identity;
  const role = ROLE_NAMES.find((name) => name !== "member" && roles[name]);
  const isMember = identity.flaw === undefined;
  return {
    mspId: identity.mspId,
    name: identity.certificate.subjectCommonName,
    role: role ?? (isMember ? "member" : undefined),
  };
}

/** Whoever bytes name, also where the channel does not know them; undefined when they name nobody. */
export function personFrom(serialized: Uint8Array, config: ChannelConfig | undefined): Person | undefined {
  try {
    if (config !== undefined) return personOf(config.msps.identity(serialized));
  } catch {
    // Somebody whom the channel does not know is told from the bytes alone.
  }
  try {
    const { mspid, idBytes } = decodeSerializedIdentity(serialized);
    return { mspId: cut(mspid, MAX_KEY), name: commonNameOf(idBytes), role: undefined };
  } catch {
    return undefined;
  }
}

function commonNameOf(certificate: Uint8Array): string {
  try {
    return cut(Certificate.parse(certificate).subjectCommonName, MAX_KEY);
  } catch {
    return "";
  }
}

/** "peer0.pub (peer of PubMSP)" */
export function personText({ mspId, name, role }: Person): string {
  return `${name === "" ? "somebody" : name} (${role ?? "nobody the channel knows"} of ${mspId})`;
}
