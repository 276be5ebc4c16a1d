import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { describe, it } from "node:test";
import { assembleSigned, isLowS, readSigned, toPem } from "@hansa/crypto";
import { sha256 } from "@hansa/primitives";
import { common, msp } from "@hansa/wire";
import fc from "fast-check";
import { certify, intermediateCa, mspOf, NOW, revocationList, rootCa, signerOf } from "./fixtures.js";
import { mspConfigFromFiles } from "./folder.js";
import { MspManager } from "./manager.js";
import { Msp } from "./msp.js";
import { rolePrincipal } from "./principal.js";

const message = Buffer.from("three barrels");
const root = rootCa("brewery");
const folder = { caCertPems: [root.certificate.pem] };

function principal(kind: keyof typeof common.MSPPrincipal.Classification, bytes: Uint8Array): common.IMSPPrincipal {
  return { principalClassification: common.MSPPrincipal.Classification[kind], principal: bytes };
}

describe("identities", () => {
  const brewery = mspOf("BreweryMSP", folder);
  const manager = new MspManager([brewery]);
  const peer = certify(root, "peer0", ["peer", "cellar"]);

  it("are classified by unit", () => {
    for (const role of ["client", "peer", "admin", "orderer"] as const) {
      const identity = brewery.identityFrom(certify(root, "x", [role, "cellar"]).certPem);
      assert.equal(identity.flaw, undefined);
      assert.deepEqual(identity.roles, { client: false, peer: false, admin: false, orderer: false, [role]: true });
      for (const other of ["client", "peer", "admin", "orderer"] as const) {
        assert.equal(identity.satisfies(rolePrincipal("BreweryMSP", other)), role === other, `${role} as ${other}`);
      }
      assert.equal(identity.satisfies(rolePrincipal("BreweryMSP", "member")), true);
      assert.equal(identity.satisfies(rolePrincipal("PubMSP", "member")), false);
    }
  });

  it("need exactly one of the units", () => {
    for (const units of [[], ["cellar"], ["client", "peer"], ["client", "client"], ["Client"]]) {
      const identity = brewery.identityFrom(certify(root, "x", units).certPem);
      assert.equal(identity.flaw?.fault, "WRONG_UNITS", units.join());
      assert.equal(identity.satisfies(rolePrincipal("BreweryMSP", "member")), false);
      assert.equal(identity.roles.client, false);
    }
  });

  it("sign and verify, and are parsed once", () => {
    const signer = signerOf("BreweryMSP", peer);
    const identity = manager.identity(signer.serialized);
    assert.equal(identity.verify(message, signer.sign(message)), true);
    assert.equal(identity.verify(Buffer.from("four"), signer.sign(message)), false);
    assert.equal(manager.identity(Buffer.from(signer.serialized)), identity);
    assert.deepEqual(Buffer.from(identity.serialized), Buffer.from(signer.serialized));
    let high = sign("sha256", message, peer.key);
    while (isLowS(high, "P-256")) high = sign("sha256", message, peer.key);
    assert.equal(identity.verify(message, high), false);
  });

  it("expire only when asked at a time", () => {
    const identity = brewery.identityFrom(certify(root, "x", ["client"], { validityMs: 1000 }).certPem);
    manager.check(identity);
    manager.check(identity, NOW);
    assert.throws(() => manager.check(identity, NOW + 2000), { fault: "EXPIRED" });
    assert.equal(identity.satisfies(rolePrincipal("BreweryMSP", "client")), true, "old blocks stay valid");
  });

  it("of unknown members, other CAs, and garbage are refused", () => {
    const signer = signerOf("PubMSP", peer);
    assert.throws(() => manager.identity(signer.serialized), {
      fault: "UNKNOWN_MSP",
      message: "MSP PubMSP is not defined on channel",
    });
    const foreign = signerOf("BreweryMSP", certify(rootCa("brewery"), "x", ["peer"]));
    assert.throws(() => manager.identity(foreign.serialized), { fault: "UNTRUSTED" });
    assert.throws(() => manager.identity(Buffer.from("garbage")), { fault: "MALFORMED" });
    const hollow = msp.SerializedIdentity.encode({ mspid: "BreweryMSP", idBytes: Buffer.from("no pem") }).finish();
    assert.throws(() => manager.identity(hollow), { fault: "MALFORMED" });
  });

  it("are never CAs", () => {
    const identity = brewery.identityFrom(root.certificate.pem);
    assert.equal(identity.flaw?.fault, "UNTRUSTED");
  });

  it("may carry purposes as long as server authentication is among them, as in Go", () => {
    assert.equal(brewery.identityFrom(certify(root, "x", ["peer"], { profile: "tls" }).certPem).flaw, undefined);
  });

  it("are one signer whichever S their CA used", () => {
    const low = peer.certificate;
    const highS = withHighS(low.raw);
    const a = brewery.identityFrom(low.pem);
    const b = brewery.identityFrom(toPem("CERTIFICATE", highS));
    assert.notDeepEqual(a.certificate.raw, b.certificate.raw);
    assert.equal(a.signerKey, b.signerKey);
    assert.equal(b.flaw, undefined);
  });

  it("with P-384 and Ed25519 keys count; Ed25519 only where it is allowed", () => {
    for (const algorithm of ["P-384", "Ed25519"] as const) {
      const ca = rootCa("mixed", algorithm);
      const made = certify(ca, "x", ["client"], { algorithm });
      const signer = signerOf("MixedMSP", made);
      const identity = new MspManager([mspOf("MixedMSP", { caCertPems: [ca.certificate.pem] })]).identity(
        signer.serialized,
      );
      assert.equal(identity.flaw, undefined);
      assert.equal(identity.verify(message, signer.sign(message)), true);
    }
    const made = certify(root, "x", ["client"], { algorithm: "Ed25519" });
    assert.equal(
      mspOf("BreweryMSP", folder, { ed25519: false }).identityFrom(made.certPem).flaw?.fault,
      "UNSUPPORTED_KEY",
    );
    assert.equal(mspOf("BreweryMSP", folder).identityFrom(made.certPem).flaw, undefined);
  });
});

/** The same certificate with the other of its two signatures. */
function withHighS(der: Uint8Array): Buffer {
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const { signedBytes, algorithmRaw, signature } = readSigned(der, "certificate");
  const bytes = Buffer.from(signature);
  const rEnd = 4 + (bytes[3] ?? 0);
  const s = n - BigInt(`0x${bytes.subarray(rEnd + 2).toString("hex")}`);
  const body = Buffer.concat([Buffer.from([0]), Buffer.from(s.toString(16), "hex")]);
  const content = Buffer.concat([bytes.subarray(2, rEnd), Buffer.from([2, body.length]), body]);
  return assembleSigned(signedBytes, algorithmRaw, Buffer.concat([Buffer.from([0x30, content.length]), content]));
}

describe("chains", () => {
  const middle = intermediateCa(root, "ica.brewery");
  const lower = intermediateCa(middle, "ica2.brewery");
  const all = {
    caCertPems: [root.certificate.pem],
    intermediateCertPems: [middle.certificate.pem, lower.certificate.pem],
  };

  it("go through intermediates, and only the lowest CAs certify", () => {
    const brewery = mspOf("BreweryMSP", all);
    assert.equal(brewery.identityFrom(certify(lower, "x", ["peer"]).certPem).flaw, undefined);
    assert.equal(brewery.identityFrom(certify(lower, "x", ["peer"]).certPem).roles.peer, true);
    for (const issuer of [root, middle]) {
      const identity = brewery.identityFrom(certify(issuer, "x", ["peer"]).certPem);
      assert.match(identity.flaw?.message ?? "", /should be a leaf of the certification tree/);
    }
  });

  it("must be complete and single", () => {
    const gap = { caCertPems: [root.certificate.pem], intermediateCertPems: [lower.certificate.pem] };
    assert.throws(() => mspOf("BreweryMSP", gap), { fault: "UNTRUSTED" });
    const made = certify(middle, "x", ["peer"]);
    assert.throws(() => mspOf("BreweryMSP", folder).identityFrom(made.certPem), { fault: "UNTRUSTED" });
  });

  it("are asked for at the leaf's own time", () => {
    const late = mspOf("BreweryMSP", folder);
    assert.equal(late.identityFrom(certify(root, "x", ["peer"], { validityMs: 1 }).certPem).flaw, undefined);
  });

  it("bind units to certifiers when the configuration names them", () => {
    const files = new Map([
      ["cacerts/ca.pem", root.certificate.pem],
      ["intermediatecerts/a.pem", middle.certificate.pem],
      [
        "config.yaml",
        "NodeOUs:\n  Enable: true\n  PeerOUIdentifier:\n    Certificate: intermediatecerts/a.pem\n    OrganizationalUnitIdentifier: peer\n  ClientOUIdentifier:\n    Certificate: cacerts/ca.pem\n    OrganizationalUnitIdentifier: client\n  AdminOUIdentifier:\n    OrganizationalUnitIdentifier: admin\n",
      ],
    ]);
    const brewery = Msp.fromConfig(mspConfigFromFiles(files, "BreweryMSP"));
    assert.equal(brewery.identityFrom(certify(middle, "x", ["peer"]).certPem).flaw, undefined);
    assert.equal(brewery.identityFrom(certify(middle, "x", ["admin"]).certPem).flaw, undefined);
    const wrong = brewery.identityFrom(certify(middle, "x", ["client"]).certPem);
    assert.match(wrong.flaw?.message ?? "", /certifiersIdentifier does not match/);
    assert.equal(brewery.identityFrom(certify(middle, "x", ["orderer"]).certPem).flaw?.fault, "WRONG_UNITS");
  });
});

describe("revocation", () => {
  it("takes an identity away, whatever the date", () => {
    const [gone, stays] = [certify(root, "gone", ["client"]), certify(root, "stays", ["client"])];
    const brewery = mspOf("BreweryMSP", { ...folder, revocationListPems: [revocationList(root, [gone])] });
    assert.equal(brewery.identityFrom(gone.certPem).flaw?.fault, "REVOKED");
    assert.equal(brewery.identityFrom(stays.certPem).flaw, undefined);
    const foreign = mspOf("BreweryMSP", { ...folder, revocationListPems: [revocationList(rootCa("brewery"), [gone])] });
    assert.equal(foreign.identityFrom(gone.certPem).flaw, undefined, "a list of another CA says nothing");
  });
});

describe("administrators by name", () => {
  it("count where units do not tell", () => {
    const admin = certify(root, "admin", []);
    const brewery = mspOf("BreweryMSP", { ...folder, nodeUnits: false, adminCertPems: [admin.certPem] });
    const identity = brewery.identityFrom(admin.certPem);
    assert.equal(identity.satisfies(rolePrincipal("BreweryMSP", "admin")), true);
    assert.equal(identity.satisfies(rolePrincipal("BreweryMSP", "client")), false);
    assert.equal(
      brewery.identityFrom(certify(root, "x", []).certPem).satisfies(rolePrincipal("BreweryMSP", "admin")),
      false,
    );
  });

  it("are required where units do not tell, and must be members", () => {
    assert.throws(() => mspOf("BreweryMSP", { ...folder, nodeUnits: false }), {
      fault: "INVALID_CONFIG",
      message: "MSP BreweryMSP: administrators must be declared when no admin ou classification is set",
    });
    const peer = certify(root, "p", ["peer"]);
    assert.throws(() => mspOf("BreweryMSP", { ...folder, adminCertPems: [peer.certPem] }), { fault: "INVALID_CONFIG" });
  });
});

describe("principals other than roles", () => {
  const brewery = mspOf("BreweryMSP", folder);
  const made = certify(root, "x", ["client", "cellar"]);
  const identity = brewery.identityFrom(made.certPem);
  const serialized = signerOf("BreweryMSP", made).serialized;

  it("name an identity", () => {
    assert.equal(identity.satisfies(principal("IDENTITY", serialized)), true);
    const other = signerOf("BreweryMSP", certify(root, "x", ["client"])).serialized;
    assert.equal(identity.satisfies(principal("IDENTITY", other)), false);
    assert.equal(identity.satisfies(principal("IDENTITY", Buffer.from("garbage"))), false);
  });

  it("name a unit with its certifiers", () => {
    const unit = (organizationalUnitIdentifier: string, certifiersIdentifier: Uint8Array) =>
      principal(
        "ORGANIZATION_UNIT",
        common.OrganizationUnit.encode({
          mspIdentifier: "BreweryMSP",
          organizationalUnitIdentifier,
          certifiersIdentifier,
        }).finish(),
      );
    const certifiers = sha256(root.certificate.raw);
    assert.equal(identity.satisfies(unit("cellar", certifiers)), true);
    assert.equal(
      identity.satisfies(unit("cellar", new Uint8Array(0))),
      false,
      "as in Fabric, the certifiers are not optional",
    );
    assert.equal(identity.satisfies(unit("attic", certifiers)), false);
  });

  it("combine, and ask for a name", () => {
    const combined = (...principals: common.IMSPPrincipal[]) =>
      principal("COMBINED", common.CombinedPrincipal.encode({ principals }).finish());
    const member = rolePrincipal("BreweryMSP", "member");
    assert.equal(identity.satisfies(combined(member, rolePrincipal("BreweryMSP", "client"))), true);
    assert.equal(identity.satisfies(combined(member, rolePrincipal("BreweryMSP", "peer"))), false);
    assert.equal(identity.satisfies(combined()), false);
    assert.equal(identity.satisfies(combined(combined(member))), true);
    const anonymity = (anonymityType: number) =>
      principal("ANONYMITY", common.MSPIdentityAnonymity.encode({ anonymityType }).finish());
    assert.equal(identity.satisfies(anonymity(0)), true);
    assert.equal(identity.satisfies(anonymity(1)), false);
    assert.equal(
      identity.satisfies({
        principalClassification: 77 as common.MSPPrincipal.Classification,
        principal: new Uint8Array(0),
      }),
      false,
    );
    assert.equal(identity.satisfies(principal("ROLE", Buffer.from([0xff]))), false);
  });
});

describe("configurations that are refused", () => {
  it("say why", () => {
    const config = (value: msp.IFabricMSPConfig) => ({ type: 0, config: msp.FabricMSPConfig.encode(value).finish() });
    const rootCerts = [Buffer.from(root.certificate.pem)];
    const cases: [msp.IMSPConfig, RegExp][] = [
      [{ type: 1 }, /MSP type 1 is not supported/],
      [{ type: 0, config: Buffer.from("garbage") }, /failed unmarshalling fabric msp config/],
      [config({ rootCerts }), /must have a name/],
      [config({ name: "A" }), /expected at least one CA certificate/],
      [config({ name: "A", rootCerts: [Buffer.from("x")] }), /not PEM/],
      [config({ name: "A", rootCerts: [Buffer.from(certify(root, "x", []).certPem)] }), /MSP A/],
      [
        config({ name: "A", rootCerts, cryptoConfig: { signatureHashFamily: "MD5" } }),
        /hash family not recognized \[MD5\]/,
      ],
      [config({ name: "A", rootCerts, revocationList: [Buffer.from("x")] }), /could not parse RevocationList/],
    ];
    for (const [value, expected] of cases) {
      assert.throws(
        () => Msp.fromConfig(value),
        (error: Error) => error.name === "MspError" && expected.test(error.message),
        String(expected),
      );
    }
    assert.throws(() => new MspManager([mspOf("A", folder), mspOf("A", folder)]), { fault: "INVALID_CONFIG" });
  });
});

it("random principals never throw", () => {
  const identity = mspOf("BreweryMSP", folder).identityFrom(certify(root, "x", ["client"]).certPem);
  fc.assert(
    fc.property(fc.nat(6), fc.uint8Array({ maxLength: 64 }), (kind, bytes) => {
      identity.satisfies({ principalClassification: kind, principal: bytes });
    }),
  );
});
