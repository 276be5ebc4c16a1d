/**
 * Clients that find peers and orderers themselves, through the discovery service: Fabric's older SDK and its tool. The
 * SDK without discovery as well.
 */
import path from "node:path";
import { after, before, describe } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import { repositoryRoot } from "../support/paths.js";
import { discoverTool } from "./discovery/discover-tool.js";
import { fabricNetwork } from "./discovery/fabric-network.js";
import { fixedPeers } from "./discovery/fixed-peers.js";
import { BOTH, CHANNEL, EITHER } from "./discovery/names.js";

const folder = path.join(repositoryRoot, "test/contracts/conformance");

describe("clients of the discovery service", () => {
  let network: Network;
  before(async () => {
    const contract = (name: string, endorsement: string) => ({ name, channel: CHANNEL, path: folder, endorsement });
    const collections = path.join(folder, "collections.json");
    network = await startNetwork({
      network: "discovery",
      mode: "inline",
      members: [{ name: "Org1", peers: [{}, {}] }, { name: "Org2" }],
      channels: [{ name: CHANNEL }],
      contracts: [
        { ...contract(BOTH, "all"), collections },
        { ...contract(EITHER, "any"), collections },
      ],
    });
  });
  after(() => network?.stop());

  fabricNetwork(() => network);
  fixedPeers(() => network);
  discoverTool(() => network);
});
