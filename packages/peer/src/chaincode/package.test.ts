import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { silentLogger } from "@hansa/primitives";
import { makeNodePackage, makePackage, tarGz } from "../testing/make-package.js";
import { NO_VECTORS, vector, vectorsFolder } from "../testing/vectors.js";
import { safeEntryPath } from "./archive.js";
import { buildChaincode, shimProgram } from "./build.js";
import { packageIdOf, readPackage } from "./package.js";
import { PackageStore } from "./package-store.js";
import { findShippedModules } from "./shipped-modules.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hansa-peer-"));
});
after(() => rm(folder, { recursive: true, force: true }));

describe("chaincode package", () => {
  it("is read, and its id is label and hash", async () => {
    const bytes = makeNodePackage("basic_1.0", "");
    const { metadata } = await readPackage(bytes);
    assert.deepEqual(metadata, { label: "basic_1.0", type: "node", path: "" });
    assert.match(packageIdOf(metadata.label, bytes), /^basic_1\.0:[0-9a-f]{64}$/);
  });

  const refusals: [what: string, bytes: Uint8Array, text: RegExp][] = [
    ["no gzip", Buffer.from("hello"), /error reading as gzip stream/],
    ["nothing", Buffer.alloc(0), /error reading as gzip stream: EOF$/],
    ["no tar", gzipSync(Buffer.alloc(2048, 7)), /error inspecting next tar header/],
    ["no code", tarGz([{ path: "metadata.json", content: "{}" }]), /did not find a code package inside the package/],
    ["no metadata", tarGz([{ path: "code.tar.gz", content: "" }]), /missing metadata\.json/],
    [
      "bad json",
      tarGz([
        { path: "metadata.json", content: "{" },
        { path: "code.tar.gz", content: "x" },
      ]),
      /could not unmarshal metadata\.json as json/,
    ],
    ["bad label", makePackage("../x", "node", []), /invalid label '\.\.\/x'\. Label must be non-empty/],
    ["a link", tarGz([{ path: "metadata.json", content: "", type: "2" }]), /is not a regular file, type 50/],
  ];
  for (const [what, bytes, text] of refusals) {
    it(`is refused: ${what}`, () => assert.rejects(readPackage(bytes), { message: text }));
  }

  for (const path of ["/etc/passwd", "../up", "a/../../up", "a\\b", "C:/x", "a\0b", "", "."]) {
    it(`never writes to ${JSON.stringify(path)}`, () => assert.throws(() => safeEntryPath(path), /illegal file name/));
  }

  it("has the id that Fabric gave it", { skip: vectorsFolder() ? false : NO_VECTORS }, async () => {
    const files = await readdir(join(vectorsFolder() ?? "", "packages"));
    const { packages } = JSON.parse(Buffer.from(vector("messages/messages.json")).toString()) as { packages?: unknown };
    for (const file of files) {
      const bytes = vector(`packages/${file}`);
      const { metadata } = await readPackage(bytes);
      assert.ok(JSON.stringify(packages ?? "").includes(packageIdOf(metadata.label, bytes)), file);
    }
  });
});

describe("package store", () => {
  it("keeps packages over restarts and leaves out damaged ones", async () => {
    const directory = join(folder, "packages");
    const store = await PackageStore.open(directory, silentLogger);
    const bytes = makeNodePackage("kept", "");
    const { packageId, hash } = await store.install(bytes);
    await store.install(bytes);
    await writeFile(join(directory, `damaged.${"0".repeat(64)}.tar.gz`), "x");

    const again = await PackageStore.open(directory, silentLogger);
    assert.deepEqual(
      again.list().map((each) => each.packageId),
      [packageId],
    );
    assert.equal(again.get(packageId)?.hash, hash);
    assert.deepEqual(Buffer.from(await again.bytes(packageId)), Buffer.from(bytes));
    await assert.rejects(again.bytes("none:00"), { message: "chaincode install package 'none:00' not found" });
  });
});

describe("building", () => {
  const options = () => ({ directory: join(folder, "builds"), shipped: findShippedModules(), timeoutMs: 60_000 });
  const build = async (hash: string, bytes: Uint8Array) => {
    const { metadata, code } = await readPackage(bytes);
    return buildChaincode(hash, metadata.type, code, options());
  };

  it("links the modules that ship with the peer instead of installing", async () => {
    const startedAt = performance.now();
    const built = await build("linked", makeNodePackage("linked", "module.exports.contracts = []"));
    assert.equal(built.kind, "node");
    if (built.kind !== "node") return;
    assert.deepEqual(built.start, { kind: "shim", args: [] });
    assert.match(shimProgram(built.directory), /fabric-shim\/cli\.js$/);
    assert.ok(performance.now() - startedAt < 2_000, "no registry was asked");
    // The second time nothing is unpacked.
    assert.deepEqual(await build("linked", makeNodePackage("linked", "")), built);
  });

  it("starts other scripts by node or through npm", async () => {
    const node = await build("node", makeNodePackage("n", "", { scripts: { start: "node --no-warnings index.js" } }));
    assert.deepEqual(node.kind === "node" && node.start, { kind: "node", args: ["--no-warnings", "index.js"] });
    const traced = makeNodePackage("t", "", { scripts: { start: "set -x && fabric-chaincode-node start" } });
    const shim = await build("traced", traced);
    assert.deepEqual(shim.kind === "node" && shim.start, { kind: "shim", args: [] });
    const shell = await build("shell", makeNodePackage("s", "", { scripts: { start: "A=$B node x.js | cat" } }));
    assert.deepEqual(shell.kind === "node" && shell.start, { kind: "npm" });
  });

  it("explains what a package lacks, and leaves nothing half-done", async () => {
    await assert.rejects(build("noscript", makeNodePackage("x", "", { scripts: {} })), /has no start script/);
    await assert.rejects(build("nojson", makePackage("x", "node", [{ path: "src/a.js", content: "" }])), /is missing/);
    await assert.rejects(build("golang", makePackage("x", "golang", [])), /chaincode type 'golang' cannot be built/);
    await assert.rejects(build("ccaas", makePackage("x", "ccaas", [])), /connection\.json not found/);
    const traversal = makePackage("x", "node", [{ path: "../../evil.js", content: "" }]);
    await assert.rejects(build("traversal", traversal), /illegal file name/);
    const left = await readdir(join(folder, "builds"));
    assert.deepEqual(
      left.filter((name) => /noscript|nojson|traversal/.test(name)),
      [],
    );
  });

  it("keeps npm's words when a build fails", async () => {
    const failing = makeNodePackage("x", "", {
      main: "dist/index.js",
      dependencies: {},
      scripts: { start: "node dist/index.js", build: "echo cannot find the thing && exit 3" },
    });
    await assert.rejects(build("failing", failing), /npm run build.*cannot find the thing/s);
  });

  it("gives the first lines of what a compiler has to say, and the last", async () => {
    const noise =
      "for (let n = 1; n <= 900; n++) console.log('src/a.ts(' + n + ',1): error TS2304: no beer'); process.exitCode = 2";
    const failing = makeNodePackage("x", "", {
      main: "dist/index.js",
      dependencies: {},
      scripts: { start: "node dist/index.js", build: `node -e "${noise}"` },
    });
    await assert.rejects(build("noisy", failing), /src\/a\.ts\(1,1\): error.*\n…\n.*src\/a\.ts\(900,1\)/s);
  });

  it("ends a build that hangs, with all that it started", async () => {
    const hanging = makeNodePackage("x", "", {
      main: "dist/index.js",
      dependencies: {},
      scripts: { start: "node dist/index.js", build: "true", preinstall: "echo $$ > ../../hanging.pid; sleep 600" },
    });
    const { metadata, code } = await readPackage(hanging);
    const building = buildChaincode("hanging", metadata.type, code, { ...options(), timeoutMs: 5_000 });
    await assert.rejects(building, /"npm install.*took longer than 5000 ms/);
    const pid = Number(await readFile(join(options().directory, "hanging.pid"), "utf8"));
    for (let tries = 0; tries < 100 && isAlive(pid); tries++) await sleep(20);
    assert.equal(isAlive(pid), false);
    assert.deepEqual(
      (await readdir(options().directory)).filter((name) => name.includes("hanging") && !name.endsWith(".pid")),
      [],
    );
  });

  it("refuses what unpacks to more than it may, without unpacking it", async () => {
    const zeros = gzipSync(Buffer.alloc(260 * 1024 * 1024));
    const bomb = tarGz([
      { path: "metadata.json", content: '{"label":"bomb","type":"node","path":""}' },
      { path: "code.tar.gz", content: zeros },
    ]);
    assert(bomb.length < 1024 * 1024);
    await assert.rejects(build("bomb", bomb), /archive unpacks to more than 268435456 bytes/);
    const many = makePackage(
      "many",
      "node",
      Array.from({ length: 100_001 }, () => ({ path: "src/a", content: "" })),
    );
    await assert.rejects(build("many", many), /archive holds more than 100000 entries/);
  });

  it("reads connection.json of a service", async () => {
    const service = makePackage("x", "ccaas", [{ path: "connection.json", content: '{"address":"127.0.0.1:9999"}' }]);
    assert.deepEqual(await build("service", service), { kind: "service", connection: { address: "127.0.0.1:9999" } });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
