/**
 * One strand in a folder:
 *
 *   strand.json  its id and name
 *   blocks       the records, one after another; the only file that matters
 *   offsets      where each record lies
 *   intake.*     messages that are acknowledged before their block, where they are
 *   tree, log    the complete nodes of the two trees over the blocks, 32 bytes each
 *
 * `offsets`, `tree` and `log` follow from `blocks`. They are written after the sync and not synced themselves; when they
 * lag or do not fit they are made again. Appends that wait while the disk is busy share the next write and its one sync.
 */
import {
  emptyTip,
  type JournalBlock,
  JournalError,
  type JournalRecord,
  type JournalStrand,
  type NodeReader,
  type StrandInfo,
  type StrandTip,
  tipAfter,
  verifyBlock,
} from "@hansa/journal";
import { assert, type Bytes, type Logger, messageOf } from "@hansa/primitives";
import { type FileSystem, type OpenFile, readFully, readFullySync, writeFully, writeFullySync } from "./files.js";
import { BlockOffsets } from "./journal-file-offsets.js";
import { RecordScanner } from "./journal-file-scan.js";
import { type EdgeChecksum, TreeFiles } from "./journal-file-trees.js";
import { assertFollows } from "./journal-follow.js";
import { FileIntake } from "./journal-intake.js";
import {
  contentStart,
  decodeBody,
  decodeHeader,
  encodeRecord,
  HEADER_BYTES,
  isIntact,
  type RecordHeader,
} from "./journal-record.js";

/** Kept between readings, so that a strand of large blocks does not hold much memory. */
const MAX_SCRATCH_BYTES = 4 * 1024 * 1024;
const SMALL_GROUP_BYTES = 64 * 1024;

type Waiting = { records: readonly JournalRecord[]; done: () => void; failed: (error: unknown) => void };

export type FileStrandOptions = {
  readonly logger: Logger;
  readonly files: FileSystem;
  /** How many bytes at the end of `blocks` are read and checked on open. The rest is checked when it is read. */
  readonly verifyBytes: number;
};

export class FileStrand implements JournalStrand {
  readonly #blocks: OpenFile;
  readonly #offsets: BlockOffsets;
  readonly #trees: TreeFiles;
  readonly intake: FileIntake;
  readonly #logger: Logger;
  readonly #folder: string;
  readonly #file: string;
  #tip: StrandTip;
  /** As #tip, with the appends that still wait. */
  #accepted: StrandTip;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: JournalError | undefined;
  #closed = false;
  #scratch: Buffer | undefined;
  /** Reads under way: a file that is closed beneath one could be another file by the time it reads. */
  readonly #reads = new Set<Promise<unknown>>();

  constructor(
    readonly info: StrandInfo,
    folder: string,
    options: FileStrandOptions,
  ) {
    this.#logger = options.logger.child({ strand: info.strandId, name: info.name });
    this.#folder = folder;
    this.#file = `${folder}/blocks`;
    const { files } = options;
    this.#blocks = files.open(this.#file);
    this.#offsets = new BlockOffsets(files.open(`${folder}/offsets`));
    this.#trees = new TreeFiles(files.open(`${folder}/tree`), files.open(`${folder}/log`), (name, position) =>
      this.#treeDamaged(name, position),
    );
    this.#tip = emptyTip(info.strandId);
    this.#accepted = this.#tip;
    try {
      this.#recover(options.verifyBytes);
      this.#accepted = this.#tip;
      this.intake = new FileIntake(folder, { strandId: info.strandId, files, logger: this.#logger });
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  get tip(): StrandTip {
    return this.#tip;
  }

  readonly node: NodeReader = (position) => this.#openTrees().node(position);
  readonly logNode: NodeReader = (position) => this.#openTrees().logNode(position);

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
    return (await this.record(sequenceNo)).block;
  }

  async content(sequenceNo: number): Promise<Bytes> {
    return (await this.record(sequenceNo)).content;
  }

  record(sequenceNo: number): Promise<JournalRecord> {
    const reading = this.#read(sequenceNo).finally(() => this.#reads.delete(reading));
    this.#reads.add(reading);
    return reading;
  }

  peek<T>(sequenceNo: number, use: (record: JournalRecord) => T): Promise<T> {
    const reading = this.#peek(sequenceNo, use).finally(() => this.#reads.delete(reading));
    this.#reads.add(reading);
    return reading;
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
    const growth = this.#trees.grow();
    const pieces: Bytes[] = [];
    const lengths: number[] = [];
    for (const record of records) {
      growth.append(record.block);
      const [front, content] = encodeRecord(record, groupStart, growth.checksum());
      pieces.push(front, content);
      lengths.push(front.length + content.length);
    }
    // Little goes into the page cache at once, which is sooner done than another thread is asked.
    if (lengths.reduce((sum, length) => sum + length, 0) > SMALL_GROUP_BYTES)
      await writeFully(this.#blocks, pieces, groupStart);
    else writeFullySync(this.#blocks, Buffer.concat(pieces), groupStart);
    await this.#blocks.sync();

    this.#trees.commit(growth);
    for (const length of lengths) this.#offsets.add(length);
    this.#offsets.save();
    this.#tip = tipAfter((records.at(-1) as JournalRecord).block);
  }

  #openTrees(): TreeFiles {
    if (this.#closed) throw new JournalError({ code: "STRAND_NOT_FOUND", strandId: this.info.strandId });
    return this.#trees;
  }

  async #read(sequenceNo: number): Promise<JournalRecord> {
    const { strandId } = this.info;
    const place = this.#placeOf(sequenceNo);
    const { start } = place;
    const bytes = Buffer.allocUnsafeSlow(place.length);
    const body = await this.#fill(bytes, start, sequenceNo);
    const header = decodeHeader(bytes);
    if (header === undefined) throw this.#damaged(sequenceNo, start, "the record's header does not read");
    if (!isIntact(header, body)) throw this.#damaged(sequenceNo, start, "the record fails its checksum");
    if (header.sequenceNo !== sequenceNo) {
      throw this.#damaged(sequenceNo, start, `the record says it is block ${header.sequenceNo}`);
    }
    return decodeBody({ strandId, sequenceNo }, body);
  }

  async #peek<T>(sequenceNo: number, use: (record: JournalRecord) => T): Promise<T> {
    const { start, length } = this.#placeOf(sequenceNo);
    const scratch = this.#takeScratch(length);
    try {
      const body = await this.#fill(scratch.subarray(0, length), start, sequenceNo);
      const contentAt = contentStart(body);
      const { block } = decodeBody(
        { strandId: this.info.strandId, sequenceNo },
        Buffer.from(body.subarray(0, contentAt)),
      );
      return use({ block, content: body.subarray(contentAt) });
    } finally {
      if (scratch.length <= MAX_SCRATCH_BYTES) this.#scratch = scratch;
    }
  }

  /** Memory for one reader at a time: fresh pages for each block cost more than reading it. */
  #takeScratch(length: number): Buffer {
    const scratch = this.#scratch;
    this.#scratch = undefined;
    return scratch !== undefined && scratch.length >= length ? scratch : Buffer.allocUnsafeSlow(length);
  }

  /** Reads a whole record. Returns its body. */
  async #fill(bytes: Buffer, start: number, sequenceNo: number): Promise<Buffer> {
    const filled = await readFully(this.#blocks, bytes, start);
    if (filled < bytes.length) throw this.#damaged(sequenceNo, start + filled, "the file ends within the block");
    return bytes.subarray(HEADER_BYTES);
  }

  /** Where a block that was asked for lies. */
  #placeOf(sequenceNo: number): { readonly start: number; readonly length: number } {
    const { strandId } = this.info;
    if (this.#closed) throw new JournalError({ code: "STRAND_NOT_FOUND", strandId });
    const { size } = this.#tip;
    if (!Number.isInteger(sequenceNo) || sequenceNo < 0 || sequenceNo >= size) {
      throw new JournalError({ code: "BLOCK_NOT_FOUND", strandId, sequenceNo, size });
    }
    return this.#place(sequenceNo);
  }

  #damaged(sequenceNo: number, byte: number, detail: string): JournalError {
    const { strandId } = this.info;
    return new JournalError({ code: "DAMAGED", strandId, sequenceNo, file: this.#file, byte, detail });
  }

  #treeDamaged(name: "tree" | "log", position: number): JournalError {
    const { strandId } = this.info;
    const detail = `node ${position} of the tree cannot be read`;
    const sequenceNo = Math.max(0, this.#tip.size - 1);
    const file = `${this.#folder}/${name}`;
    return new JournalError({ code: "DAMAGED", strandId, sequenceNo, file, byte: position * 32, detail });
  }

  #place(sequenceNo: number): { readonly start: number; readonly length: number } {
    const place = this.#offsets.place(sequenceNo);
    if (place !== undefined) return place;
    const { strandId } = this.info;
    const detail = "the block's offset fails its checksum";
    const file = `${this.#folder}/offsets`;
    throw new JournalError({ code: "DAMAGED", strandId, sequenceNo, file, byte: sequenceNo * 16, detail });
  }

  #recover(verifyBytes: number): void {
    const fileBytes = this.#blocks.size();
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
    let last: RecordHeader | undefined;
    let position = first === 0 ? 0 : this.#place(first).start;
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
      last = header;
      const length = HEADER_BYTES + header.bodyBytes;
      if (sequenceNo >= indexed) offsets.add(length);
      else if (length !== this.#place(sequenceNo).length) {
        throw this.#damaged(sequenceNo, position, "the record's length is not the one noted when it was written");
      }
      position += length;
    }
    this.#tip = tip ?? emptyTip(this.info.strandId);
    assert(this.#tip.size === sequenceNo, `recovered ${this.#tip.size} of ${sequenceNo} blocks`);
    if (sequenceNo > indexed) this.#makeDurable(last?.groupStart ?? 0, position);
    offsets.trim();
    offsets.save();
    this.#recoverTrees(last ?? { frontierChecksum: 0, coversLog: true }, scanner);
  }

  /**
   * Writes the last group anew. The process may have ended before its sync, or because the sync failed; then the kernel
   * shows bytes that it will not write any more.
   */
  #makeDurable(start: number, end: number): void {
    const bytes = Buffer.alloc(end - start);
    const read = readFullySync(this.#blocks, bytes, start);
    assert(read === bytes.length, `read ${read} of the last group's ${bytes.length} bytes`);
    writeFullySync(this.#blocks, bytes, start);
    this.#blocks.syncSync();
  }

  #cut(sequenceNo: number, position: number, fileBytes: number): void {
    this.#blocks.truncate(position);
    this.#logger.warn("torn tail cut: an interrupted write was never acknowledged", {
      file: this.#file,
      block: sequenceNo,
      byte: position,
      cutBytes: fileBytes - position,
    });
  }

  /** Takes the trees from their files when those fit the last record, and makes them again otherwise. */
  #recoverTrees(checksum: EdgeChecksum, scanner: RecordScanner): void {
    const { size } = this.#tip;
    if (this.#trees.load(size, checksum)) return;
    if (!this.#trees.rebuild(this.#allBlocks(scanner), checksum)) {
      const start = size === 0 ? 0 : this.#place(size - 1).start;
      throw this.#damaged(size - 1, start, "the blocks do not lead to the trees noted here");
    }
    this.#logger.info("journal trees made again from the blocks", { blocks: size });
  }

  *#allBlocks(scanner: RecordScanner): Generator<JournalBlock> {
    const { strandId } = this.info;
    for (let sequenceNo = 0; sequenceNo < this.#tip.size; sequenceNo++) {
      const { start } = this.#place(sequenceNo);
      const record = scanner.record(start);
      if (record === undefined) throw this.#damaged(sequenceNo, start, "the record fails its checksum");
      yield decodeBody({ strandId, sequenceNo }, record.body).block;
    }
  }

  #release(): void {
    this.#closed = true;
    this.#blocks.close();
    this.#trees.close();
    this.#offsets.close();
  }
}
