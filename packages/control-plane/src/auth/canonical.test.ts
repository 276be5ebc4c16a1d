/** Signatures of the published Signature Version 4 test suite, and of requests as botocore signs them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canonicalRequest, signatureOf, signingKey, stringToSign } from "./canonical.js";

const SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TIME = "20150830T123600Z";
const UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

type Vector = readonly [
  name: string,
  request: { method?: string; target?: string; headers?: readonly (readonly [string, string])[]; body?: string },
  signature: string,
];

const SUITE: readonly Vector[] = [
  ["get-vanilla", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  ["post-vanilla", { method: "POST" }, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    "get-vanilla-query-order-key-case",
    { target: "/?Param2=value2&Param1=value1" },
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  [
    "get-vanilla-query-order-value",
    { target: "/?Param1=value2&Param1=Value1" },
    "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
  ],
  [
    "get-vanilla-query-unreserved",
    { target: `/?${UNRESERVED}=${UNRESERVED}` },
    "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
  ],
  ["get-relative", { target: "/example/.." }, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  [
    "get-slash-pointless-dot",
    { target: "/./example" },
    "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
  ],
  ["get-slashes", { target: "//example//" }, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"],
  [
    "get-header-value-multiple",
    {
      headers: [
        ["My-Header1", "value2"],
        ["My-Header1", "value2"],
        ["My-Header1", "value1"],
      ],
    },
    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
  ],
  [
    "get-header-value-trim",
    {
      headers: [
        ["My-Header1", " value1 "],
        ["My-Header2", ' "a   b   c" '],
      ],
    },
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
  ],
  [
    "post-x-www-form-urlencoded",
    { method: "POST", headers: [["Content-Type", "application/x-www-form-urlencoded"]], body: "Param1=value1" },
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
];

const BOTOCORE: readonly Vector[] = [
  [
    "an encoded space, encoded once more",
    { target: "/example%20space/", headers: [["Host", "example.amazonaws.com"]] },
    "446b817944c553435b35e813c261ff4e161fff982d1bacdef1c87f6785dd1662",
  ],
];

const HOST = "managedblockchain.us-east-1.amazonaws.com";
const SERVICE: readonly Vector[] = [
  [
    "two dots for an id",
    { target: "/networks/n-ABC/members/.." },
    "653d5d6a7fc01319582475c28cba5d61a7f917f126ac4cc6b7ec30d9eb6c7174",
  ],
  [
    "a dot for an id",
    { target: "/networks/n-ABC/members/." },
    "f24aea8d88a1207f7acbbf3c1f16392f80f45e9a2dad3b7fd1a1016193508f35",
  ],
  [
    "an ARN as one segment",
    { target: "/tags/arn%3Aaws%3Amanagedblockchain%3Aus-east-1%3A111111111111%3Amembers%2Fm-ABC" },
    "85af6a26b14a7c89ffbada66f071500dcfa8a2d25664c6bfbbb97c342932ce81",
  ],
  [
    "a repeated query parameter",
    { method: "DELETE", target: "/tags/arn%3Aaws%3Ax?tagKeys=b%20c&tagKeys=a%2Fb&tagKeys=%E1%88%B4" },
    "006e4ec142006001fefb9f346aa1a342bfdf44e01239999f6ea9f8bfbd5a913c",
  ],
  [
    "a session token",
    {
      method: "POST",
      target: "/networks",
      headers: [
        ["Content-Type", "application/json"],
        ["X-Amz-Security-Token", "AQoDYXdzEPT"],
      ],
      body: '{"Name":"x"}',
    },
    "addfa5ade95a469305d29cde9968c0198b60dec599b6c2598c43ada1bf5b2ff5",
  ],
];

function signatureFor([, request]: Vector, host: string, service: string): string {
  const { method = "GET", target = "/", headers = [], body = "" } = request;
  const all = [["Host", host] as const, ["X-Amz-Date", TIME] as const, ...headers.filter(([name]) => name !== "Host")];
  const names = [...new Set(all.map(([name]) => name.toLowerCase()))].sort();
  const canonical = canonicalRequest({ method, target, rawHeaders: all.flat(), body: Buffer.from(body) }, names);
  const text = stringToSign(canonical, TIME, `20150830/us-east-1/${service}/aws4_request`);
  return signatureOf(signingKey(SECRET, "20150830", "us-east-1", service), text).toString("hex");
}

describe("Signature Version 4", () => {
  for (const vector of SUITE)
    it(`signs ${vector[0]} of the published suite`, () => {
      assert.equal(signatureFor(vector, "example.amazonaws.com", "service"), vector[2]);
    });
  for (const vector of BOTOCORE)
    it(`signs ${vector[0]} as botocore does`, () => {
      assert.equal(signatureFor(vector, "example.amazonaws.com", "service"), vector[2]);
    });
  for (const vector of SERVICE)
    it(`signs ${vector[0]} as botocore does`, () => {
      assert.equal(signatureFor(vector, HOST, "managedblockchain"), vector[2]);
    });
});
