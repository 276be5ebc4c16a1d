import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Certificate, createSigner, generatePrivateKey } from "@hansa/crypto";
import { createCsr } from "@hansa/crypto/issuing";
import { fromUtf8, type Logger } from "@hansa/primitives";
import fc from "fast-check";
import { type CaConfig, type RunningCa, startCa } from "../start.js";

const running: RunningCa[] = [];
const folders: string[] = [];

after(async () => {
  for (const ca of running) await ca.stop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function begin(config: Partial<CaConfig> = {}): Promise<RunningCa> {
  const ca = await startCa({
    domain: "brewery",
    listenAddress: "127.0.0.1:0",
    rest: { listenAddress: "127.0.0.1:0", affiliations: ["Brewery", "peer"] },
    registrar: { id: "admin", secret: "adminpw" },
    ...config,
  });
  running.push(ca);
  return ca;
}

type Reply = {
  status: number;
  text: string;
  result: Record<string, unknown>;
  errors: { code: number; message: string }[];
};
type Ask = { method?: string; body?: unknown; auth?: string; headers?: Record<string, string> };

function ask(ca: RunningCa, uri: string, { method = "POST", body, auth, headers = {} }: Ask = {}): Promise<Reply> {
  const [host, port] = ca.restAddress!.split(":");
  const bytes = body === undefined || Buffer.isBuffer(body) ? body : fromUtf8(textOf(body));
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host,
        port,
        method,
        path: uri,
        ca: ca.tlsCaCertificatePem,
        agent: false,
        headers: { ...(auth === undefined ? {} : { authorization: auth }), ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const status = response.statusCode ?? 0;
          const envelope = text === "" ? {} : JSON.parse(text);
          resolve({ status, text, ...envelope });
        });
      },
    );
    request.on("error", reject);
    request.end(bytes);
  });
}

const textOf = (body: unknown): string => (typeof body === "string" ? body : JSON.stringify(body));
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;

class Caller {
  readonly certificatePem: string;
  readonly #signer: ReturnType<typeof createSigner>;

  constructor(certificatePem: string, key: ReturnType<typeof generatePrivateKey>) {
    this.certificatePem = certificatePem;
    this.#signer = createSigner(key);
  }

  token(method: string, uri: string, body: unknown, version: 1 | 2 = 2): string {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const certificate = base64(this.certificatePem);
    const signedBody = `${base64(body === undefined ? "" : textOf(body))}.${certificate}`;
    const text = version === 1 ? signedBody : `${method}.${base64(uri)}.${signedBody}`;
    return `${certificate}.${Buffer.from(this.#signer.sign(fromUtf8(text))).toString("base64")}`;
  }

  ask(ca: RunningCa, uri: string, { method = "POST", body }: Ask = {}): Promise<Reply> {
    return ask(ca, uri, { method, body, auth: this.token(method, uri, body) });
  }
}

function csr(id: string) {
  const key = generatePrivateKey("P-256");
  return { key, certificate_request: createCsr({ key, subject: { commonName: id } }) };
}

async function enrol(ca: RunningCa, id: string, secret: string): Promise<Caller> {
  const { key, certificate_request } = csr(id);
  const { status, result, text } = await ask(ca, "/enroll", { body: { certificate_request }, auth: basic(id, secret) });
  assert.equal(status, 201, text);
  return new Caller(Buffer.from(String(result.Cert), "base64").toString("utf8"), key);
}

describe("fabric-ca's REST API", () => {
  it("answers with and without its prefix, reads names in any case, and understands both kinds of tokens", async () => {
    const ca = await begin();
    for (const uri of ["/cainfo", "/api/v1/cainfo", "/api/v1/cainfo?ca=ca.brewery"]) {
      const { status, result } = await ask(ca, uri, { method: "GET" });
      assert.equal(status, 200);
      assert.equal(result.CAName, "ca.brewery");
      assert.equal(Buffer.from(String(result.CAChain), "base64").toString("utf8"), ca.caCertificatePem);
    }
    const head = await ask(ca, "/cainfo", { method: "HEAD" });
    assert.deepEqual([head.status, head.text], [200, ""]);
    const admin = await enrol(ca, "admin", "adminpw");
    const body = { ID: "first", MAX_ENROLLMENTS: -1, Secret: null, caName: "ca.brewery" };
    assert.equal((await admin.ask(ca, "/register", { body })).status, 201);
    const old = { id: "second" };
    const auth = admin.token("POST", "/api/v1/register", old, 1);
    assert.equal((await ask(ca, "/api/v1/register", { body: old, auth })).status, 201);
  });

  it("refuses tokens that are not for this request, or nobody's", async () => {
    const ca = await begin();
    const admin = await enrol(ca, "admin", "adminpw");
    const body = { id: "x" };
    const uri = "/api/v1/register";
    const good = admin.token("POST", uri, body);
    const [certificate = "", signature = ""] = good.split(".");
    const strange = new Caller(admin.certificatePem, generatePrivateKey("P-256"));
    const cases: readonly [string, string | undefined, number][] = [
      ["none", undefined, 2],
      ["empty", "", 2],
      ["basic", basic("admin", "adminpw"), 20],
      ["other method", admin.token("PUT", uri, body), 20],
      ["other path", admin.token("POST", "/api/v1/revoke", body), 20],
      ["other body", admin.token("POST", uri, { id: "y" }), 20],
      ["other key", strange.token("POST", uri, body), 20],
      ["no signature", certificate, 20],
      ["three parts", `${good}.${signature}`, 20],
      ["no certificate", `bm90aGluZw==.${signature}`, 20],
      ["idemix", `idemix.1.admin.x.${signature}`, 20],
    ];
    for (const [what, auth, code] of cases) {
      const reply = await ask(ca, uri, { body, ...(auth === undefined ? {} : { auth }) });
      assert.deepEqual([reply.status, reply.errors[0]?.code], [401, code], what);
    }
    assert.equal((await ask(ca, uri, { body, auth: good })).status, 201, "the right one");
  });

  it("says what is wrong with a request, in the envelope, and lives on", async () => {
    const ca = await begin();
    const admin = await enrol(ca, "admin", "adminpw");
    const auth = basic("admin", "adminpw");
    const refused = async (reply: Promise<Reply>, status: number, code: number, message: RegExp) => {
      const { errors, text, ...rest } = await reply;
      assert.deepEqual([rest.status, errors[0]?.code], [status, code], text);
      assert.match(errors[0]?.message ?? "", message);
      assert.doesNotMatch(text, /node:|\.[jt]s:\d/);
      assert.equal(rest.result, "");
    };
    await refused(ask(ca, "/nothing", { method: "GET" }), 404, 0, /nothing at \/nothing/);
    await refused(ask(ca, "/identities/%zz", { method: "GET" }), 404, 0, /nothing at/);
    await refused(ask(ca, "/__proto__", { method: "GET" }), 404, 0, /nothing at/);
    await refused(ask(ca, "/enroll", { method: "PATCH" }), 405, 1, /Method PATCH is not allowed/);
    await refused(ask(ca, "/api/v1/idemix/credential", { body: {} }), 501, 0, /no idemix/);
    await refused(ask(ca, "/enroll", { body: {} }), 401, 2, /No authorization header/);
    await refused(ask(ca, "/enroll", { auth }), 400, 4, /Empty request body/);
    await refused(ask(ca, "/enroll", { auth, body: "{" }), 400, 5, /Invalid request body/);
    await refused(ask(ca, "/enroll", { auth, body: "[]" }), 400, 5, /not a JSON object/);
    await refused(ask(ca, "/enroll", { auth, body: { caname: 1 } }), 400, 5, /"caname" is not a string/);
    await refused(ask(ca, "/enroll", { auth, body: { caname: "x" } }), 404, 19, /CA 'x' does not exist/);
    await refused(ask(ca, "/enroll", { auth, body: { certificate_request: "x" } }), 400, 31, /CSR Decode failed/);
    const { certificate_request } = csr("admin");
    const broken = certificate_request.replace(/\n..../, "\nAAAA");
    await refused(ask(ca, "/enroll", { auth, body: { certificate_request: broken } }), 400, 31, /request/);
    await refused(ask(ca, "/enroll", { auth, body: { certificate_request, profile: "ca" } }), 400, 31, /intermediate/);
    await refused(ask(ca, "/enroll", { auth, body: { certificate_request, profile: "x" } }), 500, 0, /Invalid profile/);
    const named = (body: object) => admin.ask(ca, "/register", { body });
    await refused(named({ id: "a b" }), 400, 75, /enrolment id is/);
    await refused(named({ id: "x", type: "boss" }), 400, 75, /none of client/);
    await refused(named({ id: "x", attrs: {} }), 400, 5, /"attrs" is not a list/);
    await refused(named({ id: "x", attrs: [1] }), 400, 5, /not a JSON object/);
    await refused(named({ id: "governance@brewery" }), 400, 75, /authority's own/);
    await refused(admin.ask(ca, "/revoke", { body: { serial: "12" } }), 400, 15, /Either Name or Serial and AKI/);
    await refused(admin.ask(ca, "/identities", { body: {} }), 400, 52, /Missing 'ID'/);
    await refused(admin.ask(ca, "/affiliations", { body: { name: "a..b" } }), 400, 60, /no dotted path/);
    await refused(admin.ask(ca, "/affiliations?force=maybe", { body: { name: "a" } }), 400, 61, /'force'/);
    const when = (query: string) => admin.ask(ca, `/certificates?${query}`, { method: "GET" });
    await refused(when("revoked_start=yesterday"), 400, 67, /'revoked_begin' value/);
    await refused(when("expired_end=%2B1y"), 400, 67, /'expired_end' value/);
    await refused(ask(ca, "/enroll", { auth, body: "x".repeat(1024 * 1024 + 1) }), 413, 3, /more than 1048576/);
    assert.equal((await ask(ca, "/cainfo", { method: "GET" })).status, 200);
  });

  it("stands whatever bytes it is sent", async () => {
    const ca = await begin();
    const names = ["enroll", "register", "revoke", "identities", "affiliations", "gencrl", "cainfo"];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(fromUtf8)),
        fc.oneof(
          fc.constant(basic("admin", "adminpw")),
          fc.base64String().map((text) => `${text}.${text}`),
        ),
        async (name, bytes, auth) => {
          const { status, text } = await ask(ca, `/${name}`, { body: Buffer.from(bytes), auth });
          assert.ok(status === 200 || (status >= 400 && status < 500), `${status} ${text}`);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("locks an id after too many wrong secrets, and writes neither secrets nor keys into its log", async () => {
    const entries: unknown[] = [];
    const note = (...entry: unknown[]) => void entries.push(entry);
    const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
    const ca = await begin({ logger });
    const admin = await enrol(ca, "admin", "adminpw");
    const { result } = await admin.ask(ca, "/register", { body: { id: "u", secret: "secret-of-u" } });
    assert.equal(result.secret, "secret-of-u");
    const { certificate_request } = csr("u");
    const attempt = (secret: string) => ask(ca, "/enroll", { body: { certificate_request }, auth: basic("u", secret) });
    for (let i = 0; i < 10; i++) assert.equal((await attempt(`wrong-secret-${i}`)).errors[0]?.code, 20);
    assert.equal((await attempt("secret-of-u")).errors[0]?.code, 73);
    const log = JSON.stringify(entries);
    assert.match(log, /identity registered/);
    assert.doesNotMatch(log, /secret-of-u|wrong-secret|adminpw|PRIVATE KEY/);
  });

  it("keeps changes and the tree across restarts, and an earlier registry's registrar gets its new powers", async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), "hansa-rest-"));
    folders.push(dataDir);
    const registrar = { id: "admin", secret: "adminpw" };
    const first = await begin({ dataDir });
    const admin = await enrol(first, "admin", "adminpw");
    await admin.ask(first, "/affiliations?force=true", { body: { name: "north.shop" } });
    await admin.ask(first, "/affiliations/org1?force=true", { method: "DELETE" });
    await admin.ask(first, "/register", { body: { id: "u", affiliation: "north", secret: "one" } });
    await admin.ask(first, "/register", { body: { id: "gone" } });
    const attrs = [{ name: "level", value: "3", ecert: true }];
    const changed = await admin.ask(first, "/identities/u", { method: "PUT", body: { secret: "two", attrs } });
    assert.equal(changed.status, 200, changed.text);
    await admin.ask(first, "/identities/gone", { method: "DELETE" });
    await admin.ask(first, "/affiliations/north?force=true", { method: "PUT", body: { name: "south" } });
    await first.stop();

    const second = await begin({ dataDir, registrar });
    const again = await enrol(second, "admin", "adminpw");
    const tree = await again.ask(second, "/affiliations", { method: "GET" });
    assert.deepEqual(tree.result.affiliations, [
      { name: "Brewery" },
      { name: "org2", affiliations: [{ name: "org2.department1" }] },
      { name: "south", affiliations: [{ name: "south.shop" }] },
    ]);
    const u = Certificate.parse((await enrol(second, "u", "two")).certificatePem);
    assert.deepEqual(u.organizationalUnits, ["client", "south"]);
    assert.equal(u.attributes().level, "3");
    assert.equal((await again.ask(second, "/identities/gone", { method: "GET" })).status, 404);
    await second.stop();

    const registry = path.join(dataDir, "registry.jsonl");
    const text = await readFile(registry, "utf8");
    const { id, type, affiliation, maxEnrollments, atMs } = JSON.parse(text.split("\n", 1)[0]!)[0];
    const attributes = [{ name: "hf.Registrar.Roles", value: "*", ecert: false }];
    const early = { kind: "identityChange", id, type, affiliation, attributes, maxEnrollments, atMs };
    await appendFile(registry, `${JSON.stringify([early])}\n`);
    const third = await begin({ dataDir, registrar });
    const upgraded = await enrol(third, "admin", "adminpw");
    assert.equal((await upgraded.ask(third, "/gencrl", { body: {} })).status, 200);
  });

  it("leaves no enrolment to whom a registrar allows none", async () => {
    const ca = await begin();
    const admin = await enrol(ca, "admin", "adminpw");
    await admin.ask(ca, "/register", { body: { id: "u", secret: "pw" } });
    await admin.ask(ca, "/identities/u", { method: "PUT", body: { max_enrollments: -2 } });
    const { certificate_request } = csr("u");
    const { errors } = await ask(ca, "/enroll", { body: { certificate_request }, auth: basic("u", "pw") });
    assert.equal(errors[0]?.code, 20);
  });
});
