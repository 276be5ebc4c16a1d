/**
 * Reads an export and verifies all of it while doing so: every hash of every block, the chain, both roots of the digest,
 * the signatures where roots are given, and the checksum of every file. One data object is in memory at a time.
 */
import { type Bytes, equalBytes, messageOf, sha256Hex } from "@hansa/primitives";
import { WireError } from "@hansa/wire";
import { emptyTip, type StrandTip, tipAfter } from "../block.js";
import { JournalError } from "../error.js";
import { dot } from "../hash.js";
import { joinLog, logLeaf } from "../log.js";
import { RunningRoot } from "../running-root.js";
import type { JournalRecord } from "../store.js";
import { WrongField } from "../verify/receipt-file.js";
import { type DigestParts, readDigest, readRoots, type Signer, verifySignatures } from "../verify/signed-digest.js";
import { readBlockValue } from "./block-value.js";
import { valueReader } from "./format.js";
import {
  completedKey,
  type ExportedFile,
  type ExportManifest,
  type ExportSeal,
  type ExportStore,
  normalPrefix,
  readCompleted,
  readStarted,
  startedKey,
} from "./layout.js";
import { readSeal } from "./seal.js";
import { BadValue } from "./value.js";

const SEAL_NAME = /^([0-9A-Za-z]{22})\.([0-9A-Za-z]{22})\.digest\.json$/;

/** What is wrong with an export: in which file, and where it can be told, in which block and at which byte of the file. */
export class BadExport extends Error {
  override readonly name = "BadExport";

  constructor(
    readonly file: string,
    readonly reason: string,
    readonly block?: number,
    readonly byte?: number,
  ) {
    const where = [block === undefined ? "" : `, block ${block}`, byte === undefined ? "" : `, byte ${byte}`].join("");
    super(`${file}${where}: ${reason}`);
  }
}

export type OpenedExport = {
  readonly exportId: string;
  readonly manifest: ExportManifest;
  readonly digest: DigestParts;
  /** Undefined without roots: then nobody vouches for the digest. */
  readonly signers: readonly Signer[] | undefined;
  readonly seal: ExportSeal;
  /** Every block from 0 to the tip, verified. What comes before the end is only proved once the end is reached. */
  records(): AsyncGenerator<JournalRecord>;
};

export type ExportLocation = {
  readonly store: ExportStore;
  readonly prefix: string;
  /** Needed when there are several under the prefix. */
  readonly exportId?: string;
};

/**
 * @param roots PEM texts with the certificates that the reader trusts; without them no signature is checked
 * @throws BadExport
 */
export async function openExport(
  location: ExportLocation,
  roots: readonly string[] | undefined,
): Promise<OpenedExport> {
  const { store } = location;
  const prefix = normalPrefix(location.prefix);
  const { key: sealKey, exportId, strandId } = await findSeal(store, prefix, location.exportId);
  const inSeal = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      if (error instanceof WrongField) throw new BadExport(sealKey, `${error.field} ${error.reason}`);
      throw error;
    }
  };
  const sealBytes = await fileOf(store, sealKey);
  const seal = inSeal(() => readSeal(sealBytes));
  const digest = inSeal(() => readDigest(seal.digest));
  if (digest.strandId !== strandId) throw new BadExport(sealKey, `the digest is of strand ${digest.strandId}`);
  const signers = inSeal(
    () =>
      roots &&
      verifySignatures(seal.digest, digest, seal.signatures, seal.intermediateCertificates, readRoots(roots)).signers,
  );
  const { manifest, data } = await checkManifests(store, prefix, exportId, seal, sealKey, digest);
  return {
    exportId,
    manifest,
    digest,
    signers,
    seal,
    records: () => readRecords(store, data, manifest, digest, sealKey),
  };
}

export type ExportVerdict =
  | { readonly valid: true; readonly export: OpenedExport; readonly blocks: number; readonly bytes: number }
  | {
      readonly valid: false;
      readonly file: string;
      readonly reason: string;
      readonly block: number | undefined;
      readonly byte: number | undefined;
    };

/** Verifies an export by itself. Throws only what the store throws. */
export async function verifyExport(location: ExportLocation, roots?: readonly string[]): Promise<ExportVerdict> {
  try {
    const opened = await openExport(location, roots);
    let blocks = 0;
    for await (const _ of opened.records()) blocks++;
    const bytes = opened.seal.files.reduce((sum, file) => sum + file.bytes, 0);
    return { valid: true, export: opened, blocks, bytes };
  } catch (error) {
    if (!(error instanceof BadExport)) throw error;
    const { file, reason, block, byte } = error;
    return { valid: false, file, reason, block, byte };
  }
}

async function findSeal(store: ExportStore, prefix: string, wanted: string | undefined) {
  const found = (await store.names(prefix)).flatMap((name) => {
    const [, exportId = "", strandId = ""] = SEAL_NAME.exec(name) ?? [];
    if (exportId === "" || (wanted !== undefined && exportId !== wanted)) return [];
    return [{ key: `${prefix}${name}`, exportId, strandId }];
  });
  const [first] = found;
  const place = `${store.name}/${prefix}`;
  if (first === undefined) {
    throw new BadExport(place, "there is no finished export: no file EXPORTID.STRANDID.digest.json");
  }
  if (found.length > 1) {
    const ids = found.map(({ exportId }) => exportId).join(", ");
    throw new BadExport(place, `there are ${found.length} exports; choose one: ${ids}`);
  }
  return first;
}

async function fileOf(store: ExportStore, key: string): Promise<Bytes> {
  const bytes = await store.get(key);
  if (bytes === undefined) throw new BadExport(key, "the file is missing");
  return bytes;
}

async function checkManifests(
  store: ExportStore,
  prefix: string,
  exportId: string,
  { files }: ExportSeal,
  sealKey: string,
  { strandId, tip }: DigestParts,
): Promise<{ manifest: ExportManifest; data: (ExportedFile & { firstBlock: number; lastBlock: number })[] }> {
  const keys = [startedKey(prefix, exportId), completedKey(prefix, exportId, strandId)] as const;
  const [started, completed] = await Promise.all(keys.map((key) => checkedFile(store, key, files, sealKey)));
  const manifest = inFile(keys[0], () => readStarted(started as Bytes));
  if (manifest.exportId !== exportId) throw new BadExport(keys[0], `it is of export ${manifest.exportId}`);
  const order = inFile(keys[1], () => readCompleted(completed as Bytes, manifest.outputFormat));
  const data = files.flatMap((file) => {
    const { firstBlock, lastBlock } = file;
    return firstBlock === undefined || lastBlock === undefined ? [] : [{ ...file, firstBlock, lastBlock }];
  });
  if (files.length !== data.length + 2) throw new BadExport(sealKey, "it lists files that an export does not have");
  const same = order.length === data.length && order.every((key, i) => key === data[i]?.key);
  if (!same)
    throw new BadExport(keys[1], "it lists other data files, or in another order, than the digest's file does");
  let next = 0;
  for (const { key, firstBlock, lastBlock } of data) {
    if (firstBlock !== next || lastBlock < firstBlock) {
      throw new BadExport(sealKey, `${key} is said to begin with block ${firstBlock}; block ${next} comes next`);
    }
    next = lastBlock + 1;
  }
  if (next !== tip + 1)
    throw new BadExport(sealKey, `its files end with block ${next - 1}, its digest with block ${tip}`);
  return { manifest, data };
}

async function checkedFile(
  store: ExportStore,
  key: string,
  files: readonly ExportedFile[],
  sealKey: string,
): Promise<Bytes> {
  const file = files.find((each) => each.key === key);
  if (file === undefined) throw new BadExport(sealKey, `it does not list ${key}`);
  const bytes = await fileOf(store, key);
  if (bytes.length !== file.bytes || sha256Hex(bytes) !== file.sha256) {
    throw new BadExport(key, "the file is not the one that was exported: its checksum is another");
  }
  return bytes;
}

async function* readRecords(
  store: ExportStore,
  files: readonly (ExportedFile & { firstBlock: number; lastBlock: number })[],
  { outputFormat }: ExportManifest,
  digest: DigestParts,
  sealKey: string,
): AsyncGenerator<JournalRecord> {
  let tip: StrandTip = emptyTip(digest.strandId);
  const [root, logRoot] = [new RunningRoot(dot), new RunningRoot(joinLog)];
  let upcoming = files[0] && store.get(files[0].key);
  for (const [i, file] of files.entries()) {
    const { key, lastBlock } = file;
    const bytes = await upcoming;
    // The next one travels while this one is verified.
    const next = files[i + 1];
    upcoming = next && store.get(next.key);
    upcoming?.catch(() => {});
    if (bytes === undefined) throw new BadExport(key, "the file is missing", tip.size);
    const reader = inFile(key, () => valueReader(bytes, outputFormat), tip.size);
    while (!reader.done) {
      const start = reader.position;
      const record = inFile(key, () => readBlockValue(reader.next(), outputFormat === "JSON", tip), tip.size, start);
      tip = tipAfter(record.block);
      root.append(record.block.blockHash);
      logRoot.append(logLeaf(record.block));
      yield record;
    }
    if (tip.size !== lastBlock + 1) {
      throw new BadExport(key, `the file ends with block ${tip.size - 1}; it should with block ${lastBlock}`, tip.size);
    }
    if (bytes.length !== file.bytes || sha256Hex(bytes) !== file.sha256) {
      throw new BadExport(key, "the file was changed outside its blocks' values: its checksum is another");
    }
  }
  if (!equalBytes(root.value, digest.hash)) throw new BadExport(sealKey, "the blocks do not lead to the digest's hash");
  if (!equalBytes(logRoot.value, digest.logRoot)) {
    throw new BadExport(sealKey, "the blocks do not lead to the digest's log root");
  }
}

/** Runs a reader; what it finds wrong is said with the file, the block and the byte. */
function inFile<T>(file: string, read: () => T, block?: number, start?: number): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadValue) throw new BadExport(file, error.reason, block, Math.max(error.byte, start ?? 0));
    if (error instanceof JournalError || error instanceof WireError || error instanceof RangeError) {
      throw new BadExport(file, messageOf(error), block, start);
    }
    throw error;
  }
}
