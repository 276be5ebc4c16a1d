import { fromUtf8, toHex } from "@hansa/primitives";
import { common, decode, METADATA, splitBlock, toNumber } from "@hansa/wire";
import { evaluate } from "../client/admin-client.js";
import type { DeployingOrg } from "../deploy/lifecycle.js";

/** Where one peer's copy of a channel stands. Two peers with the same hashes have the same blocks and the same state. */
export type PeerLedger = {
  readonly peer: string;
  /** Count of blocks. */
  readonly height: number;
  /** Hash of the newest block's header, hex. */
  readonly blockHash: string;
  /**
   * Hash over all results up to the newest block, as Fabric computes it, hex; empty before the first transaction, and
   * while a snapshot stands for the newest block.
   */
  readonly commitHash: string;
};

/** Asks every peer of a channel for its newest block. */
export async function readLedgers(channelId: string, organizations: readonly DeployingOrg[]): Promise<PeerLedger[]> {
  return Promise.all(
    organizations.flatMap(({ admin, peers }) =>
      peers.map(async (peer): Promise<PeerLedger> => {
        const ask = (fn: string, ...args: Uint8Array[]) =>
          evaluate(peer, admin, { channelId, chaincode: "qscc", args: [fromUtf8(fn), fromUtf8(channelId), ...args] });
        const info = decode(common.BlockchainInfo, await ask("GetChainInfo"), "common.BlockchainInfo");
        const height = toNumber(info.height);
        const blockHash = toHex(info.currentBlockHash);
        // A peer that began with a snapshot may not have seen a block since.
        const isBare = toNumber(info.bootstrappingSnapshotInfo?.lastBlockInSnapshot ?? -1) === height - 1;
        const block = isBare ? undefined : await ask("GetBlockByNumber", fromUtf8(String(height - 1)));
        return { peer: peer.name, height, blockHash, commitHash: block === undefined ? "" : commitHashOf(block) };
      }),
    ),
  );
}

function commitHashOf(block: Uint8Array): string {
  const bytes = splitBlock(block).metadata[METADATA.COMMIT_HASH];
  const commit = bytes === undefined ? undefined : decode(common.Metadata, bytes, "common.Metadata");
  return toHex(commit?.value ?? new Uint8Array(0));
}
