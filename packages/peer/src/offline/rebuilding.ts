/**
 * Making a channel's state again from its blocks, perhaps from fewer of them. What is to be done is written down before
 * it is begun; a peer that finds such a note when it opens the channel does the rest first.
 */
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { KEPT_PRIVATE } from "@hansa/ledger";
import { HansaError, messageOf } from "@hansa/primitives";
import { cutBlocks, dropBlockIndex, dropState, replaceFileDurably } from "@hansa/storage";

const NOTE = "rebuilding.json";
const FORMAT = "hansa.peer.rebuilding/1";

/** @param height of blocks to keep; undefined: all */
export async function rebuild(folder: string, height: number | undefined): Promise<void> {
  await replaceFileDurably(join(folder, NOTE), `${JSON.stringify({ format: FORMAT, height })}\n`);
  await finishRebuilding(folder);
}

/** Does what the note in a channel's folder says, if there is one. @throws HansaError STORE_CORRUPT, STORE_IN_USE */
export async function finishRebuilding(folder: string): Promise<void> {
  const file = join(folder, NOTE);
  if (!existsSync(file)) return;
  const height = await readNote(file);
  await dropState(join(folder, "state"), KEPT_PRIVATE);
  if (height === undefined) dropBlockIndex(join(folder, "blocks"));
  else cutBlocks(join(folder, "blocks"), height);
  await rm(file);
}

async function readNote(file: string): Promise<number | undefined> {
  try {
    const { format, height } = JSON.parse(await readFile(file, "utf8")) as { format?: unknown; height?: unknown };
    if (format !== FORMAT) throw new Error(`it is not of format ${FORMAT}`);
    if (height === undefined) return undefined;
    if (!Number.isSafeInteger(height) || (height as number) < 1) throw new Error("its height is none");
    return height as number;
  } catch (cause) {
    throw new HansaError("STORE_CORRUPT", `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      nextStep: "Take the peer out of the channel (unjoin), and join again.",
    });
  }
}
