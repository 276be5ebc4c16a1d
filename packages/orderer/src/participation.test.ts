import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import { describe, it } from "node:test";
import { ChannelConfig, computeConfigUpdate, genesisBlock, withBatchSettings } from "@hansa/channel-config";
import { signedUpdate } from "@hansa/channel-config/testing";
import fc from "fast-check";
import { boundaryOf, parseForm } from "./multipart.js";
import { startOrderer } from "./orderer.js";
import { TestClient, testClock, testNetwork, testTls } from "./testing.js";

const { orgs, ordererOrg, ordererIdentity, profile, genesis } = testNetwork();
const member = orgs[0]!.identity("client");
const tls = testTls();

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };
type Call = { method?: string; body?: Uint8Array; headers?: Record<string, string>; withCertificate?: boolean };

function call(url: string, { method = "GET", body, headers = {}, withCertificate = true }: Call = {}): Promise<Answer> {
  const credentials = withCertificate ? { cert: tls.client.certPem, key: tls.client.keyPem } : {};
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { method, headers, ca: tls.caPem, agent: false, ...credentials }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

const BOUNDARY = "boundary-of-a-test";

function form(parts: { name: string; filename?: string; content: Uint8Array }[]): Call {
  const pieces = parts.flatMap(({ name, filename, content }) => [
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${filename ? `; filename="${filename}"` : ""}\r\n` +
        "Content-Type: application/octet-stream\r\n\r\n",
    ),
    content,
    Buffer.from("\r\n"),
  ]);
  const body = Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]);
  return { method: "POST", body, headers: { "Content-Type": `multipart/form-data; boundary=${BOUNDARY}` } };
}

const joinForm = (block: Uint8Array) => form([{ name: "config-block", filename: "config.block", content: block }]);

async function running() {
  const orderer = await startOrderer({
    identity: ordererIdentity,
    clock: testClock,
    listen: { address: "127.0.0.1:0" },
    admin: {
      address: "127.0.0.1:0",
      tls: { ...tls.server, clientCaPems: [tls.caPem] },
      maxRequestBytes: 100_000,
    },
  });
  const base = `${orderer.admin?.url}/participation/v1`;
  return { orderer, base };
}

const jsonOf = ({ body }: Answer) => JSON.parse(body.toString()) as unknown;

describe("channel participation", () => {
  it("finds nothing at paths that are none", async () => {
    const { orderer, base } = await running();
    for (const path of ["//", "//[", "/participation", "/participation/v1/channels/trade/blocks/1/2", "/%zz"])
      assert.equal((await call(`${new URL(base).origin}${path}`)).status, 404, path);
    assert.equal((await call(`${base}/channels/%zz`)).status, 400);
    await assert.rejects(call(`${base}/channels`, { withCertificate: false }));
    await orderer.stop();
  });

  it("joins, lists, shows, gives blocks of and removes a channel", async () => {
    const { orderer, base } = await running();
    const none = await call(`${base}/channels`);
    assert.equal(none.status, 200);
    assert.equal(none.headers["cache-control"], "no-store");
    assert.deepEqual(jsonOf(none), { systemChannel: null, channels: null });

    const info = {
      name: "trade",
      url: "/participation/v1/channels/trade",
      consensusRelation: "consenter",
      status: "active",
      height: 1,
    };
    const joined = await call(`${base}/channels`, joinForm(genesis));
    assert.equal(joined.status, 201);
    assert.equal(joined.headers.location, info.url);
    assert.deepEqual(jsonOf(joined), info);
    assert.deepEqual(jsonOf(await call(`${base}/channels/trade`)), info);
    const listed = await call(`${base}/channels`);
    assert.deepEqual(jsonOf(listed), { systemChannel: null, channels: [{ name: "trade", url: info.url }] });

    for (const id of ["oldest", "newest", "config", "0"]) {
      const block = await call(`${base}/channels/trade/blocks/${id}`);
      assert.equal(block.headers["content-type"], "application/octet-stream");
      assert.deepEqual(block.body, Buffer.from(genesis), id);
    }
    const redirect = await call(`${base}/`);
    assert.equal(redirect.status, 302);
    assert.equal(redirect.headers.location, "/participation/v1/channels");

    const removed = await call(`${base}/channels/trade`, { method: "DELETE" });
    assert.equal(removed.status, 204);
    assert.equal(removed.body.length, 0);
    assert.equal((await call(`${base}/channels/trade`)).status, 404);
    await orderer.stop();
  });

  it("updates a configuration", async () => {
    const { orderer, base } = await running();
    await orderer.join(genesis);
    const config = ChannelConfig.fromBlock(genesis);
    const settings = { batchTimeoutMs: 500, maxMessageCount: 3, absoluteMaxBytes: 9_000, preferredMaxBytes: 9_000 };
    const update = computeConfigUpdate("trade", config.config, withBatchSettings(config.config, settings));
    const put = (signer: typeof member) => {
      const envelope = signedUpdate(update, [signer]);
      const upload = form([{ name: "config-update-envelope", filename: "update.pb", content: envelope }]);
      return call(`${base}/channels`, { ...upload, method: "PUT" });
    };
    const refused = await put(member);
    assert.equal(refused.status, 400);
    assert.match(
      refused.body.toString(),
      /^\{"error":"cannot update: failed update config of channel trade: error applying/,
    );
    const done = await put(ordererOrg.identity("admin"));
    assert.equal(done.status, 201);
    assert.equal((jsonOf(done) as { height: number }).height, 2);
    await orderer.stop();
  });

  it("answers mistakes with Fabric's status and words", async () => {
    const { orderer, base } = await running();
    await orderer.join(genesis);
    const channels = `${base}/channels`;
    const plain = { method: "POST", body: Buffer.from("x"), headers: { "Content-Type": "text/plain" } };
    const extra = form([
      { name: "config-block", filename: "b", content: genesis },
      { name: "more", content: Buffer.from("1") },
    ]);
    const spoiled = Buffer.from(genesis);
    spoiled[spoiled.indexOf("BreweryMSP")] = 0x62;
    const cases: [string, string, Call, number, string | RegExp][] = [
      ["join twice", channels, joinForm(genesis), 405, "cannot join: channel already exists"],
      [
        "other consensus",
        channels,
        joinForm(genesisBlock({ ...profile, channelId: "quorum", consensusType: "BFT" })),
        400,
        /this node orders channels of consensus type etcdraft, and the channel's is BFT/,
      ],
      [
        "no block",
        channels,
        joinForm(Buffer.from([255])),
        400,
        "cannot unmarshal file part config-block into a block: proto: cannot parse invalid wire-format data",
      ],
      ["empty block", channels, joinForm(Buffer.alloc(0)), 400, "invalid join block: block is not a config block"],
      [
        "changed block",
        channels,
        joinForm(spoiled),
        400,
        "invalid join block: invalid block: Header.DataHash is different from Hash(block.Data)",
      ],
      ["no form", channels, plain, 400, "unsupported Content-Type: [text/plain]"],
      ["no such part", channels, form([]), 400, "form does not contains part key: config-block"],
      ["too many parts", channels, extra, 400, "form contains too many parts"],
      [
        "too large",
        channels,
        joinForm(Buffer.alloc(200_000)),
        400,
        "cannot read form from request body: http: request body too large",
      ],
      ["wrong method", channels, { method: "DELETE" }, 405, "invalid request method: DELETE"],
      ["wrong method on one", `${channels}/trade`, { method: "POST" }, 405, "invalid request method: POST"],
      ["unknown", `${channels}/nowhere`, {}, 404, "channel does not exist"],
      ["remove unknown", `${channels}/nowhere`, { method: "DELETE" }, 404, "cannot remove: channel does not exist"],
      ["bad id", `${channels}/Bad_Id`, {}, 400, /^invalid channel ID: .*'Bad_Id' contains illegal characters/],
      ["bad block", `${channels}/trade/blocks/first`, {}, 400, /^invalid block ID: 'first' not equal/],
      ["missing block", `${channels}/trade/blocks/7`, {}, 404, /none numbered 7/],
      [
        "not acceptable",
        channels,
        { headers: { Accept: "text/html" } },
        406,
        "response Content-Type is application/json only",
      ],
    ];
    for (const [name, url, ask, status, text] of cases) {
      const answer = await call(url, ask);
      assert.equal(answer.status, status, `${name}: ${answer.body}`);
      const { error } = jsonOf(answer) as { error: string };
      if (text instanceof RegExp) assert.match(error, text, name);
      else assert.equal(error, text, name);
      if (status === 405) assert.match(String(answer.headers.allow), /^GET/);
    }
    const lost = await call(`${base}/elsewhere`);
    assert.deepEqual([lost.status, lost.body.toString()], [404, "404 page not found\n"]);
    await orderer.stop();
  });

  it("talks to nobody without a certificate", async () => {
    const { orderer, base } = await running();
    await assert.rejects(call(`${base}/channels`, { withCertificate: false }));
    await orderer.stop();
  });
});

describe("the ordering service over mutual TLS", () => {
  it("takes Deliver requests only from the certificate they are bound to", async () => {
    const orderer = await startOrderer({
      identity: ordererIdentity,
      clock: testClock,
      listen: { address: "127.0.0.1:0", tls: { ...tls.server, clientCaPems: [tls.caPem], requireClientCert: true } },
    });
    await orderer.join(genesis);
    const client = new TestClient(orderer.address, { rootPems: [tls.caPem], ...tls.client });
    assert.deepEqual(await client.broadcast([client.envelope(member, "trade")]), [{ status: 200, info: "" }]);
    const seek = (tlsCertHash?: Uint8Array) =>
      client.deliver(member, "trade", { newest: {} }, { newest: {} }, {}, tlsCertHash ? { tlsCertHash } : {});
    assert.equal((await seek()).status, 400);
    assert.equal((await seek(Buffer.alloc(32))).status, 400);
    assert.equal((await seek(tls.clientCertHash)).status, 200);
    client.close();
    await orderer.stop();
  });
});

describe("a multipart form", () => {
  it("gives back any content under any names", () => {
    const part = fc.record({ content: fc.uint8Array({ maxLength: 200 }), isFile: fc.boolean() });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const sent = parts.map(({ content, isFile }, i) => ({
          name: `part ${i}`,
          content,
          ...(isFile ? { filename: "f" } : {}),
        }));
        const { body, headers } = form(sent);
        const read = parseForm(body as Buffer, boundaryOf(headers?.["Content-Type"] ?? "") ?? "");
        assert.ok(typeof read !== "string");
        assert.deepEqual(
          read.map(({ name, isFile, content }) => ({ name, isFile, content: [...content] })),
          parts.map(({ content, isFile }, i) => ({ name: `part ${i}`, isFile, content: [...content] })),
        );
      }),
    );
  });

  it("survives any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseForm(Buffer.from(bytes), "-")));
    assert.equal(parseForm(Buffer.from("--b\r\n"), "b"), "multipart: NextPart: unexpected EOF");
    assert.equal(boundaryOf('multipart/form-data; boundary="a b"'), "a b");
    assert.equal(boundaryOf("multipart/form-data"), undefined);
  });
});
