import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { Certificate } from "./certificate.js";
import {
  createCsr,
  createIntermediateCa,
  createRevocationList,
  createRootCa,
  issueCertificate,
  readCsr,
} from "./issuing/index.js";
import { generatePrivateKey, type KeyAlgorithm, privateKeyFromPem, publicPart } from "./key.js";
import { isLowS } from "./low-s.js";
import { readPem, readPemBlocks, toPem } from "./pem.js";
import { RevocationList } from "./revocation-list.js";

const vectors =
  process.env.HANSA_VECTORS ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../../shared/vectors");
const identities = path.join(vectors, "fabric-2.5/identities");
const NOW = Date.UTC(2026, 10, 21, 12);
const YEAR = 365 * 86_400_000;

function ca(algorithm: KeyAlgorithm = "P-256", commonName = "ca.brewery") {
  const { certPem, keyPem } = createRootCa({
    commonName,
    organization: "brewery",
    algorithm,
    validityMs: 10 * YEAR,
    nowMs: NOW,
  });
  return { certificate: Certificate.parse(certPem), key: privateKeyFromPem(keyPem) };
}

describe("PEM", () => {
  it("reads what it writes, amid other text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const text = `subject=/CN=x\n${toPem("CERTIFICATE", bytes)}trailing`;
        assert.deepEqual(readPem(text)?.bytes, Buffer.from(bytes));
      }),
    );
    assert.equal(readPemBlocks(toPem("A", Buffer.from("1")) + toPem("B", Buffer.from("2")), "B").length, 1);
    assert.equal(readPem("-----BEGIN CERTIFICATE-----\nabc"), undefined);
  });
});

describe("issued certificates", () => {
  for (const algorithm of ["P-256", "P-384", "Ed25519"] as const) {
    it(`are what was asked for, ${algorithm}`, () => {
      const issuer = ca(algorithm);
      const key = generatePrivateKey(algorithm);
      const certificate = Certificate.parse(
        issueCertificate({
          issuer,
          publicKey: publicPart(key),
          subject: { commonName: "peer0.brewery", organizationalUnits: ["peer", "north"] },
          profile: "tls",
          nowMs: NOW,
          validityMs: YEAR,
          dnsNames: ["localhost", "peer0.brewery"],
          ipAddresses: ["127.0.0.1", "::1"],
          attributes: { role: "brewer", "hf.EnrollmentID": "peer0" },
        }),
      );
      assert.equal(certificate.subjectCommonName, "peer0.brewery");
      assert.deepEqual(certificate.organizationalUnits, ["peer", "north"]);
      assert.deepEqual(certificate.attributes(), { role: "brewer", "hf.EnrollmentID": "peer0" });
      assert.deepEqual(certificate.subjectAltNames.slice(0, 3), [
        "DNS:localhost",
        "DNS:peer0.brewery",
        "IP Address:127.0.0.1",
      ]);
      assert.equal(certificate.isCa, false);
      assert.deepEqual(certificate.keyUsage, { digitalSignature: true, certSign: false, crlSign: false });
      assert.deepEqual(certificate.extendedKeyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
      assert.deepEqual(certificate.authorityKeyId, issuer.certificate.subjectKeyId);
      assert.equal(certificate.isIssuedBy(issuer.certificate), true);
      assert.equal(certificate.isIssuedBy(ca(algorithm).certificate), false, "same name, another key");
      assert.equal(issuer.certificate.isIssuedBy(issuer.certificate), true);
      assert.equal(issuer.certificate.isIssuedBy(certificate), false);
      assert.equal(certificate.notBeforeMs, NOW - 300_000);
      assert.equal(certificate.notAfterMs, NOW + YEAR);
      assert.equal(certificate.matchesKey(key), true);
      assert.equal(certificate.matchesKey(generatePrivateKey(algorithm)), false);
      assert.match(certificate.serialHex, /^[4-7][0-9a-f]{31}$/);
      assert.equal(certificate.sanitized(issuer.certificate), certificate, "signatures are made with low S");
      if (algorithm !== "Ed25519") assert.equal(isLowS(certificate.signature, algorithm), true);
      assert.equal(Certificate.parse(certificate.pem).serialHex, certificate.serialHex);
    });
  }

  it("stay within their issuer's validity", () => {
    const issuer = ca();
    const certificate = Certificate.parse(
      issueCertificate({
        issuer,
        publicKey: publicPart(generatePrivateKey("P-256")),
        subject: { commonName: "x" },
        profile: "identity",
        nowMs: NOW - 60_000,
        validityMs: 100 * YEAR,
      }),
    );
    assert.equal(certificate.notBeforeMs, issuer.certificate.notBeforeMs);
    assert.equal(certificate.notAfterMs, issuer.certificate.notAfterMs);
    assert.deepEqual(certificate.extendedKeyUsage, []);
  });

  it("come from intermediates too", () => {
    const root = ca();
    const { certPem, keyPem } = createIntermediateCa({
      issuer: root,
      commonName: "ica.brewery",
      organization: "brewery",
      validityMs: YEAR,
      nowMs: NOW,
    });
    const middle = Certificate.parse(certPem);
    assert.equal(middle.isIssuedBy(root.certificate), true);
    assert.equal(middle.isCa, true);
    assert.equal(middle.matchesKey(privateKeyFromPem(keyPem)), true);
  });

  it("are refused for a foreign CA key, an empty name, a wrong address", () => {
    const issuer = ca();
    const good = {
      issuer,
      publicKey: publicPart(generatePrivateKey("P-256")),
      profile: "tls",
      nowMs: NOW,
      validityMs: YEAR,
    } as const;
    const subject = { commonName: "x" };
    assert.throws(
      () => issueCertificate({ ...good, subject, issuer: { ...issuer, key: generatePrivateKey("P-256") } }),
      {
        fault: "UNSUPPORTED_KEY",
      },
    );
    assert.throws(() => issueCertificate({ ...good, subject: { commonName: "" } }), { fault: "MALFORMED_REQUEST" });
    assert.throws(() => issueCertificate({ ...good, subject, ipAddresses: ["300.1.1.1"] }), {
      fault: "MALFORMED_REQUEST",
    });
    assert.throws(() => issueCertificate({ ...good, subject, validityMs: -YEAR }), { fault: "MALFORMED_REQUEST" });
  });
});

describe("certificate requests", () => {
  it("are read back and proven", () => {
    for (const algorithm of ["P-256", "P-384", "Ed25519"] as const) {
      const key = generatePrivateKey(algorithm);
      const csr = createCsr({
        key,
        subject: { commonName: "alice", organizationalUnits: ["client"] },
        dnsNames: ["a.b"],
        ipAddresses: ["10.0.0.1"],
      });
      const read = readCsr(csr);
      assert.equal(read.commonName, "alice");
      assert.deepEqual(
        [read.organizationalUnits, read.dnsNames, read.ipAddresses],
        [["client"], ["a.b"], ["10.0.0.1"]],
      );
      assert.equal(read.publicKey.equals(publicPart(key)), true);
    }
  });

  it("are refused when a byte is flipped", () => {
    const bytes =
      readPem(createCsr({ key: generatePrivateKey("P-256"), subject: { commonName: "alice" } }))?.bytes ??
      Buffer.alloc(0);
    for (let at = 0; at < bytes.length; at += 7) {
      const broken = Buffer.from(bytes);
      broken[at] = (broken[at] ?? 0) ^ 0x10;
      assert.throws(() => readCsr(broken), { name: "CryptoError" }, `byte ${at}`);
    }
  });
});

describe("revocation lists", () => {
  it("hold the serials that were revoked and nothing else", () => {
    const issuer = ca();
    const serials = ["00ff", "8123456789abcdef8123456789abcdef", "7f"];
    const list = RevocationList.parse(
      createRevocationList({
        issuer,
        revoked: serials.map((serialHex) => ({ serialHex, revokedAtMs: NOW, reason: "keycompromise" })),
        number: 3,
        nowMs: NOW,
        nextUpdateMs: NOW + 86_400_000,
      }),
    );
    assert.equal(list.size, 3);
    assert.deepEqual(
      ["ff", "8123456789abcdef8123456789abcdef", "7f", "80"].map((s) => list.has(s)),
      [true, true, true, false],
    );
    assert.equal(list.issuerMatches(issuer.certificate), true);
    assert.equal(list.isSignedBy(issuer.certificate), true);
    assert.equal(list.isSignedBy(ca().certificate), false);
    assert.deepEqual(list.authorityKeyId, issuer.certificate.subjectKeyId);
    assert.equal(list.nextUpdateMs, NOW + 86_400_000);
  });

  it("with flipped bytes are typed errors or other lists, never crashes", () => {
    const revoked = [{ serialHex: "7f", revokedAtMs: NOW }];
    const pem = createRevocationList({ issuer: ca(), revoked, number: 1, nowMs: NOW, nextUpdateMs: NOW + 1000 });
    const good = RevocationList.parse(pem).raw;
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      try {
        RevocationList.parse(bytes);
      } catch (error) {
        assert.equal((error as Error).name, "CryptoError", `byte ${at}`);
      }
    }
  });

  it("may be empty", () => {
    const pem = createRevocationList({ issuer: ca(), revoked: [], number: 1, nowMs: NOW, nextUpdateMs: NOW + 1000 });
    assert.equal(RevocationList.parse(pem).size, 0);
  });
});

describe("bad bytes", () => {
  it("are typed errors, never crashes", () => {
    const good = ca().certificate.raw;
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        try {
          const certificate = Certificate.parse(bytes);
          void [certificate.isCa, certificate.organizationalUnits, certificate.authorityKeyId, certificate.publicKey];
        } catch (error) {
          assert.ok(error instanceof Error);
        }
      }),
      { numRuns: 300 },
    );
    assert.throws(() => Certificate.parse("nonsense"), { fault: "MALFORMED_PEM" });
    assert.throws(() => Certificate.parse(Buffer.concat([good, Buffer.from([0])])), { fault: "MALFORMED_CERTIFICATE" });
  });
});

describe("certificates of a real network", {
  skip: existsSync(identities) ? false : `no vectors at ${vectors}`,
}, () => {
  it("are read as the network's tools wrote them", () => {
    let checked = 0;
    for (const mspId of readdirSync(identities)) {
      const folder = path.join(identities, mspId);
      const caFile = readdirSync(path.join(folder, "cacerts"))[0] ?? "";
      const root = Certificate.parse(readFileSync(path.join(folder, "cacerts", caFile), "utf8"));
      assert.equal(root.isCa, true);
      for (const file of readdirSync(folder).filter((name) => name.endsWith(".cert.pem"))) {
        const certificate = Certificate.parse(readFileSync(path.join(folder, file), "utf8"));
        const key = privateKeyFromPem(readFileSync(path.join(folder, file.replace(".cert.", ".key.")), "utf8"));
        assert.equal(certificate.isIssuedBy(root), true);
        assert.equal(certificate.matchesKey(key), true);
        assert.equal(certificate.sanitized(root), certificate);
        assert.deepEqual(certificate.authorityKeyId, root.subjectKeyId);
        checked++;
      }
    }
    assert.ok(checked >= 4);
  });
});
