/**
 * Verbs on the ledgers of a stopped peer: back to an earlier block, state made again, a channel let be or left.
 *
 * A channel that began with a snapshot can neither go back nor be made again, since its first blocks are elsewhere.
 * Private data that the blocks to be taken away brought is put back into the transient store, where the peer finds it
 * when the blocks come again.
 *
 * Source: hyperledger/fabric, core/ledger/kvledger (rollback.go, reset.go, rebuild_dbs.go, pause_resume.go,
 * unjoin_channel.go); texts alike.
 */
import { existsSync, readdirSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { privateWritesOf, readTransaction } from "@hansa/ledger";
import { HansaError, silentLogger } from "@hansa/primitives";
import { FileBlockStore, FolderLock, LevelStateStore, replaceFileDurably, verifySnapshot } from "@hansa/storage";
import { splitBlock, TxValidationCode } from "@hansa/wire";
import { LEDGER_RULES } from "../ledger-rules.js";
import { importChannel } from "../snapshots/import-channel.js";
import { TransientStore } from "../transient-store.js";
import { PAUSED_FILE } from "./paused.js";
import { finishRebuilding, rebuild } from "./rebuilding.js";

/** Any code but VALID: only the id is wanted. */
const NOT_VALID = TxValidationCode.NOT_VALIDATED;

/**
 * Takes a channel back to a block. When the peer starts, it fetches what was taken away from an orderer.
 * @param dataDirectory as in PeerConfig
 * @param blockNumber of the last block to keep
 * @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL, ROLLBACK_REFUSED
 */
export function rollbackLedger(dataDirectory: string, channelId: string, blockNumber: number): Promise<void> {
  return stopped(dataDirectory, async (channels) => {
    const folder = channelFolder(channels, channelId, `ledgerID [${channelId}] does not exist`);
    await finishRebuilding(folder);
    await withBlocks(folder, async (blocks) => {
      refuseBasis("rollback any channel", [[channelId, blocks]]);
      const last = blocks.height() - 1;
      if (blockNumber >= last)
        throw new HansaError(
          "ROLLBACK_REFUSED",
          `target block number [${blockNumber}] should be less than the biggest block number [${last}]`,
        );
      await putBackPrivate(folder, blocks, blockNumber + 1);
    });
    await rebuild(folder, blockNumber + 1);
  });
}

/**
 * Takes all channels back to their genesis blocks. Returns their ids.
 * @throws HansaError NODE_RUNNING, RESET_REFUSED
 */
export function resetLedgers(dataDirectory: string): Promise<string[]> {
  return stopped(dataDirectory, async (channels) => {
    const ids = channelsIn(channels);
    await onEach(channels, ids, "reset channels", async (folder, blocks) => putBackPrivate(folder, blocks, 1));
    for (const id of ids) await rebuild(join(channels, id), 1);
    return ids;
  });
}

/**
 * Forgets all that follows from the blocks, of all channels; the peer makes it again when it starts. Returns their ids.
 * @throws HansaError NODE_RUNNING, REBUILD_REFUSED
 */
export function rebuildLedgers(dataDirectory: string): Promise<string[]> {
  return stopped(dataDirectory, async (channels) => {
    const ids = channelsIn(channels);
    await onEach(channels, ids, "rebuild databases", async () => {});
    for (const id of ids) await rebuild(join(channels, id), undefined);
    return ids;
  });
}

/** The peer lets the channel be from its next start on. @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL */
export function pauseChannel(dataDirectory: string, channelId: string): Promise<void> {
  return stopped(dataDirectory, async (channels) => {
    const folder = channelFolder(channels, channelId, unknownStatus(channelId));
    await replaceFileDurably(join(folder, PAUSED_FILE), "");
  });
}

/** The peer takes the channel up again at its next start. @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL */
export function resumeChannel(dataDirectory: string, channelId: string): Promise<void> {
  return stopped(dataDirectory, async (channels) => {
    await rm(join(channelFolder(channels, channelId, unknownStatus(channelId)), PAUSED_FILE), { force: true });
  });
}

/**
 * Joins the channel of a snapshot, as `cscc` does for a peer that runs. Returns the channel's id.
 * @throws HansaError NODE_RUNNING, ALREADY_JOINED; Error when the snapshot is not sound
 */
export function joinBySnapshot(dataDirectory: string, snapshot: string): Promise<string> {
  return stopped(dataDirectory, async (channels) => {
    const metadata = await verifySnapshot(snapshot);
    const { channelId } = metadata;
    const paused = existsSync(join(channels, channelId, PAUSED_FILE));
    if (channelsIn(channels).includes(channelId))
      throw new HansaError(
        "ALREADY_JOINED",
        `error while creating ledger id: ledger [${channelId}] already exists with state [${paused ? "INACTIVE" : "ACTIVE"}]`,
        { nextStep: "To begin anew with the snapshot, unjoin the channel first." },
      );
    const draft = join(channels, `.${channelId}`);
    await importChannel(snapshot, metadata, draft, LEDGER_RULES);
    await rename(draft, join(channels, channelId));
    return channelId;
  });
}

/** Removes all that the peer has of a channel, snapshots apart. @throws HansaError NODE_RUNNING, UNKNOWN_CHANNEL */
export function unjoinChannel(dataDirectory: string, channelId: string): Promise<void> {
  return stopped(dataDirectory, async (channels) => {
    const unknown = `unjoin channel [${channelId}]: ${unknownStatus(channelId)}`;
    const folder = channelFolder(channels, channelId, unknown);
    // Under this name a peer finishes the removal, should it break off here.
    const gone = join(channels, `.${channelId}.gone`);
    await rm(gone, { recursive: true, force: true });
    await rename(folder, gone);
    await rm(gone, { recursive: true, force: true });
  });
}

async function stopped<T>(dataDirectory: string, work: (channels: string) => Promise<T>): Promise<T> {
  const channels = join(dataDirectory, "channels");
  if (!existsSync(channels)) {
    throw new HansaError("NO_LEDGERS", `${dataDirectory} holds no ledger of a peer`, {
      nextStep: "Name the data folder of a peer that has joined a channel.",
    });
  }
  let lock: FolderLock;
  try {
    lock = FolderLock.acquire(channels);
  } catch (cause) {
    if (!(cause instanceof HansaError && cause.code === "STORE_IN_USE")) throw cause;
    throw new HansaError(
      "NODE_RUNNING",
      `as another peer node command is executing, wait for that command to complete its execution or terminate it before retrying: ${cause.message}`,
      { cause, nextStep: "Stop the peer first." },
    );
  }
  try {
    return await work(channels);
  } finally {
    lock.release();
  }
}

function channelsIn(channels: string): string[] {
  return readdirSync(channels, { withFileTypes: true })
    .filter((each) => each.isDirectory() && !each.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

function channelFolder(channels: string, channelId: string, unknown: string): string {
  const ids = channelsIn(channels);
  if (ids.includes(channelId)) return join(channels, channelId);
  throw new HansaError("UNKNOWN_CHANNEL", unknown, { nextStep: `Its channels: ${ids.join(", ") || "none"}.` });
}

function unknownStatus(channelId: string): string {
  return `cannot update ledger status, ledger [${channelId}] does not exist`;
}

async function withBlocks<T>(folder: string, work: (blocks: FileBlockStore) => Promise<T>): Promise<T> {
  const blocks = await FileBlockStore.open(join(folder, "blocks"));
  try {
    return await work(blocks);
  } finally {
    await blocks.close();
  }
}

/** Looks at all channels before anything is done to one of them. */
async function onEach(
  channels: string,
  ids: readonly string[],
  doing: string,
  work: (folder: string, blocks: FileBlockStore) => Promise<void>,
): Promise<void> {
  const found: [string, { readonly basis: FileBlockStore["basis"] }][] = [];
  for (const id of ids) {
    await finishRebuilding(join(channels, id));
    await withBlocks(join(channels, id), async ({ basis }) => void found.push([id, { basis }]));
  }
  refuseBasis(doing, found);
  for (const id of ids) await withBlocks(join(channels, id), (blocks) => work(join(channels, id), blocks));
}

function refuseBasis(doing: string, found: readonly [string, Pick<FileBlockStore, "basis">][]): void {
  const ids = found.flatMap(([id, { basis }]) => (basis === undefined ? [] : [id]));
  if (ids.length === 0) return;
  throw new HansaError(
    "BEGAN_WITH_SNAPSHOT",
    `cannot ${doing} because the peer contains channel(s) [${ids.join(" ")}] that were bootstrapped from snapshot`,
    { nextStep: "Unjoin such a channel, and join it again by a snapshot or by its genesis block." },
  );
}

/** Puts the private data of the blocks from this one on where the peer looks for it when they come again. */
async function putBackPrivate(folder: string, blocks: FileBlockStore, from: number): Promise<void> {
  const state = await LevelStateStore.open(join(folder, "state"));
  try {
    const transient = await TransientStore.open(join(folder, "transient"), silentLogger);
    for (let number = from; number < blocks.height(); number++) {
      const kept = await privateWritesOf(state, number);
      if (kept.size === 0) continue;
      const { envelopes } = splitBlock((await blocks.read(number)) ?? new Uint8Array(0));
      for (const [txIndex, writes] of kept) {
        const { txId } = readTransaction(envelopes[txIndex] ?? new Uint8Array(0), NOT_VALID);
        if (txId !== "") await transient.persist(txId, number, writes);
      }
    }
  } finally {
    await state.close();
  }
}
