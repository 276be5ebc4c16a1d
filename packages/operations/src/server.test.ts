/** Answers beside those of a real peer (Fabric 2.5), which were taken down by hand. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { Certificate, generatePrivateKey, privateKeyToPem } from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import { silentLogger } from "@hansa/primitives";
import type { OperationsConfig } from "./config.js";
import type { HealthCheck } from "./health.js";
import { LogLevels } from "./log-levels.js";
import { Metrics } from "./metrics.js";
import { OperationsServer } from "./server.js";
import { HANSA_VERSION } from "./version.js";

const servers: OperationsServer[] = [];
after(() => Promise.all(servers.map((server) => server.stop())));

async function serve(config: Partial<OperationsConfig> = {}, checks: Record<string, HealthCheck> = {}) {
  const metrics = new Metrics();
  const options = { listenAddress: "127.0.0.1:0", logging: new LogLevels(), ...config };
  const server = new OperationsServer(options, { metrics, checks, logger: silentLogger });
  servers.push(server);
  return { metrics, server, ...(await server.listen()) };
}

async function ask(url: string, method = "GET", body?: string) {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body }) });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

const JSON_TYPE = "application/json";

describe("a node's operations over HTTP", () => {
  let url = "";
  before(async () => {
    url = (await serve()).url;
  });

  const ANSWERS: readonly (readonly [string, string, number, string | null, string])[] = [
    ["GET", "/logspec", 200, JSON_TYPE, '{"spec":"info"}\n'],
    ["POST", "/logspec", 400, JSON_TYPE, '{"error":"invalid request method: POST"}\n'],
    ["DELETE", "/version", 400, JSON_TYPE, '{"Error":"invalid request method: DELETE"}'],
    ["POST", "/healthz", 405, null, ""],
    ["GET", "/nothing", 404, "text/plain; charset=utf-8", "404 page not found\n"],
    ["GET", "/version", 200, JSON_TYPE, `{"CommitSHA":"hansa","Version":"${HANSA_VERSION}"}`],
  ];
  for (const [method, path, status, type, text] of ANSWERS) {
    it(`answers ${method} ${path}`, async () => {
      assert.deepEqual(await ask(`${url}${path}`, method), { status, type, text });
    });
  }

  const BODIES: readonly (readonly [string, number, string])[] = [
    ["", 400, '{"error":"EOF"}\n'],
    ["x", 400, `{"error":"invalid character 'x' looking for beginning of value"}\n`],
    ['{"spec":5}', 400, '{"error":"json: cannot unmarshal number into Go struct field LogSpec.spec of type string"}\n'],
    ["[]", 400, '{"error":"json: cannot unmarshal array into Go value of type httpadmin.LogSpec"}\n'],
    ['{"spec":"bogus"}', 400, `{"error":"invalid logging specification 'bogus': bad segment 'bogus'"}\n`],
    ["{}", 204, ""],
    ['{"Spec":"payload"}', 204, ""],
    ['{"spec":"fatal:x=panic:z=payload"} trailing', 204, ""],
  ];
  for (const [body, status, text] of BODIES) {
    it(`answers PUT /logspec with ${body === "" ? "nothing" : body}`, async () => {
      const answer = await ask(`${url}/logspec`, "PUT", body);
      assert.deepEqual([answer.status, answer.text], [status, text]);
    });
  }

  it("refuses a body that is too large, and goes on", async () => {
    const answer = await ask(`${url}/logspec`, "PUT", " ".repeat(70_000)).catch(() => undefined);
    assert.ok(answer === undefined || answer.status === 400);
    assert.equal((await ask(`${url}/version`)).status, 200);
  });

  it("survives what is no HTTP", async () => {
    const { port } = new URL(url);
    for (const bytes of [
      "\u0000\u0001\u0002\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), "127.0.0.1", () => socket.end(bytes));
        socket.on("error", () => {});
        socket.on("close", () => resolve()).resume();
      });
    }
    assert.equal((await ask(`${url}/healthz`)).status, 200);
  });

  it("says which request an answer belongs to", async () => {
    const own = await fetch(`${url}/healthz`, { headers: { "X-Request-Id": "mine" } });
    assert.equal(own.headers.get("x-request-id"), "mine");
    const drawn = await fetch(`${url}/healthz`);
    assert.match(drawn.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
  });

  it("writes metrics of the node and of its process for Prometheus", async () => {
    const { url: at, metrics } = await serve();
    metrics.counter({ name: "deliver_streams_opened", help: "Opened." }).with().add();
    const { status, type, text } = await ask(`${at}/metrics`);
    assert.deepEqual([status, type], [200, "text/plain; version=0.0.4; charset=utf-8"]);
    assert.match(text, /^deliver_streams_opened 1$/m);
    assert.match(text, new RegExp(`^fabric_version\\{version="${HANSA_VERSION}"\\} 1$`, "m"));
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "nodejs_eventloop_lag_seconds"])
      assert.match(text, new RegExp(`^${name} `, "m"));
  });

  it("leaves out what is not asked for", async () => {
    const { url: at } = await serve({ metrics: "disabled", logging: undefined });
    assert.equal((await ask(`${at}/metrics`)).status, 404);
    assert.equal((await ask(`${at}/logspec`)).status, 404);
  });

  it("says which parts are not well, and why", async () => {
    let failure: string | undefined = "the journal cannot be written";
    const checks = {
      journal: () => failure,
      ledger: () => Promise.resolve(undefined),
      nats: () => {
        if (failure !== undefined) throw new Error("not connected");
        return undefined;
      },
    };
    const { url: at } = await serve({}, checks);
    const bad = await ask(`${at}/healthz`);
    assert.deepEqual([bad.status, bad.type], [503, JSON_TYPE]);
    const { time, ...report } = JSON.parse(bad.text);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.deepEqual(report, {
      status: "Service Unavailable",
      failed_checks: [
        { component: "journal", reason: "the journal cannot be written" },
        { component: "nats", reason: "not connected" },
      ],
    });
    failure = undefined;
    const good = await ask(`${at}/healthz`);
    assert.equal(good.status, 200);
    assert.deepEqual(Object.keys(JSON.parse(good.text)), ["status", "time"]);
    assert.equal(JSON.parse(good.text).status, "OK");
  });

  it("names the address that is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    await assert.rejects(serve({ listenAddress: `127.0.0.1:${port}` }), {
      code: "PORT_IN_USE",
      message: `127.0.0.1:${port}, for the operations endpoints, is in use by another process`,
    });
    other.close();
  });
});

describe("a node's operations over HTTPS", () => {
  const dayMs = 86_400_000;
  const request = { organization: "test", validityMs: dayMs, nowMs: Date.now() };
  const root = createRootCa({ commonName: "tls.test", ...request });
  const stranger = createRootCa({ commonName: "other.test", ...request });
  const issue = (ca: typeof root) => {
    const key = generatePrivateKey("P-256");
    const certPem = issueCertificate({
      issuer: { certificate: Certificate.parse(ca.certPem), key: createPrivateKey(ca.keyPem) },
      publicKey: createPublicKey(key),
      subject: { commonName: "node.test" },
      profile: "tls",
      dnsNames: ["localhost"],
      ipAddresses: ["127.0.0.1"],
      nowMs: request.nowMs,
      validityMs: dayMs,
    });
    return { certPem, keyPem: privateKeyToPem(key) };
  };
  const server = issue(root);
  const member = issue(root);
  const other = issue(stranger);

  /** @returns the status; undefined when no connection came about */
  function statusOf(url: string, client?: { certPem: string; keyPem: string }): Promise<number | undefined> {
    return new Promise((resolve) => {
      const identity = client === undefined ? {} : { cert: client.certPem, key: client.keyPem };
      const asked = httpsRequest(url, { ca: root.certPem, agent: false, ...identity }, (response) => {
        const headers: IncomingHttpHeaders = response.headers;
        assert.equal(response.statusCode === 401, headers["x-request-id"] === undefined);
        response.resume();
        resolve(response.statusCode);
      });
      asked.on("error", () => resolve(undefined));
      asked.end();
    });
  }

  it("lets everybody ask for health and version, and holders of a certificate for the rest", async () => {
    const { url } = await serve({ tls: { ...server, clientCaPems: [root.certPem] } });
    for (const [path, open] of [
      ["/healthz", true],
      ["/version", true],
      ["/metrics", false],
      ["/logspec", false],
    ] as const) {
      assert.equal(await statusOf(url + path), open ? 200 : 401, path);
      assert.equal(await statusOf(url + path, member), 200, path);
      assert.equal(await statusOf(url + path, other), open ? 200 : 401, path);
    }
  });

  it("turns away who has none where one is required", async () => {
    const tls = { ...server, clientCaPems: [root.certPem], clientAuthRequired: true };
    const { url } = await serve({ tls });
    assert.equal(await statusOf(`${url}/healthz`), undefined);
    assert.equal(await statusOf(`${url}/healthz`, other), undefined);
    assert.equal(await statusOf(`${url}/healthz`, member), 200);
  });
});

describe("the version", () => {
  it("is the package's", () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    assert.equal(HANSA_VERSION, manifest.version);
  });
});
