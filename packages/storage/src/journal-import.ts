/** Takes an export, or a strand that was kept elsewhere, into an orderer's data folder. */
import path from "node:path";
import { JournalError, type JournalRecord, type OpenedExport, type StrandInfo } from "@hansa/journal";
import { nodeFiles } from "./files.js";
import { FolderLock } from "./folder-lock.js";
import { FileJournalStore } from "./journal-file.js";

const GROUP_BYTES = 8 * 1024 * 1024;

type Imported = StrandInfo & { readonly blocks: number };

/**
 * @param journal the journal's folder, `journal` in an orderer's data folder
 * @throws JournalError STRAND_EXISTS; BadExport; HansaError STORE_IN_USE while an orderer has the journal open
 */
export function importStrand(journal: string, opened: OpenedExport): Promise<Imported> {
  const { strandId, channel } = opened.digest;
  return importRecords(journal, { strandId, name: channel }, opened.records());
}

/**
 * The strand stands in the journal only once all of it is verified and durable: until then it grows in a folder of its
 * own, which an orderer does not look at.
 * @param records all of the strand's, verified by whoever gives them
 * @throws as `importStrand`, and whatever the records throw
 */
export async function importRecords(
  journal: string,
  info: StrandInfo,
  records: AsyncIterable<JournalRecord> | Iterable<JournalRecord>,
): Promise<Imported> {
  const { strandId, name } = info;
  const target = new FileJournalStore(journal);
  const lock = FolderLock.acquire(journal);
  const staging = path.join(journal, `importing-${strandId}`);
  try {
    const existing = (await target.list()).find((each) => each.strandId === strandId || each.name === name);
    if (existing !== undefined) throw new JournalError({ code: "STRAND_EXISTS", ...existing });
    nodeFiles.remove(staging);
    const blocks = await fill(new FileJournalStore(staging), info, records);
    nodeFiles.rename(path.join(staging, strandId), path.join(journal, strandId));
    nodeFiles.syncFolder(journal);
    return { ...info, blocks };
  } finally {
    nodeFiles.remove(staging);
    lock.release();
  }
}

/** @returns the count of blocks */
async function fill(
  store: FileJournalStore,
  info: StrandInfo,
  records: AsyncIterable<JournalRecord> | Iterable<JournalRecord>,
): Promise<number> {
  try {
    const strand = await store.create(info);
    let group: JournalRecord[] = [];
    let bytes = 0;
    for await (const record of records) {
      group.push(record);
      bytes += record.content.length;
      if (bytes < GROUP_BYTES) continue;
      await strand.append(group);
      group = [];
      bytes = 0;
    }
    await strand.append(group);
    return strand.tip.size;
  } finally {
    await store.close();
  }
}
