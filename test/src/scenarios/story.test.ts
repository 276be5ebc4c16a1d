/** The way of one order of beer through a whole network, through Fabric's own client library. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import type { ChaincodeEvent, Contract, GatewayError } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const networkFile = path.join(repositoryRoot, "network-configs/beer-supply-chain.yaml");

for (const mode of ["inline", "processes"] as const) {
  describe(`an order of beer, nodes as ${mode}`, () => {
    const { folder, remove } = temporaryFolder();
    let network: Network;
    before(async () => {
      network = await startNetwork(networkFile, { mode, dataFolder: folder });
    });
    after(async () => {
      await network?.stop();
      remove();
    });

    const contractOf = (member: string): Contract =>
      network.member(member).gateway().getNetwork("deliveries").getContract("shipment");
    const submit = async (member: string, transaction: string, ...args: string[]) =>
      Buffer.from(await contractOf(member).submitTransaction(transaction, ...args)).toString("utf8");
    const refusal = async (member: string, transaction: string, ...args: string[]): Promise<string> => {
      const error = (await submit(member, transaction, ...args).then(
        () => assert.fail("it was not refused"),
        (error: unknown) => error,
      )) as GatewayError;
      return error.details[0]?.message ?? error.message;
    };

    it("goes its way, each step by the one who may take it", async () => {
      await submit("Pub", "PlaceOrder", "B-1", "Pils", "40", "8");
      await submit("Brewery", "ConfirmOrder", "B-1");
      assert.match(
        await refusal("Pub", "ShipOrder", "B-1"),
        /Only the brewery may ship an order; this came from PubMSP/,
      );
      await submit("Brewery", "ShipOrder", "B-1");
      await submit("Carrier", "RecordPickup", "B-1");
      await submit("Carrier", "RecordTemperature", "B-1", "4.5");
    });

    it("tells the brewery when it gets too warm", async () => {
      const events = await network
        .member("Brewery")
        .gateway()
        .getNetwork("deliveries")
        .getChaincodeEvents("shipment", { startBlock: 0n });
      const next = (async (): Promise<ChaincodeEvent> => {
        for await (const event of events) return event;
        throw new Error("the stream of events ended");
      })();
      await submit("Carrier", "RecordTemperature", "B-1", "11.4");
      const event = await next;
      events.close();
      assert.equal(event.eventName, "ShipmentTooWarm");
      assert.deepEqual(JSON.parse(Buffer.from(event.payload).toString()), {
        orderId: "B-1",
        celsius: 11.4,
        maxCelsius: 8,
      });
    });

    it("is delivered once, and counted", async () => {
      await submit("Carrier", "RecordDelivery", "B-1", "39");
      assert.match(
        await refusal("Carrier", "RecordDelivery", "B-1", "40"),
        /was delivered already; it cannot be delivered twice/,
      );
      assert.deepEqual(JSON.parse(await submit("Pub", "CheckDelivery", "B-1")), {
        orderId: "B-1",
        orderedKegs: 40,
        deliveredKegs: 39,
        complete: false,
        tooWarm: true,
      });
    });

    it("is the same on every member's ledger", async () => {
      const ledgers = await sameLedgers(network, "deliveries");
      assert.equal(ledgers.length, 3);
      const histories = await Promise.all(["Brewery", "Carrier", "Pub"].map((member) => historyOf(contractOf(member))));
      assert.deepEqual(histories[1], histories[0]);
      assert.deepEqual(histories[2], histories[0]);
      assert.deepEqual(
        histories[0]!.map((step) => step.status),
        ["checked", "delivered", "underway", "underway", "underway", "shipped", "confirmed", "placed"],
      );
    });

    it("is all there after a restart, at the same addresses", async () => {
      const before = await historyOf(contractOf("Pub"));
      const addresses = network.members.map((member) => member.peers[0]!.address);
      const [ledger] = await sameLedgers(network, "deliveries");
      await network.stop();
      network = await startNetwork(networkFile, { mode, dataFolder: folder });
      assert.deepEqual(
        network.members.map((member) => member.peers[0]!.address),
        addresses,
      );
      assert.deepEqual(await historyOf(contractOf("Pub")), before);
      assert.deepEqual((await sameLedgers(network, "deliveries"))[0], ledger);
      await submit("Pub", "PlaceOrder", "B-2", "Stout", "12", "8");
      assert.equal((await sameLedgers(network, "deliveries"))[0]!.height, ledger!.height + 1);
    });
  });
}

async function historyOf(contract: Contract): Promise<{ txId: string; status: string }[]> {
  return JSON.parse(Buffer.from(await contract.evaluateTransaction("OrderHistory", "B-1")).toString("utf8"));
}

/** Every peer's ledger once they have all committed the same blocks. */
async function sameLedgers(network: Network, channel: string) {
  return until("equal ledgers", async () => {
    const ledgers = await network.ledgers(channel);
    const same = ledgers.every(
      ({ height, blockHash, commitHash }) =>
        height === ledgers[0]!.height && blockHash === ledgers[0]!.blockHash && commitHash === ledgers[0]!.commitHash,
    );
    return same ? ledgers : undefined;
  });
}
