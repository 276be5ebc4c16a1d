/** The administrator of a Managed Blockchain member, with what AWS gave and nothing else, and Fabric's CA client. */
import assert from "node:assert/strict";
import { once } from "node:events";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import * as aws from "@aws-sdk/client-managedblockchain";
import { FabricUser } from "../support/fabric-user.js";
import { ManagedAccount } from "../support/managed-account.js";
import { ManagedService, PASSWORD, REGION } from "../support/managed-service.js";
import { type CaServices, caServices, type Enrolled, enrol, keep, type Refusal } from "./ca/client.js";

type Profile = {
  readonly certificateAuthorities: Readonly<
    Record<string, { readonly url: string; readonly tlsCACerts: { readonly pem: readonly string[] } }>
  >;
};

describe("the certificate authority of a Managed Blockchain member", () => {
  let service: ManagedService;
  let account: ManagedAccount;
  let ca: CaServices;
  let admin: Enrolled;

  before(async () => {
    service = await ManagedService.start();
    account = new ManagedAccount(service, service.accounts[0]);
    await account.createNetwork("Alpha");
    await account.createNode();
    const of = ["--network", account.networkId];
    await service.json("channel", "create", "trade", ...of);
    await service.json(
      "contract",
      "deploy",
      service.contractPackage("ledger_1"),
      "--channel",
      "trade",
      "--name",
      "ledger",
      ...of,
    );
  });
  after(() => service?.stop());

  it("enrols AdminUsername with AdminPassword at CaEndpoint, by the member's id", async () => {
    const member = await account.seen(account.memberId);
    const { AdminUsername, CaEndpoint } = member!.FrameworkAttributes!.Fabric!;
    const profile = await service.json<Profile>("connection", "Alpha", "--network", account.networkId);
    const [authority] = Object.values(profile.certificateAuthorities);
    assert.equal(authority!.url, `https://${CaEndpoint}`);
    ca = caServices(CaEndpoint!, authority!.tlsCACerts.pem[0]!, account.memberId);
    admin = await enrol(ca, account.memberId, { enrollmentID: AdminUsername!, enrollmentSecret: PASSWORD });
    await assert.rejects(
      ca.enroll({ enrollmentID: AdminUsername!, enrollmentSecret: "Passw0rdPassw1rd" }),
      ({ errors }: Refusal) => errors[0]?.code === 20,
    );
  });

  it("lets the administrator register a user of the member's affiliation, who transacts", async () => {
    const enrollmentSecret = await ca.register(
      { enrollmentID: "user1", affiliation: "Alpha", role: "user", maxEnrollments: -1 },
      admin.user,
    );
    const enrolled = await enrol(ca, account.memberId, { enrollmentID: "user1", enrollmentSecret });
    const user = new FabricUser({ ...account.env, ...keep(path.join(service.folder, "user1"), enrolled) });
    try {
      await user.write("trade", "ledger", "first");
      assert.equal(await user.read("trade", "ledger", "first"), "value of first");
    } finally {
      user.close();
    }
    const { result } = await ca.newIdentityService().getAll(admin.user);
    const ids: string[] = result.identities.map(({ id }: { id: string }) => id);
    assert.ok(ids.includes("user1") && ids.includes("admin"));
    await ca.revoke({ enrollmentID: "user1" }, admin.user);
    await assert.rejects(ca.enroll({ enrollmentID: "user1", enrollmentSecret }));
    assert.ok(await ca.generateCRL({}, admin.user));
  });

  it("has the service's names in the certificates of orderer, authority and peer", async () => {
    const { networkId, memberId } = account;
    const { Network } = await account.client.send(new aws.GetNetworkCommand({ NetworkId: networkId }));
    const { Member } = await account.client.send(new aws.GetMemberCommand(account.member));
    const { Nodes } = await account.client.send(new aws.ListNodesCommand(account.member));
    const nodeId = Nodes![0]!.Id!;
    const peer = (await account.node(nodeId))!.FrameworkAttributes!.Fabric!.PeerEndpoint!;
    for (const [labels, endpoint] of [
      [["orderer", networkId], Network!.FrameworkAttributes!.Fabric!.OrderingServiceEndpoint!],
      [["ca", memberId, networkId], Member!.FrameworkAttributes!.Fabric!.CaEndpoint!],
      [[nodeId, memberId, networkId], peer],
    ] as const) {
      const name = [...labels, "managedblockchain", REGION, "amazonaws.com"].join(".").toLowerCase();
      assert.ok((await namesAt(endpoint)).includes(`DNS:${name}`), `${endpoint} is not ${name}`);
    }
  });
});

async function namesAt(endpoint: string): Promise<string[]> {
  const [host, port] = endpoint.replace(/^https:\/\//, "").split(":");
  // Who it is, is what is asked here: no request is sent.
  const socket = connect({
    host: host!,
    port: Number(port),
    rejectUnauthorized: false,
    ALPNProtocols: ["h2", "http/1.1"],
  });
  try {
    await once(socket, "secureConnect");
    return (socket.getPeerCertificate().subjectaltname ?? "").split(", ");
  } finally {
    socket.destroy();
  }
}
