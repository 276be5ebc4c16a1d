/**
 * Makes a channel's stores from a snapshot, ours or a Fabric peer's. Nothing is read before every file's hash is found
 * to be what the snapshot says.
 * Source of the checks: hyperledger/fabric, core/ledger/kvledger/snapshot.go; texts alike.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import {
  type BlockStore,
  readCollectionRecordKey,
  readRecord,
  type SnapshotBasis,
  StateImport,
  type StateImportOptions,
  type StateStore,
} from "@hansa/ledger";
import { BASIS_FILE, BASIS_IDS_FILE, encodeBasis } from "./blocks-basis.js";
import { FileBlockStore } from "./blocks-file.js";
import { MemoryBlockStore } from "./blocks-memory.js";
import { replaceFileDurably } from "./durable-file.js";
import { SnapshotFileReader } from "./snapshot-file.js";
import { readSnapshotMetadata, SIGNABLE_FILE, type SnapshotMetadata } from "./snapshot-metadata.js";

const PAGE = 1_000;
/** Namespaces of one channel; two a collection. */
const MAX_NAMESPACES = 1_000_000;

/** @throws Error in the words of a Fabric peer */
export async function verifySnapshot(folder: string): Promise<SnapshotMetadata> {
  const metadata = await readSnapshotMetadata(folder);
  for (const [file, expected] of [[SIGNABLE_FILE, metadata.snapshotHash] as const, ...Object.entries(metadata.files)]) {
    const actual = await hashOf(path.join(folder, file));
    if (actual === expected) continue;
    throw new Error(
      `error while verifying snapshot: hash mismatch for file [${file}]. Expected hash = [${expected}], Actual hash = [${actual}]`,
    );
  }
  return metadata;
}

/**
 * Fills the folder of a block store that is to begin after the snapshot.
 * @throws Error when the snapshot's ids are out of order
 */
export async function importBlocks(snapshot: string, metadata: SnapshotMetadata, folder: string): Promise<BlockStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const copy = await open(path.join(folder, BASIS_IDS_FILE), "w", 0o600);
  try {
    await copy.write(Buffer.of(1));
    for await (const page of idsOf(snapshot)) await copy.writeFile(Buffer.concat(page.flatMap(withLength)));
    await copy.sync();
  } finally {
    await copy.close();
  }
  await replaceFileDurably(path.join(folder, BASIS_FILE), encodeBasis(basisOf(metadata)));
  return FileBlockStore.open(folder);
}

export async function importBlocksIntoMemory(snapshot: string, metadata: SnapshotMetadata): Promise<BlockStore> {
  const ids = new Set<string>();
  for await (const page of idsOf(snapshot)) for (const id of page) ids.add(id.toString("utf8"));
  return new MemoryBlockStore(basisOf(metadata), ids);
}

/** Fills an empty state store. */
export async function importState(
  snapshot: string,
  { lastBlock }: SnapshotMetadata,
  state: StateStore,
  options: Omit<StateImportOptions, "state" | "lastBlock">,
): Promise<void> {
  const target = new StateImport({ ...options, state, lastBlock });
  await importCollections(snapshot, target);
  await importRecords(snapshot, "public_state", false, target);
  await importRecords(snapshot, "private_state_hashes", true, target);
  await target.done();
}

async function importRecords(snapshot: string, name: string, isHashed: boolean, target: StateImport): Promise<void> {
  const data = await SnapshotFileReader.open(snapshot, `${name}.data`);
  const counts = await SnapshotFileReader.open(snapshot, `${name}.metadata`);
  try {
    if (data === undefined) return;
    if (counts === undefined) throw new Error(`${name}.metadata is missing`);
    const namespaces = await counts.number();
    if (namespaces > MAX_NAMESPACES) throw new Error(`${name}.metadata names ${namespaces} namespaces`);
    for (let index = 0; index < namespaces; index++) {
      const namespace = (await counts.item()).toString("utf8");
      if (isHashed !== namespace.includes("$$h") || namespace.startsWith("$"))
        throw new Error(`${name}.metadata: "${namespace}" is out of place`);
      for (let left = await counts.number(); left > 0; ) {
        const page = await data.items(Math.min(left, PAGE));
        await target.records(
          namespace,
          page.map((bytes) => readRecord(bytes, isHashed)),
        );
        left -= page.length;
      }
    }
    if (!(await data.isAtEnd())) throw new Error(`${name}.data goes on after its last record`);
  } finally {
    await data?.close();
    await counts?.close();
  }
}

async function importCollections(snapshot: string, target: StateImport): Promise<void> {
  const data = await SnapshotFileReader.open(snapshot, "confighistory.data");
  const count = await SnapshotFileReader.open(snapshot, "confighistory.metadata");
  try {
    if (data === undefined) return;
    if (count === undefined) throw new Error("confighistory.metadata is missing");
    for (let left = await count.number(); left > 0; left--) {
      const { chaincode, blockNumber } = readCollectionRecordKey(await data.item());
      await target.collections(chaincode, blockNumber, await data.item());
    }
  } finally {
    await data?.close();
    await count?.close();
  }
}

async function* idsOf(snapshot: string): AsyncGenerator<readonly Buffer[]> {
  const data = await SnapshotFileReader.open(snapshot, "txids.data");
  const count = await SnapshotFileReader.open(snapshot, "txids.metadata");
  try {
    if (data === undefined) return;
    if (count === undefined) throw new Error("txids.metadata is missing");
    let last: Buffer = Buffer.alloc(0);
    for (let left = await count.number(); left > 0; ) {
      const page = await data.items(Math.min(left, PAGE));
      for (const id of page) {
        if (id.length < last.length || (id.length === last.length && id.compare(last) <= 0))
          throw new Error("txids.data is out of order");
        last = id;
      }
      yield page;
      left -= page.length;
    }
  } finally {
    await data?.close();
    await count?.close();
  }
}

function withLength(id: Buffer): Buffer[] {
  const head: number[] = [];
  let length = id.length;
  for (; length >= 0x80; length = Math.floor(length / 128)) head.push((length % 128) | 0x80);
  head.push(length);
  return [Buffer.from(head), id];
}

function basisOf({ lastBlock, lastBlockHash, previousBlockHash, commitHash }: SnapshotMetadata): SnapshotBasis {
  const bytes = (hex: string) => Buffer.from(hex, "hex");
  return {
    lastBlock,
    lastBlockHash: bytes(lastBlockHash),
    previousBlockHash: bytes(previousBlockHash),
    commitHash: bytes(commitHash),
  };
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
