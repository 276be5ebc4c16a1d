/** fabric-network 2.2, unmodified, without discovery: it asks every peer that its connection profile names. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, describe, it } from "node:test";
import type { Network } from "@hansa/network";
import type { BlockEvent, Contract, ContractEvent, Gateway } from "fabric-network";
import { until } from "../../support/until.js";
import { BOTH, CHANNEL, EITHER } from "./names.js";

const sdk = createRequire(import.meta.url)("fabric-network") as typeof import("fabric-network");

export function fixedPeers(network: () => Network): void {
  describe("fabric-network 2.2 that knows all peers beforehand", () => {
    const opened: Gateway[] = [];
    after(() => {
      for (const gateway of opened) gateway.disconnect();
    });
    const channelOf = async (name: string) => {
      const member = network().member(name);
      const msp = member.mspFolder(member.users[0]!);
      const only = (folder: string) =>
        readFileSync(path.join(msp, folder, readdirSync(path.join(msp, folder))[0]!), "utf8");
      const credentials = { certificate: only("signcerts"), privateKey: only("keystore") };
      const gateway = new sdk.Gateway();
      opened.push(gateway);
      const identity: import("fabric-network").X509Identity = { type: "X.509", mspId: member.mspId, credentials };
      // The profile as `hansa connection` prints it.
      await gateway.connect({ ...member.connectionProfile() }, { identity, discovery: { enabled: false } });
      return gateway.getNetwork(CHANNEL);
    };
    const text = (bytes: Buffer) => bytes.toString("utf8");

    it("submits by a policy of all members and of any, and evaluates", async () => {
      for (const name of [BOTH, EITHER]) {
        const [mine, theirs] = await Promise.all(
          ["Org1", "Org2"].map(async (member): Promise<Contract> => (await channelOf(member)).getContract(name)),
        );
        assert.equal(text(await mine!.submitTransaction("put", "fixed", "1")), "1");
        assert.equal(text(await theirs!.submitTransaction("put", "fixed", "2")), "2");
        assert.equal(text(await theirs!.evaluateTransaction("get", "fixed")), "2");
        await assert.rejects(mine!.evaluateTransaction("fail", "no beer left"), /no beer left/);
        const transaction = mine!.createTransaction("put").setEndorsingOrganizations("Org1MSP");
        if (name === BOTH) await assert.rejects(transaction.submit("fixed", "3"), /ENDORSEMENT_POLICY_FAILURE/);
        else assert.equal(text(await transaction.submit("fixed", "3")), "3");
      }
    });

    it("listens to contracts and blocks, and asks the peer about the chain", async () => {
      const channel = await channelOf("Org1");
      const contract = channel.getContract(BOTH);
      const events: ContractEvent[] = [];
      const blocks: BlockEvent[] = [];
      await contract.addContractListener(async (event) => void events.push(event));
      await channel.addBlockListener(async (block) => void blocks.push(block), { startBlock: 0 });
      await contract.submitTransaction("announce", "opened", "at ten");
      await until("the event", async () => (events.length > 0 ? true : undefined));
      assert.deepEqual([events[0]?.eventName, events[0]?.payload?.toString()], ["opened", "at ten"]);
      const number = Number(events[0]!.getTransactionEvent().getBlockEvent().blockNumber);
      await until("its block", async () => (blocks.length > number ? true : undefined));
      assert.deepEqual(
        blocks.map(({ blockNumber }) => Number(blockNumber)),
        blocks.map((_, index) => index),
      );
      const transactionId = events[0]!.getTransactionEvent().transactionId;
      const found = await channel.getContract("qscc").evaluateTransaction("GetBlockByTxID", CHANNEL, transactionId);
      assert.ok(found.includes(Buffer.from(transactionId)));
    });
  });
}
