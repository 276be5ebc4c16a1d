/** Strands in a folder, one sub-folder each, named by the strand's id. */
import { JournalError, type JournalStore, type JournalStrand, type StrandInfo } from "@hansa/journal";
import { HansaError, type Logger, messageOf, silentLogger } from "@hansa/primitives";
import { type FileSystem, nodeFiles, readFile, replaceFile } from "./files.js";
import { FileStrand } from "./journal-file-strand.js";

export type FileJournalOptions = {
  readonly logger?: Logger;
  /** How much of each strand's newest bytes is read and checked on open. Default: all. */
  readonly verifyBytes?: number;
  /** Default: the machine's own. */
  readonly files?: FileSystem;
};

const STRAND_ID = /^[0-9A-Za-z]{22}$/;

export class FileJournalStore implements JournalStore {
  readonly #folder: string;
  readonly #options: Required<FileJournalOptions>;
  readonly #open = new Map<string, FileStrand>();

  constructor(folder: string, options: FileJournalOptions = {}) {
    this.#folder = folder;
    this.#options = { logger: silentLogger, verifyBytes: Number.MAX_SAFE_INTEGER, files: nodeFiles, ...options };
    this.#files.makeFolder(folder);
  }

  get #files(): FileSystem {
    return this.#options.files;
  }

  #path(strandId: string, file?: string): string {
    const folder = `${this.#folder}/${strandId}`;
    return file === undefined ? folder : `${folder}/${file}`;
  }

  async list(): Promise<readonly StrandInfo[]> {
    return this.#files
      .names(this.#folder)
      .filter((name) => STRAND_ID.test(name) && this.#files.exists(this.#path(name, "strand.json")))
      .sort()
      .map((strandId) => this.#info(strandId));
  }

  async create(info: StrandInfo): Promise<JournalStrand> {
    const { strandId } = info;
    if (!STRAND_ID.test(strandId)) throw new RangeError(`"${strandId}" is not a strand id`);
    if (this.#files.exists(this.#path(strandId, "strand.json"))) {
      throw new JournalError({ code: "STRAND_EXISTS", strandId, name: this.#info(strandId).name });
    }
    const folder = this.#path(strandId);
    // A folder without strand.json is one whose making, or removal, was interrupted.
    this.#files.remove(folder);
    this.#files.makeFolder(folder);
    const strand = new FileStrand(info, folder, this.#options);
    try {
      const description = Buffer.from(`${JSON.stringify({ format: 1, ...info })}\n`);
      replaceFile(this.#files, folder, "strand.json", description);
      this.#files.syncFolder(this.#folder);
    } catch (cause) {
      await strand.close();
      throw new JournalError({ code: "STORE_FAILED", strandId, detail: messageOf(cause) }, { cause });
    }
    this.#open.set(strandId, strand);
    return strand;
  }

  async open(strandId: string): Promise<JournalStrand> {
    const open = this.#open.get(strandId);
    if (open !== undefined) return open;
    if (!STRAND_ID.test(strandId) || !this.#files.exists(this.#path(strandId, "strand.json"))) {
      throw new JournalError({ code: "STRAND_NOT_FOUND", strandId });
    }
    const strand = new FileStrand(this.#info(strandId), this.#path(strandId), this.#options);
    this.#open.set(strandId, strand);
    return strand;
  }

  async remove(strandId: string): Promise<void> {
    if (!STRAND_ID.test(strandId)) return;
    const open = this.#open.get(strandId);
    this.#open.delete(strandId);
    await open?.close();
    const folder = this.#path(strandId);
    if (!this.#files.exists(folder)) return;
    // One rename decides; from then on the strand is gone, however far the deletion gets.
    const grave = this.#path(`removed-${strandId}`);
    this.#files.remove(grave);
    this.#files.rename(folder, grave);
    this.#files.syncFolder(this.#folder);
    this.#files.remove(grave);
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((strand) => strand.close()));
  }

  #info(strandId: string): StrandInfo {
    const file = this.#path(strandId, "strand.json");
    try {
      const info = JSON.parse(readFile(this.#files, file).toString("utf8")) as Partial<StrandInfo>;
      if (info.strandId === strandId && typeof info.name === "string") return { strandId, name: info.name };
    } catch {
      // Reported below like any other content that does not fit.
    }
    throw new HansaError("JOURNAL_UNREADABLE", `${file} does not describe strand ${strandId}`, {
      nextStep: "restore this node's data folder from a copy, or wipe the node and let it start again",
    });
  }
}
