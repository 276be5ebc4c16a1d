/**
 * A profile for configtxgen: one channel of both members, made without us.
 *
 * @param organizations the network's organizations folder
 * @param env of a member, for the orderer's address
 */
export function configtx(organizations: string, env: Record<string, string>): string {
  const port = Number(env.ORDERER_ADDRESS!.split(":")[1]);
  const orderer = `${organizations}/ordererOrganizations/example.com`;
  const certificate = `${orderer}/orderers/orderer.example.com/tls/server.crt`;
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
          BatchTimeout: "2s",
          BatchSize: { MaxMessageCount: 10, AbsoluteMaxBytes: "99 MB", PreferredMaxBytes: "512 KB" },
          EtcdRaft: {
            Consenters: [{ Host: "127.0.0.1", Port: port, ClientTLSCert: certificate, ServerTLSCert: certificate }],
          },
          Organizations: [
            {
              Name: "OrdererOrg",
              ID: "OrdererMSP",
              MSPDir: `${orderer}/msp`,
              OrdererEndpoints: [env.ORDERER_ADDRESS],
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
