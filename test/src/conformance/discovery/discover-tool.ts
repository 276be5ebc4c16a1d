/**
 * Fabric's `discover` command. HANSA_FABRIC_BIN names a folder that holds it, which is no part of this repository.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import type { Network } from "@hansa/network";
import { type Outcome, runProgram } from "../../support/hansa-command.js";
import { repositoryRoot } from "../../support/paths.js";
import { BOTH, CHANNEL, EITHER } from "./names.js";

const tools = process.env.HANSA_FABRIC_BIN;
const tool = path.join(tools ?? "", "discover");
const skip = tools === undefined || !existsSync(tool) ? "HANSA_FABRIC_BIN does not name a folder with discover" : false;

type Peer = { MSPID: string; LedgerHeight?: number; Endpoint: string; Chaincodes?: string[] };
type Descriptor = {
  Chaincode: string;
  EndorsersByGroups: Record<string, Peer[]>;
  Layouts: { quantities_by_group: Record<string, number> }[];
};

export function discoverTool(network: () => Network): void {
  describe("discover", { skip }, () => {
    const discover = (member: string, user: string, ...args: string[]): Promise<Outcome> => {
      const env = network().member(member).env(user);
      const one = (folder: string) => {
        const whole = path.join(env.CORE_PEER_MSPCONFIGPATH!, folder);
        return path.join(whole, readdirSync(whole)[0]!);
      };
      const access = [
        ...["--peerTLSCA", env.CORE_PEER_TLS_ROOTCERT_FILE!, "--MSP", env.CORE_PEER_LOCALMSPID!],
        ...["--userKey", one("keystore"), "--userCert", one("signcerts")],
      ];
      const server = ["--server", env.CORE_PEER_ADDRESS!];
      return runProgram(tool, [...access, ...args, ...server], repositoryRoot, { PATH: process.env.PATH });
    };
    const answer = async <T>(...args: Parameters<typeof discover>): Promise<T> => {
      const { exit, stdout, stderr } = await discover(...args);
      assert.equal(exit, 0, stderr);
      return JSON.parse(stdout) as T;
    };
    const refusal = async (...args: Parameters<typeof discover>): Promise<string> => {
      const { exit, stderr } = await discover(...args);
      assert.equal(exit, 1);
      // Those of Fabric 3 log before it.
      return stderr.trim().split("\n").at(-1) ?? "";
    };
    const addresses = (...members: string[]) =>
      members
        .flatMap((member) => network().member(member).peers)
        .map(({ address }) => address)
        .sort();
    const endpoints = (peers: readonly Peer[]) => peers.map(({ Endpoint }) => Endpoint).sort();
    const endorsers = (...args: string[]) =>
      answer<Descriptor[]>("Org1", "User1", "endorsers", "--channel", CHANNEL, ...args);
    const groups = ([descriptor]: readonly Descriptor[]) =>
      Object.values(descriptor?.EndorsersByGroups ?? {}).map(endpoints);

    it("lists the peers of a channel, the same from every peer", async () => {
      for (const member of ["Org1", "Org2"]) {
        const peers = await answer<Peer[]>(member, "User1", "peers", "--channel", CHANNEL);
        assert.deepEqual(endpoints(peers), addresses("Org1", "Org2"));
        for (const { Chaincodes, LedgerHeight } of peers) {
          assert.deepEqual(Chaincodes?.sort(), ["_lifecycle", BOTH, EITHER]);
          assert.ok((LedgerHeight ?? 0) >= 3);
        }
      }
    });

    it("lists the peers that one knows, for administrators", async () => {
      assert.deepEqual(endpoints(await answer("Org2", "Admin", "peers")), addresses("Org1", "Org2"));
      assert.equal(await refusal("Org1", "User1", "peers"), "access denied");
    });

    it("shows a channel's members and orderers", async () => {
      type Shown = { msps: Record<string, { name: string }>; orderers: Record<string, { endpoint: object[] }> };
      const { msps, orderers } = await answer<Shown>("Org2", "User1", "config", "--channel", CHANNEL);
      assert.deepEqual(Object.keys(msps).sort(), ["OrdererMSP", "Org1MSP", "Org2MSP"]);
      const [host, port] = network().member("Org1").env().ORDERER_ADDRESS!.split(":");
      assert.deepEqual(orderers, { OrdererMSP: { endpoint: [{ host, port: Number(port) }] } });
    });

    it("plans endorsements, also with collections and further chaincodes", async () => {
      const both = await endorsers("--chaincode", BOTH);
      assert.deepEqual(groups(both), [addresses("Org1"), addresses("Org2")]);
      assert.deepEqual(both[0]?.Layouts, [{ quantities_by_group: { G0: 1, G1: 1 } }]);
      const either = await endorsers("--chaincode", EITHER);
      assert.deepEqual(
        either[0]?.Layouts.map((layout) => Object.values(layout.quantities_by_group)),
        [[1], [1]],
      );
      const secret = await endorsers("--chaincode", EITHER, "--collection", `${EITHER}:onlyOrg1`);
      assert.deepEqual(groups(secret), [addresses("Org1")]);
      const two = await endorsers("--chaincode", EITHER, "--chaincode", BOTH);
      assert.deepEqual(two[0]?.Layouts, [{ quantities_by_group: { G0: 1, G1: 1 } }]);
      assert.deepEqual(groups(await endorsers("--chaincode", "_lifecycle")), [addresses("Org1"), addresses("Org2")]);
    });

    it("says in Fabric's words what it cannot tell", async () => {
      const failed = "server returned: failed constructing descriptor for";
      const ask = (...args: string[]) => refusal("Org1", "User1", "endorsers", "--channel", CHANNEL, ...args);
      assert.equal(await ask("--chaincode", "nosuch"), `${failed} chaincodes:<name:"nosuch" >`);
      assert.equal(
        await ask("--chaincode", BOTH, "--collection", `${BOTH}:nosuch,x`),
        `${failed} chaincodes:<name:"both" collection_names:"nosuch" collection_names:"x" >`,
      );
      assert.equal(await refusal("Org1", "User1", "peers", "--channel", "elsewhere"), "access denied");
    });
  });
}
