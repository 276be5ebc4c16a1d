import { existsSync } from "node:fs";
import { chmod, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import type { Layout } from "./layout.js";
import type { Ports } from "./ports.js";

/** What a network remembers between starts. Identities and channels exist once they are named here. */
export type NetworkState = {
  readonly format: 1;
  readonly ports: Ports;
  /** MSP ids whose identities are complete on disk. */
  readonly enrolled: readonly string[];
  /** Channels whose genesis block is on disk and which every node has joined. */
  readonly channels: readonly string[];
  readonly contracts: readonly DeployedContract[];
  /** Ids of peers that are being made: not yet on all channels, or without their contracts. Nobody is told of them. */
  readonly unfinished?: readonly string[];
  /** Ids of nodes that are gone and whose data is to be deleted. */
  readonly discarded?: readonly string[];
};

export type DeployedContract = {
  readonly channel: string;
  readonly name: string;
  readonly version: string;
  readonly sequence: number;
  readonly packageId: string;
};

export const NEW_STATE: NetworkState = { format: 1, ports: {}, enrolled: [], channels: [], contracts: [] };

/**
 * Undefined before a network was made.
 * @throws HansaError CORRUPT_STORE when the file is there but is not a state this version wrote, or is gone: a start
 * would make everything anew then, over what there is
 */
export async function readState(layout: Layout): Promise<NetworkState | undefined> {
  const text = await readFile(layout.stateFile, "utf8").catch((error: NodeJS.ErrnoException) => {
    const isUnmade = existsSync(layout.unmadeMarker) || !existsSync(layout.networkFile);
    if (error.code === "ENOENT" && isUnmade) return undefined;
    throw unreadable(layout.stateFile, error);
  });
  return text === undefined ? undefined : parseState(text, layout.stateFile);
}

function parseState(text: string, file: string): NetworkState {
  try {
    const state = JSON.parse(text) as NetworkState;
    const lists = [state.enrolled, state.channels, state.contracts];
    if (state.format !== 1 || typeof state.ports !== "object" || !lists.every(Array.isArray))
      throw new Error("its content is not a network's state");
    return state;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): HansaError {
  return new HansaError("CORRUPT_STORE", `${file} cannot be read: ${messageOf(cause)}.`, {
    cause,
    nextStep: "Restore the file, or start over with: hansa down --wipe",
  });
}

export async function writeState(layout: Layout, state: NetworkState): Promise<void> {
  await writeFileDurably(layout.stateFile, `${JSON.stringify(state, undefined, 2)}\n`);
}

const LOCK_RETRY_MS = 10;
/** Changes take milliseconds: whoever holds the lock for longer has died. */
const LOCK_STALE_MS = 5_000;

/** Changes the state by what is on disk: the hansa command and a supervisor both do. Returns the new state. */
export async function updateState(layout: Layout, edit: (state: NetworkState) => NetworkState): Promise<NetworkState> {
  const lock = `${layout.stateFile}.lock`;
  for (;;) {
    try {
      await (await open(lock, "wx")).close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > LOCK_STALE_MS) await rm(lock, { force: true });
      else await sleep(LOCK_RETRY_MS);
    }
  }
  try {
    const state = edit((await readState(layout)) ?? NEW_STATE);
    await writeState(layout, state);
    return state;
  } finally {
    await rm(lock, { force: true });
  }
}

/** Writes a whole file or leaves the old one: temporary file, fsync, rename. */
export async function writeFileDurably(file: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  const handle = await open(temporary, "w", mode);
  try {
    await handle.writeFile(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await chmod(temporary, mode);
  await rename(temporary, file);
}
