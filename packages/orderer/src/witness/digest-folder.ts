/** Co-signed digests of one strand on disk: a small file for each, named by the number of its last block. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { type Logger, messageOf } from "@hansa/primitives";
import { replaceFileDurably } from "@hansa/storage/journal";
import { decode, encode, hansa } from "@hansa/wire";

const SUFFIX = ".digest";

export class DigestFolder {
  readonly #folder: string;
  readonly #logger: Logger;
  /** Of each tip the content to be written next; undefined stands for removal. */
  readonly #due = new Map<number, Uint8Array | undefined>();
  /** The newest round of writing. */
  #written: Promise<void> = Promise.resolve();

  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  /** What earlier runs kept, by tip. A file that does not read is left alone and told in the log. */
  load(): Map<number, hansa.journal.SignedDigest> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const kept = new Map<number, hansa.journal.SignedDigest>();
    for (const name of readdirSync(this.#folder)) {
      const tip = Number(name.slice(0, -SUFFIX.length));
      if (!name.endsWith(SUFFIX) || !Number.isSafeInteger(tip)) continue;
      const file = path.join(this.#folder, name);
      try {
        kept.set(tip, decode(hansa.journal.SignedDigest, readFileSync(file), "hansa.journal.SignedDigest"));
      } catch (error) {
        this.#logger.warn("co-signed digest does not read", { file, reason: messageOf(error) });
      }
    }
    return new Map([...kept].sort(([a], [b]) => a - b));
  }

  /** Settles when this content, or a later one for the same tip, is durable. @throws Error of the file system */
  save(tip: number, signed: hansa.journal.ISignedDigest): Promise<void> {
    this.#due.set(tip, encode(hansa.journal.SignedDigest, signed));
    return this.#write();
  }

  remove(tip: number): void {
    this.#due.set(tip, undefined);
    this.#write().catch((error: unknown) => {
      this.#logger.warn("co-signed digest cannot be removed", { tip, reason: messageOf(error) });
    });
  }

  /** Waits for writes under way. */
  async close(): Promise<void> {
    await this.#written.catch(() => {});
  }

  #write(): Promise<void> {
    this.#written = this.#written.catch(() => {}).then(() => this.#round());
    return this.#written;
  }

  /** Everything that is due; most rounds find that the one before has taken it along. */
  async #round(): Promise<void> {
    for (const [tip, content] of [...this.#due]) {
      const file = path.join(this.#folder, `${tip}${SUFFIX}`);
      if (content === undefined) await rm(file, { force: true });
      else await replaceFileDurably(file, content);
      // What failed stays due, so that the next round tries again.
      if (this.#due.get(tip) === content) this.#due.delete(tip);
    }
  }
}
