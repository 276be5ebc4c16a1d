import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Certificate, generatePrivateKey, RevocationList } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import { createSigningIdentity, Msp, mspConfigFromFiles, mspFolderFiles } from "@hansa/msp";
import { type Clock, systemClock, systemRandom, type UnixMs } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import { services } from "@hansa/wire";
import { CaClient, caSigner } from "./client.js";
import { createOrganizationRoots, storeOrganizationRoots } from "./roots.js";
import { signRequest } from "./signed-requests.js";
import { type CaConfig, type RunningCa, startCa } from "./start.js";

const DAY = 86_400_000;
const base: CaConfig = {
  domain: "brewery",
  listenAddress: "127.0.0.1:0",
  registrar: { id: "admin", secret: "adminpw" },
};
const running: RunningCa[] = [];
const clients: RpcClient[] = [];
const folders: string[] = [];

after(async () => {
  for (const client of clients) client.close();
  for (const ca of running) await ca.stop().catch(() => {});
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

class HandClock implements Clock {
  ms = Date.now();
  now(): UnixMs {
    return this.ms as UnixMs;
  }
}

async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "hansa-ca-"));
  folders.push(made);
  return made;
}

async function begin(config: Partial<CaConfig> = {}) {
  const ca = await startCa({ ...base, ...config });
  running.push(ca);
  const rpc = new RpcClient(ca.address, { rootPems: [ca.tlsCaCertificatePem] });
  clients.push(rpc);
  return { ca, rpc, client: new CaClient(rpc, { clock: config.clock ?? systemClock }) };
}

function ask(commonName: string, profile: "" | "tls" = "", dnsNames: string[] = []) {
  const key = generatePrivateKey("P-256");
  return {
    key,
    csrPem: createCsr({ key, subject: { commonName }, dnsNames, ipAddresses: profile === "tls" ? ["127.0.0.1"] : [] }),
    profile,
  };
}

async function registrar(client: CaClient) {
  const { key, csrPem } = ask("admin");
  return caSigner(await client.enroll({ id: "admin", secret: "adminpw", csrPem }), key);
}

describe("the certificate authority", () => {
  it("registers and enrols identities that the organisation's MSP accepts", async () => {
    const { ca, client } = await begin();
    const admin = await registrar(client);
    const secret = await client.register(admin, {
      id: "peer0",
      type: "peer",
      affiliation: "cellar.north",
      attributes: [
        { name: "floor", value: "2", ecert: true },
        { name: "hidden", value: "x", ecert: false },
      ],
    });
    const { key, csrPem } = ask("somebody else");
    const pem = await client.enroll({ id: "peer0", secret, csrPem });
    const certificate = Certificate.parse(pem);
    assert.equal(certificate.subjectCommonName, "peer0", "the name is the id, whatever the request says");
    assert.deepEqual(certificate.organizationalUnits, ["peer", "cellar", "north"]);
    assert.deepEqual(certificate.attributes(), {
      "hf.EnrollmentID": "peer0",
      "hf.Type": "peer",
      "hf.Affiliation": "cellar.north",
      floor: "2",
    });
    const files = mspFolderFiles({
      domain: "brewery",
      caCertPems: [ca.caCertificatePem],
      tlsCaCertPems: [ca.tlsCaCertificatePem],
    });
    const msp = Msp.fromConfig(mspConfigFromFiles(files, "BreweryMSP"));
    assert.equal(msp.identityFrom(pem).roles.peer, true);
    const signing = createSigningIdentity("BreweryMSP", pem, key);
    assert.equal(signing.mspId, "BreweryMSP");

    const tls = ask("peer0", "tls", ["localhost"]);
    const tlsPem = Certificate.parse(await client.enroll({ id: "peer0", secret, csrPem: tls.csrPem, profile: "tls" }));
    assert.equal(tlsPem.isIssuedBy(Certificate.parse(ca.tlsCaCertificatePem)), true);
    assert.deepEqual(tlsPem.subjectAltNames, ["DNS:localhost", "IP Address:127.0.0.1"]);
    assert.deepEqual(tlsPem.attributes(), {});
  });

  it("gives the attributes that were asked for, or refuses", async () => {
    const { client } = await begin();
    const admin = await registrar(client);
    const secret = await client.register(admin, {
      id: "u",
      type: "client",
      attributes: [
        { name: "a", value: "1", ecert: true },
        { name: "b", value: "2", ecert: false },
      ],
    });
    const enroll = (attributeRequests: { name: string; optional: boolean }[]) =>
      client.enroll({ id: "u", secret, csrPem: ask("u").csrPem, attributeRequests });
    assert.deepEqual(
      Certificate.parse(
        await enroll([
          { name: "b", optional: false },
          { name: "c", optional: true },
        ]),
      ).attributes(),
      { b: "2" },
    );
    await assert.rejects(enroll([{ name: "c", optional: false }]), { fault: "REFUSED" });
  });

  it("enrols a whole organisation in one call, all or none", async () => {
    const { client } = await begin();
    const admin = await registrar(client);
    const items = ["peer0", "peer1"].map((id) => ({ id, type: "peer" as const, asks: [ask(id), ask(id, "tls")] }));
    const began = performance.now();
    const pems = await client.enrollMany(admin, items);
    const tookMs = performance.now() - began;
    assert.deepEqual(
      pems.map((each) => each.map((pem) => Certificate.parse(pem).subjectCommonName)),
      [
        ["peer0", "peer0"],
        ["peer1", "peer1"],
      ],
    );
    assert.ok(tookMs < 5_000);
    const again = [
      { id: "peer2", type: "peer" as const, asks: [ask("peer2")] },
      { id: "peer1", type: "client" as const, asks: [] },
    ];
    await assert.rejects(client.enrollMany(admin, again), { fault: "ALREADY_REGISTERED" });
    await assert.rejects(client.enroll({ id: "peer2", secret: "", csrPem: ask("peer2").csrPem }), {
      fault: "UNAUTHENTICATED",
    });
    assert.notEqual(await client.register(admin, { id: "peer2", type: "peer" }), "");
    await assert.rejects(client.enroll({ id: "peer0", secret: "", csrPem: ask("peer0").csrPem }), {
      fault: "UNAUTHENTICATED",
    });
  });

  it("refuses wrong secrets and unknown ids alike, and locks after ten", async () => {
    const clock = new HandClock();
    const { client } = await begin({ clock });
    const enroll = (id: string, secret: string) => client.enroll({ id, secret, csrPem: ask(id).csrPem });
    await assert.rejects(enroll("admin", "guess"), {
      fault: "UNAUTHENTICATED",
      message: 'enrolment of "admin" refused: unknown id or wrong secret',
    });
    await assert.rejects(enroll("nobody", "guess"), {
      fault: "UNAUTHENTICATED",
      message: 'enrolment of "nobody" refused: unknown id or wrong secret',
    });
    await enroll("admin", "adminpw");
    for (let i = 0; i < 10; i++) await assert.rejects(enroll("admin", `guess ${i}`), { fault: "UNAUTHENTICATED" });
    await assert.rejects(enroll("admin", "adminpw"), { fault: "OVERLOADED" });
    clock.ms += 61_000;
    await enroll("admin", "adminpw");
  });

  it("limits enrolments", async () => {
    const { client } = await begin();
    const admin = await registrar(client);
    const secret = await client.register(admin, {
      id: "once",
      type: "client",
      maxEnrollments: 1,
      secret: "my own secret",
    });
    assert.equal(secret, "my own secret");
    const first = ask("once");
    const signer = caSigner(await client.enroll({ id: "once", secret, csrPem: first.csrPem }), first.key);
    await assert.rejects(client.enroll({ id: "once", secret, csrPem: ask("once").csrPem }), { fault: "REFUSED" });
    const next = ask("once");
    const renewed = Certificate.parse(await client.reenroll(signer, next));
    assert.equal(renewed.matchesKey(next.key), true);
  });

  it("lets registrars do what they may, and nobody else", async () => {
    const { client } = await begin();
    const admin = await registrar(client);
    const enrolled = async (
      id: string,
      affiliation: string,
      attributes: { name: string; value: string; ecert: boolean }[],
    ) => {
      const secret = await client.register(admin, { id, type: "client", affiliation, attributes });
      const made = ask(id);
      return caSigner(await client.enroll({ id, secret, csrPem: made.csrPem }), made.key);
    };
    const plain = await enrolled("plain", "", []);
    await assert.rejects(client.register(plain, { id: "x", type: "client" }), { fault: "FORBIDDEN" });
    await assert.rejects(client.revoke(plain, { id: "admin" }), { fault: "FORBIDDEN" });
    const small = await enrolled("small", "cellar", [
      { name: "hf.Registrar.Roles", value: "client,peer", ecert: false },
      { name: "hf.Registrar.Attributes", value: "shop.*", ecert: false },
      { name: "hf.Revoker", value: "true", ecert: false },
    ]);
    await client.register(small, {
      id: "x1",
      type: "client",
      affiliation: "cellar.deep",
      attributes: [{ name: "shop.a", value: "", ecert: true }],
    });
    await assert.rejects(client.register(small, { id: "x2", type: "admin", affiliation: "cellar" }), {
      fault: "FORBIDDEN",
    });
    await assert.rejects(client.register(small, { id: "x2", type: "client", affiliation: "attic" }), {
      fault: "FORBIDDEN",
    });
    await assert.rejects(client.register(small, { id: "x2", type: "client", affiliation: "cellar2" }), {
      fault: "FORBIDDEN",
    });
    const raise = [{ name: "hf.Registrar.Roles", value: "*", ecert: false }];
    await assert.rejects(
      client.register(small, { id: "x2", type: "client", affiliation: "cellar", attributes: raise }),
      { fault: "FORBIDDEN" },
    );
    await assert.rejects(client.revoke(small, { id: "plain" }), { fault: "FORBIDDEN" });
    await client.revoke(small, { id: "x1" });
  });

  it("revokes, lists it, and no longer listens to whom it revoked", async () => {
    const { client, ca } = await begin();
    const admin = await registrar(client);
    const [id, secret] = ["u", await client.register(admin, { id: "u", type: "client" })];
    const made = ask(id);
    const signer = caSigner(await client.enroll({ id, secret, csrPem: made.csrPem }), made.key);
    const other = Certificate.parse(await client.enroll({ id, secret, csrPem: ask(id).csrPem }));
    await assert.rejects(client.revoke(admin, { id, reason: "mood" }), { fault: "BAD_REQUEST" });
    await assert.rejects(client.revoke(admin, { serialHex: "1234" }), { fault: "NOT_FOUND" });
    await assert.rejects(client.revoke(admin, { id: "nobody" }), { fault: "NOT_FOUND" });
    assert.deepEqual(await client.revoke(signer, { serialHex: other.serialHex.toUpperCase() }), [other.serialHex]);
    assert.deepEqual(await client.revoke(admin, { id, reason: "keyCompromise" }), [signer.certificate.serialHex]);
    assert.deepEqual(await client.revoke(admin, { id }), [], "twice changes nothing");
    await assert.rejects(client.reenroll(signer, ask(id)), { fault: "UNAUTHENTICATED" });
    await assert.rejects(client.enroll({ id, secret, csrPem: ask(id).csrPem }), { fault: "REFUSED" });
    const { crlPem, tlsCrlPem } = await client.revocationLists(admin);
    const list = RevocationList.parse(crlPem);
    assert.deepEqual(
      [signer, admin].map((each) => list.has(each.certificate.serialHex)),
      [true, false],
    );
    assert.equal(list.isSignedBy(Certificate.parse(ca.caCertificatePem)), true);
    assert.equal(RevocationList.parse(tlsCrlPem).size, 0);
  });

  it("answers malformed requests with a reason and lives on", async () => {
    const { client, rpc } = await begin();
    const admin = await registrar(client);
    const bad = async (promise: Promise<unknown>, fault: string, text: RegExp) =>
      assert.rejects(
        promise,
        (error: Error & { fault?: string }) => error.fault === fault && text.test(error.message),
        String(text),
      );
    const enroll = (csrPem: string, more = {}) => client.enroll({ id: "admin", secret: "adminpw", csrPem, ...more });
    await bad(enroll("no pem"), "BAD_REQUEST", /not PEM/);
    await bad(enroll(ask("x").csrPem, { profile: "ca" }), "BAD_REQUEST", /profile "ca"/);
    await bad(client.register(admin, { id: "", type: "client" }), "BAD_REQUEST", /enrollment|enrolment id/);
    await bad(
      client.register(admin, { id: "x", type: "boss" as never }),
      "BAD_REQUEST",
      /type "boss" is none of client, peer, admin, orderer/,
    );
    await bad(client.register(admin, { id: "x", type: "client", affiliation: "a..b" }), "BAD_REQUEST", /affiliation/);
    await bad(
      client.register(admin, { id: "x", type: "client", affiliation: "peer" }),
      "BAD_REQUEST",
      /read as a type/,
    );
    await bad(client.register(admin, { id: "x", type: "client", maxEnrollments: -5 }), "BAD_REQUEST", /-5 enrolments/);
    await bad(client.register(admin, { id: "admin", type: "client" }), "ALREADY_REGISTERED", /registered already/);
    for (const method of Object.values(services.HansaCa.methods).filter((each) => !each.path.endsWith("/Info"))) {
      await assert.rejects(
        rpc.unary(method, Buffer.from("garbage"), { timeoutMs: 5000 }),
        (error: Error & { code?: number }) => error.code === 3 || error.code === 16,
        method.path,
      );
    }
    assert.equal((await client.info()).name, "ca.brewery");
  });
});

describe("other keys", () => {
  for (const algorithm of ["P-384", "Ed25519"] as const) {
    it(`certify and are certified, ${algorithm}`, async () => {
      const { client, ca } = await begin({
        algorithm,
        registrar: { id: "admin", secret: "a drawn secret", drawn: true },
      });
      const key = generatePrivateKey(algorithm);
      const csrPem = createCsr({ key, subject: { commonName: "admin" } });
      await assert.rejects(client.enroll({ id: "admin", secret: "another", csrPem }), { fault: "UNAUTHENTICATED" });
      const signer = caSigner(await client.enroll({ id: "admin", secret: "a drawn secret", csrPem }), key);
      assert.equal(signer.certificate.isIssuedBy(Certificate.parse(ca.caCertificatePem)), true);
      await client.register(signer, { id: "u", type: "client" });
    });
  }
});

describe("signed requests", () => {
  it("count once, here, now, and from the authority's own", async () => {
    const clock = new HandClock();
    const { client, rpc } = await begin({ clock });
    const stranger = await begin({ domain: "pub", clock });
    const admin = await registrar(client);
    const parts = { caName: "ca.brewery", method: "GetCrl", request: new Uint8Array(0), clock, random: systemRandom };
    const send = (bytes: Uint8Array) => rpc.unary(services.HansaCa.methods.GetCrl, bytes, { timeoutMs: 5000 });
    const refused = (bytes: Uint8Array, text: RegExp) =>
      assert.rejects(
        send(bytes),
        (error: Error & { code?: number }) => error.code === 16 && text.test(error.message),
        String(text),
      );
    const once = signRequest(admin, parts);
    await send(once);
    await refused(once, /nonce is known/);
    await refused(signRequest(admin, { ...parts, caName: "ca.pub" }), /is for "ca.pub"/);
    await refused(signRequest(admin, { ...parts, method: "Revoke" }), /signed for Revoke/);
    await refused(signRequest(await registrar(stranger.client), parts), /was not issued by ca.brewery/);
    await refused(
      signRequest({ ...admin, sign: (m) => admin.sign(Buffer.concat([m, Buffer.from("x")])) }, parts),
      /signature .* does not fit/,
    );
    await refused(signRequest(admin, { ...parts, random: { bytes: () => new Uint8Array(4) } }), /nonce of 4 bytes/);
    const early = { now: () => (clock.ms - 1000) as UnixMs };
    await refused(signRequest(admin, { ...parts, clock: early }), /before this CA started/);
    const late = signRequest(admin, parts);
    clock.ms += 6 * 60_000;
    await refused(late, /360 s old/);
    const fresh = signRequest(admin, parts);
    await send(fresh);
    clock.ms += 366 * DAY;
    await refused(signRequest(admin, parts), /expired at/);
  });
});

describe("a restart", () => {
  it("keeps roots, identities and revocations; torn ends are cut, damage is named", async () => {
    const dataDir = await folder();
    const first = await begin({ dataDir });
    const admin = await registrar(first.client);
    const secret = await first.client.register(admin, { id: "u", type: "client" });
    await first.client.revoke(admin, { id: "u" });
    const lastSecret = await first.client.register(admin, { id: "v", type: "client" });
    await first.ca.stop();
    for (const name of await readdir(dataDir)) {
      const { mode } = await stat(path.join(dataDir, name));
      assert.equal(mode & 0o777, name.endsWith(".pem") ? 0o644 : 0o600, name);
      const text = await readFile(path.join(dataDir, name), "utf8");
      assert.equal(/PRIVATE KEY|adminpw/.test(text) || text.includes(secret), false, `${name} shows a secret`);
    }
    await appendFile(path.join(dataDir, "registry.jsonl"), '[{"kind":"identity","id":"half');
    const second = await begin({ dataDir, registrar: { id: "admin", secret: "another" } });
    assert.equal(second.ca.caCertificatePem, first.ca.caCertificatePem);
    assert.equal(second.ca.tlsCaCertificatePem, first.ca.tlsCaCertificatePem);
    const list = RevocationList.parse((await second.client.revocationLists(admin)).crlPem);
    assert.equal(list.size, 0, "u had no certificate");
    await assert.rejects(second.client.enroll({ id: "u", secret, csrPem: ask("u").csrPem }), { fault: "REFUSED" });
    await second.client.enroll({ id: "v", secret: lastSecret, csrPem: ask("v").csrPem });
    await second.ca.stop();
    const registry = path.join(dataDir, "registry.jsonl");
    const lines = (await readFile(registry, "utf8")).split("\n");
    await writeFile(registry, ["damage", ...lines.slice(1)].join("\n"));
    await assert.rejects(startCa({ ...base, dataDir }), {
      fault: "CORRUPT_STORE",
      message: `${registry} line 1 is not a list of registry records`,
    });
    const certificate = path.join(dataDir, "ca-cert.pem");
    await writeFile(certificate, "-----BEGIN");
    await assert.rejects(startCa({ ...base, dataDir }), {
      fault: "CORRUPT_STORE",
      message: `${certificate} cannot be read: the certificate is not PEM: no complete BEGIN/END block`,
    });
  });

  it("needs the passphrase", async () => {
    const dataDir = await folder();
    const roots = createOrganizationRoots({ domain: "brewery", nowMs: Date.now() });
    await storeOrganizationRoots(dataDir, roots, "correct horse");
    await assert.rejects(storeOrganizationRoots(dataDir, roots, "x"), { fault: "BAD_REQUEST" });
    await assert.rejects(startCa({ ...base, dataDir, passphrase: "wrong" }), { fault: "WRONG_PASSPHRASE" });
    const { ca } = await begin({ dataDir, passphrase: "correct horse" });
    assert.equal(ca.caCertificatePem, roots.caCertPem);
    assert.equal((await readdir(dataDir)).includes("passphrase"), false);
  });

  it("cannot begin with keys that are not its certificates'", async () => {
    const [a, b] = [0, 1].map(() => createOrganizationRoots({ domain: "brewery", nowMs: Date.now() }));
    assert.ok(a && b);
    await assert.rejects(startCa({ ...base, roots: { ...a, caKeyPem: b.caKeyPem } }), { fault: "CORRUPT_STORE" });
  });
});
