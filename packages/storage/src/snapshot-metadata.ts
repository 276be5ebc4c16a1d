/**
 * The two JSON files of a snapshot. The hash of the first one stands for the whole snapshot.
 * Source: hyperledger/fabric, core/ledger/kvledger/snapshot.go; names, order and indentation alike.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "@hansa/primitives";

export const SIGNABLE_FILE = "_snapshot_signable_metadata.json";
export const ADDITIONAL_FILE = "_snapshot_additional_metadata.json";

/** Of every state database that orders keys by their bytes. */
const STATE_DB_TYPE = "SimpleKeyValueDB";
const INDENT = 4;

export type SnapshotMetadata = {
  readonly channelId: string;
  readonly lastBlock: number;
  /** Hex. */
  readonly lastBlockHash: string;
  readonly previousBlockHash: string;
  /** Empty after block 0. */
  readonly commitHash: string;
  /** SHA-256 in hex by file name. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of the signable file. */
  readonly snapshotHash: string;
};

export function signableText(metadata: Omit<SnapshotMetadata, "snapshotHash" | "commitHash">): string {
  const files = Object.fromEntries(Object.entries(metadata.files).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(
    {
      channel_name: metadata.channelId,
      last_block_number: metadata.lastBlock,
      last_block_hash: metadata.lastBlockHash,
      previous_block_hash: metadata.previousBlockHash,
      snapshot_files_raw_hashes: files,
      state_db_type: STATE_DB_TYPE,
    },
    undefined,
    INDENT,
  );
}

export function additionalText(snapshotHash: string, commitHash: string): string {
  return JSON.stringify({ snapshot_hash: snapshotHash, last_block_commit_hash: commitHash }, undefined, INDENT);
}

/** @throws Error in the words of a Fabric peer */
export async function readSnapshotMetadata(folder: string): Promise<SnapshotMetadata> {
  const signable = await readText(folder, SIGNABLE_FILE);
  const additional = await readText(folder, ADDITIONAL_FILE);
  const first = parsed(signable, "signable");
  const second = parsed(additional, "additional");
  const lastBlock = first.last_block_number;
  const channelId = first.channel_name;
  if (typeof channelId !== "string" || !/^[a-z][a-z0-9.-]{0,248}$/.test(channelId))
    throw new Error("error while unmarshalling metadata: the signable metadata names no channel");
  if (typeof lastBlock !== "number" || !Number.isSafeInteger(lastBlock) || lastBlock < 0)
    throw new Error("error while unmarshalling metadata: the signable metadata has no last block number");
  const files = Object.entries(first.snapshot_files_raw_hashes ?? {}).map(([name, hash]) => [name, String(hash)]);
  const stray = files.find(([name]) => name !== path.basename(name ?? ""));
  if (stray !== undefined)
    throw new Error(`error while unmarshalling metadata: "${stray[0]}" is no file of the snapshot`);
  return {
    channelId,
    lastBlock,
    lastBlockHash: String(first.last_block_hash ?? ""),
    previousBlockHash: String(first.previous_block_hash ?? ""),
    commitHash: String(second.last_block_commit_hash ?? ""),
    files: Object.fromEntries(files) as Record<string, string>,
    snapshotHash: String(second.snapshot_hash ?? ""),
  };
}

async function readText(folder: string, name: string): Promise<string> {
  try {
    return await readFile(path.join(folder, name), "utf8");
  } catch (cause) {
    throw new Error(`error while loading metadata: ${messageOf(cause)}`, { cause });
  }
}

function parsed(text: string, kind: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) throw new Error("it is no object");
    return value as Record<string, unknown>;
  } catch (cause) {
    throw new Error(
      `error while unmarshalling metadata: error while unmarshalling ${kind} metadata: ${messageOf(cause)}`,
      { cause },
    );
  }
}
