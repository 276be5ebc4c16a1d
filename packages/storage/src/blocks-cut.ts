/** Takes blocks off the end of a store that nobody has open, and index files off one. */
import { closeSync, fsyncSync, ftruncateSync, openSync, rmSync } from "node:fs";
import path from "node:path";
import { firstBlock } from "@hansa/ledger";
import { type Logger, silentLogger } from "@hansa/primitives";
import { readBasis } from "./blocks-basis.js";
import { BlockIndex } from "./blocks-index.js";
import { indexSegments, segmentName } from "./blocks-scan.js";
import { FolderLock } from "./folder-lock.js";
import { syncFolder } from "./journal-file-write.js";

/**
 * Keeps the blocks below `height`. Last segments go first, so that a crash leaves a store that is merely longer.
 * @throws LedgerError STORE_CORRUPT, STORE_IN_USE
 */
export function cutBlocks(folder: string, height: number, logger: Logger = silentLogger): void {
  const lock = FolderLock.acquire(folder);
  const index = BlockIndex.open(folder, firstBlock({ basis: readBasis(folder) }));
  try {
    const { segment: last } = indexSegments(folder, index, logger);
    const place = index.place(height);
    if (place === undefined) return;
    // Before the blocks: an index that is short is made again, one that is long says that blocks are lost.
    index.cut(height);
    for (let segment = last; segment > place.segment; segment--) rmSync(path.join(folder, segmentName(segment)));
    const fd = openSync(path.join(folder, segmentName(place.segment)), "r+");
    try {
      ftruncateSync(fd, place.offset);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncFolder(folder);
  } finally {
    index.close();
    lock.release();
  }
}

/** Forgets where everything is; it is found out again when the store is opened. @throws LedgerError STORE_IN_USE */
export function dropBlockIndex(folder: string): void {
  const lock = FolderLock.acquire(folder);
  try {
    for (const name of ["offsets", "transactions"]) rmSync(path.join(folder, name), { force: true });
  } finally {
    lock.release();
  }
}
