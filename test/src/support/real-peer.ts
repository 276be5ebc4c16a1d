/**
 * A peer of real Fabric in a channel of ours. HANSA_FABRIC_BIN names a folder with Fabric's `peer` (2.5 or later), which
 * is no part of this repository.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import type { Member } from "@hansa/network";
import { type Outcome, runProgram } from "./hansa-command.js";
import { until } from "./until.js";

export const fabricTools = process.env.HANSA_FABRIC_BIN;
export const fabricToolsMissing =
  fabricTools === undefined ? "HANSA_FABRIC_BIN does not name a folder with Fabric's peer" : false;

/** Fabric's `peer` command as a member's administrator, against any peer. */
export function peerCommand(
  member: Member,
  folder: string,
  peerAddress: string,
  ...args: readonly string[]
): Promise<Outcome> {
  return peerCommandAs(member, "Admin", folder, peerAddress, ...args);
}

/** As `peerCommand`, as another user of the member. */
export function peerCommandAs(
  member: Member,
  user: string,
  folder: string,
  peerAddress: string,
  ...args: readonly string[]
): Promise<Outcome> {
  return runProgram(path.join(fabricTools!, "peer"), args, folder, {
    PATH: process.env.PATH,
    ...member.env(user),
    CORE_PEER_ADDRESS: peerAddress,
  });
}

export class RealPeer {
  readonly address: string;
  /** Where it writes snapshots. */
  readonly snapshots: string;
  readonly #member: Member;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #log: string[] = [];

  private constructor(member: Member, folder: string, address: string, chaincodeAddress: string) {
    this.#member = member;
    this.#folder = folder;
    this.address = address;
    this.snapshots = path.join(folder, "snapshots");
    const identity = path.resolve(member.mspFolder("Admin"), "../../../peers", member.peers[0]!.host);
    this.#child = spawn(path.join(fabricTools!, "peer"), ["node", "start"], {
      env: settings(folder, address, chaincodeAddress, member.mspId, identity),
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child.stderr!.on("data", (chunk: Buffer) => this.#log.push(chunk.toString("utf8")));
  }

  /** Starts one in an empty folder, under the identity of the member's first peer. */
  static async start(member: Member, folder: string): Promise<RealPeer> {
    mkdirSync(folder, { recursive: true });
    const [port, chaincodePort] = [await freePort(), await freePort()];
    return new RealPeer(member, folder, `127.0.0.1:${port}`, `127.0.0.1:${chaincodePort}`);
  }

  get log(): string {
    return this.#log.join("");
  }

  /** Joins by a genesis block, as soon as it listens. */
  async join(genesisFile: string): Promise<void> {
    await this.whenItAnswers("channel", "join", "-b", genesisFile);
  }

  /** Runs Fabric's `peer` against it, again until it has started and the command succeeds. */
  whenItAnswers(...args: readonly string[]): Promise<Outcome> {
    return until(`the real peer to take ${args.join(" ")}`, async () => {
      assert.equal(this.#child.exitCode, null, this.log.slice(-2_000));
      const outcome = await this.command(...args);
      return outcome.exit === 0 ? outcome : undefined;
    });
  }

  command(...args: readonly string[]): Promise<Outcome> {
    return peerCommand(this.#member, this.#folder, this.address, ...args);
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

function settings(
  folder: string,
  address: string,
  chaincodeListenAddress: string,
  mspId: string,
  identity: string,
): NodeJS.ProcessEnv {
  const config = path.join(folder, "config");
  mkdirSync(config);
  const defaultHandler = (name: string) => [{ name }];
  const values = {
    peer: {
      id: "real",
      networkId: "hansa",
      address,
      listenAddress: address,
      chaincodeListenAddress,
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
  writeFileSync(path.join(config, "core.yaml"), JSON.stringify(values));
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
