/**
 * Why two peers' results differ: the first few keys, event or response on which they disagree. Contracts that use
 * time, chance or the order of an unordered map cause this, and the key shows where.
 * Source of the cases: hyperledger/fabric, internal/pkg/gateway/diff.go.
 */
import { equalBytes, NO_BYTES } from "@hansa/primitives";
import { decode, kvrwset, protos, rwset, toBigInt } from "@hansa/wire";

const MOST_SHOWN = 3;

/** " : …" to append to the message; empty when the difference cannot be told. */
export function explainMismatch(first: Uint8Array, second: Uint8Array): string {
  try {
    const [a, b] = [readAction(first), readAction(second)];
    const found = [...differences(a, b)];
    if (found.length === 0) return "";
    const more = found.length > MOST_SHOWN ? ` and ${found.length - MOST_SHOWN} more` : "";
    return `: ${found.slice(0, MOST_SHOWN).join("; ")}${more}`;
  } catch {
    return "";
  }
}

/**
 * Which of two peers had seen less of the ledger, judged by the versions that their results read: "second" when the
 * second read only older ones. Undefined when versions do not explain the difference.
 */
export function laggard(first: Uint8Array, second: Uint8Array): "first" | "second" | undefined {
  let older: "first" | "second" | undefined;
  try {
    const [one, other] = [versionsOf(readAction(first).results), versionsOf(readAction(second).results)];
    for (const key of new Set([...one.keys(), ...other.keys()])) {
      const [a, b] = [one.get(key) ?? NEVER_WRITTEN, other.get(key) ?? NEVER_WRITTEN];
      if (a[0] === b[0] && a[1] === b[1]) continue;
      const now = a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]) ? "second" : "first";
      if (older !== undefined && older !== now) return undefined;
      older = now;
    }
  } catch {
    return undefined;
  }
  return older;
}

type Version = readonly [block: bigint, transaction: bigint];
const NEVER_WRITTEN: Version = [-1n, -1n];

/** Namespace and key → version, of single reads and of those that range queries list. */
function versionsOf(results: Uint8Array): Map<string, Version> {
  const versions = new Map<string, Version>();
  for (const space of decode(rwset.TxReadWriteSet, results, "TxReadWriteSet").nsRwset) {
    const set = decode(kvrwset.KVRWSet, space.rwset ?? NO_BYTES, "KVRWSet");
    const listed = set.rangeQueriesInfo.flatMap((range) => range.rawReads?.kvReads ?? []);
    for (const { key, version } of [...set.reads, ...listed]) {
      const at: Version = version ? [toBigInt(version.blockNum), toBigInt(version.txNum)] : NEVER_WRITTEN;
      versions.set(`${space.namespace ?? ""}/${key ?? ""}`, at);
    }
  }
  return versions;
}

type Facts = Map<string, Map<string, Uint8Array>>;

function readAction(payload: Uint8Array): protos.ChaincodeAction {
  const { extension } = decode(protos.ProposalResponsePayload, payload, "ProposalResponsePayload");
  return decode(protos.ChaincodeAction, extension, "ChaincodeAction");
}

function* differences(a: protos.ChaincodeAction, b: protos.ChaincodeAction): Generator<string> {
  const [left, right] = [factsOf(a.results), factsOf(b.results)];
  for (const kind of new Set([...left.keys(), ...right.keys()])) {
    const [one, other] = [left.get(kind) ?? new Map(), right.get(kind) ?? new Map()];
    for (const key of new Set<string>([...one.keys(), ...other.keys()])) {
      const [x, y] = [one.get(key), other.get(key)];
      if (x === undefined) yield `extraneous ${kind} of ${key}`;
      else if (y === undefined) yield `missing ${kind} of ${key}`;
      else if (!equalBytes(x, y)) yield `${kind} value mismatch of ${key}`;
    }
  }
  if (!equalBytes(a.events, b.events)) yield "chaincode event mismatch";
  const [r1, r2] = [a.response, b.response];
  const samePayload = equalBytes(r1?.payload ?? NO_BYTES, r2?.payload ?? NO_BYTES);
  if (r1?.status !== r2?.status || r1?.message !== r2?.message || !samePayload) yield "chaincode response mismatch";
}

function factsOf(results: Uint8Array): Facts {
  const facts: Facts = new Map();
  const note = (kind: string, key: string, value: Uint8Array) => {
    const known = facts.get(kind);
    if (known === undefined) facts.set(kind, new Map([[key, value]]));
    else known.set(key, value);
  };
  for (const space of decode(rwset.TxReadWriteSet, results, "TxReadWriteSet").nsRwset) {
    const set = decode(kvrwset.KVRWSet, space.rwset ?? NO_BYTES, "KVRWSet");
    const name = (key: string | null | undefined) => `${space.namespace ?? ""}/${key ?? ""}`;
    for (const { key, version } of set.reads) {
      const at = version ? `${toBigInt(version.blockNum)}:${toBigInt(version.txNum)}` : "";
      note("read", name(key), Buffer.from(at));
    }
    for (const { key, value, isDelete } of set.writes) {
      note("write", name(key), isDelete ? Buffer.from("\u0000deleted") : (value ?? NO_BYTES));
    }
    for (const { key, entries } of set.metadataWrites) {
      for (const entry of entries ?? []) note("metadata write", `${name(key)} ${entry.name}`, entry.value ?? NO_BYTES);
    }
    for (const { collectionName, pvtRwsetHash } of space.collectionHashedRwset ?? []) {
      note("private data", name(collectionName), pvtRwsetHash ?? NO_BYTES);
    }
  }
  return facts;
}
