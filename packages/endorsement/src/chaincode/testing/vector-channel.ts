/** Replays the channel of the Fabric vectors, one block at a time, as one organisation's peer sees it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ChannelConfig, configOfBlock } from "@hansa/channel-config";
import { privateKeyFromPem } from "@hansa/crypto";
import { prepareBlock, privateNamespace, readTransaction, TxSimulator } from "@hansa/ledger";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import { bytesKey, sha256Hex } from "@hansa/primitives";
import { type common, HeaderType, kvrwset, METADATA, protos, readEnvelope, rwset, splitBlock } from "@hansa/wire";
import type { EndorserChannel, PrivateWrites } from "../channel.js";
import { MapState } from "./map-state.js";

const base = process.env.HANSA_VECTORS ?? join(import.meta.dirname, "../../../../../../shared/vectors");
export const vectorsFolder = resolve(base, "fabric-2.5");
export const skipVectors = existsSync(vectorsFolder)
  ? false
  : "no vectors: set HANSA_VECTORS to the folder that holds fabric-2.5";

export function vectorFile(...path: string[]): Buffer {
  return readFileSync(join(vectorsFolder, ...path));
}

export function contractSource(): string {
  return readFileSync(join(vectorsFolder, "../contract/index.js"), "utf8");
}

export function packageIds(): string[] {
  const labels: Record<string, string> = { "vectors_1.0.tgz": "vectors_1.0", "vectors_2.0.tgz": "vectors_2.0" };
  return readdirSync(join(vectorsFolder, "packages")).map(
    (file) => `${labels[file]}:${sha256Hex(vectorFile("packages", file))}`,
  );
}

export function identity(mspId: string, name: string): SigningIdentity {
  const folder = ["identities", mspId];
  const cert = vectorFile(...folder, `${name}.TEST-ONLY.cert.pem`).toString();
  const key = vectorFile(...folder, `${name}.TEST-ONLY.key.pem`).toString();
  return createSigningIdentity(mspId, cert, privateKeyFromPem(key));
}

/** One endorser transaction of a block, with what its endorsers made of it. */
export type VectorTransaction = {
  readonly index: number;
  readonly code: number;
  readonly header: common.Header.$Properties;
  readonly creator: Uint8Array;
  /** Encoded protos.ChaincodeProposalPayload without transient data. */
  readonly proposalPayload: Uint8Array;
  readonly responsePayload: Uint8Array;
};

export class VectorChannel implements EndorserChannel {
  readonly channelId = "mychannel";
  readonly state = new MapState();
  readonly persisted: PrivateWrites[] = [];
  config: ChannelConfig;
  #height = 0;
  readonly #mspId: string;
  /** By namespace and key, newest first. */
  readonly #history = new Map<string, { blockNumber: number; isDelete: boolean }[]>();

  constructor(mspId: string) {
    this.#mspId = mspId;
    this.config = ChannelConfig.fromBlock(vectorFile("0.block"));
  }

  get ledger() {
    const { state } = this;
    return {
      height: this.#height,
      state,
      find: () => undefined,
      hasId: () => false,
      simulator: (txId: string, lookup?: (namespace: string) => ReadonlySet<string> | undefined) =>
        new TxSimulator(state, txId, lookup),
      history: (namespace: string, key: string) => this.#keyHistory(namespace, key) as never,
      info: () => ({ height: this.#height, currentBlockHash: new Uint8Array(), previousBlockHash: new Uint8Array() }),
      blocks: {
        read: async (number: number) => (number < this.#height ? vectorFile(`${number}.block`) : undefined),
      } as never,
    };
  }

  async persistPrivate(writes: PrivateWrites): Promise<void> {
    this.persisted.push(writes);
  }

  #keyHistory(namespace: string, key: string) {
    const versions = [...(this.#history.get(`${namespace}\n${key}`) ?? [])];
    return {
      next: async () => {
        const version = versions.shift();
        return version && { txId: "t", timestampMs: 0, isDelete: version.isDelete, value: new Uint8Array() };
      },
      close: async () => {},
    };
  }

  get height(): number {
    return this.#height;
  }

  /** Endorser transactions of the next block that can be read. */
  nextTransactions(): VectorTransaction[] {
    const { envelopes, metadata } = splitBlock(vectorFile(`${this.#height}.block`));
    return envelopes.flatMap((raw, index) => {
      try {
        const envelope = readEnvelope(raw);
        if (envelope.channelHeader.type !== HeaderType.ENDORSER_TRANSACTION) return [];
        const { actions } = protos.Transaction.decode(envelope.data);
        const payload = protos.ChaincodeActionPayload.decode(actions[0]!.payload!);
        return {
          index,
          code: metadata[METADATA.TRANSACTIONS_FILTER]![index]!,
          header: {
            channelHeader: envelope.channelHeaderBytes,
            signatureHeader: envelope.signatureHeaderBytes,
          },
          creator: envelope.signatureHeader.creator,
          proposalPayload: payload.chaincodeProposalPayload,
          responsePayload: payload.action!.proposalResponsePayload!,
        };
      } catch {
        return [];
      }
    });
  }

  /** Private writes in plain that this organisation's peer has of the next block, by transaction. */
  nextPrivateWrites(): Map<number, rwset.TxPvtReadWriteSet.$Properties> {
    const path = ["private-data", this.#mspId, `${this.#height}.pb`];
    if (!existsSync(join(vectorsFolder, ...path))) return new Map();
    const { privateDataMap } = protos.BlockAndPrivateData.decode(vectorFile(...path));
    return new Map(Object.entries(privateDataMap).map(([key, set]) => [txIndexOf(key), set]));
  }

  async commitNext(): Promise<void> {
    const number = this.#height;
    const bytes = vectorFile(`${number}.block`);
    const { envelopes, metadata } = splitBlock(bytes);
    const codes = metadata[METADATA.TRANSACTIONS_FILTER] ?? new Uint8Array();
    const transactions = envelopes.map((envelope, i) => readTransaction(envelope, codes[i] ?? 0));
    const privateWrites = this.nextPrivateWrites();
    const { batch } = await prepareBlock(number, transactions, this.state, false);
    this.state.apply(batch);
    for (const { namespace, key } of batch.history) {
      const versions = this.#history.get(`${namespace}\n${key}`) ?? [];
      versions.unshift({ blockNumber: number, isDelete: batch.get(namespace, key)?.value === undefined });
      this.#history.set(`${namespace}\n${key}`, versions);
    }
    for (const [txIndex, { nsPvtRwset }] of privateWrites) {
      if (codes[txIndex] !== 0) continue;
      for (const { namespace, collectionPvtRwset } of nsPvtRwset ?? []) {
        for (const { collectionName, rwset: bytes } of collectionPvtRwset ?? []) {
          for (const { key, value, isDelete } of kvrwset.KVRWSet.decode(bytes!).writes) {
            const entry = isDelete ? undefined : { value: value!, version: { blockNumber: number, txIndex } };
            this.state.set(privateNamespace(namespace!, collectionName!), key!, entry);
          }
        }
      }
    }
    this.#height += 1;
    if (transactions.some(({ type, code }) => type === HeaderType.CONFIG && code === 0)) {
      configOfBlock(bytes);
      this.config = ChannelConfig.fromBlock(bytes, { previous: this.config });
    }
  }
}

/** Whether this peer still has each private write of a transaction in plain: some have expired or were purged. */
export function hasAllPrivateWrites(
  tx: VectorTransaction,
  writes: rwset.TxPvtReadWriteSet.$Properties | undefined,
): boolean {
  const { extension } = protos.ProposalResponsePayload.decode(tx.responsePayload);
  const { results } = protos.ChaincodeAction.decode(extension);
  const hashed = rwset.TxReadWriteSet.decode(results).nsRwset.flatMap(({ collectionHashedRwset }) =>
    (collectionHashedRwset ?? []).flatMap(
      ({ hashedRwset }) => kvrwset.HashedRWSet.decode(hashedRwset ?? new Uint8Array()).hashedWrites,
    ),
  );
  const plain = (writes?.nsPvtRwset ?? []).flatMap(({ collectionPvtRwset }) =>
    (collectionPvtRwset ?? []).flatMap(({ rwset: bytes }) => kvrwset.KVRWSet.decode(bytes ?? new Uint8Array()).writes),
  );
  return hashed.length === plain.length;
}

/** protobufjs keys maps of uint64 by the eight bytes of a Long, or by digits. */
function txIndexOf(key: string): number {
  return /^\d+$/.test(key) ? Number(key) : key.charCodeAt(0);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return bytesKey(a) === bytesKey(b);
}
