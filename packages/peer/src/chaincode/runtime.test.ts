import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Certificate, generatePrivateKey, privateKeyFromPem, privateKeyToPem } from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import { type ChaincodeCall, ChaincodeRegistry, outcomeText, ShimType } from "@hansa/endorsement/chaincode";
import { silentLogger, systemClock } from "@hansa/primitives";
import { RpcClient, RpcServer } from "@hansa/transport";
import { common, msp, protos, services } from "@hansa/wire";
import { makeNodePackage, makePackage } from "../testing/make-package.js";
import { plainEnvironment } from "./command.js";
import { readConnection } from "./connection.js";
import { PackageStore } from "./package-store.js";
import { type ChaincodeExecution, ChaincodeRuntime } from "./runtime.js";
import { ServiceLink } from "./service-link.js";
import { findShippedModules } from "./shipped-modules.js";
import { registerHandler } from "./support-service.js";

const CREATOR_PEM = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUU8nF0ANQmfWxK9QQ0ix931ieqMcwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdXNlcjAgFw0yNjExMjEwNjEwNTZaGA8yMTI2MTAyODA2MTA1
NlowDzENMAsGA1UEAwwEdXNlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABG1y
pkkGN91raAiRdjerwloBqEYTnLQiOqZ6Vyb9ay698KvlFU1ozt52jWZKnyEayLEJ
KY49mbOq1Yj6fKWuU/ejUzBRMB0GA1UdDgQWBBR3dL6/8Pn08NoPVloky3Ou0TqB
tjAfBgNVHSMEGDAWgBR3dL6/8Pn08NoPVloky3Ou0TqBtjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIBbrIGTe3j0VYtsgBVXtjd+30QRdIEYP1JSt
iBb/rqrAAiEAmhMTNh0to+xjlKGGIU/GbUg0ElnRuii22UtG6WVsHaw=
-----END CERTIFICATE-----
`;

const CONTRACT = `
const { Contract } = require("fabric-contract-api");
class Echo extends Contract {
  async echo(ctx, text) { return text + "/" + process.env.CORE_CHAINCODE_ID_NAME + "/" + process.env.HANSA_CHAINCODE_AUTHORITY; }
  async whose(ctx) { return ctx.stub.getMspID(); }
  async pour() { console.log("pouring"); }
  async crash() { process.exit(7); }
  async where() { return process.cwd(); }
  async loop() { for (;;); }
  async hoard() { const kept = []; for (;;) kept.push(new Array(1000).fill(kept.length)); }
}
setInterval(() => {}, 1000);
module.exports.contracts = [Echo];
`;

let folder: string;
let registry: ChaincodeRegistry;
let server: RpcServer;
let runtime: ChaincodeRuntime;
let packages: PackageStore;
let address: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hansa-runtime-"));
});
after(() => rm(folder, { recursive: true, force: true }));

let execution: ChaincodeExecution = "process";
let startupTimeoutMs: number;
const MAX_MEMORY_MB = 160;
beforeEach(async () => {
  startupTimeoutMs = 20_000;
  registry = new ChaincodeRegistry({
    clock: systemClock,
    every: (ms, run) => {
      const timer = setInterval(run, ms).unref();
      return () => clearInterval(timer);
    },
  });
  packages = await PackageStore.open(join(folder, "packages"), silentLogger);
  runtime = new ChaincodeRuntime({
    directory: folder,
    packages,
    registry,
    mspId: "Org1MSP",
    logLevel: "warning",
    get execution() {
      return execution;
    },
    maxMemoryMb: MAX_MEMORY_MB,
    logger: silentLogger,
    listenAddress: () => address,
    buildTimeoutMs: 60_000,
    get startupTimeoutMs() {
      return startupTimeoutMs;
    },
  });
  server = new RpcServer({ logger: silentLogger });
  server.addService(services.ChaincodeSupport, {
    Register: registerHandler({ registry, packageOf: (authority) => runtime.packageOf(authority), allowAttach: false }),
  });
  address = (await server.listen("127.0.0.1:0")).address;
});

afterEach(async () => {
  await runtime.stop();
  registry.stop();
  await server.stop({ graceMs: 100 });
});

let calls = 0;
async function call(packageId: string, ...args: string[]): Promise<string> {
  calls += 1;
  const request: ChaincodeCall = {
    channelId: "trade",
    txId: `tx${calls}`,
    chaincode: "echo",
    input: protos.ChaincodeInput.encode({ args: args.map((arg) => Buffer.from(arg)) }).finish(),
    isInit: false,
    signedProposal: signedProposal(),
    simulation: undefined,
    history: undefined,
    timeoutMs: 5_000,
    hasCapability: () => true,
    permission: () => ({ read: true, write: true }),
    invoke: () => Promise.reject(new Error("no calls here")),
  };
  const outcome = await registry.execute(packageId, request);
  if (outcome.type === ShimType.ERROR) throw new Error(outcomeText(outcome));
  const { status, message, payload } = protos.Response.decode(outcome.payload);
  if (status !== 200) throw new Error(message);
  return Buffer.from(payload).toString();
}

/** As much of a proposal as fabric-shim reads before it calls a contract. */
function signedProposal(): Uint8Array {
  const idBytes = Buffer.from(CREATOR_PEM);
  const creator = msp.SerializedIdentity.encode({ mspid: "Org1MSP", idBytes }).finish();
  const header = common.Header.encode({
    channelHeader: common.ChannelHeader.encode({ type: 3, channelId: "trade", timestamp: { seconds: 1 } }).finish(),
    signatureHeader: common.SignatureHeader.encode({ creator, nonce: Buffer.from("nonce") }).finish(),
  }).finish();
  const payload = protos.ChaincodeProposalPayload.encode({ input: Buffer.from("input") }).finish();
  const proposalBytes = protos.Proposal.encode({ header, payload }).finish();
  return protos.SignedProposal.encode({ proposalBytes, signature: Buffer.from("unchecked") }).finish();
}

describe("chaincode that the peer starts", () => {
  it("answers, keeps its secret to itself, and comes back after a crash", async () => {
    const { packageId } = await packages.install(makeNodePackage("echo", CONTRACT));
    const startedAt = performance.now();
    await runtime.launch(packageId);
    console.log(`# launched in ${Math.round(performance.now() - startedAt)} ms`);
    assert.equal(await call(packageId, "echo", "hello"), `hello/${packageId}/undefined`);

    await call(packageId, "pour");
    await assert.rejects(call(packageId, "crash"), { message: "chaincode stream terminated" });
    await runtime.launch(packageId);
    assert.equal(await call(packageId, "echo", "again"), `again/${packageId}/undefined`);
    assert.match(await readFile(join(folder, "logs", `${packageId.replace(":", ".")}.log`), "utf8"), /pouring/);
  });

  it("is explained at once when it does not start", async () => {
    const { packageId } = await packages.install(makeNodePackage("broken", "throw new Error('no such beer')"));
    await assert.rejects(runtime.launch(packageId), /exited with 1.*no such beer/s);
    // And also when a busy machine does not let it die once more in time.
    startupTimeoutMs = 1;
    await assert.rejects(runtime.launch(packageId), /exited with 1.*no such beer/s);
  });

  it("is explained when it is not installed", async () => {
    await assert.rejects(runtime.launch("none:00"), { message: "chaincode install package 'none:00' not found" });
  });

  it("does not outlive a peer that is killed", async () => {
    const peer = spawn(
      process.execPath,
      [fileURLToPath(new URL("../testing/child-holder.js", import.meta.url)), folder],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const pid = Number(await firstLine(peer));
    assert.ok(isAlive(pid), "the contract's process runs");
    peer.kill("SIGKILL");
    for (let tries = 0; tries < 100 && isAlive(pid); tries++) await sleep(50);
    assert.ok(!isAlive(pid), "it ended with its peer");
  });
});

describe("chaincode inside the peer", () => {
  afterEach(() => {
    execution = "process";
  });

  it("answers, leaves the environment as it was, and is explained when it cannot be loaded", async () => {
    execution = "inside";
    const variables = { ...process.env };
    const { packageId } = await packages.install(makeNodePackage("inside", CONTRACT.replace("setInterval", "void")));
    await runtime.launch(packageId);
    assert.equal(await call(packageId, "echo", "hello"), "hello/undefined/undefined");
    assert.equal(await call(packageId, "whose"), "Org1MSP");
    assert.deepEqual({ ...process.env }, variables);

    const broken = await packages.install(makeNodePackage("unloadable", "throw new Error('no such beer')"));
    await assert.rejects(runtime.launch(broken.packageId), /cannot be loaded: no such beer/);
    await runtime.halt(packageId);
    await assert.rejects(call(packageId, "echo", "hello"), { message: `chaincode ${packageId} is not running` });
  });
});

describe("chaincode in a worker of the peer", () => {
  afterEach(() => {
    execution = "process";
  });

  it("answers, sees its own folder and environment, comes back after a crash, and is explained", async () => {
    execution = "worker";
    const { packageId } = await packages.install(makeNodePackage("worker", CONTRACT));
    await runtime.launch(packageId);
    assert.equal(await call(packageId, "echo", "hello"), `hello/${packageId}/undefined`);
    assert.equal(await call(packageId, "whose"), "Org1MSP");
    assert.match(await call(packageId, "where"), /builds\/[0-9a-f]{64}\/src$/);
    await call(packageId, "pour");
    await assert.rejects(call(packageId, "crash"), { message: "chaincode stream terminated" });
    await runtime.launch(packageId);
    assert.equal(await call(packageId, "echo", "again"), `again/${packageId}/undefined`);
    assert.match(await readFile(join(folder, "logs", `${packageId.replace(":", ".")}.log`), "utf8"), /pouring/);

    const broken = await packages.install(makeNodePackage("unfit", "throw new Error('no such beer')"));
    await assert.rejects(runtime.launch(broken.packageId), /exited with 1.*no such beer/s);
  });

  it("is ended in an endless loop and when its heap grows too large, and the peer goes on", async () => {
    execution = "worker";
    const { packageId } = await packages.install(makeNodePackage("greedy", CONTRACT));
    await runtime.launch(packageId);
    const looping = call(packageId, "loop");
    await sleep(50);
    runtime.restart(packageId);
    await assert.rejects(looping, { message: "chaincode stream terminated" });
    await runtime.launch(packageId);
    await assert.rejects(call(packageId, "hoard"), { message: "chaincode stream terminated" });
    await runtime.launch(packageId);
    assert.equal(await call(packageId, "echo", "still"), `still/${packageId}/undefined`);
  });
});

describe("chaincode that dials the peer by itself", () => {
  it("is turned away unless it shows the secret of a launch", async () => {
    const { RpcClient } = await import("@hansa/transport");
    const client = new RpcClient(address);
    const stream = client.bidi(services.ChaincodeSupport.methods.Register);
    await assert.rejects(
      (async () => {
        for await (const _ of stream.incoming) assert.fail("nothing is said to strangers");
      })(),
      { message: /peer will not accept external chaincode connection/ },
    );
    client.close();
  });
});

describe("chaincode as a service", () => {
  const port = 20_000 + (process.pid % 20_000);
  let service: ChildProcess | undefined;
  afterEach(() => service?.kill("SIGKILL"));

  async function serve(chaincodeId: string, tls: readonly string[] = []): Promise<void> {
    const { packageId } = await packages.install(makeNodePackage("served", CONTRACT));
    const build = await runtime.build(packageId);
    assert.equal(build.kind, "node");
    const shim = findShippedModules().get("fabric-shim");
    service = spawn(
      process.execPath,
      [
        join(shim?.directory ?? "", "cli.js"),
        "server",
        "--chaincode-address",
        `127.0.0.1:${port}`,
        "--chaincode-id",
        chaincodeId,
        ...tls,
      ],
      { cwd: build.kind === "node" ? build.directory : "", env: plainEnvironment(), stdio: "ignore" },
    );
    const client = new RpcClient(`127.0.0.1:${port}`);
    while ((await client.dial(1_000)) !== "connected") await sleep(20);
    client.close();
  }

  const connection = JSON.stringify({ address: `127.0.0.1:${port}`, dial_timeout: "5s" });
  const makeService = (label: string) =>
    makePackage(label, "ccaas", [{ path: "connection.json", content: connection }]);

  it("is dialled and answers", async () => {
    const { packageId } = await packages.install(makeService("service"));
    await serve(packageId);
    await runtime.launch(packageId);
    assert.equal(await call(packageId, "echo", "hi"), "hi/undefined/undefined");
  });

  it("is dialled over TLS, and shown a certificate where it asks for one", async () => {
    const nowMs = Date.now();
    const validityMs = 3_600_000;
    const ca = createRootCa({ commonName: "ca", organization: "contracts", nowMs, validityMs });
    const issuer = { certificate: Certificate.parse(ca.certPem), key: privateKeyFromPem(ca.keyPem) };
    const certified = (commonName: string) => {
      const key = generatePrivateKey("P-256");
      const subject = { commonName };
      const publicKey = createPublicKey(key);
      const dnsNames = [commonName];
      const certPem = issueCertificate({ issuer, publicKey, subject, dnsNames, profile: "tls", nowMs, validityMs });
      return { certPem, keyPem: privateKeyToPem(key) };
    };
    const server = certified("contracts.example.com");
    const client = certified("peer.example.com");
    const files = { key: server.keyPem, cert: server.certPem, "client-cacert": ca.certPem };
    const options: string[] = [];
    for (const [name, pem] of Object.entries(files)) {
      await writeFile(join(folder, `${name}.pem`), pem);
      options.push(`--chaincode-tls-${name}-file`, join(folder, `${name}.pem`));
    }
    const pack = (label: string, more: object) =>
      makePackage(label, "ccaas", [
        {
          path: "connection.json",
          content: JSON.stringify({
            address: `127.0.0.1:${port}`,
            domain: "contracts.example.com",
            dial_timeout: "5s",
            tls_required: true,
            root_cert: ca.certPem,
            ...more,
          }),
        },
      ]);
    const known = pack("mutual", {
      client_auth_required: true,
      client_cert: client.certPem,
      client_key: client.keyPem,
    });
    const { packageId } = await packages.install(known);
    await serve(packageId, options);
    await runtime.launch(packageId);
    assert.match(await call(packageId, "echo", "hi"), /^hi/);

    const stranger = await packages.install(pack("stranger", { dial_timeout: "1s" }));
    await assert.rejects(runtime.launch(stranger.packageId), /error creating grpc connection|terminated|broke/);
  });

  it("fails at once when it announces another package id", async () => {
    const { packageId } = await packages.install(makeService("wrong"));
    await serve("other:1234");
    await assert.rejects(runtime.launch(packageId), /announced package id "other:1234"/);
  });

  it("is reported when it takes the connection and says nothing", async () => {
    const mute = new RpcServer({ logger: silentLogger });
    mute.addService(services.Chaincode, { Connect: () => new Promise(() => {}) });
    const { address } = await mute.listen("127.0.0.1:0");
    const packageId = `mute:${"0".repeat(64)}`;
    const link = new ServiceLink(packageId, readConnection({ address }, "Org1MSP"), registry, silentLogger, 100);
    const waiting = assert.rejects(registry.whenReady(packageId, 20_000), {
      message: `the chaincode server at ${address} takes connections, but did not register within 100 ms`,
    });
    link.start();
    await waiting;
    await link.stop();
    await mute.stop({ graceMs: 0 });
  });

  it("is reported at once where nobody listens", async () => {
    const short = JSON.stringify({ address: "127.0.0.1:1", dial_timeout: "8s" });
    const { packageId } = await packages.install(
      makePackage("nobody", "ccaas", [{ path: "connection.json", content: short }]),
    );
    const startedAt = performance.now();
    const refusal =
      'connection error: desc = "transport: error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"';
    const message =
      `connection to ${packageId} failed: error cannot create connection for ${packageId}: ` +
      `error creating grpc connection to 127.0.0.1:1: failed to create new connection: ${refusal}`;
    for (let i = 0; i < 2; i++) await assert.rejects(runtime.launch(packageId), { message });
    assert.ok(performance.now() - startedAt < 2_000);
  });

  it("is reported as unreachable within its dial timeout where nobody answers", async () => {
    const taken = new Set<Socket>();
    const full = createServer((socket) => taken.add(socket.on("error", () => {}).resume()));
    full.listen({ host: "127.0.0.1", port: 0 });
    await once(full, "listening");
    const { port } = full.address() as AddressInfo;
    const short = JSON.stringify({ address: `127.0.0.1:${port}`, dial_timeout: "200ms" });
    const { packageId } = await packages.install(
      makePackage("silent", "ccaas", [{ path: "connection.json", content: short }]),
    );
    await assert.rejects(
      runtime.launch(packageId),
      /failed: error cannot create connection for .*: no connection to 127\.0\.0\.1:\d+ within 200 ms/,
    );
    full.close();
    for (const socket of taken) socket.destroy();
  });
});

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const chunk of child.stdout ?? []) return String(chunk);
  throw new Error("the process said nothing");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
