/**
 * Transaction ids in the order of Fabric's index, by length and then by bytes, each once. They are sorted on disk, since
 * a channel may have more than fit in memory.
 */
import { rm } from "node:fs/promises";
import { Level } from "level";

const PAGE = 1_024;
const LENGTH_BYTES = 4;
const EMPTY = Buffer.alloc(0);

/** @param folder for the time being; it must not exist and is removed again */
export async function* sortedIds(
  ids: AsyncIterable<readonly string[]>,
  folder: string,
): AsyncGenerator<readonly Uint8Array[]> {
  const db = new Level<Buffer, Buffer>(folder, { keyEncoding: "buffer", valueEncoding: "buffer", compression: false });
  try {
    await db.open();
    for await (const page of ids) {
      const batch = db.batch();
      for (const txId of page) if (txId !== "") batch.put(sortKey(txId), EMPTY);
      await batch.write();
    }
    const iterator = db.keys();
    for (let page = await iterator.nextv(PAGE); page.length > 0; page = await iterator.nextv(PAGE))
      yield page.map((key) => key.subarray(LENGTH_BYTES));
  } finally {
    await db.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function sortKey(txId: string): Buffer {
  const length = Buffer.byteLength(txId);
  const key = Buffer.allocUnsafe(LENGTH_BYTES + length);
  key.writeUInt32BE(length);
  key.write(txId, LENGTH_BYTES);
  return key;
}
