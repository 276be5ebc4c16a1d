/** A network of two members on two channels with one contract on both, which runs as a service of its own. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Network, startNetwork } from "@hansa/network";
import type { Contract } from "@hyperledger/fabric-gateway";
import { repositoryRoot } from "./paths.js";
import { freeAddress } from "./service-contract.js";
import { until } from "./until.js";

export const CHANNEL = "trade";
export const ELSEWHERE = "elsewhere";

export class ServiceNetwork {
  readonly network: Network;
  /** The contract's. */
  readonly name: string;
  readonly packageId: string;
  /** Where the peers look for the contract's server. */
  readonly address: string;

  private constructor(network: Network, name: string, packageId: string, address: string) {
    this.network = network;
    this.name = name;
    this.packageId = packageId;
    this.address = address;
  }

  /**
   * @param name the contract's
   * @param folder takes its package
   * @param dialTimeout how long peers try to reach its server, as Go writes it
   */
  static async start(name: string, folder: string, dialTimeout: string): Promise<ServiceNetwork> {
    const address = await freeAddress();
    const contractFolder = path.join(folder, "package");
    mkdirSync(contractFolder);
    writeFileSync(path.join(contractFolder, "connection.json"), JSON.stringify({ address, dial_timeout: dialTimeout }));
    const network = await startNetwork({
      network: name,
      mode: "inline",
      members: [{ name: "Org1" }, { name: "Org2" }],
      channels: [{ name: CHANNEL }, { name: ELSEWHERE }],
    });
    const contract = {
      name,
      path: contractFolder,
      endorsement: "all",
      collections: path.join(repositoryRoot, "test/contracts/conformance/collections.json"),
    };
    const { packageId } = await network.deploy({ ...contract, channel: CHANNEL });
    await network.deploy({ ...contract, channel: ELSEWHERE });
    return new ServiceNetwork(network, name, packageId, address);
  }

  contract(channel = CHANNEL): Contract {
    return this.network.member("Org1").gateway().getNetwork(channel).getContract(this.name);
  }

  async submit(name: string, ...args: string[]): Promise<string> {
    return Buffer.from(await this.contract().submitTransaction(name, ...args)).toString();
  }

  /** Until the contract's server answers. */
  async isServed(): Promise<void> {
    await until("the service", () =>
      this.submit("put", "first", "1").then(
        () => true,
        () => undefined,
      ),
    );
  }

  /** Announces two events in one transaction. Gives the one that is told of, which is the last. */
  async announced(): Promise<{ readonly name: string; readonly payload: string }> {
    const events = await this.network.member("Org1").gateway().getNetwork(CHANNEL).getChaincodeEvents(this.name);
    try {
      await this.submit("announce", "one", "two");
      for await (const { eventName, payload } of events)
        return { name: eventName, payload: Buffer.from(payload).toString() };
      throw new Error("the events ended");
    } finally {
      events.close();
    }
  }
}
