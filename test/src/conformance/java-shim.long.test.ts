/**
 * A contract with the Java shim of Fabric, run as a service.
 * Needs a JDK and, named by HANSA_JAVA_SHIM, a folder with the jars of fabric-chaincode-shim and all it depends on, as
 * `mvn dependency:copy-dependencies` leaves them.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { GatewayError } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { ServiceContract } from "../support/service-contract.js";
import { ELSEWHERE, ServiceNetwork } from "../support/service-network.js";

const jars = process.env.HANSA_JAVA_SHIM;

function missing(): string | false {
  if (jars === undefined) return "HANSA_JAVA_SHIM names no folder with the jars of fabric-chaincode-shim";
  if (!existsSync(jars) || !readdirSync(jars).some((name) => /^fabric-chaincode-shim.*\.jar$/.test(name)))
    return `${jars} holds no fabric-chaincode-shim`;
  const { error } = spawnSync("javac", ["-version"]);
  return error === undefined ? false : `there is no JDK: ${error.message}`;
}

describe("a contract with Fabric's Java shim", { skip: missing() }, () => {
  const { folder, remove } = temporaryFolder();
  const classes = path.join(folder, "classes");
  const classPath = (...more: string[]) => [path.join(jars!, "*"), ...more].join(path.delimiter);
  let served: ServiceNetwork;
  let service: ServiceContract;

  before(async () => {
    const source = path.join(repositoryRoot, "test/contracts/java-shim/JavaShim.java");
    await promisify(execFile)("javac", ["-nowarn", "-d", classes, "-cp", classPath(), source]);
    served = await ServiceNetwork.start("javashim", folder, "5s");
    const { packageId, address } = served;
    service = ServiceContract.start("java", ["-cp", classPath(classes), "JavaShim"], packageId, address);
    await served.isServed();
  });
  after(async () => {
    await served?.network.stop();
    await service?.stop();
    remove();
  });

  const contract = (channel?: string) => served.contract(channel);
  const submit = (name: string, ...args: string[]) => served.submit(name, ...args);
  const ask = async (name: string, ...args: string[]): Promise<string> =>
    Buffer.from(await contract().evaluateTransaction(name, ...args)).toString();
  const lines = async (name: string, ...args: string[]): Promise<string[]> => (await ask(name, ...args)).split("\n");

  it("reads what it wrote, and ranges in several answers", async () => {
    await submit("put", "asset", "blue");
    assert.equal(await ask("get", "asset"), "blue");
    await submit("putMany", "many", "250");
    assert.equal((await lines("range", "many", "many~")).length, 250);
    const [bookmark, ...first] = await lines("page", "many", "many~", "200", "");
    assert.deepEqual([first.length, bookmark], [200, "many00200"]);
    assert.equal((await lines("page", "many", "many~", "200", bookmark!)).length, 51);
  });

  it("finds composite keys and documents, and reads the past newest first", async () => {
    for (const name of ["a", "b"]) await submit("putComposite", "car", "red", name);
    assert.deepEqual(await lines("composites", "car", "red"), ["red/a", "red/b"]);
    await submit("put", "document", '{"color":"blue"}');
    await submit("delete", "document");
    await submit("put", "document", '{"color":"red"}');
    assert.deepEqual(await lines("query", '{"selector":{"color":"red"}}'), ["document"]);
    assert.deepEqual(await lines("history", "document"), ['{"color":"red"}', "deleted", '{"color":"blue"}']);
  });

  it("keeps private data, and purges it", async () => {
    await contract().submit("putPrivate", { arguments: ["shared", "price"], transientData: { value: "12" } });
    assert.equal(await ask("getPrivate", "shared", "price"), "12");
    assert.equal(await ask("privateHash", "shared", "price"), "32");
    assert.deepEqual(await lines("rangePrivate", "shared", "", "~"), ["price"]);
    await submit("purgePrivate", "shared", "price");
    assert.equal(await ask("rangePrivate", "shared", "", "~"), "");
  });

  it("guards a key", async () => {
    await submit("put", "guarded", "1");
    await submit("guard", "guarded", "Org2MSP");
    assert.deepEqual(await lines("guards", "guarded"), ["Org2MSP"]);
  });

  it("calls a chaincode of another channel to read, and survives a refused call", async () => {
    await contract(ELSEWHERE).submitTransaction("put", "there", "1");
    assert.deepEqual(await lines("call", served.name, ELSEWHERE, "get", "there"), ["200", "1"]);
    const refused = contract().evaluateTransaction("call", "nobody", "", "get");
    // These are the shim's own words: it keeps the peer's to its log.
    await assert.rejects(refused, ({ details }: GatewayError) =>
      details.some(({ message }) => message.includes("Unsuccessful response received")),
    );
  });

  it("announces the last of its events", async () => {
    assert.deepEqual(await served.announced(), { name: "two", payload: "payload of two" });
  });
});
