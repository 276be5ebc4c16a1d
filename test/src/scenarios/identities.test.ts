/** Who may act for a member: users enrolled later, attributes that contracts see, revocation, other kinds of keys. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { withChannelCapabilities, withRevocationList } from "@hansa/channel-config";
import { type Network, startNetwork } from "@hansa/network";
import type { GatewayError } from "@hyperledger/fabric-gateway";
import { caServices } from "../conformance/ca/client.js";
import { repositoryRoot } from "../support/paths.js";

const CHANNEL = "harbour";

describe("a member's users", () => {
  let network: Network;
  before(async () => {
    network = await startNetwork({
      network: "identities",
      mode: "inline",
      members: [{ name: "Port", ca: { admin: { name: "warden", password: "not-in-any-file" } } }, { name: "Pilots" }],
      channels: [{ name: CHANNEL }],
      contracts: [
        {
          name: "permits",
          channel: CHANNEL,
          path: path.join(repositoryRoot, "test/contracts/permits"),
          endorsement: "all",
        },
      ],
    });
  });
  after(() => network?.stop());

  const contractOf = (user: string) =>
    network.member("Port").gateway({ user }).getNetwork(CHANNEL).getContract("permits");
  const failureOf = async (work: Promise<unknown>): Promise<GatewayError> =>
    (await work.then(
      () => assert.fail("it was not refused"),
      (error: unknown) => error,
    )) as GatewayError;

  it("are told apart by attributes in their certificates", async () => {
    await network.member("Port").enrol({ name: "Harbourmaster", attributes: { office: "harbour", grade: "2" } });
    assert.deepEqual(network.member("Port").users, ["User1", "Admin", "Harbourmaster"]);
    const read = Buffer.from(await contractOf("Harbourmaster").evaluateTransaction("attribute", "grade")).toString();
    assert.equal(read, "2");
    await contractOf("Harbourmaster").submitTransaction("grant", "Bounty");
    const refused = await failureOf(contractOf("User1").submitTransaction("grant", "Bounty"));
    assert.match(JSON.stringify(refused.details), /only the harbour office may grant a permit, not PortMSP/);
  });

  it("are registered by whom the network's file names, as Fabric's samples do it", async () => {
    const folder = path.dirname(network.member("Port").mspFolder("Admin").split("/users/")[0]!);
    const profile = JSON.parse(readFileSync(path.join(folder, "port.example.com/connection-port.json"), "utf8"));
    const { url, tlsCACerts, caName } = profile.certificateAuthorities["ca.port.example.com"];
    for (const name of [caName, "ca-port"]) {
      const client = caServices(new URL(url).host, tlsCACerts.pem[0], name);
      const { certificate } = await client.enroll({ enrollmentID: "warden", enrollmentSecret: "not-in-any-file" });
      assert.match(new X509Certificate(certificate).subject, /CN=warden/);
    }
  });

  it("and their password is in no file that the network keeps", () => {
    for (const file of ["network.json", "founding.json", "state.json"])
      assert.doesNotMatch(readFileSync(path.join(network.layout.root, file), "utf8"), /not-in-any-file/);
  });

  it("keep their keys to themselves", () => {
    const key = path.join(network.member("Port").mspFolder("Harbourmaster"), "keystore", "priv_sk");
    assert.equal(statSync(key).mode & 0o777, 0o600);
  });

  it("are enrolled once, under a name that can be one", async () => {
    await assert.rejects(network.member("Port").enrol({ name: "harbourmaster" }), {
      code: "USAGE",
      message: 'Port has a user "Harbourmaster" already.',
    });
    await assert.rejects(network.member("Port").enrol({ name: "../Admin" }), { code: "USAGE" });
    await assert.rejects(network.member("Port").enrol({ name: "Clerk", attributes: { "no spaces": "x" } }), {
      code: "USAGE",
      message: /attribute name "no spaces"/,
    });
    assert.ok(!network.member("Port").users.includes("Clerk"));
  });

  it("keep their attributes when their certificates are renewed", async () => {
    const signcert = path.join(network.member("Port").mspFolder("Harbourmaster"), "signcerts");
    const certificate = () => readFileSync(path.join(signcert, "Harbourmaster@port.example.com-cert.pem"), "utf8");
    const before = certificate();
    await network.member("Port").reenrol("Harbourmaster");
    assert.notEqual(certificate(), before);
    await contractOf("Harbourmaster").submitTransaction("grant", "Pinta");
  });

  it("stop counting when the channel learns that they are revoked", async () => {
    await network.member("Port").enrol({ name: "Deputy", attributes: { office: "harbour" } });
    await contractOf("Deputy").submitTransaction("grant", "Endeavour");
    const { revocationListPem } = await network.member("Port").revoke("Deputy");
    await contractOf("Deputy").submitTransaction("grant", "Victory");
    const edit = (config: Parameters<typeof withRevocationList>[0]) =>
      withRevocationList(config, "PortMSP", revocationListPem);
    assert.equal(await network.updateChannel(CHANNEL, edit, ["Port"]), 1);
    const refused = await failureOf(contractOf("Deputy").submitTransaction("grant", "Beagle"));
    assert.match(JSON.stringify(refused.details), /access denied: channel \[harbour\] creator org \[PortMSP\]/);
    await contractOf("Harbourmaster").submitTransaction("grant", "Beagle");
    await assert.rejects(network.member("Port").reenrol("Deputy"), { code: "USAGE", message: /revoked/ });
  });

  it("may sign with Ed25519 once the channel has capability V3_0", async () => {
    await network.member("Port").enrol({ name: "Modern", keyAlgorithm: "Ed25519", attributes: { office: "harbour" } });
    const refused = await failureOf(contractOf("Modern").submitTransaction("grant", "Argo"));
    assert.match(JSON.stringify(refused.details), /access denied: channel \[harbour\] creator org \[PortMSP\]/);
    await network.updateChannel(CHANNEL, (config) => withChannelCapabilities(config, ["V3_0"]));
    await contractOf("Modern").submitTransaction("grant", "Argo");
  });
});
