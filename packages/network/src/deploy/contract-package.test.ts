import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import type { HansaError } from "@hansa/primitives";
import { packageContract } from "./contract-package.js";
import { readTar, writeTar } from "./tar.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-package-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function contract(name: string, files: Record<string, string>): string {
  const root = path.join(folder, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), content);
  }
  return root;
}

const plain = {
  "package.json": '{"main":"index.js"}',
  "index.js": "exports.contracts = [];",
  "node_modules/x/y.js": "",
};

describe("contract package", () => {
  it("has Fabric's shape: metadata.json and code.tar.gz with src/", async () => {
    const root = contract("shape", { ...plain, "META-INF/statedb/couchdb/indexes/a.json": "{}" });
    const { id, label, bytes } = await packageContract(root, "shipment", "1.0");
    assert.equal(label, "shipment_1.0");
    assert.match(id, /^shipment_1\.0:[0-9a-f]{64}$/);
    const outer = readTar(gunzipSync(bytes));
    assert.deepEqual(
      outer.map((file) => file.name),
      ["metadata.json", "code.tar.gz"],
    );
    assert.deepEqual(JSON.parse(Buffer.from(outer[0]!.content).toString()), { path: "", type: "node", label });
    const inner = readTar(gunzipSync(outer[1]!.content));
    assert.deepEqual(
      inner.map((file) => file.name),
      ["META-INF/statedb/couchdb/indexes/a.json", "src/index.js", "src/package.json"],
    );
  });

  it("is the same for the same files, whatever their times", async () => {
    const first = contract("same-a", plain);
    const second = contract("same-b", plain);
    utimesSync(path.join(second, "index.js"), 1, 1);
    assert.equal((await packageContract(first, "c", "1")).id, (await packageContract(second, "c", "1")).id);
  });

  it("of a service holds where its server is, and its indexes", async () => {
    const connection = '{"address":"127.0.0.1:9999"}';
    const index = "META-INF/statedb/couchdb/indexes/a.json";
    const files = { "connection.json": connection, "main.go": "package main", [index]: "{}" };
    const { id, bytes } = await packageContract(contract("service", files), "assets", "2");
    const [metadata, code] = readTar(gunzipSync(bytes));
    assert.equal(JSON.parse(Buffer.from(metadata!.content).toString()).type, "ccaas");
    assert.deepEqual(
      readTar(gunzipSync(code!.content)).map(({ name }) => name),
      ["connection.json", index],
    );
    const changed = contract("service-changed", { ...files, "main.go": "package main // more" });
    assert.equal((await packageContract(changed, "assets", "2")).id, id);
    const twoServers = '{"address":"127.0.0.1:9999","addresses":{"Org2MSP":"127.0.0.1:9998"}}';
    await packageContract(contract("two-servers", { "connection.json": twoServers }), "assets", "2");
    for (const wrong of ["{}", "null", "no JSON", '{"address":"nowhere"}', twoServers.replace(":9998", "")])
      await assert.rejects(packageContract(contract("wrong", { "connection.json": wrong }), "c", "1"), {
        code: "CONTRACT_BUILD",
        message: /connection\.json/,
      });
  });

  it("reads a package that exists, and refuses what is none", async () => {
    const made = await packageContract(contract("made", plain), "c", "1");
    const file = path.join(folder, "c.tgz");
    writeFileSync(file, made.bytes);
    assert.equal((await packageContract(file, "other", "9")).id, made.id);
    writeFileSync(file, "not a package");
    await assert.rejects(packageContract(file, "c", "1"), (error: HansaError) => error.code === "CONTRACT_BUILD");
  });

  it("says what stops a contract from building", async () => {
    const root = contract("broken", {
      "package.json": JSON.stringify({
        main: "dist/index.js",
        scripts: { build: "node -e \"console.error('line 3: no such type'); process.exit(2)\"" },
      }),
      "node_modules/.keep": "",
    });
    await assert.rejects(packageContract(root, "c", "1"), (error: HansaError) => {
      assert.equal(error.code, "CONTRACT_BUILD");
      assert.match(error.message, /does not build:\n[\s\S]*line 3: no such type/);
      return true;
    });
    await assert.rejects(packageContract(path.join(folder, "nowhere"), "c", "1"), { code: "CONTRACT_NOT_FOUND" });
  });

  /** Writes dist/index.js and fails, as TypeScript's compiler does that finds an error. */
  const compiler =
    "#!/bin/sh\nmkdir -p dist; echo 'exports.contracts = []' > dist/index.js\necho 'a.ts(1,1): error TS1'; exit 2\n";
  const failing = (name: string, build: string) => {
    const root = contract(name, {
      "package.json": JSON.stringify({ main: "dist/index.js", scripts: { build } }),
      "src/a.ts": "",
      "node_modules/.bin/tsc": compiler,
    });
    chmodSync(path.join(root, "node_modules/.bin/tsc"), 0o755);
    return root;
  };

  it("takes what the compiler wrote in spite of errors, and reports them", async () => {
    const reports: string[] = [];
    const { bytes } = await packageContract(failing("unused", "tsc"), "c", "1", (step) => reports.push(step));
    assert.deepEqual(reports, ["the compiler wrote its output, but finds errors:\n  a.ts(1,1): error TS1"]);
    const code = readTar(gunzipSync(bytes)).find((file) => file.name === "code.tar.gz")!;
    assert.ok(readTar(gunzipSync(code.content)).some((file) => file.name === "src/dist/index.js"));
  });

  it("takes a main file that an incremental compiler left alone, and none where it wrote nothing", async () => {
    const root = failing("incremental", "tsc");
    const compile = (line: string) =>
      writeFileSync(path.join(root, "node_modules/.bin/tsc"), `#!/bin/sh\n${line}\nexit 2\n`);
    await packageContract(root, "c", "1");
    const edit = () => utimesSync(path.join(root, "src/a.ts"), new Date(), new Date(Date.now() + 60_000));
    edit();
    compile("echo 'exports.b = 1' > dist/b.js");
    await packageContract(root, "c", "1");
    edit();
    compile("echo '{}' > dist/tsconfig.tsbuildinfo; echo 'a.ts(1,1): error TS2'");
    await assert.rejects(packageContract(root, "c", "1"), /does not build:\na\.ts\(1,1\): error TS2/);
  });

  it("does not take what a build left that failed on the way, the second time either", async () => {
    const root = failing("half", "tsc && cp src/a.ts dist");
    for (const _ of [1, 2])
      await assert.rejects(packageContract(root, "c", "1"), /does not build:\na\.ts\(1,1\): error TS1/);
  });
});

describe("tar", () => {
  it("is read by the system's tar", () => {
    const long = `${"deep/".repeat(25)}file.txt`;
    const file = path.join(folder, "a.tar");
    writeFileSync(
      file,
      writeTar([
        { name: "a.txt", content: Buffer.from("hello") },
        { name: long, content: Buffer.alloc(513, 65) },
      ]),
    );
    assert.equal(execFileSync("tar", ["-tf", file], { encoding: "utf8" }), `a.txt\n${long}\n`);
    assert.equal(execFileSync("tar", ["-xOf", file, "a.txt"], { encoding: "utf8" }), "hello");
  });

  it("stops at damage instead of failing", () => {
    const whole = writeTar([{ name: "a", content: Buffer.alloc(600) }]);
    assert.deepEqual(readTar(whole.subarray(0, 700)), []);
    assert.deepEqual(readTar(Buffer.from("x".repeat(600))), []);
  });
});
