/**
 * A peer of real Fabric joins the channel after all that the other suites did to it, and must come to the same blocks:
 * the same verdict on each transaction, and the same hash over all results. It runs where HANSA_FABRIC_BIN names a
 * folder with Fabric's `peer` (2.5 or later), which is no part of this repository.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import type { Gateway } from "@hyperledger/fabric-gateway";
import { common } from "@hyperledger/fabric-protos";
import { temporaryFolder } from "../../support/folder.js";
import { runProgram } from "../../support/hansa-command.js";
import { until } from "../../support/until.js";
import { CHANNEL, type Fixture, take } from "./fixture.js";

const tools = process.env.HANSA_FABRIC_BIN;
const skip = tools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's peer" : false;
const LIMIT_MS = 240_000;

export function realPeer(fixture: () => Fixture): void {
  describe("a real peer", { skip }, () => {
    const { folder, remove } = temporaryFolder();
    let running: ChildProcess | undefined;
    let client: Client | undefined;
    after(() => {
      client?.close();
      running?.kill("SIGKILL");
      remove();
    });

    it("commits the same blocks to the same hashes", { timeout: LIMIT_MS }, async () => {
      const member = fixture().network.member("Org1");
      const identity = path.resolve(member.mspFolder("Admin"), "../../../peers", member.peers[0]!.host);
      const port = await freePort();
      const address = `127.0.0.1:${port}`;
      const log: string[] = [];
      running = spawn(path.join(tools!, "peer"), ["node", "start"], {
        env: realPeerSettings(folder, address, member.mspId, identity),
        stdio: ["ignore", "ignore", "pipe"],
      });
      running.stderr!.on("data", (chunk: Buffer) => log.push(chunk.toString("utf8")));

      const cli = (peerAddress: string, ...args: string[]) =>
        runProgram(path.join(tools!, "peer"), args, folder, {
          PATH: process.env.PATH,
          ...member.env(),
          CORE_PEER_ADDRESS: peerAddress,
        });
      assert.equal((await cli(member.peers[0]!.address, "channel", "fetch", "0", "0.block", "-c", CHANNEL)).exit, 0);
      await until("the real peer to join", async () => {
        assert.equal(running!.exitCode, null, log.join("").slice(-2_000));
        const { exit } = await cli(address, "channel", "join", "-b", "0.block");
        return exit === 0 ? true : undefined;
      });

      const ours = member.gateway();
      const info = await ours.getNetwork(CHANNEL).getContract("qscc").evaluateTransaction("GetChainInfo", CHANNEL);
      const height = common.BlockchainInfo.deserializeBinary(info).getHeight();
      client = new Client(address, credentials.createSsl(readFileSync(member.tlsRootFile)), {
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

function realPeerSettings(folder: string, address: string, mspId: string, identity: string): NodeJS.ProcessEnv {
  const config = path.join(folder, "config");
  mkdirSync(config);
  const defaultHandler = (name: string) => [{ name }];
  const settings = {
    peer: {
      id: "real",
      networkId: "hansa",
      address,
      listenAddress: address,
      localMspId: mspId,
      mspConfigPath: path.join(identity, "msp"),
      fileSystemPath: path.join(folder, "data"),
      tls: {
        enabled: true,
        cert: { file: path.join(identity, "tls/server.crt") },
        key: { file: path.join(identity, "tls/server.key") },
        rootcert: { file: path.join(identity, "tls/ca.crt") },
      },
      gateway: { enabled: true, endorsementTimeout: "30s", broadcastTimeout: "30s", dialTimeout: "2m" },
      gossip: {
        bootstrap: address,
        useLeaderElection: false,
        orgLeader: true,
        // Nobody answers: private data travels between real peers only.
        pvtData: {
          pullRetryThreshold: "100ms",
          transientstoreMaxBlockRetention: 1000,
          pushAckTimeout: "3s",
          reconciliationEnabled: false,
          implicitCollectionDisseminationPolicy: { requiredPeerCount: 0, maxPeerCount: 1 },
        },
      },
      deliveryclient: { reconnectTotalTimeThreshold: "3600s", connTimeout: "3s" },
      limits: { concurrency: { endorserService: 2500, deliverService: 2500, gatewayService: 500 } },
      BCCSP: { Default: "SW", SW: { Hash: "SHA2", Security: 256 } },
      handlers: {
        authFilters: defaultHandler("DefaultAuth"),
        decorators: defaultHandler("DefaultDecorator"),
        endorsers: { escc: { name: "DefaultEndorsement" } },
        validators: { vscc: { name: "DefaultValidation" } },
      },
    },
    chaincode: {
      mode: "net",
      system: { _lifecycle: "enable", cscc: "enable", lscc: "enable", qscc: "enable" },
      // It runs no chaincode, and wants to know how.
      externalBuilders: [{ name: "none", path: path.join(folder, "nothing") }],
    },
    ledger: {
      state: { stateDatabase: "goleveldb" },
      history: { enableHistoryDatabase: true },
      snapshots: { rootDir: path.join(folder, "snapshots") },
      pvtdataStore: { collElgProcMaxDbBatchSize: 5000, collElgProcDbBatchesInterval: 1000, purgeInterval: 100 },
    },
    metrics: { provider: "disabled" },
  };
  // YAML reads JSON.
  writeFileSync(path.join(config, "core.yaml"), JSON.stringify(settings));
  return { PATH: process.env.PATH, FABRIC_CFG_PATH: config };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
