/**
 * A contract with the Go shim of Fabric 3.1, run as a service: the only shim that batches its reads and writes.
 * Needs Go and, named by HANSA_FABRIC_SOURCE, a checkout of Fabric 3.1 or later: the shim is taken from its vendor folder.
 * HANSA_GO names another `go` than the one on the path.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { GatewayError } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { buildGo, ServiceContract } from "../support/service-contract.js";
import { ELSEWHERE, ServiceNetwork } from "../support/service-network.js";

const go = process.env.HANSA_GO ?? "go";
const vendor = path.join(process.env.HANSA_FABRIC_SOURCE ?? "", "vendor");

function missing(): string | false {
  if (process.env.HANSA_FABRIC_SOURCE === undefined) return "HANSA_FABRIC_SOURCE names no checkout of Fabric 3.1";
  if (!existsSync(path.join(vendor, "github.com/hyperledger/fabric-chaincode-go/v2/shim")))
    return `${vendor} holds no Go shim of version 2`;
  const { stdout, error } = spawnSync(go, ["version"], { encoding: "utf8" });
  if (error !== undefined) return `there is no Go: ${error.message}`;
  const [, minor] = /go1\.(\d+)/.exec(stdout) ?? [];
  if (Number(minor) < 23) return `Go is too old for the shim: ${stdout.trim()}`;
  return false;
}

describe("a contract with Fabric's Go shim", { skip: missing() }, () => {
  const { folder, remove } = temporaryFolder();
  const program = path.join(folder, "contract");
  let served: ServiceNetwork;
  let service: ServiceContract;

  before(async () => {
    mkdirSync(path.join(folder, "go"));
    symlinkSync(vendor, path.join(folder, "go/src"));
    await buildGo(go, path.join(folder, "go"), "test/contracts/go-shim/main.go", program);
    served = await ServiceNetwork.start("goshim", folder, "2s");
    service = ServiceContract.start(program, [], served.packageId, served.address);
    await served.isServed();
  });
  after(async () => {
    await served?.network.stop();
    await service?.stop();
    remove();
  });

  const contract = (channel?: string) => served.contract(channel);
  const submit = (name: string, ...args: string[]) => served.submit(name, ...args);
  const ask = async (name: string, ...args: string[]): Promise<unknown> =>
    JSON.parse(Buffer.from(await contract().evaluateTransaction(name, ...args)).toString());
  const failure = async (work: Promise<unknown>): Promise<string> => {
    const error = (await work.then(
      () => assert.fail("it did not fail"),
      (reason: unknown) => reason,
    )) as GatewayError;
    return [error.message, ...error.details.map(({ message }) => message)].join("\n");
  };
  /** Requests of a kind that the first member's peer has answered, by its metrics. */
  const requests = async (type: string): Promise<number> => {
    const url = served.network.operationsUrl(served.network.member("Org1").peers[0]!.id);
    const text = await (await fetch(`${url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith("chaincode_shim_requests_completed{"));
    const found = lines.filter((line) => line.includes(`type="${type}"`));
    return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  };

  it("writes many keys by one message, or few, as it was told that the peer takes them", async () => {
    await submit("put", "many~", "stale");
    const before = [await requests("WRITE_BATCH_STATE"), await requests("PUT_STATE")];
    assert.equal(await submit("putMany", "many", "2500", "many~"), "2500");
    assert.deepEqual([await requests("WRITE_BATCH_STATE"), await requests("PUT_STATE")], [before[0]! + 3, before[1]]);
    assert.equal(await ask("range", "many", "many~~"), 2500);
  });

  it("reads many keys by one message, or few", async () => {
    const before = [await requests("GET_STATE_MULTIPLE"), await requests("GET_STATE")];
    assert.equal(await ask("getManyNumbered", "many", "2500"), (2499 * 2500) / 2);
    assert.deepEqual([await requests("GET_STATE_MULTIPLE"), await requests("GET_STATE")], [before[0]! + 3, before[1]]);
    assert.deepEqual(await ask("getMany", "many00001", "not there", "many00002"), ["1", "", "2"]);
  });

  it("puts writes of every kind into one batch", async () => {
    await submit("mixBatch", "mixed", "Org1MSP", "Org2MSP");
    assert.deepEqual(((await ask("guards", "mixed")) as string[]).sort(), ["Org1MSP", "Org2MSP"]);
    assert.deepEqual(await ask("getManyPrivate", "shared", "mixed", "mixed-gone"), ["private", ""]);
    assert.match(String(await ask("privateHash", "shared", "mixed")), /^[0-9a-f]{64}$/);
    await submit("purgeInBatch", "mixed");
    assert.deepEqual(await ask("getManyPrivate", "shared", "mixed"), [""]);
  });

  it("sends at its end a batch that it left open, and hears of one that is refused", async () => {
    await submit("unfinishedBatch", "unfinished");
    assert.deepEqual(await ask("getMany", "unfinished"), ["never finished"]);
    assert.match(await failure(submit("batchElsewhere", "k")), /WRITE_BATCH_STATE failed: .*nowhere/);
    assert.deepEqual(await ask("getMany", "k"), [""]);
    assert.match(await failure(ask("getManyPrivate", "nowhere", "k")), /GET_STATE_MULTIPLE failed: .*nowhere/);
  });

  it("reads pages, those over all composite keys too", async () => {
    for (const [type, name] of [
      ["car", "a"],
      ["car", "b"],
      ["ship", "c"],
    ])
      await submit("putComposite", type!, name!);
    type Page = { keys: string[]; fetched: number; bookmark: string };
    const first = (await ask("page", "many", "many~", "2000", "")) as Page;
    assert.deepEqual([first.keys.length, first.fetched, first.bookmark], [2000, 2000, "many02000"]);
    const rest = (await ask("page", "many", "many~", "2000", first.bookmark)) as Page;
    assert.deepEqual([rest.keys.length, rest.bookmark], [500, ""]);
    const two = (await ask("allComposites", "2", "")) as Page;
    const last = (await ask("allComposites", "2", two.bookmark)) as Page;
    assert.deepEqual([two.keys.length, last.keys.length, last.bookmark], [2, 1, ""]);
  });

  it("queries documents, and reads the past newest first", async () => {
    for (const color of ["red", "blue"]) await submit("put", "document", JSON.stringify({ color }));
    assert.equal(await ask("query", '{"selector":{"color":"blue"}}'), 1);
    assert.equal(await ask("queryPrivate", "shared", '{"selector":{"color":"blue"}}'), 0);
    assert.match(await failure(ask("query", '{"selector":{"$none":1}}')), /\$none/);
    assert.deepEqual(await ask("history", "document"), ['{"color":"blue"}', '{"color":"red"}']);
  });

  it("calls a chaincode of its channel as part of the transaction, one of another channel to read", async () => {
    await contract(ELSEWHERE).submitTransaction("put", "there", "1");
    assert.deepEqual(await ask("call", served.name, ELSEWHERE, "get", "there"), {
      status: 200,
      message: "",
      payload: "1",
    });
    await submit("call", served.name, ELSEWHERE, "put", "there", "2");
    const there = await contract(ELSEWHERE).evaluateTransaction("get", "there");
    assert.equal(Buffer.from(there).toString(), "1");
    const nobody = (await ask("call", "nobody", "", "get", "there")) as { status: number; payload: string };
    assert.equal(nobody.status, 500);
    assert.match(nobody.payload, /INVOKE_CHAINCODE failed: transaction ID: .*nobody/);
  });

  it("announces the last of its events, and is given transient data", async () => {
    assert.deepEqual(await served.announced(), { name: "two", payload: "payload of two" });
    const secret = await contract().evaluate("transient", { arguments: ["s"], transientData: { s: "hush" } });
    assert.equal(Buffer.from(secret).toString(), "hush");
  });

  it("is missed when it exits, and found again when it is started", async () => {
    assert.match(await failure(ask("exit")), /chaincode stream terminated|is not running|connect/);
    assert.equal(await service.ended(), 3);
    assert.match(await failure(ask("range", "a", "b")), new RegExp(served.address.replaceAll(".", "\\.")));
    service = ServiceContract.start(program, [], served.packageId, served.address);
    await served.isServed();
  });
});
