/** Replaces small files without keeping the event loop waiting for the disk. */
import { open, rename } from "node:fs/promises";
import path from "node:path";
import type { Bytes } from "@hansa/primitives";

/** A crash leaves the old or the new content, never a mixture. Calls for one file must not overlap. */
export async function replaceFileDurably(file: string, content: string | Bytes, mode = 0o600): Promise<void> {
  const draft = `${file}.draft`;
  const handle = await open(draft, "w", mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const folder = await open(path.dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
