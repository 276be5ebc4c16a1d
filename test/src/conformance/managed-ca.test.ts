/** The administrator of a Managed Blockchain member, with what AWS gave and nothing else, and Fabric's CA client. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { FabricUser } from "../support/fabric-user.js";
import { ManagedAccount } from "../support/managed-account.js";
import { ManagedService, PASSWORD } from "../support/managed-service.js";
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
});
