import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Certificate, generatePrivateKey } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import { decodeSerializedIdentity, Msp, mspConfigFromFiles, mspFolderFiles } from "@hansa/msp";
import { type Bytes, type Clock, systemClock, toUtf8, type UnixMs } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import { encode, hansa } from "@hansa/wire";
import { CaClient, caSigner } from "./client.js";
import { CaError } from "./error.js";
import type { CaSigner } from "./signed-requests.js";
import { type CaConfig, type RunningCa, startCa } from "./start.js";

const YEAR_MS = 365 * 86_400_000;
const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "hansa-ca-governance-"));
  closing.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function begin(config: Partial<CaConfig> = {}) {
  const registrar = { id: "admin", secret: "adminpw" };
  const ca = await startCa({ domain: "brewery", listenAddress: "127.0.0.1:0", registrar, ...config });
  const rpc = new RpcClient(ca.address, { rootPems: [ca.tlsCaCertificatePem] });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    rpc.close();
    stopped ??= ca.stop();
    return stopped;
  };
  closing.push(stop);
  const client = new CaClient(rpc, { clock: config.clock ?? systemClock });
  return { ca, client, stop, admin: await enrolled(client, "admin", "adminpw") };
}

async function enrolled(client: CaClient, id: string, secret: string): Promise<CaSigner> {
  const key = generatePrivateKey("P-256");
  const csrPem = createCsr({ key, subject: { commonName: id }, dnsNames: [], ipAddresses: [] });
  return caSigner(await client.enroll({ id, secret, csrPem }), key);
}

function mspOf(ca: RunningCa): Msp {
  const files = mspFolderFiles({
    domain: "brewery",
    caCertPems: [ca.caCertificatePem],
    tlsCaCertPems: [ca.tlsCaCertificatePem],
  });
  return Msp.fromConfig(mspConfigFromFiles(files, "BreweryMSP"));
}

const certificateOf = (identity: Bytes) => Certificate.parse(toUtf8(decodeSerializedIdentity(identity).idBytes));

const record = (fields: hansa.governance.IRecord, networkId = "n-1") =>
  encode(hansa.governance.Record, { format: "hansa.governance.record/1", networkId, ...fields });

const refused = (fault: string, about: RegExp) => (error: unknown) =>
  error instanceof CaError && error.fault === fault && about.test(error.message);

describe("the governance key of an organisation", () => {
  it("is an administrator of the organisation, the same at every request, as long as the root lives", async () => {
    const { ca, client, admin } = await begin({ identityValidityMs: 60_000 });
    const identity = await client.governanceIdentity(admin, "BreweryMSP");
    assert.deepEqual(await client.governanceIdentity(admin, "BreweryMSP"), identity);
    const { mspid, idBytes } = decodeSerializedIdentity(identity);
    assert.equal(mspid, "BreweryMSP");
    const judged = mspOf(ca).identityFrom(toUtf8(idBytes));
    assert.deepEqual(judged.roles, { client: false, peer: false, admin: true, orderer: false });
    assert.equal(judged.certificate.subjectCommonName, "governance@brewery");
    assert.equal(judged.expiresAtMs, Certificate.parse(ca.caCertificatePem).notAfterMs);
    await assert.rejects(
      client.governanceIdentity(admin, "PubMSP"),
      refused("BAD_REQUEST", /BreweryMSP, not of PubMSP/),
    );
    await assert.rejects(client.governanceIdentity(admin, ""), refused("BAD_REQUEST", /BAD|MSP/));
  });

  it("lies encrypted with mode 0600, and is the same after a restart", async () => {
    const dataDir = await folder();
    const first = await begin({ dataDir, passphrase: "a chosen one" });
    const identity = await first.client.governanceIdentity(first.admin, "BreweryMSP");
    await first.stop();
    const file = path.join(dataDir, "governance-key.json");
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.doesNotMatch(await readFile(file, "utf8"), /PRIVATE KEY/);
    for (const name of await readdir(dataDir)) {
      assert.doesNotMatch(await readFile(path.join(dataDir, name), "utf8"), /PRIVATE KEY/, name);
    }
    const second = await begin({ dataDir, passphrase: "a chosen one" });
    assert.deepEqual(await second.client.governanceIdentity(second.admin, "BreweryMSP"), identity);
    const bytes = record({ voted: { proposalId: "p-1", memberId: "m-1", yes: true } });
    const { signature } = await second.client.signGovernanceRecord(second.admin, bytes);
    assert.equal(mspOf(second.ca).identityFrom(certificateOf(identity).pem).verify(bytes, signature), true);
    await second.stop();

    await rm(file);
    const lost = await begin({ dataDir, passphrase: "a chosen one" });
    await assert.rejects(lost.client.governanceIdentity(lost.admin, "BreweryMSP"), CaError);
    await assert.rejects(lost.client.signGovernanceRecord(lost.admin, bytes), CaError);
    await lost.stop();
    await writeFile(file, "{}");
    const damaged = await begin({ dataDir, passphrase: "a chosen one" });
    await assert.rejects(damaged.client.signGovernanceRecord(damaged.admin, bytes), CaError);
  });

  it("signs the organisation's own acts only", async () => {
    const { client, admin } = await begin();
    const vote = record({ voted: { proposalId: "p-1", memberId: "m-1", yes: true } });
    await assert.rejects(client.signGovernanceRecord(admin, vote), refused("REFUSED", /no governance identity yet/));
    const identity = await client.governanceIdentity(admin, "BreweryMSP");
    const { identity: signedBy } = await client.signGovernanceRecord(admin, vote);
    assert.deepEqual(signedBy, identity);
    const another = record({ left: { memberId: "m-2" } });
    await assert.rejects(client.signGovernanceRecord(admin, another), refused("FORBIDDEN", /member m-1, not for m-2/));
    await client.signGovernanceRecord(admin, record({ left: { memberId: "m-2" } }, "n-2"));

    const operatorActs = [
      record({ clockAdvanced: { toMs: 1 } }),
      record({ enacted: { enactmentId: "join:m-9" } }),
      record({ invitationRejected: { invitationId: "in-1" } }),
      record({ invitationAccepted: { invitationId: "in-1", member: { memberId: "m-9" } } }),
    ];
    for (const act of operatorActs) {
      await assert.rejects(client.signGovernanceRecord(admin, act), refused("FORBIDDEN", /did not found network n-1/));
    }
    const foreign = record({ founded: { operatorIdentity: Buffer.from("somebody else") } });
    await assert.rejects(client.signGovernanceRecord(admin, foreign), refused("FORBIDDEN", /another operator/));
    await client.signGovernanceRecord(admin, record({ founded: { operatorIdentity: identity } }));
    for (const act of operatorActs) await client.signGovernanceRecord(admin, act);

    const again = record({ invitationAccepted: { member: { memberId: "m-3", governanceIdentity: identity } } });
    await client.signGovernanceRecord(admin, again);
    await client.signGovernanceRecord(admin, record({ left: { memberId: "m-3" } }));
  });

  it("remembers across restarts for whom it speaks", async () => {
    const dataDir = await folder();
    const first = await begin({ dataDir });
    await first.client.governanceIdentity(first.admin, "BreweryMSP");
    await first.client.signGovernanceRecord(first.admin, record({ proposed: { memberId: "m-1" } }));
    await first.stop();
    const second = await begin({ dataDir });
    const vote = (memberId: string) => record({ voted: { proposalId: "p-1", memberId } });
    await assert.rejects(second.client.signGovernanceRecord(second.admin, vote("m-2")), refused("FORBIDDEN", /m-1/));
    await second.client.signGovernanceRecord(second.admin, vote("m-1"));
  });

  it("answers registrars only, and refuses bytes that are no act", async () => {
    const { client, admin } = await begin();
    await client.governanceIdentity(admin, "BreweryMSP");
    const secret = await client.register(admin, { id: "user", type: "client" });
    const user = await enrolled(client, "user", secret);
    await assert.rejects(client.governanceIdentity(user, "BreweryMSP"), refused("FORBIDDEN", /may not register/));
    const vote = record({ voted: { proposalId: "p-1", memberId: "m-1" } });
    await assert.rejects(client.signGovernanceRecord(user, vote), refused("FORBIDDEN", /may not register/));

    const bad = (bytes: Bytes) =>
      assert.rejects(client.signGovernanceRecord(admin, bytes), refused("BAD_REQUEST", /./));
    await bad(new Uint8Array(0));
    await bad(Buffer.from("garbage that is no message"));
    await bad(Buffer.alloc(1024 * 1024 + 1));
    await bad(record({}));
    await bad(record({ voted: { memberId: "m-1" } }, ""));
    await bad(record({ voted: { memberId: "" } }));
    await bad(encode(hansa.governance.Record, { networkId: "n-1", format: "other", left: { memberId: "m-1" } }));
  });

  it("belongs to nobody who registers or enrols", async () => {
    const { client, admin } = await begin();
    await client.governanceIdentity(admin, "BreweryMSP");
    const key = generatePrivateKey("P-256");
    const csrPem = createCsr({ key, subject: { commonName: "x" }, dnsNames: [], ipAddresses: [] });
    for (const id of ["governance@brewery", "governance@other", "governance"]) {
      const own = refused("BAD_REQUEST", /the authority's own/);
      await assert.rejects(client.register(admin, { id, type: "admin", secret: "known" }), own);
      await assert.rejects(client.enrollMany(admin, [{ id, type: "admin", asks: [{ csrPem }] }]), own);
    }
    for (const secret of ["", "known"]) {
      const refusal = refused("UNAUTHENTICATED", /wrong secret/);
      await assert.rejects(client.enroll({ id: "governance@brewery", secret, csrPem }), refusal);
    }
  });

  it("signs nothing once it is revoked", async () => {
    const { client, admin } = await begin();
    const identity = await client.governanceIdentity(admin, "BreweryMSP");
    const { serialHex } = certificateOf(identity);
    assert.deepEqual(await client.revoke(admin, { serialHex }), [serialHex]);
    const vote = record({ voted: { proposalId: "p-1", memberId: "m-1" } });
    await assert.rejects(client.signGovernanceRecord(admin, vote), refused("REFUSED", /revoked/));
    await assert.rejects(client.governanceIdentity(admin, "BreweryMSP"), refused("REFUSED", /revoked/));
  });

  it("outlives clocks that other certificates do not", async () => {
    const clock: Clock & { ms: number } = { ms: Date.now(), now: () => clock.ms as UnixMs };
    const { client, admin } = await begin({ clock });
    const identity = await client.governanceIdentity(admin, "BreweryMSP");
    clock.ms += 3 * YEAR_MS;
    assert.ok(certificateOf(identity).notAfterMs > clock.ms);
  });
});
