import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds the workspace's package.json. */
export const repositoryRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

/**
 * Where the blocks of a real Fabric channel are, or undefined when this machine has none.
 * HANSA_VECTORS names the folder; beside the repository, `shared/vectors` is found without it.
 */
export function fabricVectors(): string | undefined {
  const folder = process.env.HANSA_VECTORS ?? path.resolve(repositoryRoot, "../shared/vectors");
  const vectors = path.join(folder, "fabric-2.5");
  return existsSync(path.join(vectors, "expected.json")) ? vectors : undefined;
}
