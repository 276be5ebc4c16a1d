/** An orderer by the folder of its identity ("orderer.example.com") and its "host:port". */
export type ProfileOrderer = { readonly name: string; readonly address: string };

/** "host:port" of a member's anchor peer, by the member's name. */
export type Anchors = Readonly<Record<string, string>>;

/**
 * A profile for configtxgen: one channel of both members, made without us.
 *
 * @param organizations the network's organizations folder
 */
export function configtx(
  organizations: string,
  orderers: readonly ProfileOrderer[],
  batchTimeout = "2s",
  anchors: Anchors = {},
): string {
  const orderer = `${organizations}/ordererOrganizations/example.com`;
  const consenters = orderers.map(({ name, address }) => {
    const [host, port] = address.split(":");
    const certificate = `${orderer}/orderers/${name}/tls/server.crt`;
    return { Host: host, Port: Number(port), ClientTLSCert: certificate, ServerTLSCert: certificate };
  });
  const signature = (rule: string) => ({ Type: "Signature", Rule: rule });
  const implicit = (rule: string) => ({ Type: "ImplicitMeta", Rule: rule });
  const common = {
    Readers: implicit("ANY Readers"),
    Writers: implicit("ANY Writers"),
    Admins: implicit("MAJORITY Admins"),
  };
  const member = (name: string, domain: string) => ({
    Name: `${name}MSP`,
    ID: `${name}MSP`,
    MSPDir: `${organizations}/peerOrganizations/${domain}/msp`,
    AnchorPeers: [anchors[name] ?? []].flat().map((address) => {
      const [Host, port] = address.split(":");
      return { Host, Port: Number(port) };
    }),
    Policies: {
      Readers: signature(`OR('${name}MSP.member')`),
      Writers: signature(`OR('${name}MSP.admin', '${name}MSP.client')`),
      Admins: signature(`OR('${name}MSP.admin')`),
      Endorsement: signature(`OR('${name}MSP.peer')`),
    },
  });
  // YAML reads JSON.
  return JSON.stringify({
    Profiles: {
      Handmade: {
        Policies: common,
        Capabilities: { V2_0: true },
        Orderer: {
          OrdererType: "etcdraft",
          BatchTimeout: batchTimeout,
          BatchSize: { MaxMessageCount: 10, AbsoluteMaxBytes: "99 MB", PreferredMaxBytes: "512 KB" },
          EtcdRaft: {
            Consenters: consenters,
            // Elections within a second or two.
            Options: {
              TickInterval: "100ms",
              ElectionTick: 10,
              HeartbeatTick: 1,
              MaxInflightBlocks: 5,
              SnapshotIntervalSize: "16 MB",
            },
          },
          Organizations: [
            {
              Name: "OrdererOrg",
              ID: "OrdererMSP",
              MSPDir: `${orderer}/msp`,
              OrdererEndpoints: orderers.map(({ address }) => address),
              Policies: {
                Readers: signature("OR('OrdererMSP.member')"),
                Writers: signature("OR('OrdererMSP.member')"),
                Admins: signature("OR('OrdererMSP.admin')"),
              },
            },
          ],
          Policies: { ...common, BlockValidation: implicit("ANY Writers") },
          Capabilities: { V2_0: true },
        },
        Application: {
          Organizations: [member("Org1", "org1.example.com"), member("Org2", "org2.example.com")],
          Policies: {
            ...common,
            LifecycleEndorsement: implicit("MAJORITY Endorsement"),
            Endorsement: implicit("MAJORITY Endorsement"),
          },
          Capabilities: { V2_5: true },
        },
      },
    },
  });
}
