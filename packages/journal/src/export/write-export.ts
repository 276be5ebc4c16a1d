/** Writes a whole strand, up to a signed digest, in the layout of QLDB's journal export. */
import { type Bytes, HansaError, sha256Hex } from "@hansa/primitives";
import type { JournalRecord } from "../store.js";
import type { SignatureParts } from "../verify/receipt-file.js";
import { type DigestParts, readDigest } from "../verify/signed-digest.js";
import { blockValue } from "./block-value.js";
import { fileHead, writeValue } from "./format.js";
import {
  completedKey,
  dataKey,
  type ExportedFile,
  type ExportStore,
  normalPrefix,
  sealKey,
  startedKey,
  writeCompleted,
  writeStarted,
} from "./layout.js";
import { writeSeal } from "./seal.js";
import type { ExportFormat } from "./value.js";

export type ExportRequest = {
  /** Blocks 0 to the digest's tip, in order; more are not taken. */
  readonly records: AsyncIterable<JournalRecord>;
  /** The signed digest that the export ends with. */
  readonly digest: Bytes;
  readonly signatures: readonly SignatureParts[];
  readonly intermediateCertificates: readonly Bytes[];
  readonly store: ExportStore;
  /** 22 characters, unique among the exports there. */
  readonly exportId: string;
  readonly format: ExportFormat;
  /** What the manifest names: the network. */
  readonly ledgerName: string;
  readonly bucket: string;
  readonly prefix: string;
  /** A data object is ended when it has grown so far. Default 16 MiB. */
  readonly objectBytes?: number;
  readonly onProgress?: (blocks: number) => void;
};

export type ExportSummary = {
  readonly exportId: string;
  readonly strandId: string;
  readonly blocks: number;
  readonly bytes: number;
  readonly files: readonly ExportedFile[];
};

const OBJECT_BYTES = 16 * 1024 * 1024;
const HOUR_MS = 3_600_000;

/**
 * @throws RangeError when the records end before the digest's tip; HansaError EXPORT_STORE when a file of another export
 * is in the way; whatever the store throws
 */
export async function writeExport(request: ExportRequest): Promise<ExportSummary> {
  const { store, exportId, format, ledgerName, bucket, objectBytes = OBJECT_BYTES } = request;
  const prefix = normalPrefix(request.prefix);
  const digest = readDigest(request.digest);
  const files: ExportedFile[] = [];
  const put = async (key: string, bytes: Bytes, blocks: Partial<ExportedFile> = {}, isThere = false) => {
    if (!isThere) await store.put(key, bytes);
    files.push({ key, bytes: bytes.length, sha256: sha256Hex(bytes), ...blocks });
  };
  const objects = dataObjects(request.records, digest, format, objectBytes);
  let blocks = 0;
  let started = false;
  for await (const { first, last, bytes } of objects) {
    const key = dataKey(prefix, digest.strandId, first, last, format);
    const isThere = await holds(store, key, bytes);
    if (!started) {
      const times = { inclusiveStartTime: first.timestampMs, exclusiveEndTime: digest.tipTimestampMs + 1 };
      const manifest = { ledgerName, exportId, ...times, bucket, prefix, outputFormat: format };
      await put(startedKey(prefix, exportId), writeStarted(manifest));
      started = true;
    }
    const range = { firstBlock: first.number, lastBlock: last };
    await put(key, bytes, range, isThere);
    blocks = last + 1;
    request.onProgress?.(blocks);
  }
  if (blocks !== digest.tip + 1)
    throw new RangeError(`${blocks} blocks came of the ${digest.tip + 1} that the digest covers`);
  const keys = files.filter(({ firstBlock }) => firstBlock !== undefined).map(({ key }) => key);
  await put(completedKey(prefix, exportId, digest.strandId), writeCompleted(keys, format));
  const { signatures, intermediateCertificates } = request;
  const seal = writeSeal({ digest: request.digest, signatures, intermediateCertificates, files });
  await store.put(sealKey(prefix, exportId, digest.strandId), seal);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { exportId, strandId: digest.strandId, blocks, bytes, files };
}

/** Data objects do not carry the export's id, so exports in one place share them: none may spoil another's. */
async function holds(store: ExportStore, key: string, bytes: Bytes): Promise<boolean> {
  // Who may write to a bucket but not read cannot know.
  const there = await store.get(key).catch(() => undefined);
  if (there === undefined) return false;
  if (Buffer.compare(there, bytes) === 0) return true;
  throw new HansaError(
    "EXPORT_STORE",
    `${store.name}/${key} is there already and holds something else, as after an export in another format.`,
    { nextStep: "Export to another folder or prefix, or remove that file if no export needs it." },
  );
}

type DataObject = {
  readonly first: { readonly number: number; readonly timestampMs: number };
  readonly last: number;
  readonly bytes: Bytes;
};

/** Blocks gathered into objects: one ends when it is large enough, or when the hour does. */
async function* dataObjects(
  records: AsyncIterable<JournalRecord>,
  digest: DigestParts,
  format: ExportFormat,
  objectBytes: number,
): AsyncGenerator<DataObject> {
  const head = fileHead(format);
  let pieces: Bytes[] = [head];
  let size = 0;
  let first: DataObject["first"] | undefined;
  let last = -1;
  const finished = () => ({ first: first as DataObject["first"], last, bytes: Buffer.concat(pieces) });
  for await (const record of records) {
    const { address, timestampMs } = record.block;
    if (address.sequenceNo > digest.tip) break;
    const sameHour = first === undefined || hourOf(first.timestampMs) === hourOf(timestampMs);
    if (first !== undefined && (size >= objectBytes || !sameHour)) {
      yield finished();
      pieces = [head];
      size = 0;
      first = undefined;
    }
    const bytes = writeValue(blockValue(record), format);
    first ??= { number: address.sequenceNo, timestampMs };
    last = address.sequenceNo;
    pieces.push(bytes);
    size += bytes.length;
  }
  if (first !== undefined) yield finished();
}

function hourOf(ms: number): number {
  return Math.floor(ms / HOUR_MS);
}
