import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import { type Logger, silentLogger, systemClock, toUtf8 } from "@hansa/primitives";
import { RpcClient } from "@hansa/transport";
import { services } from "@hansa/wire";
import { makeNodePackage, makePackage } from "../../testing/make-package.js";
import { plainEnvironment } from "../command.js";
import { PackageStore } from "../package-store.js";
import { ChaincodeRuntime } from "../runtime.js";
import { findShippedModules } from "../shipped-modules.js";
import { DialIn } from "./dial-in.js";

/** What Fabric's samples do in theirs, in Node so that no other program is needed. */
const RUN = `#!/usr/bin/env node
const { readFileSync, writeFileSync } = require("node:fs");
const { spawn } = require("node:child_process");
const [, , output, metadata] = process.argv;
const chaincode = JSON.parse(readFileSync(metadata + "/chaincode.json", "utf8"));
writeFileSync(output + "/seen.json", JSON.stringify({ chaincode, environment: process.env }));
const file = (name, content) => (writeFileSync(output + "/" + name, content), output + "/" + name);
const tls = chaincode.client_cert !== "";
const env = { ...process.env, CORE_CHAINCODE_ID_NAME: chaincode.chaincode_id, CORE_PEER_TLS_ENABLED: String(tls) };
if (tls) {
  env.CORE_PEER_TLS_ROOTCERT_FILE = file("root.crt", chaincode.root_cert);
  env.CORE_TLS_CLIENT_CERT_PATH = file("client.crt", Buffer.from(chaincode.client_cert).toString("base64"));
  env.CORE_TLS_CLIENT_KEY_PATH = file("client.key", Buffer.from(chaincode.client_key).toString("base64"));
}
const shim = SHIM;
const child = spawn(process.execPath, [shim, "start", "--peer.address", chaincode.peer_address], { cwd: output, env, stdio: "inherit" });
child.on("exit", (code) => process.exit(code ?? 1));
process.on("SIGTERM", () => child.kill("SIGTERM"));
`;

const SCRIPTS: Readonly<Record<string, string>> = {
  detect: `#!/bin/sh\necho looking >&2\ngrep -q '"type":"special"' "$2/metadata.json"\n`,
  build: `#!/bin/sh\nset -e\ntest ! -f "$1/broken" || { echo "it is broken" >&2; exit 3; }\ncp -r "$1/." "$3/"\necho built >> "$BUILT"\n`,
  release: `#!/bin/sh\nset -e\nif [ -f "$1/connection.json" ]; then mkdir -p "$2/chaincode/server"; cp "$1/connection.json" "$2/chaincode/server/"; fi\nif [ -d "$1/META-INF" ]; then cp -r "$1/META-INF/." "$2/"; fi\n`,
};

const CONTRACT = `
const { Contract } = require("fabric-contract-api");
class Quiet extends Contract {}
module.exports.contracts = [Quiet];
`;

describe("external builders", () => {
  let folder: string;
  let builtFile: string;
  let registry: ChaincodeRegistry;
  let packages: PackageStore;
  let dialIn: DialIn;
  let runtime: ChaincodeRuntime;
  let lines: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "hansa-builders-"));
    builtFile = join(folder, "built.log");
    const bin = join(folder, "special", "bin");
    await mkdir(bin, { recursive: true });
    const shim = join(findShippedModules().get("fabric-shim")!.directory, "cli.js");
    for (const [name, script] of Object.entries({ ...SCRIPTS, run: RUN.replace("SHIM", JSON.stringify(shim)) })) {
      await writeFile(join(bin, name), script);
      await chmod(join(bin, name), 0o755);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const open = async (builders: readonly string[] = ["absent", "special"]) => {
    lines = [];
    const note = (message: string) => void lines.push(message);
    const logger: Logger = { ...silentLogger, info: note, child: () => logger };
    registry = new ChaincodeRegistry({ clock: systemClock, every: () => () => {} });
    packages = await PackageStore.open(join(folder, "packages"), silentLogger);
    dialIn = await DialIn.open({ listenAddress: "127.0.0.1:0" }, true, { registry, clock: systemClock, logger });
    const { PATH = "" } = plainEnvironment();
    runtime = new ChaincodeRuntime({
      directory: folder,
      packages,
      registry,
      mspId: "Org1MSP",
      logLevel: "warning",
      execution: "process",
      maxMemoryMb: 512,
      logger,
      listenAddress: () => "127.0.0.1:1",
      buildTimeoutMs: 20_000,
      startupTimeoutMs: 20_000,
      external: {
        builders: builders.map((name) => ({ name, path: join(folder, name), environment: { PATH, BUILT: builtFile } })),
        dialIn,
      },
    });
  };
  const close = async () => {
    await runtime.stop();
    registry.stop();
    await dialIn.stop();
  };
  beforeEach(() => open());
  afterEach(close);

  const special = async (label: string, files: Record<string, string>) => {
    const entries = Object.entries(files).map(([path, content]) => ({ path, content }));
    return (await packages.install(makePackage(label, "special", entries))).packageId;
  };
  const contract = { "index.js": CONTRACT, "package.json": '{"name":"quiet","version":"1.0.0","main":"index.js"}' };
  const linkModules = async (output: string) => {
    const { symlink } = await import("node:fs/promises");
    await mkdir(join(output, "node_modules"), { recursive: true });
    for (const name of ["fabric-contract-api", "fabric-shim"])
      await symlink(findShippedModules().get(name)!.directory, join(output, "node_modules", name)).catch(() => {});
  };

  it("run a chaincode that dials in over mutual TLS, and know only what they are given", async () => {
    const packageId = await special("ran", contract);
    const build = await runtime.build(packageId);
    assert.ok(build.kind === "external");
    await linkModules(build.output);
    await runtime.launch(packageId);
    const seen = JSON.parse(await readFile(join(build.output, "seen.json"), "utf8"));
    assert.equal(seen.chaincode.chaincode_id, packageId);
    assert.equal(seen.chaincode.peer_address, dialIn.address);
    assert.equal(seen.chaincode.mspid, "Org1MSP");
    assert.match(seen.chaincode.client_key, /PRIVATE KEY/);
    assert.deepEqual(
      Object.keys(seen.environment)
        .filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name))
        .sort(),
      ["BUILT", "PATH"],
    );
    assert.ok(lines.includes("looking"), "what a program writes to stderr is in the log");

    const stranger = new RpcClient(dialIn.address, { rootPems: [seen.chaincode.root_cert] });
    await assert.rejects(stranger.waitReady(2_000).then(() => registerAt(stranger)));
    stranger.close();

    await runtime.halt(packageId);
    assert.equal(registry.isReady(packageId), false);
    assert.deepEqual(await readdir(join(folder, "external", "run")), [], "its key is gone");
  });

  it("build once, also when the peer starts again, and are missed when they are gone", async () => {
    const packageId = await special("once", contract);
    const before = await builds();
    await Promise.all([runtime.build(packageId), runtime.build(packageId)]);
    await close();
    await open();
    await runtime.build(packageId);
    assert.equal((await builds()) - before, 1);
    await close();
    await open(["other"]);
    await assert.rejects(runtime.build(packageId), /was already built with builder 'special', but that builder is no/);
  });

  it("may release the address of a chaincode that runs as a service", async () => {
    const connection = JSON.stringify({ address: "127.0.0.1:1", dial_timeout: "1s", tls_required: false });
    const packageId = await special("served", { "connection.json": connection });
    await assert.rejects(runtime.launch(packageId), /error creating grpc connection to 127\.0\.0\.1:1/);
    const broken = await special("served-badly", { "connection.json": "{" });
    await assert.rejects(runtime.launch(broken), /malformed chaincode info at '.*connection\.json'/);
  });

  it("may release indexes", async () => {
    const path = "META-INF/statedb/couchdb/indexes/owner.json";
    const packageId = await special("indexed", { ...contract, [path]: '{"index":{"fields":["owner"]},"type":"json"}' });
    assert.equal(await runtime.releasedFiles(packageId), undefined);
    await runtime.build(packageId);
    const files = (await runtime.releasedFiles(packageId)) ?? [];
    assert.deepEqual(
      files.map((file) => [file.path, toUtf8(file.content).includes("owner")]),
      [[path, true]],
    );
  });

  it("are named with the reason when they fail, and leave nothing behind", async () => {
    const packageId = await special("fails", { ...contract, broken: "" });
    await assert.rejects(
      runtime.build(packageId),
      /external builder failed to build: external builder 'special' failed: exit status 3/,
    );
    assert.ok(lines.includes("it is broken"));
    assert.equal(existsSync(join(folder, "external", packageId.replace(":", "-"))), false);
  });

  it("leave to the peer what none of them takes", async () => {
    const { packageId } = await packages.install(makeNodePackage("plain", CONTRACT));
    assert.equal((await runtime.build(packageId)).kind, "node");
  });

  it("give chaincodes no way in without TLS from other machines", async () => {
    await assert.rejects(
      DialIn.open({ listenAddress: "0.0.0.0:0" }, false, { registry, clock: systemClock, logger: silentLogger }),
      { code: "CHAINCODE_ADDRESS_NOT_LOCAL" },
    );
  });

  async function builds(): Promise<number> {
    return existsSync(builtFile) ? (await readFile(builtFile, "utf8")).split("\n").length : 1;
  }
});

/** Resolves when the server has taken the stream. */
function registerAt(client: RpcClient): Promise<void> {
  const stream = client.bidi(services.ChaincodeSupport.methods.Register, { signal: AbortSignal.timeout(2_000) });
  return new Promise((resolve, reject) =>
    stream.incoming.subscribe(
      () => resolve(),
      (error) => (error === undefined ? resolve() : reject(error)),
    ),
  );
}
