/**
 * Which packages should be up: those that a channel's committed definition runs here, from the moment the peer starts
 * or the definition commits; and those that this organisation approved, because a commit follows.
 */
import {
  implicitCollection,
  LIFECYCLE_NAMESPACE,
  listDefinitions,
  localPackageStructure,
  type RunnableChaincodes,
} from "@hansa/endorsement/lifecycle";
import type { CommittedBlock } from "@hansa/ledger";
import { bytesKey, type Logger, messageOf, sha256 } from "@hansa/primitives";
import type { PeerChannel } from "../channel.js";
import type { DocumentIndexes } from "./document-indexes.js";
import type { PackageStore } from "./package-store.js";
import type { ChaincodeRuntime } from "./runtime.js";

export type KeepRunningOptions = {
  readonly mspId: string;
  readonly packages: PackageStore;
  readonly runtime: ChaincodeRuntime;
  readonly runnable: RunnableChaincodes;
  readonly indexes: DocumentIndexes;
  readonly channels: () => readonly PeerChannel[];
  readonly logger: Logger;
};

export class KeepRunning {
  readonly #options: KeepRunningOptions;
  /** What a committed definition ran when it was last looked at, so that an upgrade ends the process it replaces. */
  #committed = new Set<string>();
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: KeepRunningOptions) {
    this.#options = options;
  }

  /** Begins to watch a channel. */
  watch(channel: PeerChannel): void {
    channel.onCommit((block) => {
      const writes = lifecycleWrites(block);
      if (writes === undefined) return;
      for (const packageId of this.#approved(writes)) this.#prepare(packageId);
      this.#look();
    });
    this.#look();
  }

  /** Looks no more; settles once the last look is over. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#looking;
  }

  #look(): void {
    if (this.#isStopped) return;
    this.#looking = this.#looking
      .then(() => this.#compare())
      .catch((error: unknown) =>
        this.#options.logger.warn("chaincode definitions not read", { reason: messageOf(error) }),
      );
  }

  async #compare(): Promise<void> {
    const { runnable, runtime, indexes, channels } = this.#options;
    const wanted = new Set<string>();
    for (const { channelId, ledger } of channels()) {
      for (const { name, sequence } of await listDefinitions(ledger.state)) {
        const packageId = runnable.find(channelId, name, sequence, ledger.state)?.packageId;
        if (packageId === undefined) continue;
        wanted.add(packageId);
        indexes.follow(channelId, ledger, name, packageId);
      }
    }
    for (const packageId of wanted) if (!this.#committed.has(packageId)) this.#prepare(packageId);
    for (const packageId of this.#committed) if (!wanted.has(packageId)) await runtime.halt(packageId);
    this.#committed = wanted;
  }

  /** Installed packages that an approval of this organisation names: by the hash of the name, as the block has it. */
  #approved(writes: ReadonlyMap<string, ReadonlySet<string>>): string[] {
    const own = writes.get(implicitCollection(this.#options.mspId));
    if (own === undefined) return [];
    return this.#options.packages
      .list()
      .map(({ packageId }) => packageId)
      .filter((packageId) =>
        localPackageStructure(packageId).fields.some(([, value]) => own.has(bytesKey(sha256(value)))),
      );
  }

  #prepare(packageId: string): void {
    const { runtime, logger } = this.#options;
    runtime
      .prepare(packageId)
      .catch((error: unknown) => logger.warn("chaincode not started", { packageId, reason: messageOf(error) }));
  }
}

/** Collection → hashes of values that the block's valid transactions write in `_lifecycle`; undefined: none at all. */
function lifecycleWrites({ transactions }: CommittedBlock): Map<string, Set<string>> | undefined {
  let found: Map<string, Set<string>> | undefined;
  for (const { code, rwset } of transactions) {
    if (code !== 0 || rwset === undefined) continue;
    for (const { namespace, writes: ownWrites, collections } of rwset.namespaces) {
      if (namespace !== LIFECYCLE_NAMESPACE) continue;
      // Every call of a chaincode reads its definition.
      if (ownWrites.length === 0 && collections.length === 0) continue;
      found ??= new Map();
      for (const { name, writes } of collections) {
        const hashes = found.get(name) ?? new Set();
        found.set(name, hashes);
        for (const { valueHash } of writes) hashes.add(bytesKey(valueHash));
      }
    }
  }
  return found;
}
