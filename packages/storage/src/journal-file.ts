/** Strands in a folder, one sub-folder each, named by the strand's id. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { JournalError, type JournalStore, type JournalStrand, type StrandInfo } from "@hansa/journal";
import { HansaError, type Logger, silentLogger } from "@hansa/primitives";
import { FileStrand } from "./journal-file-strand.js";
import { syncFolder, writeFileDurably } from "./journal-file-write.js";

export type FileJournalOptions = {
  readonly logger?: Logger;
  /** How much of each strand's newest bytes is read and checked on open. Default: all. */
  readonly verifyBytes?: number;
};

const STRAND_ID = /^[0-9A-Za-z]{22}$/;

export class FileJournalStore implements JournalStore {
  readonly #folder: string;
  readonly #options: Required<FileJournalOptions>;
  readonly #open = new Map<string, FileStrand>();

  constructor(folder: string, options: FileJournalOptions = {}) {
    this.#folder = folder;
    this.#options = { logger: silentLogger, verifyBytes: Number.MAX_SAFE_INTEGER, ...options };
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  async list(): Promise<readonly StrandInfo[]> {
    return readdirSync(this.#folder)
      .filter((name) => STRAND_ID.test(name) && existsSync(path.join(this.#folder, name, "strand.json")))
      .sort()
      .map((strandId) => this.#info(strandId));
  }

  async create(info: StrandInfo): Promise<JournalStrand> {
    const { strandId } = info;
    if (!STRAND_ID.test(strandId)) throw new RangeError(`"${strandId}" is not a strand id`);
    const folder = path.join(this.#folder, strandId);
    if (existsSync(path.join(folder, "strand.json"))) {
      throw new JournalError({ code: "STRAND_EXISTS", strandId, name: this.#info(strandId).name });
    }
    // A folder without strand.json is one whose making, or removal, was interrupted.
    await rm(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
    const strand = new FileStrand(info, folder, this.#options);
    writeFileDurably(path.join(folder, "strand.json"), `${JSON.stringify({ format: 1, ...info })}\n`);
    syncFolder(this.#folder);
    this.#open.set(strandId, strand);
    return strand;
  }

  async open(strandId: string): Promise<JournalStrand> {
    const open = this.#open.get(strandId);
    if (open !== undefined) return open;
    const folder = path.join(this.#folder, strandId);
    if (!STRAND_ID.test(strandId) || !existsSync(path.join(folder, "strand.json"))) {
      throw new JournalError({ code: "STRAND_NOT_FOUND", strandId });
    }
    const strand = new FileStrand(this.#info(strandId), folder, this.#options);
    this.#open.set(strandId, strand);
    return strand;
  }

  async remove(strandId: string): Promise<void> {
    if (!STRAND_ID.test(strandId)) return;
    const open = this.#open.get(strandId);
    this.#open.delete(strandId);
    await open?.close();
    const folder = path.join(this.#folder, strandId);
    if (!existsSync(folder)) return;
    // One rename decides; from then on the strand is gone, however far the deletion gets.
    const grave = path.join(this.#folder, `removed-${strandId}`);
    await rm(grave, { recursive: true, force: true });
    renameSync(folder, grave);
    syncFolder(this.#folder);
    await rm(grave, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((strand) => strand.close()));
  }

  #info(strandId: string): StrandInfo {
    const file = path.join(this.#folder, strandId, "strand.json");
    try {
      const info = JSON.parse(readFileSync(file, "utf8")) as Partial<StrandInfo>;
      if (info.strandId === strandId && typeof info.name === "string") return { strandId, name: info.name };
    } catch {
      // Reported below like any other content that does not fit.
    }
    throw new HansaError("JOURNAL_UNREADABLE", `${file} does not describe strand ${strandId}`, {
      nextStep: "restore this node's data folder from a copy, or wipe the node and let it start again",
    });
  }
}
