/**
 * Fabric's own fabric-ca-client (Go) against an authority of ours. It is no part of this repository: HANSA_FABRIC_BIN
 * names a folder that may hold it (1.5 or later); without it nothing here runs.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type RunningCa, startCa } from "@hansa/ca";
import { Certificate, RevocationList } from "@hansa/crypto";
import { temporaryFolder } from "../support/folder.js";

const tool = path.join(process.env.HANSA_FABRIC_BIN ?? "", "fabric-ca-client");
const skip = existsSync(tool) && path.isAbsolute(tool) ? false : "HANSA_FABRIC_BIN holds no fabric-ca-client";

type Outcome = { readonly exit: number; readonly text: string };

describe("Fabric's fabric-ca-client", { skip }, () => {
  const { folder, remove } = temporaryFolder();
  const roots = path.join(folder, "tls-root.pem");
  let ca: RunningCa;

  before(async () => {
    ca = await startCa({
      domain: "brewery.example.com",
      listenAddress: "127.0.0.1:0",
      rest: { listenAddress: "127.0.0.1:0", otherNames: ["BreweryMSP"] },
      registrar: { id: "admin", secret: "adminpw" },
    });
    writeFileSync(roots, ca.tlsCaCertificatePem);
  });
  after(async () => {
    await ca?.stop();
    remove();
  });

  const home = (who: string) => path.join(folder, who);
  const run = (who: string, ...args: string[]): Promise<Outcome> =>
    new Promise((resolve) => {
      const at = ["--tls.certfiles", roots, "--home", home(who)];
      const url = args.includes("--url") ? [] : ["--url", `https://${ca.restAddress}`];
      execFile(tool, [...args, ...url, ...at], { timeout: 30_000 }, (error, stdout, stderr) =>
        resolve({ exit: typeof error?.code === "number" ? error.code : error ? 1 : 0, text: `${stdout}${stderr}` }),
      );
    });
  const done = async (who: string, ...args: string[]) => {
    const { exit, text } = await run(who, ...args);
    assert.equal(exit, 0, text);
    return text;
  };
  const refused = async (code: number, who: string, ...args: string[]) => {
    const { exit, text } = await run(who, ...args);
    assert.equal(exit, 1, text);
    assert.match(text, new RegExp(`Error Code: ${code} `));
  };
  const enrol = (who: string, id: string, secret: string, ...args: string[]) =>
    done(who, "enroll", "--url", `https://${id}:${secret}@${ca.restAddress}`, ...args);
  const certificateOf = (who: string, msp = "msp") =>
    Certificate.parse(readFileSync(path.join(home(who), msp, "signcerts", "cert.pem"), "utf8"));

  it("asks for the chain, enrols, registers, enrols again", async () => {
    await done("admin", "getcainfo", "--caname", "BreweryMSP");
    await enrol("admin", "admin", "adminpw");
    const cacerts = path.join(home("admin"), "msp", "cacerts");
    const [chain = ""] = readdirSync(cacerts);
    assert.equal(readFileSync(path.join(cacerts, chain), "utf8"), ca.caCertificatePem);
    const answer = await done(
      "admin",
      ...["register", "--id.name", "peer0", "--id.type", "peer", "--id.secret", "peer0pw"],
      ...["--id.affiliation", "org1.department1", "--id.attrs", "floor=2:ecert,hidden=x"],
    );
    assert.match(answer, /Password: peer0pw/);
    await enrol("peer0", "peer0", "peer0pw", "--csr.hosts", "peer0.brewery.example.com");
    const certificate = certificateOf("peer0");
    assert.deepEqual(certificate.organizationalUnits, ["peer", "org1", "department1"]);
    assert.equal(certificate.attributes().floor, "2");
    await enrol("peer0", "peer0", "peer0pw", "--enrollment.profile", "tls", "--mspdir", "tls");
    assert.equal(certificateOf("peer0", "tls").isIssuedBy(Certificate.parse(ca.tlsCaCertificatePem)), true);
    await done("peer0", "reenroll");
    assert.notEqual(certificateOf("peer0").serialHex, certificate.serialHex);
    await enrol("peer0", "peer0", "peer0pw", "--enrollment.attrs", "hidden,absent:opt");
    assert.deepEqual(certificateOf("peer0").attributes(), { hidden: "x" });
    await refused(20, "stranger", "enroll", "--url", `https://peer0:wrong@${ca.restAddress}`);
    await refused(74, "admin", "register", "--id.name", "peer0");
    await refused(71, "peer0", "register", "--id.name", "more");
  });

  it("manages identities and affiliations", async () => {
    await done("admin", "affiliation", "add", "sales.north", "--force");
    await refused(60, "admin", "affiliation", "add", "sales.north");
    assert.match(await done("admin", "affiliation", "list"), /affiliation: \.|sales\.north/);
    const added = await done(
      "admin",
      "identity",
      "add",
      "clerk",
      "--affiliation",
      "sales.north",
      "--secret",
      "clerkpw",
    );
    assert.match(added, /Successfully added identity - Name: clerk, Type: client/);
    await done("admin", "identity", "modify", "clerk", "--attrs", "till=3:ecert", "--maxenrollments", "2");
    assert.match(await done("admin", "identity", "list", "--id", "clerk"), /Max Enrollments: 2, .*Name:till Value:3/);
    assert.match(await done("admin", "identity", "list"), /Name: peer0, Type: peer, Affiliation: org1\.department1/);
    await done("admin", "affiliation", "modify", "sales", "--name", "trade", "--force");
    assert.match(await done("admin", "identity", "list", "--id", "clerk"), /Affiliation: trade\.north/);
    await refused(71, "admin", "affiliation", "remove", "trade");
    await done("admin", "identity", "remove", "clerk");
    await refused(63, "admin", "identity", "list", "--id", "clerk");
    await done("admin", "affiliation", "remove", "trade", "--force");
  });

  it("revokes, lists certificates and makes revocation lists", async () => {
    const certificate = certificateOf("peer0");
    const aki = Buffer.from(certificate.authorityKeyId ?? []).toString("hex");
    const which = ["-s", certificate.serialHex, "-a", aki];
    assert.match(await done("admin", "certificate", "list", "--id", "peer0", "--notrevoked"), /Serial Number/);
    await done("admin", "revoke", ...which, "-r", "affiliationchange", "--gencrl");
    await refused(66, "admin", "revoke", ...which);
    await refused(20, "peer0", "reenroll");
    await done("admin", "gencrl", "--revokedafter", "2020-01-01T00:00:00Z");
    const list = RevocationList.parse(readFileSync(path.join(home("admin"), "msp", "crls", "crl.pem"), "utf8"));
    assert.equal(list.has(certificate.serialHex), true);
    await done("admin", "revoke", "-e", "peer0");
    await refused(20, "peer0", "enroll", "--url", `https://peer0:peer0pw@${ca.restAddress}`);
  });
});
