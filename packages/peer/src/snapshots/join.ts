/**
 * Joins channels by snapshots, one at a time and in the background, as Fabric's peer does.
 * Source: hyperledger/fabric, core/ledger/ledgermgmt/ledger_mgmt.go and core/peer/peer.go; texts alike.
 */
import { readdir } from "node:fs/promises";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";

export class SnapshotJoin {
  readonly #join: (folder: string) => Promise<string>;
  readonly #logger: Logger;
  #folder: string | undefined;
  #running: Promise<unknown> = Promise.resolve();

  /** @param join makes the channel of a snapshot; returns the channel's id */
  constructor(join: (folder: string) => Promise<string>, logger: Logger) {
    this.#join = join;
    this.#logger = logger;
  }

  /** The folder of the snapshot that is being used. */
  get folder(): string | undefined {
    return this.#folder;
  }

  /**
   * Begins. Resolves when nothing stands in the way of beginning, with the promise of the channel's id; whoever does not
   * wait for that finds what went wrong in the log.
   * @throws HansaError in Fabric's words
   */
  async begin(folder: string): Promise<{ readonly joined: Promise<string> }> {
    await this.#check(folder);
    this.#folder = folder;
    const joined = this.#join(folder).finally(() => {
      this.#folder = undefined;
    });
    this.#running = joined.catch((error: unknown) =>
      this.#logger.error("channel not joined by snapshot", { folder, reason: messageOf(error) }),
    );
    return { joined };
  }

  /** @throws HansaError while a channel is joined by a snapshot */
  checkIdle(doing: string): void {
    if (this.#folder === undefined) return;
    throw new HansaError(
      "JOINING",
      `${doing}: a ledger is being created from a snapshot at ${this.#folder}. Call ledger creation again after it is done.`,
    );
  }

  async stop(): Promise<void> {
    await this.#running;
  }

  async #check(folder: string): Promise<void> {
    const doing = `cannot create ledger from snapshot ${folder}`;
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "no such file or directory" : messageOf(cause);
      throw new HansaError("SNAPSHOT_MISSING", `${doing}: error opening dir [${folder}]: open ${folder}: ${why}`, {
        cause,
        nextStep: "Name a folder on the peer's machine that holds a whole snapshot.",
      });
    }
    if (names.length === 0) throw new HansaError("SNAPSHOT_MISSING", `${doing}: snapshot dir ${folder} is empty`);
    this.checkIdle(doing);
  }
}
