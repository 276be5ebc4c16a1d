/** Files for nodes started as Fabric's own are: what core.yaml, orderer.yaml and crypto-config.yaml must say. */

/** YAML reads JSON. */
const yaml = (content: unknown) => JSON.stringify(content, undefined, 2);

/** For cryptogen: three orderers, two peers of Org1, one of Org2, all on this machine. */
export function cryptoConfig(): string {
  const SANS = ["localhost", "127.0.0.1"];
  const member = (name: string, domain: string, count: number) => ({
    Name: name,
    Domain: domain,
    EnableNodeOUs: true,
    Template: { Count: count, SANS },
    Users: { Count: 1 },
  });
  return yaml({
    OrdererOrgs: [
      {
        Name: "Orderer",
        Domain: "example.com",
        EnableNodeOUs: true,
        Specs: ["orderer1", "orderer2", "orderer3"].map((Hostname) => ({ Hostname, SANS })),
      },
    ],
    PeerOrgs: [member("Org1", "org1.example.com", 2), member("Org2", "org2.example.com", 1)],
  });
}

/** What all peers share; the rest comes from the environment. @param builders folder of an external builder */
export function coreYaml(builder: string): string {
  const handler = (name: string) => ({ name, library: "" });
  return yaml({
    peer: {
      id: "none",
      networkId: "conformance",
      listenAddress: "127.0.0.1:7051",
      address: "127.0.0.1:7051",
      mspConfigPath: "msp",
      localMspId: "NoneMSP",
      localMspType: "bccsp",
      fileSystemPath: "data",
      authentication: { timewindow: "15m" },
      BCCSP: { Default: "SW", SW: { Hash: "SHA2", Security: 256, FileKeyStore: { KeyStore: "" } } },
      gateway: { enabled: true, endorsementTimeout: "30s", broadcastTimeout: "30s", dialTimeout: "2m" },
      gossip: {
        bootstrap: "127.0.0.1:7051",
        useLeaderElection: false,
        orgLeader: true,
        state: { enabled: false, checkInterval: "10s", responseTimeout: "3s", batchSize: 10, blockBufferSize: 20 },
        // What a real peer misses of private data it asks for in vain, before each commit.
        pvtData: { pullRetryThreshold: "1s", transientstoreMaxBlockRetention: 1000, pushAckTimeout: "3s" },
      },
      tls: { enabled: false, clientAuthRequired: false, clientRootCAs: { files: [] } },
      client: { connTimeout: "3s" },
      deliveryclient: {
        connTimeout: "3s",
        reconnectTotalTimeThreshold: "3600s",
        reConnectBackoffThreshold: "3600s",
        addressOverrides: [],
      },
      discovery: { enabled: true, authCacheEnabled: true, authCacheMaxSize: 1000, authCachePurgeRetentionRatio: 0.75 },
      limits: { concurrency: { endorserService: 2500, deliverService: 2500, gatewayService: 500 } },
      handlers: {
        authFilters: [{ name: "DefaultAuth" }, { name: "ExpirationCheck" }],
        decorators: [{ name: "DefaultDecorator" }],
        endorsers: { escc: handler("DefaultEndorsement") },
        validators: { vscc: handler("DefaultValidation") },
      },
    },
    vm: { endpoint: "" },
    chaincode: {
      id: { path: "", name: "" },
      mode: "net",
      keepalive: 0,
      installTimeout: "60s",
      startuptimeout: "60s",
      executetimeout: "30s",
      system: { _lifecycle: "enable", cscc: "enable", lscc: "enable", qscc: "enable" },
      externalBuilders: [
        { name: "served", path: builder, propagateEnvironment: ["CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG"] },
      ],
      logging: { level: "info", shim: "warning" },
    },
    ledger: {
      state: { stateDatabase: "goleveldb", totalQueryLimit: 100000 },
      history: { enableHistoryDatabase: true },
      pvtdataStore: { collElgProcMaxDbBatchSize: 5000, collElgProcDbBatchesInterval: 1000, purgeInterval: 100 },
    },
    operations: { listenAddress: "127.0.0.1:0", tls: { enabled: false } },
    metrics: { provider: "disabled" },
  });
}

/** What all orderers share; the rest comes from the environment. */
export function ordererYaml(): string {
  const tls = { Enabled: false, PrivateKey: "", Certificate: "", ClientAuthRequired: false, ClientRootCAs: [] };
  return yaml({
    General: {
      ListenAddress: "127.0.0.1",
      ListenPort: 7050,
      TLS: { ...tls, RootCAs: [] },
      Cluster: { SendBufferSize: 100, ClientCertificate: "", ClientPrivateKey: "" },
      BootstrapMethod: "none",
      LocalMSPDir: "msp",
      LocalMSPID: "NoneMSP",
      BCCSP: { Default: "SW", SW: { Hash: "SHA2", Security: 256 } },
      Authentication: { TimeWindow: "15m" },
    },
    FileLedger: { Location: "data" },
    Operations: { ListenAddress: "127.0.0.1:0", TLS: tls },
    Metrics: { Provider: "disabled" },
    Admin: { ListenAddress: "127.0.0.1:0", TLS: { ...tls, ClientAuthRequired: true } },
    ChannelParticipation: { Enabled: true, MaxRequestBodySize: "1 MB" },
    Consensus: { WALDir: "wal", SnapDir: "snap" },
  });
}

/** An external builder in shell scripts: takes packages of chaincodes that run as a service. */
export const SERVED_BUILDER: Readonly<Record<string, string>> = {
  detect: '#!/bin/sh\ngrep -q \'"type" *: *"ccaas"\' "$2/metadata.json"\n',
  build: '#!/bin/sh\nset -e\ntest -f "$1/connection.json"\ncp "$1/connection.json" "$3/"\n',
  release: '#!/bin/sh\nset -e\nmkdir -p "$2/chaincode/server"\ncp "$1/connection.json" "$2/chaincode/server/"\n',
};
