/**
 * One strand in a folder:
 *
 *   strand.json  its id and name
 *   blocks       the records, one after another; the only file that matters
 *   offsets      where each record lies
 *   intake.*     messages that are acknowledged before their block, where they are
 *   tree         the complete nodes of the block tree, 32 bytes each
 *
 * `offsets` and `tree` follow from `blocks`. They are written after the sync and not synced themselves; when they lag or
 * do not fit they are made again. Appends that wait while the disk is busy share the next write and its one sync.
 */
import {
  closeSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  read as readFile,
  readSync,
  write,
  writeSync,
  writev,
} from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import {
  emptyTip,
  HASH_BYTES,
  type JournalBlock,
  JournalError,
  type JournalRecord,
  type JournalStrand,
  type NodeReader,
  nodeCount,
  type StrandInfo,
  type StrandTip,
  tipAfter,
  verifyBlock,
} from "@hansa/journal";
import { assert, type Bytes, type Logger, messageOf } from "@hansa/primitives";
import { BlockOffsets } from "./journal-file-offsets.js";
import { RecordScanner } from "./journal-file-scan.js";
import { assertFollows } from "./journal-follow.js";
import { Frontier } from "./journal-frontier.js";
import { FileIntake } from "./journal-intake.js";
import { decodeBody, decodeHeader, encodeRecord, HEADER_BYTES, isIntact } from "./journal-record.js";

const writevAsync = promisify(writev);
const writeAsync = promisify(write);
const readAsync = promisify(readFile);
const fdatasyncAsync = promisify(fdatasync);

type Waiting = { records: readonly JournalRecord[]; done: () => void; failed: (error: unknown) => void };

export type FileStrandOptions = {
  readonly logger: Logger;
  /** How many bytes at the end of `blocks` are read and checked on open. The rest is checked when it is read. */
  readonly verifyBytes: number;
};

export class FileStrand implements JournalStrand {
  readonly #blocks: number;
  readonly #offsets: BlockOffsets;
  readonly #tree: number;
  readonly intake: FileIntake;
  readonly #logger: Logger;
  readonly #file: string;
  #tip: StrandTip;
  /** As #tip, with the appends that still wait. */
  #accepted: StrandTip;
  #frontier: Frontier;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: JournalError | undefined;
  #closed = false;
  /** Reads under way: a file that is closed beneath one could be another file by the time it reads. */
  readonly #reads = new Set<Promise<unknown>>();

  constructor(
    readonly info: StrandInfo,
    folder: string,
    options: FileStrandOptions,
  ) {
    this.#logger = options.logger.child({ strand: info.strandId, name: info.name });
    this.#file = path.join(folder, "blocks");
    this.#blocks = openOrCreate(this.#file);
    this.#offsets = new BlockOffsets(openOrCreate(path.join(folder, "offsets")));
    this.#tree = openOrCreate(path.join(folder, "tree"));
    this.#tip = emptyTip(info.strandId);
    this.#accepted = this.#tip;
    this.#frontier = Frontier.read(0, this.node);
    try {
      this.#recover(options.verifyBytes);
    } catch (error) {
      this.#release();
      throw error;
    }
    this.#accepted = this.#tip;
    this.intake = new FileIntake(folder, this.#logger);
  }

  get tip(): StrandTip {
    return this.#tip;
  }

  readonly node: NodeReader = (position) => {
    if (this.#closed) throw new JournalError({ code: "STRAND_NOT_FOUND", strandId: this.info.strandId });
    const node = Buffer.allocUnsafe(HASH_BYTES);
    const read = readSync(this.#tree, node, 0, HASH_BYTES, position * HASH_BYTES);
    assert(read === HASH_BYTES, `tree node ${position} is not there`);
    return node;
  };

  append(records: readonly JournalRecord[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    assert(!this.#closed, `strand ${this.info.strandId} is closed`);
    for (const { block } of records) {
      assertFollows(this.#accepted, block);
      this.#accepted = tipAfter(block);
    }
    if (records.length === 0) return Promise.resolve();
    return new Promise((done, failed) => {
      this.#waiting.push({ records, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  async block(sequenceNo: number): Promise<JournalBlock> {
    return (await this.#record(sequenceNo)).block;
  }

  async content(sequenceNo: number): Promise<Bytes> {
    return (await this.#record(sequenceNo)).content;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.intake.close();
    await Promise.allSettled(this.#reads);
    this.#release();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#writeGroup(group.flatMap((one) => one.records));
        for (const { done } of group) done();
      } catch (error) {
        const detail = messageOf(error);
        const { strandId } = this.info;
        // After a failed write or sync the kernel may have dropped pages: what the file holds is not known any more.
        const failure = new JournalError({ code: "STORE_FAILED", strandId, detail }, { cause: error });
        this.#failure = failure;
        this.#logger.error("journal append failed", { detail });
        for (const { failed } of [...group, ...this.#waiting]) failed(failure);
        this.#waiting = [];
      }
    }
    // Before any continuation of an append runs, or the next append would wait for a loop that has ended.
    this.#writing = undefined;
  }

  async #writeGroup(records: readonly JournalRecord[]): Promise<void> {
    const groupStart = this.#offsets.end;
    const frontier = this.#frontier.copy();
    const pieces: Bytes[] = [];
    const nodes: Bytes[] = [];
    const lengths: number[] = [];
    for (const record of records) {
      nodes.push(...frontier.append(record.block.blockHash));
      const [front, content] = encodeRecord(record, groupStart, frontier.checksum());
      pieces.push(front, content);
      lengths.push(front.length + content.length);
    }
    await this.#writeAll(pieces, groupStart);
    await fdatasyncAsync(this.#blocks);

    const firstNode = nodeCount(this.#frontier.size);
    const tree = Buffer.concat(nodes);
    writeSync(this.#tree, tree, 0, tree.length, firstNode * HASH_BYTES);
    this.#frontier = frontier;
    for (const length of lengths) this.#offsets.add(length);
    this.#offsets.save();
    this.#tip = tipAfter((records.at(-1) as JournalRecord).block);
  }

  async #writeAll(pieces: readonly Bytes[], position: number): Promise<void> {
    const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
    let written = (await writevAsync(this.#blocks, pieces, position)).bytesWritten;
    if (written === total) return;
    const rest = Buffer.concat(pieces);
    while (written < total) {
      const { bytesWritten } = await writeAsync(this.#blocks, rest, written, total - written, position + written);
      if (bytesWritten === 0) throw new Error(`wrote ${written} of ${total} bytes`);
      written += bytesWritten;
    }
  }

  #record(sequenceNo: number): Promise<JournalRecord> {
    const reading = this.#read(sequenceNo).finally(() => this.#reads.delete(reading));
    this.#reads.add(reading);
    return reading;
  }

  async #read(sequenceNo: number): Promise<JournalRecord> {
    const { strandId } = this.info;
    if (this.#closed) throw new JournalError({ code: "STRAND_NOT_FOUND", strandId });
    const { size } = this.#tip;
    if (!Number.isInteger(sequenceNo) || sequenceNo < 0 || sequenceNo >= size) {
      throw new JournalError({ code: "BLOCK_NOT_FOUND", strandId, sequenceNo, size });
    }
    const start = this.#offsets.start(sequenceNo);
    const bytes = Buffer.allocUnsafeSlow(this.#offsets.start(sequenceNo + 1) - start);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await readAsync(this.#blocks, bytes, filled, bytes.length - filled, start + filled);
      if (bytesRead === 0) throw this.#damaged(sequenceNo, start + filled, "the file ends within the block");
      filled += bytesRead;
    }
    const header = decodeHeader(bytes);
    const body = bytes.subarray(HEADER_BYTES);
    if (header === undefined) throw this.#damaged(sequenceNo, start, "the record's header does not read");
    if (!isIntact(header, body)) throw this.#damaged(sequenceNo, start, "the record fails its checksum");
    if (header.sequenceNo !== sequenceNo) {
      throw this.#damaged(sequenceNo, start, `the record says it is block ${header.sequenceNo}`);
    }
    return decodeBody({ strandId, sequenceNo }, body);
  }

  #damaged(sequenceNo: number, byte: number, detail: string): JournalError {
    const { strandId } = this.info;
    return new JournalError({ code: "DAMAGED", strandId, sequenceNo, file: this.#file, byte, detail });
  }

  #recover(verifyBytes: number): void {
    const fileBytes = fstatSync(this.#blocks).size;
    const offsets = this.#offsets;
    const indexed = offsets.count;
    if (offsets.end > fileBytes) {
      const detail = `the file ends here; ${offsets.end} bytes had been written`;
      throw this.#damaged(offsets.blockAt(fileBytes), fileBytes, detail);
    }
    const scanner = new RecordScanner(this.#blocks, fileBytes);
    // The last indexed block at the least, so that the tip is known.
    const first = Math.max(0, Math.min(indexed - 1, offsets.blockAt(Math.max(0, offsets.end - verifyBytes))));
    let tip: StrandTip | undefined = first === 0 ? emptyTip(this.info.strandId) : undefined;
    let frontierChecksum = 0;
    let position = offsets.start(first);
    let sequenceNo = first;
    for (; position < fileBytes; sequenceNo++) {
      const record = scanner.record(position);
      if (record === undefined) {
        if (sequenceNo < indexed) throw this.#damaged(sequenceNo, position, "the record fails its checksum");
        if (scanner.wasDurable(position)) {
          throw this.#damaged(sequenceNo, position, "the record does not read, though later ones do");
        }
        this.#cut(sequenceNo, position, fileBytes);
        break;
      }
      const { header, body } = record;
      if (header.sequenceNo !== sequenceNo) {
        throw this.#damaged(sequenceNo, position, `the record says it is block ${header.sequenceNo}`);
      }
      const { block } = decodeBody({ strandId: this.info.strandId, sequenceNo }, body);
      try {
        verifyBlock(block, tip);
      } catch (error) {
        throw this.#damaged(sequenceNo, position, messageOf(error));
      }
      tip = tipAfter(block);
      // The tip keeps a view into the scanner's buffer otherwise.
      tip = { ...tip, lastBlockHash: Buffer.from(tip.lastBlockHash) };
      frontierChecksum = header.frontierChecksum;
      const length = HEADER_BYTES + header.bodyBytes;
      if (sequenceNo >= indexed) offsets.add(length);
      else if (position + length !== offsets.start(sequenceNo + 1)) {
        throw this.#damaged(sequenceNo, position, "the record's length is not the one noted when it was written");
      }
      position += length;
    }
    this.#tip = tip ?? emptyTip(this.info.strandId);
    assert(this.#tip.size === sequenceNo, `recovered ${this.#tip.size} of ${sequenceNo} blocks`);
    offsets.trim();
    offsets.save();
    this.#recoverTree(frontierChecksum, scanner);
  }

  #cut(sequenceNo: number, position: number, fileBytes: number): void {
    ftruncateSync(this.#blocks, position);
    this.#logger.warn("torn tail cut: an interrupted write was never acknowledged", {
      file: this.#file,
      block: sequenceNo,
      byte: position,
      cutBytes: fileBytes - position,
    });
  }

  /** Takes the tree from its file when it fits the last record, and makes it again from the records otherwise. */
  #recoverTree(frontierChecksum: number, scanner: RecordScanner): void {
    const { size } = this.#tip;
    const expectedBytes = nodeCount(size) * HASH_BYTES;
    if (fstatSync(this.#tree).size >= expectedBytes) {
      const frontier = Frontier.read(size, this.node);
      if (frontier.checksum() === frontierChecksum) {
        ftruncateSync(this.#tree, expectedBytes);
        this.#frontier = frontier;
        return;
      }
    }
    const frontier = Frontier.read(0, this.node);
    ftruncateSync(this.#tree, 0);
    let pending: Bytes[] = [];
    let written = 0;
    const flush = () => {
      const bytes = Buffer.concat(pending);
      writeSync(this.#tree, bytes, 0, bytes.length, written);
      written += bytes.length;
      pending = [];
    };
    for (let sequenceNo = 0; sequenceNo < size; sequenceNo++) {
      const position = this.#offsets.start(sequenceNo);
      const record = scanner.record(position);
      if (record === undefined) throw this.#damaged(sequenceNo, position, "the record fails its checksum");
      const { block } = decodeBody({ strandId: this.info.strandId, sequenceNo }, record.body);
      pending.push(...frontier.append(Buffer.from(block.blockHash)));
      if (pending.length > 4096) flush();
    }
    flush();
    if (frontier.checksum() !== frontierChecksum) {
      throw this.#damaged(size - 1, this.#offsets.start(size - 1), "the blocks do not lead to the tree noted here");
    }
    this.#frontier = frontier;
    this.#logger.info("journal tree made again from the blocks", { blocks: size });
  }

  #release(): void {
    this.#closed = true;
    closeSync(this.#blocks);
    closeSync(this.#tree);
    this.#offsets.close();
  }
}

function openOrCreate(file: string): number {
  try {
    return openSync(file, "r+", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return openSync(file, "w+", 0o600);
  }
}
