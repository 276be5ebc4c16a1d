import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import path from "node:path";

/** Replaces a small file so that a crash leaves the old or the new content, never a mixture. */
export function writeFileDurably(file: string, content: string | Uint8Array, mode = 0o600): void {
  const draft = `${file}.draft`;
  const fd = openSync(draft, "w", mode);
  try {
    const bytes = Buffer.from(content as Uint8Array);
    let written = 0;
    while (written < bytes.length) written += writeSync(fd, bytes, written);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, file);
  syncFolder(path.dirname(file));
}

/** Makes new, renamed and removed names in a folder durable. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
