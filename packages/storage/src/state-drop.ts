import { Level } from "level";
import { namespaceRange, SAVEPOINT_KEY } from "./state-encoding.js";
import { openingFailed } from "./state-level.js";

/**
 * Empties the state in a folder that nobody has open, but for one namespace: what cannot be made again from blocks.
 * A crash may leave a part, so whoever calls must remember that it is to be called again.
 * @throws LedgerError STORE_IN_USE, STORE_CORRUPT
 */
export async function dropState(folder: string, keptNamespace: string): Promise<void> {
  const db = new Level<Buffer, Buffer>(folder, { keyEncoding: "buffer", valueEncoding: "buffer" });
  try {
    await db.open();
  } catch (cause) {
    throw openingFailed(folder, cause);
  }
  try {
    const { gte, lt } = namespaceRange(keptNamespace);
    await db.clear({ lt: gte });
    await db.clear({ gte: lt });
    // Gone already; a write that is synced makes those before it durable, too.
    await db.del(SAVEPOINT_KEY, { sync: true });
  } finally {
    await db.close();
  }
}
