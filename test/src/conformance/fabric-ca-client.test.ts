/** Fabric's older SDK for Node enrols, registers and revokes at an authority of ours. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Certificate, RevocationList } from "@hansa/crypto";
import { type Network, startNetwork } from "@hansa/network";
import { FabricUser } from "../support/fabric-user.js";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { type CaServices, caServices, type Enrolled, enrol, enrolled, keep, type Refusal } from "./ca/client.js";

describe("fabric-ca-client of the Node SDK", () => {
  const { folder, remove } = temporaryFolder();
  let network: Network;
  let ca: CaServices;
  let registrar: Enrolled;

  before(async () => {
    network = await startNetwork(
      {
        network: "registry",
        mode: "inline",
        members: [{ name: "Org1" }, { name: "Org2" }],
        channels: [{ name: "trade" }],
        contracts: [
          {
            name: "stock",
            channel: "trade",
            path: path.join(repositoryRoot, "test/contracts/conformance"),
            endorsement: "any",
          },
        ],
      },
      { dataFolder: path.join(folder, "data") },
    );
    const member = network.member("Org1");
    ca = caServices(member.caAddress, readFileSync(member.tlsRootFile, "utf8"), `ca.${member.domain}`);
    const { id, secretFile } = member.caRegistrar;
    const enrollmentSecret = readFileSync(secretFile, "utf8").trim();
    registrar = await enrol(ca, member.mspId, { enrollmentID: id, enrollmentSecret });
  });
  after(async () => {
    await network?.stop();
    remove();
  });

  const mspId = () => network.member("Org1").mspId;
  const register = (
    enrollmentID: string,
    more: Partial<Parameters<CaServices["register"]>[0]> = {},
    by: Enrolled = registrar,
  ) => ca.register({ enrollmentID, affiliation: "org1.department1", role: "client", ...more }, by.user);
  const join = async (id: string, more: Partial<Parameters<CaServices["register"]>[0]> = {}) =>
    enrol(ca, mspId(), { enrollmentID: id, enrollmentSecret: await register(id, { maxEnrollments: -1, ...more }) });
  const refused = (work: Promise<unknown>, code: number, message: string | RegExp) =>
    assert.rejects(work, (error: Refusal) => {
      assert.equal(error.errors?.[0]?.code, code, error.message);
      if (typeof message === "string") assert.equal(error.errors[0].message, message);
      else assert.match(error.errors[0].message, message);
      return true;
    });

  it("asks for the authority's name and chain", async () => {
    const info = await ca.getCaInfo(registrar.user);
    assert.equal(info.caName, `ca.${network.member("Org1").domain}`);
    assert.equal(Certificate.parse(info.caChain).isCa, true);
    assert.equal(Certificate.parse(registrar.certificatePem).isIssuedBy(Certificate.parse(info.caChain)), true);
  });

  it("registers and enrols somebody whose transaction through fabric-gateway is valid", async () => {
    const alice = await join("alice", { attrs: [{ name: "level", value: "gold", ecert: true }] });
    const certificate = Certificate.parse(alice.certificatePem);
    assert.equal(certificate.subjectCommonName, "alice");
    assert.deepEqual(certificate.organizationalUnits, ["client", "org1", "department1"]);
    assert.deepEqual(certificate.attributes(), {
      level: "gold",
      "hf.EnrollmentID": "alice",
      "hf.Type": "client",
      "hf.Affiliation": "org1.department1",
    });
    const member = network.member("Org1");
    const user = new FabricUser({ ...member.env(), ...keep(path.join(folder, "alice"), alice) });
    try {
      const contract = user.gateway.getNetwork("trade").getContract("stock");
      await contract.submitTransaction("put", "from-alice", "1");
      const value = await contract.evaluateTransaction("get", "from-alice");
      assert.match(Buffer.from(value).toString("utf8"), /1/);
    } finally {
      user.close();
    }
  });

  it("gives attributes that were asked for, TLS certificates, and new certificates for present ones", async () => {
    const enrollmentSecret = await register("bob", {
      maxEnrollments: -1,
      attrs: [
        { name: "a", value: "1", ecert: true },
        { name: "b", value: "2" },
      ],
    });
    const asked = (attr_reqs: { name: string; optional: boolean }[]) =>
      enrol(ca, mspId(), { enrollmentID: "bob", enrollmentSecret, attr_reqs });
    const bob = await asked([{ name: "b", optional: false }]);
    assert.deepEqual(Certificate.parse(bob.certificatePem).attributes(), { b: "2" });
    await refused(
      asked([{ name: "c", optional: false }]),
      0,
      "Failed to find requested attributes: The following required attributes are missing: [c]",
    );
    const tls = await ca.enroll({ enrollmentID: "bob", enrollmentSecret, profile: "tls" });
    assert.equal(Certificate.parse(tls.certificate).isIssuedBy(Certificate.parse(tls.rootCertificate)), true);
    assert.equal(tls.rootCertificate, readFileSync(network.member("Org1").tlsRootFile, "utf8"));
    const again = enrolled(mspId(), "bob", await ca.reenroll(bob.user, [{ name: "a", optional: false }]));
    assert.deepEqual(Certificate.parse(again.certificatePem).attributes(), { a: "1" });
    assert.notEqual(again.certificatePem, bob.certificatePem);
    await ca.getCaInfo(again.user);
  });

  it("refuses in fabric-ca's words", async () => {
    const carol = await join("carol");
    await refused(join("carol"), 74, "Identity 'carol' is already registered");
    await refused(register("dave", {}, carol), 71, "Authorization failure");
    await refused(register("dave", { affiliation: "nowhere" }), 71, "Authorization failure");
    await refused(register("dave", { maxEnrollments: -3 }), 82, /may not be less than -1, but was -3/);
    const wrong = { enrollmentID: "carol", enrollmentSecret: "wrong" };
    await refused(ca.enroll(wrong), 20, "Authentication failure");
    await refused(ca.enroll({ ...wrong, enrollmentID: "nobody" }), 20, "Authentication failure");
    const once = await register("once", { maxEnrollments: 1 });
    await ca.enroll({ enrollmentID: "once", enrollmentSecret: once });
    await refused(ca.enroll({ enrollmentID: "once", enrollmentSecret: once }), 20, "Authentication failure");
    const subject = "CN=registrar";
    const secret = await register("erin");
    await refused(
      ca.enroll({ enrollmentID: "erin", enrollmentSecret: secret, subject }),
      77,
      "The CSR subject common name must equal the enrollment ID",
    );
    const member = network.member("Org1");
    const elsewhere = caServices(member.caAddress, readFileSync(member.tlsRootFile, "utf8"), "ca.elsewhere");
    await refused(elsewhere.getCaInfo(registrar.user), 19, "CA 'ca.elsewhere' does not exist");
    const stranger = network.member("Org2");
    const other = caServices(stranger.caAddress, readFileSync(stranger.tlsRootFile, "utf8"), stranger.mspId);
    assert.equal((await other.getCaInfo(registrar.user)).caName, stranger.mspId, "also by its member's MSP id");
    await refused(other.newIdentityService().getOne("Admin", registrar.user), 20, "Authentication failure");
  });

  it("gives nobody powers that the registrar lacks", async () => {
    const small = await join("small", {
      affiliation: "org1",
      attrs: [
        { name: "hf.Registrar.Roles", value: "client" },
        { name: "hf.Registrar.Attributes", value: "hf.Registrar.Roles,hf.Revoker,shop.*" },
        { name: "hf.Revoker", value: "true" },
      ],
    });
    await register("clerk", { attrs: [{ name: "shop.till", value: "2" }] }, small);
    const raised = (name: string, value: string) => register("raised", { attrs: [{ name, value }] }, small);
    await refused(raised("hf.Registrar.Roles", "*"), 71, "Authorization failure");
    await refused(raised("hf.Registrar.Roles", "client,admin"), 71, "Authorization failure");
    await refused(raised("hf.GenCRL", "true"), 71, "Authorization failure");
    await refused(raised("hf.Unknown", "1"), 71, "Authorization failure");
    await refused(raised("hf.Type", "admin"), 71, "Authorization failure");
    await refused(register("raised", { role: "admin" }, small), 71, "Authorization failure");
    await refused(register("raised", { affiliation: "org2.department1" }, small), 71, "Authorization failure");
    await refused(ca.generateCRL({}, small.user), 71, "Authorization failure");
    await refused(ca.revoke({ enrollmentID: "registrar" }, small.user), 71, "Authorization failure");
    await refused(ca.newAffiliationService().getAll(small.user), 71, "Authorization failure");
  });

  it("revokes certificates and identities, and lists what it revoked", async () => {
    const frank = await join("frank");
    const certificate = Certificate.parse(frank.certificatePem);
    const aki = Buffer.from(certificate.authorityKeyId ?? []).toString("hex");
    const serial = certificate.serialHex;
    const one = { enrollmentID: "", aki, serial: `00${serial.toUpperCase()}`, reason: "keycompromise" };
    await refused(ca.revoke({ ...one, enrollmentID: "alice" }, registrar.user), 9, /is not owned by alice/);
    const { result } = await ca.revoke(one, registrar.user);
    assert.deepEqual(result.RevokedCerts, [{ Serial: serial, AKI: aki }]);
    await refused(ca.revoke(one, registrar.user), 66, /was already revoked/);
    await refused(ca.revoke({ ...one, serial: "1234" }, registrar.user), 8, /serial 1234 and AKI .* was not found/);
    await refused(ca.reenroll(frank.user, []), 20, "Authentication failure");
    const all = await ca.revoke({ enrollmentID: "frank", gencrl: true } as never, registrar.user);
    assert.deepEqual(all.result.RevokedCerts, [], "its only certificate was revoked before");
    await refused(ca.revoke({ enrollmentID: "nobody" }, registrar.user), 10, /Identity nobody was not found/);

    const listed = async (from?: Date) => {
      const restriction = from === undefined ? {} : { revokedAfter: from };
      const pem = Buffer.from(await ca.generateCRL(restriction, registrar.user), "base64").toString("utf8");
      return RevocationList.parse(pem);
    };
    const list = await listed();
    assert.equal(list.has(serial), true);
    assert.equal(list.isSignedBy(Certificate.parse((await ca.getCaInfo(registrar.user)).caChain)), true);
    assert.equal((await listed(new Date(Date.now() + 60_000))).size, 0);
    await refused(
      ca.generateCRL({ revokedAfter: new Date(2), revokedBefore: new Date(1) }, registrar.user),
      36,
      "Invalid 'revokedafter' value. It must not be a timestamp greater than 'revokedbefore'",
    );
  });

  it("manages identities", async () => {
    const service = ca.newIdentityService();
    const secret = await service.create({ enrollmentID: "gina", affiliation: "org1", type: "user" }, registrar.user);
    assert.ok(secret);
    const { result } = await service.getOne("gina", registrar.user);
    assert.deepEqual(result, {
      id: "gina",
      type: "client",
      affiliation: "org1",
      attrs: [
        { name: "hf.EnrollmentID", value: "gina", ecert: true },
        { name: "hf.Type", value: "client", ecert: true },
        { name: "hf.Affiliation", value: "org1", ecert: true },
      ],
      max_enrollments: 1,
      caname: `ca.${network.member("Org1").domain}`,
    });
    const attrs = [{ name: "till", value: "3", ecert: true }];
    const change = { affiliation: "org2.department1", attrs, maxEnrollments: 5, enrollmentSecret: "another" };
    const changed = await service.update("gina", change as never, registrar.user);
    assert.equal(changed.result.affiliation, "org2.department1");
    assert.equal(changed.result.max_enrollments, 5);
    const gina = await enrol(ca, mspId(), { enrollmentID: "gina", enrollmentSecret: "another" });
    assert.equal(Certificate.parse(gina.certificatePem).attributes().till, "3");
    await refused(ca.enroll({ enrollmentID: "gina", enrollmentSecret: secret }), 20, "Authentication failure");
    const all = await service.getAll(registrar.user);
    const ids: string[] = all.result.identities.map(({ id }: { id: string }) => id);
    assert.ok(["registrar", "gina", `Admin@${network.member("Org1").domain}`].every((id) => ids.includes(id)));
    await service.delete("gina", registrar.user);
    await refused(service.getOne("gina", registrar.user), 63, "Failed to get User: sql: no rows in result set");
    await refused(ca.reenroll(gina.user, []), 20, "Authentication failure");
    const helper = await join("helper", {
      affiliation: ".",
      attrs: [{ name: "hf.Registrar.Roles", value: "*" }],
    });
    await refused(service.delete("registrar", helper.user), 71, "Authorization failure");
    await refused(service.delete("helper", helper.user), 56, /Need to use 'force' option/);
  });

  it("manages affiliations", async () => {
    const service = ca.newAffiliationService();
    const whole = await service.getAll(registrar.user);
    assert.equal(whole.result.name, "");
    const names: string[] = whole.result.affiliations.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ["Org1", "org1", "org2"], "those of a new fabric-ca and the member's");
    await refused(
      service.create({ name: "sales.north.shop" }, registrar.user),
      60,
      "Parent affiliation does not exist, 'force' option required on request to add affiliation",
    );
    const made = await service.create({ name: "sales.north.shop", force: true }, registrar.user);
    assert.equal(made.result.name, "sales.north.shop");
    await refused(service.create({ name: "sales" }, registrar.user), 60, "Affiliation already exists");
    const henry = await join("henry", { affiliation: "sales.north" });
    await refused(
      service.update("sales.north", { name: "sales.south" }, registrar.user),
      64,
      /identities associated: henry/,
    );
    const renamed = await service.update("sales.north", { name: "sales.south", force: true }, registrar.user);
    assert.equal(renamed.result.name, "sales.south");
    assert.deepEqual(
      renamed.result.affiliations.map(({ name }: { name: string }) => name),
      ["sales.south.shop"],
    );
    const again = enrolled(mspId(), "henry", await ca.reenroll(henry.user, []));
    assert.deepEqual(Certificate.parse(again.certificatePem).organizationalUnits, ["client", "sales", "south"]);
    await refused(service.delete({ name: "sales" }, registrar.user), 71, "Authorization failure");
    const gone = await service.delete({ name: "sales", force: true }, registrar.user);
    assert.equal(gone.result.affiliations[0].identities[0].id, "henry");
    await refused(service.getOne("sales", registrar.user), 63, "Failed to get affiliation: sql: no rows in result set");
    await refused(ca.reenroll(again.user, []), 20, "Authentication failure");
  });

  it("lists certificates by owner, number and time", async () => {
    const ivy = await join("ivy");
    const service = ca.newCertificateService();
    const list = async (request: Record<string, string | boolean>) =>
      (await service.getCertificates(request, registrar.user)).result.certs.map(({ PEM }) => PEM);
    assert.deepEqual(await list({ id: "ivy" }), [ivy.certificatePem]);
    const { serialHex: serial } = Certificate.parse(ivy.certificatePem);
    assert.deepEqual(await list({ serial, notrevoked: true, notexpired: true }), [ivy.certificatePem]);
    assert.deepEqual(await list({ id: "ivy", expired_start: "+5000d" }), []);
    await ca.revoke({ enrollmentID: "ivy" }, registrar.user);
    assert.deepEqual(await list({ id: "ivy", notrevoked: true }), []);
    assert.deepEqual(await list({ id: "ivy", revoked_start: "-1h" }), [ivy.certificatePem]);
    await refused(
      service.getCertificates({ notrevoked: true, revoked_start: "-1h" }, registrar.user),
      67,
      "Invalid Request: Can't specify revocation time filter and the 'notrevoked' filter",
    );
    await refused(service.getCertificates(undefined, ivy.user), 20, "Authentication failure");
  });
});
