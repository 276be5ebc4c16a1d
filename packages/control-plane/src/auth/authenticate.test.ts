import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sha256Hex, unixMs } from "@hansa/primitives";
import { ApiError } from "../errors.js";
import { Authenticator } from "./authenticate.js";
import { signHeaders } from "./sign.js";

const NOW = unixMs(Date.UTC(2026, 0, 2, 3, 4, 5));
const ACCOUNT = { accountId: "111111111111", accessKeyId: "AKIA1", secretAccessKey: "secret", name: "one" };
const BODY = Buffer.from('{"a":1}');

type Sent = {
  target?: string;
  headers?: Record<string, string>;
  body?: Buffer;
  at?: number;
  region?: string;
  secret?: string;
};

function signed({
  target = "/networks",
  headers = {},
  body = BODY,
  at = NOW,
  region = "us-east-1",
  secret,
}: Sent = {}) {
  const request = { method: "POST", host: "localhost:1", target, body };
  const credentials = { accessKeyId: "AKIA1", secretAccessKey: secret ?? "secret" };
  const made: Record<string, string> = {
    host: "localhost:1",
    ...signHeaders(request, credentials, region, unixMs(at)),
  };
  return { ...made, ...headers };
}

function check(
  headers: Record<string, string | undefined>,
  { target = "/networks", body = BODY }: Sent = {},
  open = false,
) {
  const authenticator = new Authenticator([ACCOUNT], "us-east-1", () => NOW, open);
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
  return authenticator.verify(authenticator.claims(target, rawHeaders), { method: "POST", target, rawHeaders, body });
}

function refused(run: () => unknown): [string, number, string] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ApiError);
    return [error.name, error.status, error.message];
  }
  return assert.fail("it was accepted");
}

const change = (text: string | undefined, from: string | RegExp, to: string) => (text ?? "").replace(from, to);

describe("who is calling", () => {
  it("knows an account by its signature", () => {
    assert.deepEqual(check(signed()), { accountId: "111111111111", accessKeyId: "AKIA1", name: "one" });
  });

  it("takes a request that is up to 15 minutes off", () => {
    for (const minutes of [-15, -1, 1, 15]) check(signed({ at: NOW + minutes * 60_000 }));
  });

  const wrong: readonly [string, () => unknown, string, RegExp][] = [
    [
      "no signature",
      () => check({ host: "localhost:1" }),
      "MissingAuthenticationTokenException",
      /Missing Authentication Token/,
    ],
    [
      "a presigned address",
      () => check({ host: "localhost:1" }, { target: "/networks?X-Amz-Signature=00" }),
      "MissingAuthenticationTokenException",
      /Presigned/,
    ],
    [
      "another scheme",
      () => check({ host: "x", authorization: "Basic abc" }),
      "IncompleteSignatureException",
      /AWS4-HMAC-SHA256/,
    ],
    [
      "a missing parameter",
      () => check({ ...signed(), authorization: change(signed().authorization, /, Signature=.*/, "") }),
      "IncompleteSignatureException",
      /'Signature'/,
    ],
    [
      "half a credential",
      () => check({ ...signed(), authorization: change(signed().authorization, "/us-east-1", "") }),
      "IncompleteSignatureException",
      /Credential/,
    ],
    [
      "an unknown key",
      () => check({ ...signed(), authorization: change(signed().authorization, "AKIA1", "AKIA2") }),
      "UnrecognizedClientException",
      /security token/,
    ],
    ["another secret", () => check(signed({ secret: "guessed" })), "InvalidSignatureException", /does not match/],
    [
      "another body",
      () => check({ ...signed(), "x-amz-content-sha256": undefined }, { body: Buffer.from("{}") }),
      "InvalidSignatureException",
      /x-amz-content-sha256/,
    ],
    [
      "a changed body under its own sum",
      () => check(signed(), { body: Buffer.from("{}") }),
      "InvalidSignatureException",
      /SHA-256/,
    ],
    ["another path", () => check(signed(), { target: "/accessors" }), "InvalidSignatureException", /does not match/],
    [
      "another query",
      () => check(signed(), { target: "/networks?a=1" }),
      "InvalidSignatureException",
      /does not match/,
    ],
    [
      "another region",
      () => check(signed({ region: "eu-west-1" })),
      "InvalidSignatureException",
      /valid region.*us-east-1/,
    ],
    [
      "another service",
      () => check({ ...signed(), authorization: change(signed().authorization, "/managedblockchain/", "/s3/") }),
      "InvalidSignatureException",
      /managedblockchain/,
    ],
    ["an old signature", () => check(signed({ at: NOW - 15 * 60_000 - 1000 })), "InvalidSignatureException", /expired/],
    [
      "a signature of the future",
      () => check(signed({ at: NOW + 15 * 60_000 + 1000 })),
      "InvalidSignatureException",
      /not yet current/,
    ],
    [
      "an unsigned x-amz header",
      () => check({ ...signed(), "x-amz-target": "x" }),
      "InvalidSignatureException",
      /'x-amz-target' must be one of the SignedHeaders/,
    ],
    [
      "a broken percent sign in the query",
      () => check(signed(), { target: "/networks?a=%zz" }),
      "BadRequestException",
      /percent sign/,
    ],
  ];
  for (const [what, run, name, message] of wrong)
    it(`refuses ${what}`, () => {
      const [found, , text] = refused(run);
      assert.equal(found, name);
      assert.match(text, message);
    });

  it("refuses an unsigned payload even when the rest is signed", () => {
    const at = signed();
    const [name, status, text] = refused(() => check({ ...at, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" }));
    assert.deepEqual([name, status], ["InvalidSignatureException", 403]);
    assert.match(text, /Unsigned payloads/);
    assert.equal(at["x-amz-content-sha256"], sha256Hex(BODY));
  });

  it("takes the account from the key id when it is open", () => {
    const as = (key: string) => ({ ...signed(), authorization: change(signed().authorization, "AKIA1", key) });
    assert.equal(check(as("123456789012"), {}, true).accountId, "123456789012");
    assert.equal(check(as("test"), {}, true).accountId, "000000000001");
    const own = check(signed({ secret: "any" }), {}, true);
    assert.deepEqual(own, { accountId: "111111111111", accessKeyId: "AKIA1", name: "one" });
    assert.equal(refused(() => check({ host: "x" }, {}, true))[0], "MissingAuthenticationTokenException");
  });
});
