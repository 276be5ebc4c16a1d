/**
 * Private write sets between endorsement and commit.
 *
 * Held in memory and mirrored in one file per simulation, so that a peer that dies in between still knows its own
 * organisation's data when the block comes. The files need no fsync: losing them takes the whole machine, and then the
 * data is missing as it is at any peer that did not endorse.
 *
 * Bounded twice: by number and bytes (the oldest go first), and by age in blocks.
 * Source of the age: hyperledger/fabric, sampleconfig/core.yaml (transientstoreMaxBlockRetention).
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Logger, messageOf, sha256Hex } from "@hansa/primitives";

export type TransientLimits = {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxAgeBlocks: number;
};

export const TRANSIENT_LIMITS: TransientLimits = {
  maxEntries: 20_000,
  maxBytes: 256 * 1024 * 1024,
  maxAgeBlocks: 20_000,
};

/**
 * One simulation may leave another result than an earlier one with the same id; more than these are not kept of one
 * sender, so that none takes the place of another.
 */
const MAX_PER_SENDER = 4;
const MAX_PER_TRANSACTION = 64;

export type TransientEntry = {
  /** rwset.TxPvtReadWriteSet, encoded. */
  readonly privateWrites: Uint8Array;
  /** Who passed it on, for reports; undefined where this peer simulated it, or ran anew since. */
  readonly from: string | undefined;
};

/** How often ages are looked at. */
const AGE_CHECK_BLOCKS = 100;

type Entry = TransientEntry & { readonly file: string; readonly height: number };

export class TransientStore {
  readonly #directory: string;
  readonly #limits: TransientLimits;
  readonly #logger: Logger;
  /** Insertion order is age. */
  readonly #entries = new Map<string, Entry[]>();
  #count = 0;
  #bytes = 0;

  private constructor(directory: string, limits: TransientLimits, logger: Logger) {
    this.#directory = directory;
    this.#limits = limits;
    this.#logger = logger;
  }

  static async open(directory: string, logger: Logger, limits = TRANSIENT_LIMITS): Promise<TransientStore> {
    await mkdir(directory, { recursive: true });
    const store = new TransientStore(directory, limits, logger);
    const found = (await readdir(directory))
      .map((file) => /^([0-9a-f]{64})\.(\d+)\.[0-9a-f]{16}$/.exec(file))
      .filter((match) => match !== null)
      .sort((a, b) => Number(a[2]) - Number(b[2]));
    for (const [file, txId = "", height] of found) {
      const privateWrites = await readFile(join(directory, file));
      store.#add(txId, { file, height: Number(height), privateWrites, from: undefined });
    }
    return store;
  }

  get size(): number {
    return this.#count;
  }

  /**
   * @param height count of blocks at simulation
   * @param privateWrites rwset.TxPvtReadWriteSet, encoded
   * @param from who passed it on, for reports; nobody is told of what this peer simulated
   */
  async persist(txId: string, height: number, privateWrites: Uint8Array, from?: string): Promise<void> {
    const file = `${txId}.${height}.${sha256Hex(privateWrites).slice(0, 16)}`;
    const known = this.#entries.get(txId) ?? [];
    if (known.some((entry) => entry.file === file)) return;
    if (known.filter((entry) => entry.from === from).length >= MAX_PER_SENDER) return;
    if (from !== undefined && known.length >= MAX_PER_TRANSACTION) return;
    this.#add(txId, { file, height, privateWrites, from });
    await writeFile(join(this.#directory, file), privateWrites, { mode: 0o600 });
  }

  /** What simulations of this transaction wrote in private, the latest first. */
  find(txId: string): readonly Uint8Array[] {
    return (this.#entries.get(txId) ?? []).map((entry) => entry.privateWrites).reverse();
  }

  /** The same with who passed it on. */
  entries(txId: string): readonly TransientEntry[] {
    return this.#entries.get(txId) ?? [];
  }

  /** After a commit: forgets what was committed and, now and then, what waited too long. */
  purge(committed: Iterable<string>, height: number): void {
    for (const txId of committed) this.#remove(txId);
    if (height % AGE_CHECK_BLOCKS !== 0) return;
    for (const [txId, entries] of this.#entries) {
      if (entries.every((entry) => entry.height + this.#limits.maxAgeBlocks < height)) this.#remove(txId);
    }
  }

  #add(txId: string, entry: Entry): void {
    const entries = this.#entries.get(txId);
    if (entries === undefined) this.#entries.set(txId, [entry]);
    else entries.push(entry);
    this.#count += 1;
    this.#bytes += entry.privateWrites.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#count <= this.#limits.maxEntries && this.#bytes <= this.#limits.maxBytes) break;
      if (oldest === txId) break;
      this.#remove(oldest);
    }
  }

  #remove(txId: string): void {
    const entries = this.#entries.get(txId);
    if (entries === undefined) return;
    this.#entries.delete(txId);
    for (const entry of entries) {
      this.#count -= 1;
      this.#bytes -= entry.privateWrites.length;
      rm(join(this.#directory, entry.file), { force: true }).catch((error: unknown) =>
        this.#logger.warn("transient file not removed", { file: entry.file, reason: messageOf(error) }),
      );
    }
  }
}
