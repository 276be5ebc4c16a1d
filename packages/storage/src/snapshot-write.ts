/**
 * Writes a snapshot of a ledger into a folder: the same files, byte for byte, as a Fabric peer writes for that ledger.
 * It reads a frozen ledger page by page, so that it neither holds commits up nor takes memory.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import {
  COLLECTION_HISTORY,
  collectionRecordKey,
  type FrozenLedger,
  type FrozenState,
  type RangeCursor,
  splitNamespace,
  writeRecord,
} from "@hansa/ledger";
import { type CancelSignal, fromUtf8, HansaError, toHex } from "@hansa/primitives";
import { SnapshotFileWriter } from "./snapshot-file.js";
import { ADDITIONAL_FILE, additionalText, SIGNABLE_FILE, signableText } from "./snapshot-metadata.js";
import { sortedIds } from "./sorted-ids.js";

const PAGE = 1_000;

/** Where the snapshot of a channel at a block is. Source: hyperledger/fabric, core/ledger/kvledger/ledger_filepath.go. */
export function snapshotFolder(root: string, channelId: string, lastBlock: number): string {
  return path.join(root, "completed", channelId, String(lastBlock));
}

/**
 * Writes below `root` and returns the folder, which appears when all in it is durable. Closes the frozen ledger.
 * @throws HansaError ABORTED when the signal fires
 */
export async function writeSnapshot(root: string, frozen: FrozenLedger, signal?: CancelSignal): Promise<string> {
  const { channelId, lastBlock, state } = frozen;
  let draft: string | undefined;
  try {
    await mkdir(path.join(root, "temp"), { recursive: true, mode: 0o700 });
    draft = await mkdtemp(path.join(root, "temp", `${channelId}-${lastBlock}-`));
    const files = {
      ...(await writeIds(draft, frozen, signal)),
      ...(await writeCollections(draft, state)),
      ...(await writeState(draft, state, "public", "public_state", signal)),
      ...(await writeState(draft, state, "hashed", "private_state_hashes", signal)),
    };
    const lastBlockHash = toHex(frozen.lastBlockHash);
    const previousBlockHash = toHex(frozen.previousBlockHash);
    const signable = signableText({ channelId, lastBlock, lastBlockHash, previousBlockHash, files });
    const snapshotHash = createHash("sha256").update(signable).digest("hex");
    await writeText(draft, SIGNABLE_FILE, signable);
    await writeText(draft, ADDITIONAL_FILE, additionalText(snapshotHash, toHex(frozen.commitHash)));
    await syncFolder(draft);
    const folder = snapshotFolder(root, channelId, lastBlock);
    await mkdir(path.dirname(folder), { recursive: true, mode: 0o700 });
    await rename(draft, folder);
    await syncFolder(path.dirname(folder));
    return folder;
  } finally {
    await state.close();
    if (draft !== undefined) await rm(draft, { recursive: true, force: true });
  }
}

type Hashes = Record<string, string>;

async function writeIds(folder: string, frozen: FrozenLedger, signal: CancelSignal | undefined): Promise<Hashes> {
  const writer = new PairWriter(folder, "txids");
  try {
    for await (const page of sortedIds(frozen.txIds(), path.join(folder, "ids"))) {
      const data = await writer.data();
      for (const id of page) data.item(id);
      writer.count += page.length;
      await data.flush();
      checkGoing(signal);
    }
    return await writer.done((metadata) => metadata.out.varint(writer.count));
  } finally {
    await writer.abandon();
  }
}

async function writeCollections(folder: string, state: FrozenState): Promise<Hashes> {
  const writer = new PairWriter(folder, "confighistory");
  try {
    for await (const page of pagesOf(state.entries(COLLECTION_HISTORY))) {
      const data = await writer.data();
      for (const { key, value } of page) {
        data.item(collectionRecordKey(key));
        data.item(value);
      }
      writer.count += page.length;
      await data.flush();
    }
    return await writer.done((metadata) => metadata.out.varint(writer.count));
  } finally {
    await writer.abandon();
  }
}

async function writeState(
  folder: string,
  state: FrozenState,
  kind: "public" | "hashed",
  name: string,
  signal: CancelSignal | undefined,
): Promise<Hashes> {
  const writer = new PairWriter(folder, name);
  const counts: [namespace: string, count: number][] = [];
  try {
    for (const namespace of await state.namespaces()) {
      if (splitNamespace(namespace).kind !== kind) continue;
      let count = 0;
      for await (const page of pagesOf(state.entries(namespace))) {
        const data = await writer.data();
        for (const entry of page) writeRecord(data.out, entry, kind === "hashed");
        count += page.length;
        await data.flush();
        checkGoing(signal);
      }
      counts.push([namespace, count]);
    }
    return await writer.done((metadata) => {
      metadata.out.varint(counts.length);
      for (const [namespace, count] of counts) {
        metadata.item(fromUtf8(namespace));
        metadata.out.varint(count);
      }
    });
  } finally {
    await writer.abandon();
  }
}

/** A data file and its metadata file, both of which are there only when there is something to say. */
class PairWriter {
  count = 0;
  readonly #folder: string;
  readonly #name: string;
  #data: SnapshotFileWriter | undefined;
  #isDone = false;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  async data(): Promise<SnapshotFileWriter> {
    this.#data ??= await SnapshotFileWriter.create(this.#folder, `${this.#name}.data`);
    return this.#data;
  }

  async done(writeMetadata: (metadata: SnapshotFileWriter) => void): Promise<Hashes> {
    if (this.#data === undefined) return {};
    this.#isDone = true;
    const metadata = await SnapshotFileWriter.create(this.#folder, `${this.#name}.metadata`);
    writeMetadata(metadata);
    return { [this.#data.name]: await this.#data.done(), [metadata.name]: await metadata.done() };
  }

  async abandon(): Promise<void> {
    if (!this.#isDone) await this.#data?.abandon();
  }
}

async function* pagesOf(cursor: RangeCursor) {
  try {
    for (let page = await cursor.next(PAGE); page.length > 0; page = await cursor.next(PAGE)) yield page;
  } finally {
    await cursor.close();
  }
}

function checkGoing(signal: CancelSignal | undefined): void {
  if (signal?.aborted) throw new HansaError("ABORTED", "the snapshot was given up");
}

async function writeText(folder: string, name: string, text: string): Promise<void> {
  const handle = await open(path.join(folder, name), "wx", 0o444);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
