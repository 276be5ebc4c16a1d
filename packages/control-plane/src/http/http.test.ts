/** The wire: what comes before any operation, and what a server must withstand. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type HansaError, silentLogger, systemClock } from "@hansa/primitives";
import { signHeaders } from "../auth/sign.js";
import { startControlPlaneServer } from "../start.js";
import { Store } from "../store/store.js";
import { ACCOUNTS, REGION, TestControlPlane } from "../testing/control-plane.js";
import { fleet } from "../testing/fleet.js";
import { MemoryOperator } from "../testing/memory-operator.js";
import { raw } from "../testing/raw.js";
import { MAX_BODY_BYTES } from "./handler.js";

describe("requests on the wire", () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await TestControlPlane.start();
  });
  after(() => plane.stop());

  const refusals: readonly [string, string, string, unknown, number, string, RegExp][] = [
    [
      "an unknown path",
      "GET",
      "/nothing",
      undefined,
      403,
      "MissingAuthenticationTokenException",
      /there is no GET \/nothing/,
    ],
    [
      "an unknown method",
      "DELETE",
      "/networks",
      undefined,
      403,
      "MissingAuthenticationTokenException",
      /there is no DELETE/,
    ],
    [
      "an empty label",
      "GET",
      "/networks//members",
      undefined,
      403,
      "MissingAuthenticationTokenException",
      /there is no/,
    ],
    ["a broken label", "GET", "/networks/%zz", undefined, 400, "BadRequestException", /percent sign/],
    ["no JSON", "POST", "/networks", "not json", 400, "BadRequestException", /^Invalid request body$/],
    ["a list", "POST", "/networks", "[]", 400, "BadRequestException", /^Invalid request body$/],
    ["half an object", "POST", "/networks", '{"Name":', 400, "BadRequestException", /^Invalid request body$/],
    [
      "deep nesting",
      "POST",
      "/networks",
      `{"a":${"[".repeat(50)}${"]".repeat(50)}}`,
      400,
      "BadRequestException",
      /^Invalid/,
    ],
    ["no body", "POST", "/networks", undefined, 400, "InvalidRequestException", /ClientRequestToken is required/],
    [
      "a body that is too large",
      "POST",
      "/networks",
      " ".repeat(MAX_BODY_BYTES + 1),
      413,
      "RequestEntityTooLargeException",
      /larger than/,
    ],
    [
      "a parameter given twice",
      "GET",
      "/networks?name=a&name=b",
      undefined,
      400,
      "InvalidRequestException",
      /name is given twice/,
    ],
  ];
  for (const [what, method, target, body, status, error, message] of refusals)
    it(`refuses ${what}`, async () => {
      const answer = await raw(plane.url, 0, method, target, body);
      assert.deepEqual([answer.status, answer.error], [status, error]);
      assert.match(String(answer.body.message), message);
      assert.equal(answer.body.Message, answer.body.message);
      assert.equal(answer.body.__type, error);
      assert.match(answer.requestId ?? "", /^[0-9a-f-]{36}$/);
    });

  it("refuses a stranger before it reads the body", async () => {
    const response = await fetch(`${plane.url}/networks`, { method: "POST", body: "x".repeat(1000) });
    assert.equal(response.status, 403);
    assert.equal(response.headers.get("x-amzn-errortype"), "MissingAuthenticationTokenException");
  });

  it("withstands rubbish, and answers others meanwhile", async () => {
    const { hostname, port } = new URL(plane.url);
    const rubbish = [
      "\0\x01\x02\r\n\r\n",
      "GET\r\n\r\n",
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
    ];
    for (const text of rubbish) {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => {});
      socket.write(text);
      const closed = new Promise((resolve) => socket.on("close", resolve));
      assert.equal((await raw(plane.url, 0, "GET", "/networks")).status, 200);
      socket.resume();
      await closed;
    }
    const slow = connect(Number(port), hostname);
    slow.on("error", () => {});
    slow.write("POST /networks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    assert.equal((await raw(plane.url, 0, "GET", "/networks")).status, 200);
    slow.destroy();
  });

  it("ignores members that it does not know, and null is absent", async () => {
    const answer = await raw(plane.url, 0, "POST", "/accessors", {
      ClientRequestToken: "t",
      AccessorType: "BILLING_TOKEN",
      NetworkType: null,
      Surprise: { a: 1 },
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.NetworkType, "ETHEREUM_MAINNET");
  });

  it("answers null for a description that is not there, and times with milliseconds", async () => {
    const { networkId } = await fleet(plane, [0]);
    const { body } = await raw(plane.url, 0, "GET", `/networks/${networkId}`);
    const network = body.Network as Record<string, unknown>;
    assert.equal(network.Description, null);
    assert.match(String(network.CreationDate), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
  });

  it("serves the routes of old clients, with the member in the path", async () => {
    const { networkId, memberIds } = await fleet(plane, [1]);
    const nodes = `/networks/${networkId}/members/${memberIds[0]}/nodes`;
    const made = await raw(plane.url, 1, "POST", nodes, {
      ClientRequestToken: "old",
      NodeConfiguration: { InstanceType: "bc.t3.small", AvailabilityZone: "us-east-1a" },
    });
    assert.equal(made.status, 200);
    await plane.idle();
    const nodeId = String(made.body.NodeId);
    const listed = await raw(plane.url, 1, "GET", nodes);
    assert.deepEqual(
      (listed.body.Nodes as { Id: string }[]).map(({ Id }) => Id),
      [nodeId],
    );
    const found = await raw(plane.url, 1, "GET", `${nodes}/${nodeId}`);
    assert.equal((found.body.Node as { Status: string }).Status, "AVAILABLE");
    const gone = await raw(plane.url, 1, "DELETE", `${nodes}/${nodeId}`);
    assert.deepEqual([gone.status, gone.body], [200, {}]);
  });

  it("tells endpoints in the service's form when it is asked to", async () => {
    const aws = await TestControlPlane.start({ endpoints: "aws" });
    try {
      const { networkId, memberIds } = await fleet(aws, [0]);
      const [n, m] = [networkId.toLowerCase(), memberIds[0]!.toLowerCase()];
      const network = await raw(aws.url, 0, "GET", `/networks/${networkId}`);
      const text = JSON.stringify(network.body);
      assert.ok(text.includes(`"orderer.${n}.managedblockchain.us-east-1.amazonaws.com:30001"`), text);
      const member = JSON.stringify(
        (await raw(aws.url, 0, "GET", `/networks/${networkId}/members/${memberIds[0]}`)).body,
      );
      assert.ok(member.includes(`"ca.${m}.${n}.managedblockchain.us-east-1.amazonaws.com:30002"`), member);
    } finally {
      await aws.stop();
    }
  });
});

describe("ports", () => {
  it("serves HTTP and HTTPS with the same answers", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-tls-"));
    const [key, cert] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
    execFileSync("openssl", [...made, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const tls = { certPem: readFileSync(cert), keyPem: readFileSync(key) };
    const plane = await TestControlPlane.start({
      listen: [{ address: "127.0.0.1:0" }, { address: "127.0.0.1:0", tls }],
    });
    try {
      const [plain, secure] = plane.running.listening;
      assert.match(secure?.url ?? "", /^https:\/\/127\.0\.0\.1:\d+$/);
      const over = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
        const host = `localhost:${secure?.port}`;
        const { accessKeyId, secretAccessKey } = ACCOUNTS[0]!;
        const signed = { method: "GET", host, target: "/networks", body: Buffer.alloc(0) };
        const headers = { host, ...signHeaders(signed, { accessKeyId, secretAccessKey }, REGION, systemClock.now()) };
        const options = {
          host: "127.0.0.1",
          port: secure?.port,
          path: "/networks",
          ca: tls.certPem,
          servername: "localhost",
          headers,
        };
        httpsRequest(options, (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (chunk) => {
            body += chunk;
          });
          response.on("end", () => resolve({ status: response.statusCode, body }));
        })
          .on("error", reject)
          .end();
      });
      const straight = await raw(plain?.url ?? "", 0, "GET", "/networks");
      assert.deepEqual([over.status, JSON.parse(over.body)], [straight.status, straight.body]);
    } finally {
      await plane.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("says when a port is taken, and lets go of the others", async () => {
    const plane = await TestControlPlane.start();
    const taken = plane.running.listening[0]!.address;
    await assert.rejects(
      TestControlPlane.start({ listen: [{ address: "127.0.0.1:0" }, { address: taken }] }),
      (error: HansaError) => error.code === "PORT_IN_USE" && error.message.includes(taken),
    );
    await plane.stop();
  });

  it("does not start without accounts unless it is open", async () => {
    const config = {
      operator: new MemoryOperator(),
      store: Store.inMemory(),
      listen: [{ address: "127.0.0.1:0" }],
      logger: silentLogger,
    };
    await assert.rejects(startControlPlaneServer(config), (error: HansaError) => error.code === "ACCOUNTS_MISSING");
    const open = await startControlPlaneServer({ ...config, auth: "open" });
    await open.stop();
  });
});
