/**
 * Blocks of a real Fabric channel and what its peers made of them. They are no part of this repository: HANSA_VECTORS
 * names their folder, by default `shared/vectors` beside the repository. Tests that need them are skipped without.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { decode, protos, type rwset } from "@hansa/wire";

export type ExpectedKey = {
  readonly key?: string;
  readonly keyHash?: string;
  readonly value?: string;
  readonly valueSha256?: string;
  readonly valueHash?: string;
  readonly version: readonly [number, number];
  readonly metadata?: string;
};

type PlainKeys = readonly { readonly key: string; readonly value: string }[];

export type Expected = {
  readonly channel: string;
  readonly height: number;
  readonly lastHeaderHash: string;
  readonly blocks: readonly {
    readonly number: number;
    readonly headerHash: string;
    readonly commitHash?: string;
    readonly transactions: readonly {
      readonly txid: string;
      readonly type: number;
      readonly code: number;
      readonly codeName: string;
      readonly note?: string;
    }[];
  }[];
  readonly private: Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, PlainKeys | { readonly refused: string }>>>>>
  >;
  readonly state: {
    readonly public: Readonly<Record<string, readonly ExpectedKey[]>>;
    readonly privateHashed: Readonly<Record<string, Readonly<Record<string, readonly ExpectedKey[]>>>>;
  };
};

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const folder = path.join(process.env.HANSA_VECTORS ?? path.join(repository, "../shared/vectors"), "fabric-2.5");

/** Why the vectors cannot be used, or false. For `skip`. */
export const vectorsMissing: string | false = existsSync(path.join(folder, "expected.json"))
  ? false
  : `no vectors in ${folder}; set HANSA_VECTORS to their folder`;

export function readExpected(): Expected {
  return JSON.parse(readFileSync(path.join(folder, "expected.json"), "utf8")) as Expected;
}

export function readBlock(number: number): Buffer {
  return readFileSync(path.join(folder, `${number}.block`));
}

/** The snapshot that a peer wrote at the last block. */
export const snapshotFolder = path.join(folder, "snapshot");

/** What an organisation's peer delivers in private with a block, by index of the transaction. */
export function readPrivateData(mspId: string, number: number): Map<number, rwset.ITxPvtReadWriteSet> {
  const file = path.join(folder, "private-data", mspId, `${number}.pb`);
  if (!existsSync(file)) return new Map();
  const { privateDataMap } = decode(protos.BlockAndPrivateData, readFileSync(file), "BlockAndPrivateData");
  const sets = new Map<number, rwset.ITxPvtReadWriteSet>();
  for (const [key, set] of Object.entries(privateDataMap)) sets.set(indexOfMapKey(key), set);
  return sets;
}

/** protobufjs writes 64-bit map keys as eight characters, one a byte, low byte first. */
function indexOfMapKey(key: string): number {
  return key.length === 8 ? Number(Buffer.from(key, "latin1").readBigUInt64LE()) : Number(key);
}
