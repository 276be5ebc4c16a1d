/** Recorded blocks of a real Fabric network, where they are at hand. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** The folder, or undefined: then tests over it are skipped. */
export function vectorsFolder(): string | undefined {
  const folder = process.env.HANSA_VECTORS ?? resolve(ROOT, "../shared/vectors");
  const found = join(folder, "fabric-2.5");
  return existsSync(found) ? found : undefined;
}

export const NO_VECTORS = "no recorded blocks: set HANSA_VECTORS to their folder";

export function vector(path: string): Uint8Array {
  return readFileSync(join(vectorsFolder() ?? "", path));
}
