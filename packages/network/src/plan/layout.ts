import path from "node:path";

/**
 * Where a network keeps what it has, under one data folder.
 *
 *     network.json                what the network is to be: its file as last started, and what changed since
 *     founding.json               the members it was first started with
 *     state.json                  ports, and what has been created so far
 *     being-made                  only until there is a state.json
 *     logging.json                which logs are copied to log groups, and how far
 *     supervisor.json             process id and control socket, while it runs
 *     organizations/              identities, in the folders that Fabric's samples and tools expect
 *     channels/<channel>.block    genesis blocks
 *     contracts/<package id>.tgz  chaincode packages, as installed
 *     nodes/<node>/               each node's own data
 *     governance/strand           a copy of the governance strand
 *     logs/<node>.log             and <node>.log.1 and so on, the older the higher
 */
export class Layout {
  readonly root: string;

  constructor(root: string) {
    this.root = path.resolve(root);
  }

  get networkFile(): string {
    return path.join(this.root, "network.json");
  }

  get foundingFile(): string {
    return path.join(this.root, "founding.json");
  }

  get loggingFile(): string {
    return path.join(this.root, "logging.json");
  }

  get stateFile(): string {
    return path.join(this.root, "state.json");
  }

  get unmadeMarker(): string {
    return path.join(this.root, "being-made");
  }

  get supervisorFile(): string {
    return path.join(this.root, "supervisor.json");
  }

  /** What the network's members decided, kept beside the nodes too: it can be read while none runs. */
  get governanceStrand(): string {
    return path.join(this.root, "governance", "strand");
  }

  get logs(): string {
    return path.join(this.root, "logs");
  }

  log(node: string): string {
    return path.join(this.logs, `${node}.log`);
  }

  node(node: string): string {
    return path.join(this.root, "nodes", node);
  }

  /** The secret by which NATS servers know an orderer. */
  natsUser(orderer: string): string {
    return path.join(this.node(orderer), "nats.seed");
  }

  genesisBlock(channel: string): string {
    return path.join(this.root, "channels", `${channel}.block`);
  }

  package(packageId: string): string {
    return path.join(this.root, "contracts", `${packageId.replace(":", ".")}.tgz`);
  }

  get peerCliConfig(): string {
    return path.join(this.root, "peer-cli");
  }

  /** `organizations/peerOrganizations/<domain>` or the ordering counterpart, as cryptogen lays them out. */
  organization(kind: "peer" | "orderer", domain: string): string {
    return path.join(this.root, "organizations", `${kind}Organizations`, domain);
  }

  /** The certificate that an organisation's servers are known by. */
  tlsRoot(kind: "peer" | "orderer", domain: string): string {
    return path.join(this.organization(kind, domain), "tlsca", `tlsca.${domain}-cert.pem`);
  }

  nodeIdentity(kind: "peer" | "orderer", domain: string, host: string): string {
    return path.join(this.organization(kind, domain), `${kind}s`, host);
  }

  userIdentity(kind: "peer" | "orderer", domain: string, user: string): string {
    return path.join(this.organization(kind, domain), "users", `${user}@${domain}`);
  }
}
