/**
 * The registry in one append-only file: a line for each append, a JSON array of its records, written and flushed to
 * the disk before the append returns, and soon after a note does. A last line that was cut off by a crash is removed on open; its append was
 * never answered. Anything else that does not parse stops the CA.
 */
import { writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, messageOf } from "@hansa/primitives";
import { CaError } from "./error.js";
import { RECORD_KINDS, type RegistryRecord, type RegistryStore } from "./registry.js";

/** Notes that come together share a write to the disk, which is out of the way of the act that they are about. */
const FLUSH_AFTER_MS = 50;

export class FileRegistryStore implements RegistryStore {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #logger: Logger;
  #size = 0;
  readonly #closing = new AbortController();
  #flushing: Promise<void> | undefined;
  /** Why what was noted may not be on the disk. */
  #unflushed: CaError | undefined;

  private constructor(path: string, file: FileHandle, logger: Logger) {
    this.#path = path;
    this.#file = file;
    this.#logger = logger;
  }

  /** Creates the file, mode 0600, when it is absent. */
  static async open(path: string, logger: Logger): Promise<FileRegistryStore> {
    return new FileRegistryStore(path, await open(path, "a+", 0o600), logger);
  }

  async load(): Promise<readonly RegistryRecord[]> {
    const text = await this.#file.readFile("utf8");
    const lines = text.split("\n");
    const records: RegistryRecord[] = [];
    let whole = 0;
    for (const [index, line] of lines.entries()) {
      const isLast = index >= lines.length - 2;
      const complete = index < lines.length - 1;
      if (!complete && line === "") break;
      const parsed = complete ? parseLine(line) : undefined;
      if (parsed === undefined) {
        // A whole line was answered for, unless parts of it never reached the disk: those read as zeros.
        if (!isLast || (complete && !line.includes("\0"))) throw this.#corrupt(index + 1);
        await this.#cut(whole, text.length);
        break;
      }
      records.push(...parsed);
      whole += Buffer.byteLength(line) + 1;
    }
    this.#size = whole;
    return records;
  }

  async append(records: readonly RegistryRecord[]): Promise<void> {
    if (this.#unflushed !== undefined) throw this.#unflushed;
    await this.#write(records, () => this.#file.datasync());
  }

  async note(records: readonly RegistryRecord[]): Promise<void> {
    if (this.#unflushed !== undefined) throw this.#unflushed;
    await this.#write(records, async () => {});
    this.#flushing ??= this.#flush(FLUSH_AFTER_MS);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#flushing;
    await this.#file.close();
  }

  async #write(records: readonly RegistryRecord[], flush: () => Promise<void>): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(records)}\n`);
    try {
      // Into the page cache at once: sooner done than another thread is asked.
      for (let written = 0; written < line.length; ) written += writeSync(this.#file.fd, line, written);
      await flush();
    } catch (cause) {
      // Half a line must not stay in front of the next one.
      await this.#file.truncate(this.#size).catch(() => {});
      throw cause;
    }
    this.#size += line.length;
  }

  /** All that was noted by its beginning; what is noted meanwhile, in another round. */
  async #flush(afterMs: number): Promise<void> {
    const { signal } = this.#closing;
    await sleep(afterMs, undefined, { signal, ref: false }).catch(() => {});
    try {
      for (let flushed = -1; flushed !== this.#size; ) {
        flushed = this.#size;
        await this.#file.datasync();
      }
    } catch (cause) {
      this.#unflushed = new CaError("UNAVAILABLE", `${this.#path} cannot be written to the disk`, {
        cause,
        nextStep: "Check that the disk is whole and has room, then start the CA again.",
      });
      this.#logger.error("the CA registry cannot be flushed", { file: this.#path, reason: messageOf(cause) });
    }
    this.#flushing = undefined;
  }

  async #cut(whole: number, characters: number): Promise<void> {
    this.#logger.warn("torn end of the CA registry removed", { file: this.#path, keptBytes: whole, characters });
    await this.#file.truncate(whole);
    await this.#file.datasync();
  }

  #corrupt(line: number): CaError {
    return new CaError("CORRUPT_STORE", `${this.#path} line ${line} is not a list of registry records`, {
      nextStep: "Restore the file from a backup; nothing was changed.",
    });
  }
}

function parseLine(line: string): RegistryRecord[] | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    if (!Array.isArray(parsed) || !parsed.every((each) => RECORD_KINDS.has(each?.kind))) return undefined;
    return parsed as RegistryRecord[];
  } catch {
    return undefined;
  }
}
