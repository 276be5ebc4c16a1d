import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toUtf8 } from "@hansa/primitives";
import { msp } from "@hansa/wire";
import fc from "fast-check";
import { parseConfigYaml } from "./config-yaml.js";
import { certify, rootCa } from "./fixtures.js";
import { mspConfigFromFiles, mspFolderFiles } from "./folder.js";
import { Msp } from "./msp.js";

const root = rootCa("pub");
const tls = rootCa("tls.pub");

describe("MSP folders", () => {
  it("hold what was given and read back", () => {
    const user = certify(root, "User1", ["client"]);
    const files = mspFolderFiles({
      domain: "pub",
      caCertPems: [root.certificate.pem],
      tlsCaCertPems: [tls.certificate.pem],
      signer: { name: "User1@pub", certPem: user.certPem, keyPem: "KEY" },
    });
    assert.deepEqual([...files.keys()].sort(), [
      "cacerts/ca.pub-cert.pem",
      "config.yaml",
      "keystore/priv_sk",
      "signcerts/User1@pub-cert.pem",
      "tlscacerts/tlsca.pub-cert.pem",
    ]);
    const config = mspConfigFromFiles(files, "PubMSP");
    const decoded = msp.FabricMSPConfig.decode(config.config ?? new Uint8Array(0));
    assert.equal(decoded.name, "PubMSP");
    assert.equal(decoded.signingIdentity ?? undefined, undefined);
    assert.deepEqual(decoded.tlsRootCerts.map(toUtf8), [tls.certificate.pem]);
    assert.equal(decoded.fabricNodeOus?.peerOuIdentifier?.organizationalUnitIdentifier, "peer");
    const pub = Msp.fromConfig(config);
    assert.equal(pub.identityFrom(user.certPem).roles.client, true);
    assert.equal(pub.tlsCertificates[0]?.subjectCommonName, "ca.tls.pub");
  });

  it("without CA are refused", () => {
    assert.throws(() => mspConfigFromFiles(new Map(), "PubMSP"), {
      message: "no ca certificate found in directory cacerts",
    });
  });

  it("list units", () => {
    const files = new Map([
      ["cacerts/ca.pem", root.certificate.pem],
      ["admincerts/a.pem", certify(root, "a", ["cellar"]).certPem],
      [
        "config.yaml",
        "OrganizationalUnitIdentifiers:\n- Certificate: cacerts/ca.pem\n  OrganizationalUnitIdentifier: cellar\n",
      ],
    ]);
    const pub = Msp.fromConfig(mspConfigFromFiles(files, "PubMSP"));
    assert.equal(pub.identityFrom(certify(root, "x", ["cellar"]).certPem).flaw, undefined);
    assert.equal(pub.identityFrom(certify(root, "x", ["attic"]).certPem).flaw?.fault, "WRONG_UNITS");
    files.set("config.yaml", "OrganizationalUnitIdentifiers:\n- Certificate: nowhere.pem\n");
    assert.throws(() => mspConfigFromFiles(files, "PubMSP"), /nowhere.pem/);
  });
});

describe("config.yaml", () => {
  it("is read in the shapes that tools write", () => {
    assert.deepEqual(
      parseConfigYaml(
        "# c\nA:\n  B: true # yes\n  C: \"x: y\"\n  D: 'z'\nE:\n  - F: 1\n    G: 2\n  - F: 3\nH:\n- I: 1\n",
      ),
      {
        A: { B: "true", C: "x: y", D: "z" },
        E: [{ F: "1", G: "2" }, { F: "3" }],
        H: [{ I: "1" }],
      },
    );
  });

  it("of any content gives a value or a typed error", () => {
    const line = fc
      .tuple(fc.nat(4), fc.constantFrom("A: 1", "B:", "- C: 2", "-", "- ", "x", "'q': 1", "# c", "- - D:", ":"))
      .map(([indent, text]) => " ".repeat(indent) + text);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n")),
        ),
        (text) => {
          try {
            parseConfigYaml(text);
          } catch (error) {
            assert.equal((error as Error).name, "MspError");
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("is refused with its line", () => {
    for (const [text, line] of [
      ["A:\n\tB: 1", 2],
      ["A: {b: 1}", 1],
      ["A: 1\nA: 2", 2],
      ["A:\n  B: 1\n C: 2", 3],
      ["nonsense", 1],
    ] as const) {
      assert.throws(() => parseConfigYaml(text), new RegExp(`config.yaml line ${line}`), text);
    }
  });
});
