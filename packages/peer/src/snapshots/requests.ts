/**
 * The snapshots that were asked of one channel: taken when their block is committed, or at once for the newest.
 *
 * Fabric holds commits up while it writes a snapshot. Here the ledger is frozen between two blocks and written out while
 * further ones are committed. A request is forgotten when its snapshot is complete, so that a peer that stopped before
 * finds it again; where blocks have come since, the state is made again from the blocks.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger/snapshot_mgmt.go; texts alike.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { FrozenLedger, Ledger } from "@hansa/ledger";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { replaceFileDurably, snapshotFolder, writeSnapshot } from "@hansa/storage";

export type SnapshotRequestsOptions = {
  readonly ledger: Ledger;
  /** Folder of all channels' snapshots. */
  readonly root: string;
  /** Where requests are remembered; undefined: nowhere. */
  readonly file: string | undefined;
  /** The ledger as it was after a block that is not its last one. @throws HansaError when that is lost */
  readonly frozenAt: (blockNumber: number) => Promise<FrozenLedger>;
  readonly logger: Logger;
};

const FORMAT = "hansa.peer.snapshot-requests/1";

export class SnapshotRequests {
  readonly #options: SnapshotRequestsOptions;
  readonly #pending: Set<number>;
  readonly #processing = new Set<number>();
  readonly #stopping = new AbortController();
  readonly #stopListening: () => void;
  #writing: Promise<void> = Promise.resolve();
  #remembering: Promise<void> = Promise.resolve();

  private constructor(options: SnapshotRequestsOptions, pending: Iterable<number>) {
    this.#options = options;
    this.#pending = new Set(pending);
    this.#stopListening = options.ledger.onCommit(({ number }) => {
      if (this.#pending.has(number)) this.#begin(number, options.ledger.freeze());
    });
  }

  /** Goes on with what was asked before. @throws HansaError STORE_CORRUPT */
  static async open(options: SnapshotRequestsOptions): Promise<SnapshotRequests> {
    const { file, ledger } = options;
    const requests = new SnapshotRequests(options, file === undefined ? [] : await readRequests(file));
    const last = ledger.lastApplied ?? 0;
    for (const number of requests.pending().filter((each) => each <= last)) {
      if (requests.#isThere(number)) requests.#forget(number);
      else if (number === last) requests.#begin(number, ledger.freeze());
      else requests.#begin(number, options.frozenAt(number));
    }
    return requests;
  }

  /** Numbers of the blocks, ascending; also of a snapshot that is being written. */
  pending(): number[] {
    return [...this.#pending].sort((a, b) => a - b);
  }

  /**
   * Takes a request; it is remembered when the promise resolves.
   * @param wanted 0 for the last block
   * @throws HansaError in Fabric's words
   */
  async submit(wanted: number): Promise<void> {
    const last = this.#options.ledger.lastApplied ?? 0;
    const number = wanted === 0 ? last : wanted;
    if (number < last)
      throw refused(
        `requested snapshot for block number ${number} cannot be less than the last committed block number ${last}`,
      );
    if (number === last && this.#isThere(number))
      throw refused(`snapshot already generated for block number ${number}`);
    if (this.#pending.has(number)) throw refused(`duplicate snapshot request for block number ${number}`);
    this.#pending.add(number);
    if (number === last) this.#begin(number, this.#options.ledger.freeze());
    await this.#remember();
  }

  /** @throws HansaError in Fabric's words */
  async cancel(number: number): Promise<void> {
    if (this.#processing.has(number))
      throw refused("cannot cancel the snapshot request because it is under processing");
    if (!this.#pending.delete(number)) throw refused(`no snapshot request exists for block number ${number}`);
    await this.#remember();
  }

  /** Gives up what is being written; it is taken up again at the next start. */
  async stop(): Promise<void> {
    this.#stopListening();
    this.#stopping.abort();
    await this.#writing;
    await this.#remembering;
  }

  #begin(number: number, frozen: Promise<FrozenLedger>): void {
    this.#processing.add(number);
    // Its turn comes after those before it, when a failure may have been unheard for long.
    frozen.catch(() => {});
    this.#writing = this.#writing.then(() => this.#write(number, frozen));
  }

  async #write(number: number, frozen: Promise<FrozenLedger>): Promise<void> {
    const { root, logger } = this.#options;
    const startedAt = performance.now();
    try {
      const folder = await writeSnapshot(root, await frozen, this.#stopping.signal);
      const durationMs = Math.round(performance.now() - startedAt);
      logger.info("snapshot generated", { number, folder, durationMs });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      logger.error("snapshot not generated", { number, reason: messageOf(error) });
    } finally {
      this.#processing.delete(number);
    }
    this.#forget(number);
  }

  #forget(number: number): void {
    this.#pending.delete(number);
    this.#remember().catch((error: unknown) =>
      this.#options.logger.error("snapshot requests cannot be kept", { reason: messageOf(error) }),
    );
  }

  #isThere(number: number): boolean {
    const { root, ledger } = this.#options;
    return existsSync(snapshotFolder(root, ledger.channelId, number));
  }

  #remember(): Promise<void> {
    const { file } = this.#options;
    if (file === undefined) return Promise.resolve();
    const remembered = this.#remembering.then(() =>
      replaceFileDurably(file, `${JSON.stringify({ format: FORMAT, blocks: this.pending() })}\n`),
    );
    this.#remembering = remembered.catch(() => {});
    return remembered;
  }
}

async function readRequests(file: string): Promise<number[]> {
  if (!existsSync(file)) return [];
  try {
    const { format, blocks } = JSON.parse(await readFile(file, "utf8")) as { format?: unknown; blocks?: unknown };
    if (format !== FORMAT || !Array.isArray(blocks)) throw new Error(`it is not of format ${FORMAT}`);
    return blocks.filter((each): each is number => Number.isSafeInteger(each) && (each as number) >= 0);
  } catch (cause) {
    throw new HansaError("STORE_CORRUPT", `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      nextStep: "Delete the file, and ask for the snapshots again.",
    });
  }
}

function refused(text: string): HansaError {
  return new HansaError("SNAPSHOT_REFUSED", text);
}
