import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import { describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { ChannelConfig, computeConfigUpdate, genesisBlock, withBatchSettings } from "@hansa/channel-config";
import { signedUpdate } from "@hansa/channel-config/testing";
import fc from "fast-check";
import { parseForm, readMediaType } from "./multipart.js";
import { startOrderer } from "./orderer.js";
import { readPath } from "./request-path.js";
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

/** The protocol that a client and the server at this address agreed on; false for none. */
function negotiated(url: string, offered: string[]): Promise<string | false | null> {
  const { hostname: host, port } = new URL(url);
  const { certPem: cert, keyPem: key } = tls.client;
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: Number(port), ca: tls.caPem, cert, key, ALPNProtocols: offered }, () => {
      socket.end();
      resolve(socket.alpnProtocol);
    });
    socket.on("error", reject);
  });
}

const jsonOf = ({ body }: Answer) => JSON.parse(body.toString()) as unknown;

describe("channel participation", () => {
  it("finds nothing at paths that are none", async () => {
    const { orderer, base } = await running();
    const { origin } = new URL(base);
    for (const path of [
      "/",
      "/participation",
      "/participation/v1/channels/",
      "/participation/v1/channels/a%2Fblocks",
    ]) {
      const { status, headers, body } = await call(`${origin}${path}`);
      assert.deepEqual([status, body.toString()], [404, "404 page not found\n"], path);
      assert.equal(headers["content-length"], "19");
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["x-request-id"] !== undefined, path.startsWith("/participation/v1/"), path);
    }
    assert.equal((await call(`${base}/channels/%zz`)).status, 400);
    await orderer.stop();
  });

  it("sends clients from other spellings of a path to its own, as Go's server does", async () => {
    const { orderer, base } = await running();
    const moved = await call(`${base}?x=1`);
    assert.deepEqual([moved.status, moved.headers.location], [301, "/participation/v1/?x=1"]);
    assert.equal(moved.body.toString(), '<a href="/participation/v1/?x=1">Moved Permanently</a>.\n\n');
    const posted = await call(base, { method: "POST" });
    assert.deepEqual([posted.status, posted.headers["content-type"], posted.body.length], [301, undefined, 0]);
    const wrong = await call(`${base}/`, { method: "POST" });
    assert.deepEqual([wrong.status, wrong.headers.allow, wrong.body.length], [405, undefined, 0]);
    await orderer.stop();
    const cases: [string, ReturnType<typeof readPath>][] = [
      ["/a/b", { kind: "clean", path: "/a/b" }],
      ["/a/%62", { kind: "clean", path: "/a/b" }],
      ["/a/", { kind: "clean", path: "/a/" }],
      ["/a", { kind: "elsewhere", location: "/a/" }],
      ["//", { kind: "elsewhere", location: "/" }],
      ["//a//b/./../c?q=//", { kind: "elsewhere", location: "/a/c?q=//" }],
      ["/a/%2e%2e", { kind: "elsewhere", location: "/" }],
      ["//[(~*$&+,:;=@", { kind: "elsewhere", location: "/%5B%28~%2A$&+,:;=@" }],
      ["/%zz", { kind: "malformed" }],
    ];
    for (const [target, read] of cases) assert.deepEqual(readPath(target, "/a/"), read, target);
    fc.assert(
      fc.property(fc.string(), (text) => {
        const once = readPath(`/${text}`, "/a/");
        if (once.kind === "elsewhere") assert.equal(readPath(once.location, "/a/").kind, "clean");
      }),
    );
  });

  it("names each request, and says how long an answer is", async () => {
    const { orderer, base } = await running();
    const own = await call(`${base}/channels`, { headers: { "X-Request-Id": "mine" } });
    assert.equal(own.headers["x-request-id"], "mine");
    assert.equal(own.headers["content-length"], String(own.body.length));
    const head = await call(`${base}/channels`, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers["content-length"], head.body.length], [405, "41", 0]);
    assert.match(String(head.headers["x-request-id"]), /^[0-9a-f-]{36}$/);
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
      [
        "same name twice, of which the first counts",
        channels,
        form([
          { name: "config-block", filename: "a", content: genesis },
          { name: "config-block", filename: "b", content: Buffer.from("x") },
        ]),
        405,
        "cannot join: channel already exists",
      ],
      [
        "bad media type",
        channels,
        { ...plain, headers: { "Content-Type": "multipart/form-data; boundary" } },
        400,
        "cannot parse Mime media type: mime: invalid media parameter",
      ],
      ["escaped", `${channels}/a<b`, {}, 400, "invalid channel ID: 'a<b' contains illegal characters"],
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
      assert.doesNotMatch(answer.body.toString(), /[<>&]/, name);
      if (text instanceof RegExp) assert.match(error, text, name);
      else assert.equal(error, text, name);
      if (status === 405) assert.match(String(answer.headers.allow), /^GET/);
    }
    const lost = await call(`${base}/elsewhere`);
    assert.deepEqual([lost.status, lost.body.toString()], [404, "404 page not found\n"]);
    await orderer.stop();
  });

  it("negotiates no version of HTTP, whatever a client offers", async () => {
    const { orderer, base } = await running();
    assert.deepEqual([await negotiated(base, ["http/1.0"]), await negotiated(base, ["h2"])], [false, false]);
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
        const type = readMediaType(headers?.["Content-Type"] ?? "");
        assert.ok(typeof type !== "string");
        const read = parseForm(body as Buffer, type.parameters.get("boundary") ?? "");
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
    fc.assert(fc.property(fc.string(), (text) => void readMediaType(text)));
  });

  it("is read as Go reads it", () => {
    const named = 'Content-Disposition: form-data; name="a"; filename=f';
    const file = (content: string) => [{ name: "a", isFile: true, content: Buffer.from(content) }];
    const cases: [string, ReturnType<typeof parseForm>][] = [
      ["", "multipart: NextPart: EOF"],
      ["--b", "multipart: NextPart: EOF"],
      ["--b--", []],
      [`--b\r\n${named}`, []],
      [`--b\r\n${named}\r\n\r\nx`, "unexpected EOF"],
      [`--b\r\n${named}\r\n\r\nx\r\n--b`, "multipart: NextPart: EOF"],
      ["--b\r\njunk\r\n\r\nx\r\n--b--", 'malformed MIME header: missing colon: "junk"'],
      [`before\r\n--b \r\n${named}\r\n\r\nx\r\n--by\r\n--b--\r\n`, file("x\r\n--by")],
      [`--b\n${named}\n\nx\n--b--\n`, file("x")],
      [`--b\r\n${named}\r\n\r\n--b--`, file("")],
      ['--b\r\ncontent-disposition: FORM-data;\r\n NAME="a"; filename=f\r\n\r\nx\r\n--b--', file("x")],
      ["--b\r\nContent-Disposition: attachment; name=a; filename=f\r\n\r\nx\r\n--b--", []],
    ];
    for (const [text, read] of cases) assert.deepEqual(parseForm(Buffer.from(text), "b"), read, text);
    const types: [string, string][] = [
      ["", "mime: no media type"],
      ["text plain", "mime: expected slash after first token"],
      ["text/", "mime: expected token after slash"],
      ["text/plain/x", "mime: unexpected content after media subtype"],
      ["text/plain; a", "mime: invalid media parameter"],
      ["text/plain; a=1; A=2", "mime: duplicate parameter name"],
    ];
    for (const [header, fault] of types) assert.equal(readMediaType(header), fault, header);
    const parameters = new Map([["boundary", 'a "b']]);
    assert.deepEqual(readMediaType('Multipart/Form-Data; Boundary="a \\"b" ;'), {
      type: "multipart/form-data",
      parameters,
    });
    assert.equal(readMediaType("multipart/form-data;;"), "mime: invalid media parameter");
  });
});
