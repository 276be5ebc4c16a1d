/** What two peers hold of a channel, block by block. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type SplitBlock, splitBlock } from "@hansa/wire";
import type { FabricNetwork, PeerName } from "./fabric-network.js";

const TRANSACTIONS_FILTER = 2;
const COMMIT_HASH = 4;

/** The network's folder, and `peer` as an administrator of a peer's organisation. */
type Access = Pick<FabricNetwork, "at" | "peer">;

/** Same headers, envelopes, validation codes and commit hashes. Returns the validation codes that were met. */
export async function assertSameLedgers(
  network: Access,
  [one, other]: readonly [PeerName, PeerName],
  height: number,
): Promise<Set<number>> {
  const codes = new Set<number>();
  for (let number = 0; number < height; number++) {
    const theirs = await block(network, one, number);
    const own = await block(network, other, number);
    assert.deepEqual(own.header, theirs.header, `header of block ${number}`);
    assert.deepEqual(own.envelopes, theirs.envelopes, `envelopes of block ${number}`);
    for (const index of [TRANSACTIONS_FILTER, COMMIT_HASH])
      assert.deepEqual(own.metadata[index], theirs.metadata[index], `metadata ${index} of block ${number}`);
    for (const code of own.metadata[TRANSACTIONS_FILTER] ?? []) codes.add(code);
    if (number > 0) assert.ok(own.metadata[COMMIT_HASH]!.length > 0, `block ${number} has a commit hash`);
  }
  return codes;
}

async function block(network: Access, peer: PeerName, number: number): Promise<SplitBlock> {
  const file = network.at(`${peer}-${number}.block`);
  const { exit, stderr } = await network.peer(peer, "channel", "fetch", String(number), file, "-c", "mychannel");
  assert.equal(exit, 0, stderr);
  return splitBlock(readFileSync(file));
}
