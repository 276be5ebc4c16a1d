/**
 * A network of separate nodes as Fabric's own scripts make one: cryptogen and configtxgen make its files, the
 * environment tells each node who it is. Each node is Fabric's program or ours, as the test chooses.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { hansaProgram } from "../../support/hansa-command.js";
import { configtx } from "../fabric-binaries/configtx.js";
import { type NodeCommand, NodeProcess } from "./node-process.js";
import { coreYaml, cryptoConfig, ordererYaml, SERVED_BUILDER } from "./settings.js";

export type Outcome = { readonly exit: number; readonly stdout: string; readonly stderr: string };
export type Kind = "fabric" | "hansa";

const CHANNEL = "mychannel";
export const ORDERERS = ["orderer1", "orderer2", "orderer3"] as const;
export const PEERS = {
  "peer0.org1": { org: "org1", mspId: "Org1MSP" },
  "peer1.org1": { org: "org1", mspId: "Org1MSP" },
  "peer0.org2": { org: "org2", mspId: "Org2MSP" },
} as const;
export type OrdererName = (typeof ORDERERS)[number];
export type PeerName = keyof typeof PEERS;

export class FabricNetwork {
  readonly folder: string;
  readonly #tools: string;
  readonly #ports = new Map<string, number>();
  readonly #nodes = new Map<string, NodeProcess>();

  private constructor(folder: string, tools: string) {
    this.folder = folder;
    this.#tools = tools;
  }

  /**
   * Makes the files of a channel with the given orderers as consenters.
   * @param tools folder of Fabric's programs
   * @param anchors peers that the channel's configuration names
   */
  static async create(
    folder: string,
    tools: string,
    orderers: readonly OrdererName[],
    anchors: readonly PeerName[] = [],
  ): Promise<FabricNetwork> {
    const network = new FabricNetwork(folder, tools);
    network.#ports.set("served chaincode", await freePort());
    for (const name of [...ORDERERS, ...Object.keys(PEERS)])
      for (const port of [name, `${name} admin`, `${name} chaincode`, `${name} operations`])
        network.#ports.set(port, await freePort());
    for (const part of ["config", "logs", "builder/bin"]) mkdirSync(network.at(part), { recursive: true });
    for (const [name, script] of Object.entries(SERVED_BUILDER)) {
      writeFileSync(network.at("builder/bin", name), script);
      chmodSync(network.at("builder/bin", name), 0o755);
    }
    // Fabric's own ccaas_builder does the same, where somebody has built it.
    const builder = process.env.HANSA_CCAAS_BUILDER ?? network.at("builder");
    writeFileSync(network.at("config/core.yaml"), coreYaml(builder));
    writeFileSync(network.at("config/orderer.yaml"), ordererYaml());
    writeFileSync(network.at("crypto-config.yaml"), cryptoConfig());
    const profile = orderers.map((name) => ({ name: `${name}.example.com`, address: network.address(name) }));
    const named = Object.fromEntries(
      anchors.map((name) => [PEERS[name].mspId.replace("MSP", ""), network.address(name)] as const),
    );
    writeFileSync(network.at("configtx.yaml"), configtx(network.at("organizations"), profile, "200ms", named));
    await network.#done("cryptogen", ["generate", "--config=crypto-config.yaml", "--output=organizations"]);
    const block = ["-profile", "Handmade", "-channelID", CHANNEL, "-outputBlock", "genesis.block"];
    await network.#done("configtxgen", block, { FABRIC_CFG_PATH: folder });
    return network;
  }

  at(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  address(name: OrdererName | PeerName, part = ""): string {
    const port = this.#ports.get(part === "" ? name : `${name} ${part}`);
    assert.ok(port !== undefined, `a port of ${name} ${part}`);
    return `127.0.0.1:${port}`;
  }

  /** Where a chaincode of the test's own may serve. */
  get serviceAddress(): string {
    return `127.0.0.1:${this.#ports.get("served chaincode")}`;
  }

  node(name: OrdererName | PeerName): NodeProcess {
    const node = this.#nodes.get(name);
    assert.ok(node !== undefined, `${name} was started`);
    return node;
  }

  /** Resolves once it serves. */
  async startOrderer(name: OrdererName, kind: Kind, more: Record<string, string> = {}): Promise<NodeProcess> {
    const node = this.tryOrderer(name, kind, more);
    await node.prints(/Beginning to serve requests/);
    return node;
  }

  async startPeer(name: PeerName, kind: Kind, more: Record<string, string> = {}): Promise<NodeProcess> {
    const node = this.tryPeer(name, kind, more);
    await node.prints(/Started peer with ID=\[.*\], network ID=\[conformance\], address=\[127\.0\.0\.1:\d+\]/);
    return node;
  }

  /** Without waiting for anything. */
  tryOrderer(name: OrdererName, kind: Kind, more: Record<string, string> = {}): NodeProcess {
    const command = kind === "fabric" ? { program: path.join(this.#tools, "orderer"), args: [] } : hansaOf("orderer");
    return this.#spawn(name, command, { ...this.ordererEnv(name), ...more });
  }

  tryPeer(name: PeerName, kind: Kind, more: Record<string, string> = {}): NodeProcess {
    const args = ["node", "start"];
    const command = kind === "fabric" ? { program: path.join(this.#tools, "peer"), args } : hansaOf("peer", ...args);
    return this.#spawn(name, command, { ...this.peerEnv(name), ...more });
  }

  ordererEnv(name: OrdererName): Record<string, string> {
    const identity = this.at("organizations/ordererOrganizations/example.com/orderers", `${name}.example.com`);
    const [host = "", port = ""] = this.address(name).split(":");
    return {
      FABRIC_CFG_PATH: this.at("config"),
      ORDERER_GENERAL_LISTENADDRESS: host,
      ORDERER_GENERAL_LISTENPORT: port,
      ORDERER_GENERAL_LOCALMSPID: "OrdererMSP",
      ORDERER_GENERAL_LOCALMSPDIR: path.join(identity, "msp"),
      ORDERER_GENERAL_TLS_ENABLED: "true",
      ORDERER_GENERAL_TLS_PRIVATEKEY: path.join(identity, "tls/server.key"),
      ORDERER_GENERAL_TLS_CERTIFICATE: path.join(identity, "tls/server.crt"),
      ORDERER_GENERAL_TLS_ROOTCAS: `[${path.join(identity, "tls/ca.crt")}]`,
      ORDERER_ADMIN_LISTENADDRESS: this.address(name, "admin"),
      ORDERER_FILELEDGER_LOCATION: this.at("data", name),
      ORDERER_CONSENSUS_WALDIR: this.at("data", name, "wal"),
      ORDERER_CONSENSUS_SNAPDIR: this.at("data", name, "snap"),
    };
  }

  peerEnv(name: PeerName): Record<string, string> {
    const { org, mspId } = PEERS[name];
    const identity = this.at(`organizations/peerOrganizations/${org}.example.com/peers/${name}.example.com`);
    return {
      FABRIC_CFG_PATH: this.at("config"),
      CORE_PEER_ID: `${name}.example.com`,
      CORE_PEER_ADDRESS: this.address(name),
      CORE_PEER_LISTENADDRESS: this.address(name),
      CORE_PEER_CHAINCODELISTENADDRESS: this.address(name, "chaincode"),
      CORE_PEER_GOSSIP_BOOTSTRAP: this.address(name),
      CORE_PEER_GOSSIP_EXTERNALENDPOINT: this.address(name),
      CORE_PEER_LOCALMSPID: mspId,
      CORE_PEER_MSPCONFIGPATH: path.join(identity, "msp"),
      CORE_PEER_TLS_ENABLED: "true",
      CORE_PEER_TLS_CERT_FILE: path.join(identity, "tls/server.crt"),
      CORE_PEER_TLS_KEY_FILE: path.join(identity, "tls/server.key"),
      CORE_PEER_TLS_ROOTCERT_FILE: path.join(identity, "tls/ca.crt"),
      CORE_PEER_FILESYSTEMPATH: this.at("data", name),
      CORE_LEDGER_SNAPSHOTS_ROOTDIR: this.at("data", name, "snapshots"),
    };
  }

  /** `peer` as an administrator of the peer's organisation, who speaks to that peer. */
  peer(name: PeerName, ...args: string[]): Promise<Outcome> {
    const { org } = PEERS[name];
    const admin = this.at(`organizations/peerOrganizations/${org}.example.com/users/Admin@${org}.example.com/msp`);
    return this.tool("peer", args, { ...this.peerEnv(name), CORE_PEER_MSPCONFIGPATH: admin });
  }

  /** Count of blocks that the peer has committed. */
  async height(name: PeerName): Promise<number> {
    const { exit, stdout, stderr } = await this.peer(name, "channel", "getinfo", "-c", CHANNEL);
    assert.equal(exit, 0, stderr);
    return (JSON.parse(stdout.slice(stdout.indexOf("{"))) as { height: number }).height;
  }

  /** `peer` as an administrator of the orderers' organisation. */
  asOrdererAdmin(...args: string[]): Promise<Outcome> {
    const admin = this.at("organizations/ordererOrganizations/example.com/users/Admin@example.com/msp");
    const identity = { CORE_PEER_LOCALMSPID: "OrdererMSP", CORE_PEER_MSPCONFIGPATH: admin };
    return this.tool("peer", args, { ...this.peerEnv("peer0.org1"), ...identity });
  }

  /** What `peer` is told to send to an orderer. */
  through(orderer: OrdererName): string[] {
    const root = "organizations/ordererOrganizations/example.com/tlsca/tlsca.example.com-cert.pem";
    return ["-o", this.address(orderer), "--tls", "--cafile", this.at(root)];
  }

  /** What `peer` is told to have these peers endorse. */
  endorsedBy(...names: PeerName[]): string[] {
    return names.flatMap((name) => [
      ...["--peerAddresses", this.address(name)],
      ...["--tlsRootCertFiles", this.peerEnv(name).CORE_PEER_TLS_ROOTCERT_FILE!],
    ]);
  }

  /** `osnadmin channel …` at one orderer. */
  osnadmin(orderer: OrdererName, ...args: string[]): Promise<Outcome> {
    return this.tool("osnadmin", ["channel", ...args, "-o", this.address(orderer, "admin")]);
  }

  tool(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { cwd: this.folder, env: { PATH: process.env.PATH, ...env }, maxBuffer: 16 << 20 };
      execFile(path.join(this.#tools, program), args, options, (error, stdout, stderr) => {
        const exit = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ exit, stdout, stderr });
      });
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.stop("SIGKILL")));
  }

  #spawn(name: OrdererName | PeerName, command: NodeCommand, env: Record<string, string>): NodeProcess {
    mkdirSync(this.at("data", name), { recursive: true });
    const node = new NodeProcess(name, command, env, this.folder, this.at("logs", `${name}.log`));
    this.#nodes.set(name, node);
    return node;
  }

  async #done(tool: string, args: readonly string[], env: Record<string, string> = {}): Promise<void> {
    const { exit, stderr } = await this.tool(tool, args, env);
    assert.equal(exit, 0, `${tool}: ${stderr}`);
  }
}

function hansaOf(...args: string[]): NodeCommand {
  return { program: process.execPath, args: [hansaProgram, ...args] };
}

/** A port that nobody listened at just now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}
