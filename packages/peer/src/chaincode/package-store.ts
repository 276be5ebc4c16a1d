/**
 * Installed chaincode packages, one file each, named label.hash.tar.gz as Fabric names them.
 * Source: hyperledger/fabric, core/chaincode/persistence/persistence.go.
 */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Logger, sha256Hex } from "@hansa/primitives";
import { PackageError, type PackageMetadata, packageIdOf, readPackage } from "./package.js";

export type InstalledPackage = {
  readonly packageId: string;
  readonly label: string;
  readonly hash: string;
  readonly metadata: PackageMetadata;
};

const SUFFIX = ".tar.gz";

export class PackageStore {
  readonly #directory: string;
  readonly #installed = new Map<string, InstalledPackage>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Files that do not hash to their name are left alone and not listed. */
  static async open(directory: string, logger: Logger): Promise<PackageStore> {
    await mkdir(directory, { recursive: true });
    const store = new PackageStore(directory);
    for (const file of await readdir(directory)) {
      const match = /^(.+)\.([0-9a-f]{64})\.tar\.gz$/.exec(file);
      if (match === null) {
        if (file.endsWith(".partial")) await rm(join(directory, file), { force: true });
        continue;
      }
      const bytes = await readFile(join(directory, file));
      if (sha256Hex(bytes) !== match[2]) {
        logger.warn("chaincode package is damaged", { file });
        continue;
      }
      const { metadata } = await readPackage(bytes);
      store.#remember(metadata, bytes);
    }
    return store;
  }

  /**
   * Keeps a package; the same package twice is one.
   * @throws PackageError, ArchiveError with Fabric's text when it is none
   */
  async install(bytes: Uint8Array): Promise<InstalledPackage> {
    const { metadata } = await readPackage(bytes);
    const known = this.#installed.get(packageIdOf(metadata.label, bytes));
    if (known !== undefined) return known;
    const hash = sha256Hex(bytes);
    const path = this.#path(metadata.label, hash);
    const partial = `${path}.partial`;
    const file = await open(partial, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
    return this.#remember(metadata, bytes);
  }

  get(packageId: string): InstalledPackage | undefined {
    return this.#installed.get(packageId);
  }

  /** Ordered by package id. */
  list(): InstalledPackage[] {
    return [...this.#installed.values()].sort((a, b) => (a.packageId < b.packageId ? -1 : 1));
  }

  /** @throws PackageError when it is not installed */
  async bytes(packageId: string): Promise<Uint8Array> {
    const installed = this.#installed.get(packageId);
    if (installed === undefined) {
      throw new PackageError("PACKAGE_NOT_INSTALLED", `chaincode install package '${packageId}' not found`);
    }
    return readFile(this.#path(installed.label, installed.hash));
  }

  async remove(packageId: string): Promise<void> {
    const installed = this.#installed.get(packageId);
    if (installed === undefined) return;
    this.#installed.delete(packageId);
    await rm(this.#path(installed.label, installed.hash), { force: true });
  }

  #remember(metadata: PackageMetadata, bytes: Uint8Array): InstalledPackage {
    const { label } = metadata;
    const installed = { packageId: packageIdOf(label, bytes), label, hash: sha256Hex(bytes), metadata };
    this.#installed.set(installed.packageId, installed);
    return installed;
  }

  #path(label: string, hash: string): string {
    return join(this.#directory, `${label}.${hash}${SUFFIX}`);
  }
}
