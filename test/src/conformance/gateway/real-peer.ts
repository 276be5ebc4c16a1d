/**
 * A peer of real Fabric joins the channel after all that the other suites did to it, and must come to the same blocks:
 * the same verdict on each transaction, and the same hash over all results.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import type { Gateway } from "@hyperledger/fabric-gateway";
import { common } from "@hyperledger/fabric-protos";
import { temporaryFolder } from "../../support/folder.js";
import { fabricToolsMissing, peerCommand, RealPeer } from "../../support/real-peer.js";
import { CHANNEL, type Fixture, take } from "./fixture.js";

const LIMIT_MS = 240_000;

export function realPeer(fixture: () => Fixture): void {
  describe("a real peer", { skip: fabricToolsMissing }, () => {
    const { folder, remove } = temporaryFolder();
    let running: RealPeer | undefined;
    let client: Client | undefined;
    after(() => {
      client?.close();
      running?.stop();
      remove();
    });

    it("commits the same blocks to the same hashes", { timeout: LIMIT_MS }, async () => {
      const member = fixture().network.member("Org1");
      running = await RealPeer.start(member, folder);
      const genesis = path.join(folder, "0.block");
      const fetched = await peerCommand(
        member,
        folder,
        member.peers[0]!.address,
        "channel",
        "fetch",
        "0",
        genesis,
        "-c",
        CHANNEL,
      );
      assert.equal(fetched.exit, 0, fetched.stderr);
      await running.join(genesis);

      const ours = member.gateway();
      const info = await ours.getNetwork(CHANNEL).getContract("qscc").evaluateTransaction("GetChainInfo", CHANNEL);
      const height = common.BlockchainInfo.deserializeBinary(info).getHeight();
      client = new Client(running.address, credentials.createSsl(readFileSync(member.tlsRootFile)), {
        "grpc.ssl_target_name_override": member.peers[0]!.host,
      });
      const theirs = await blocks(member.gateway({ client }), height);
      const expected = await blocks(ours, height);
      assert.ok(height > 20);
      for (const [number, block] of expected.entries())
        assert.ok(block.equals(theirs[number]!), `block ${number} differs`);
    });
  });
}

async function blocks(gateway: Gateway, count: number): Promise<Buffer[]> {
  const stream = await gateway.getNetwork(CHANNEL).getBlockEvents({ startBlock: 0n });
  return (await take(stream, count, LIMIT_MS)).map((block) => Buffer.from(block.serializeBinary()));
}
