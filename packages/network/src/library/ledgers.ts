import { fromUtf8, toHex } from "@hansa/primitives";
import { blockHeaderHash, common, decode, METADATA, splitBlock, toNumber } from "@hansa/wire";
import { evaluate } from "../client/admin-client.js";
import type { DeployingOrg } from "../deploy/lifecycle.js";

/** Where one peer's copy of a channel stands. Two peers with the same hashes have the same blocks and the same state. */
export type PeerLedger = {
  readonly peer: string;
  /** Count of blocks. */
  readonly height: number;
  /** Hash of the newest block's header, hex. */
  readonly blockHash: string;
  /** Hash over all results up to the newest block, as Fabric computes it, hex; empty before the first transaction. */
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
        return { peer: peer.name, height, ...newest(await ask("GetBlockByNumber", fromUtf8(String(height - 1)))) };
      }),
    ),
  );
}

function newest(block: Uint8Array): { blockHash: string; commitHash: string } {
  const { header, metadata } = splitBlock(block);
  const bytes = metadata[METADATA.COMMIT_HASH];
  const commit = bytes === undefined ? undefined : decode(common.Metadata, bytes, "common.Metadata");
  return { blockHash: toHex(blockHeaderHash(header)), commitHash: toHex(commit?.value ?? new Uint8Array(0)) };
}
