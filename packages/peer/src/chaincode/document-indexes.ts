/**
 * Indexes that a contract's package ships for its documents: META-INF/statedb/couchdb/indexes/*.json, and
 * META-INF/statedb/couchdb/collections/<collection>/indexes/*.json for private data. They are defined when a channel
 * begins to run the package, and replace those of the package before.
 * Source: hyperledger/fabric, core/common/ccprovider/metadata.go and core/chaincode/lifecycle/cache.go.
 */
import { type IndexDefinition, type Ledger, privateNamespace, readIndexDefinition } from "@hansa/ledger";
import { type Logger, messageOf, toUtf8 } from "@hansa/primitives";
import { type ArchiveEntry, type ArchiveLimits, readArchive } from "./archive.js";
import { readPackage } from "./package.js";
import type { PackageStore } from "./package-store.js";

const PUBLIC = /^META-INF\/statedb\/couchdb\/indexes\/[^/]+\.json$/;
const PRIVATE = /^META-INF\/statedb\/couchdb\/collections\/([^/]+)\/indexes\/[^/]+\.json$/;
const CODE_LIMITS: ArchiveLimits = { maxBytes: 1024 * 1024 * 1024, maxEntries: 200_000 };
/** More would slow down every write to the namespace. */
const MAX_INDEXES = 64;

export class DocumentIndexes {
  readonly #packages: PackageStore;
  readonly #logger: Logger;
  /** Package by channel and contract, as last defined. */
  readonly #defined = new Map<string, string>();

  readonly #released: (packageId: string) => Promise<readonly ArchiveEntry[] | undefined>;

  /** @param released what stands in for a package's files where an external builder has built it */
  constructor(
    packages: PackageStore,
    logger: Logger,
    released: (packageId: string) => Promise<readonly ArchiveEntry[] | undefined> = async () => undefined,
  ) {
    this.#packages = packages;
    this.#logger = logger;
    this.#released = released;
  }

  /** Begins to define the package's indexes on the channel's state unless it has; never fails a caller. */
  follow(channelId: string, ledger: Ledger, contract: string, packageId: string): void {
    const key = `${channelId}\n${contract}`;
    if (this.#defined.get(key) === packageId) return;
    this.#defined.set(key, packageId);
    this.#define(ledger, contract, packageId).catch((error: unknown) => {
      this.#defined.delete(key);
      this.#logger.warn("indexes of a contract not defined", { channelId, packageId, reason: messageOf(error) });
    });
  }

  async #define(ledger: Ledger, contract: string, packageId: string): Promise<void> {
    const byNamespace = await this.#definitions(contract, packageId);
    for (const [namespace, definitions] of byNamespace) {
      if (definitions.length === 0 && ledger.indexes(namespace).length === 0) continue;
      const startedAt = performance.now();
      await ledger.defineIndexes(namespace, definitions);
      const durationMs = Math.round(performance.now() - startedAt);
      const names = definitions.map(({ name }) => name).join(", ");
      this.#logger.info("indexes defined", { namespace, indexes: names, durationMs });
    }
  }

  /** By namespace; the contract's own is there even without any, so that an upgrade can drop what was. */
  async #definitions(contract: string, packageId: string): Promise<Map<string, IndexDefinition[]>> {
    const found = new Map<string, IndexDefinition[]>([[contract, []]]);
    for (const { path, content } of await this.#files(packageId)) {
      const collection = PRIVATE.exec(path)?.[1];
      if (collection === undefined && !PUBLIC.test(path)) continue;
      const namespace = collection === undefined ? contract : privateNamespace(contract, collection);
      const known = found.get(namespace) ?? [];
      found.set(namespace, known);
      try {
        if (known.length === MAX_INDEXES) throw new Error(`more than ${MAX_INDEXES} indexes`);
        known.push(readIndexDefinition(path, toUtf8(content)));
      } catch (error) {
        this.#logger.warn("index of a contract left out", { packageId, reason: messageOf(error) });
      }
    }
    return found;
  }

  async #files(packageId: string): Promise<readonly ArchiveEntry[]> {
    const released = await this.#released(packageId);
    if (released !== undefined) return released;
    const { code } = await readPackage(await this.#packages.bytes(packageId));
    return readArchive(code, CODE_LIMITS);
  }
}
