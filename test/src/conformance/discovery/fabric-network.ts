/** fabric-network 2.2, unmodified, with discovery on: it knows its own peer, and asks that one for everything else. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, describe, it } from "node:test";
import type { Network } from "@hansa/network";
import type { BlockEvent, ContractEvent, Gateway, Transaction } from "fabric-network";
import { until } from "../../support/until.js";
import { BOTH, CHANNEL, EITHER } from "./names.js";

const sdk = createRequire(import.meta.url)("fabric-network") as typeof import("fabric-network");

const CONNECTED_WITHIN_MS = 500;

export function fabricNetwork(network: () => Network): void {
  describe("fabric-network 2.2", () => {
    const opened: Gateway[] = [];
    after(() => {
      for (const gateway of opened) gateway.disconnect();
    });

    const connect = async (member: string, asLocalhost: boolean): Promise<Gateway> => {
      const { mspId, connectionProfile, mspFolder } = bound(network(), member);
      const only = (folder: string) => {
        const [file = ""] = readdirSync(path.join(mspFolder, folder));
        return readFileSync(path.join(mspFolder, folder, file), "utf8");
      };
      const gateway = new sdk.Gateway();
      opened.push(gateway);
      const credentials = { certificate: only("signcerts"), privateKey: only("keystore") };
      const identity: import("fabric-network").X509Identity = { type: "X.509", mspId, credentials };
      await gateway.connect(connectionProfile, { identity, discovery: { enabled: true, asLocalhost } });
      return gateway;
    };
    const contracts = new Map<string, Promise<Gateway>>();
    const contractOf = async (member: string, name: string) => {
      const gateway = contracts.get(member) ?? connect(member, true);
      contracts.set(member, gateway);
      return (await (await gateway).getNetwork(CHANNEL)).getContract(name);
    };
    const text = (bytes: Buffer) => bytes.toString("utf8");

    it("connects to the peers and orderers that it is told of, in little time", async () => {
      // The first connection of a process loads the SDK.
      (await connect("Org1", true)).disconnect();
      for (const asLocalhost of [true, false]) {
        const startedAt = performance.now();
        const cpuBefore = process.cpuUsage();
        const gateway = await connect("Org1", asLocalhost);
        const channel = (await gateway.getNetwork(CHANNEL)).getChannel();
        const elapsedMs = performance.now() - startedAt;
        const { user, system } = process.cpuUsage(cpuBefore);
        console.log(
          `# fabric-network, asLocalhost ${asLocalhost}: connected in ${Math.round(elapsedMs)} ms, ${Math.round((user + system) / 1_000)} ms of CPU time of client and network`,
        );
        // What the processors were busy with for others does not count.
        assert.ok(Math.min(elapsedMs, (user + system) / 1_000) < CONNECTED_WITHIN_MS, `${elapsedMs} ms`);
        const peers = ["Org1", "Org2"].flatMap((member) => network().member(member).peers);
        const ports = new Set(peers.map(({ address }) => address.split(":")[1]));
        const found = channel.getEndorsers().filter(({ endpoint }) => ports.has(portOf(endpoint)));
        assert.deepEqual(new Set(found.map(({ endpoint }) => portOf(endpoint))), ports);
        assert.ok(found.every(isConnected));
        assert.ok(channel.getCommitters().length > 0 && channel.getCommitters().every(isConnected));
      }
    });

    it("submits by a policy of all members, and evaluates", async () => {
      const contract = await contractOf("Org1", BOTH);
      assert.equal(text(await contract.submitTransaction("put", "beer", "Pils")), "Pils");
      assert.equal(text(await contract.evaluateTransaction("get", "beer")), "Pils");
      const other = await contractOf("Org2", BOTH);
      assert.equal(text(await other.submitTransaction("put", "beer", "Stout")), "Stout");
      await assert.rejects(contract.evaluateTransaction("fail", "no beer left"), /no beer left/);
    });

    it("sends private data to the members of its collection only", async () => {
      const contract = await contractOf("Org2", EITHER);
      contract.addDiscoveryInterest({ name: EITHER, collectionNames: ["heldByOrg1"] });
      const asked: string[] = [];
      const transaction = contract.createTransaction("putPrivate").setTransient({ value: Buffer.from("hops") });
      noteEndorsers(transaction, asked);
      await transaction.submit("heldByOrg1", "recipe");
      const ofOrg1 = network()
        .member("Org1")
        .peers.map(({ address }) => address.split(":")[1]);
      assert.ok(asked.length > 0 && asked.every((port) => ofOrg1.includes(port)), `${asked}`);
      const reader = await contractOf("Org1", EITHER);
      // Org2's client waited for Org2's peers; each peer of Org1 commits, and asks for what it lacks, in its own time.
      await until("the value at a peer of Org1", async () => {
        const value = text(await reader.evaluateTransaction("getPrivate", "heldByOrg1", "recipe"));
        return value === "hops" ? true : undefined;
      });
    });

    it("keeps a key's own policy where it names the organisations", async () => {
      const contract = await contractOf("Org1", EITHER);
      await contract.submitTransaction("put", "guarded", "1");
      await contract.submitTransaction("guard", "guarded", JSON.stringify(["Org1MSP", "Org2MSP"]));
      const both = contract.createTransaction("put").setEndorsingOrganizations("Org1MSP", "Org2MSP");
      assert.equal(text(await both.submit("guarded", "2")), "2");
      const one = contract.createTransaction("put").setEndorsingOrganizations("Org1MSP");
      await assert.rejects(one.submit("guarded", "3"), /ENDORSEMENT_POLICY_FAILURE/);
      assert.equal(text(await contract.evaluateTransaction("get", "guarded")), "2");
    });

    it("satisfies the policies of two chaincodes that it says it calls", async () => {
      const call = JSON.stringify(["put", "called", "through another"]);
      const either = async () => (await (await connect("Org1", true)).getNetwork(CHANNEL)).getContract(EITHER);
      const only = (await either()).createTransaction("call").setEndorsingOrganizations("Org1MSP");
      await assert.rejects(only.submit(BOTH, call, ""), /ENDORSEMENT_POLICY_FAILURE/);
      const telling = await either();
      telling.addDiscoveryInterest({ name: BOTH });
      assert.match(text(await telling.submitTransaction("call", BOTH, call, "")), /through another/);
      const contract = await contractOf("Org2", BOTH);
      assert.equal(text(await contract.evaluateTransaction("get", "called")), "through another");
    });

    it("listens to contracts and blocks", async () => {
      const contract = await contractOf("Org1", BOTH);
      const events: ContractEvent[] = [];
      const blocks: BlockEvent[] = [];
      await contract.addContractListener(async (event) => void events.push(event));
      const channel = await (await connect("Org1", false)).getNetwork(CHANNEL);
      await channel.addBlockListener(async (block) => void blocks.push(block), { startBlock: 0 });
      await contract.submitTransaction("announce", "opened", "at nine");
      await until("the event", async () => (events.length > 0 ? true : undefined));
      assert.deepEqual([events[0]?.eventName, events[0]?.payload?.toString()], ["opened", "at nine"]);
      await until("the block of the event", async () => {
        const number = Number(events[0]?.getTransactionEvent().getBlockEvent().blockNumber);
        return blocks.some(({ blockNumber }) => Number(blockNumber) === number) ? true : undefined;
      });
      assert.equal(Number(blocks[0]?.blockNumber), 0);
    });

    it("hears that it may not", async () => {
      const gateway = await connect("Org2", true);
      await assert.rejects(gateway.getNetwork("elsewhere"), /access denied/);
      const contract = (await gateway.getNetwork(CHANNEL)).getContract("nosuch");
      await assert.rejects(
        contract.submitTransaction("put", "k", "v"),
        /failed constructing descriptor for chaincodes:<name:"nosuch" >/,
      );
    });
  });
}

function bound(network: Network, name: string) {
  const member = network.member(name);
  const user = member.users[0]!;
  const whole = member.connectionProfile() as { peers: Record<string, unknown> } & Record<string, unknown>;
  // All that it knows beforehand is one peer of its own organisation.
  const own = member.peers[0]!.host;
  const organizations = { [name]: { mspid: member.mspId, peers: [own] } };
  const { orderers: _, channels: __, peers, ...rest } = whole;
  const connectionProfile = { ...rest, organizations, peers: { [own]: peers[own] } };
  return { mspId: member.mspId, connectionProfile, mspFolder: member.mspFolder(user) };
}

function isConnected(node: object): boolean {
  return (node as { connected?: boolean }).connected === true;
}

function portOf(endpoint: unknown): string {
  return /:(\d+)$/.exec((endpoint as { url?: string } | undefined)?.url ?? "")?.[1] ?? "";
}

/** The SDK does not say whom it asked; each peer that it has a connection to is watched instead. */
function noteEndorsers(transaction: Transaction, asked: string[]): void {
  const { contract } = transaction as unknown as { contract: { network: import("fabric-network").Network } };
  for (const endorser of contract.network.getChannel().getEndorsers()) {
    const send = endorser.sendProposal.bind(endorser);
    endorser.sendProposal = (...args) => {
      asked.push(portOf(endorser.endpoint));
      return send(...args);
    };
  }
}
