/** The services of Hansa's own: authorities, the journal, peers among themselves. None trusts what comes in. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import { GrpcStatus, type MethodDefinition, type RpcClient } from "@hansa/transport";
import { encode, hansa, services } from "@hansa/wire";
import { journalRequest } from "../support/journal-request.js";
import { ask, flawOf } from "./answers.js";
import { identityOf, signedProposal } from "./forge.js";
import { Seeded } from "./seeded.js";

const SEED = Number(process.env.HANSA_SEED ?? 61_803);
const ROUNDS = Number(process.env.HANSA_MUTATIONS ?? 60);
let network: Network;
const rpc = new Map<string, RpcClient>();

before(async () => {
  network = await startNetwork(
    { network: "bad-requests", members: [{ name: "Alpha" }], channels: [{ name: "trade" }] },
    { mode: "inline" },
  );
  for (const node of network.plan.nodes) rpc.set(node.id, network.target(node).rpc);
});
after(() => network?.stop());

const ca = services.HansaCa.methods;
const journal = services.Journal.methods;
const signedBy = (certificatePem: string, body: Uint8Array) =>
  encode(hansa.ca.SignedRequest, { body, signature: Buffer.from("none"), certificatePem });
const signed = (data: Uint8Array, channelId = "trade") =>
  journalRequest(identityOf(network.member("Alpha"), "User1"), channelId, data);
const bodyOf = (method: string) =>
  encode(hansa.ca.RequestBody, { caName: "ca.alpha.example.com", method, nonce: Buffer.alloc(24, 1) });

const cases: readonly [string, string, MethodDefinition, () => Uint8Array, code: number][] = [
  [
    "no secret",
    "ca.alpha",
    ca.Enroll,
    () => encode(hansa.ca.EnrollRequest, { enrollmentId: "admin" }),
    GrpcStatus.UNAUTHENTICATED,
  ],
  ["garbage", "ca.alpha", ca.Enroll, () => Buffer.from("garbage"), GrpcStatus.INVALID_ARGUMENT],
  ...(["Register", "Revoke", "Reenroll", "GetCrl", "EnrollMany"] as const).flatMap(
    (method): (typeof cases)[number][] => [
      ["nothing", "ca.alpha", ca[method], () => Buffer.alloc(0), GrpcStatus.UNAUTHENTICATED],
      [
        "a certificate that is none",
        "ca.alpha",
        ca[method],
        () => signedBy("none", bodyOf(method)),
        GrpcStatus.UNAUTHENTICATED,
      ],
      [
        "a signature that is none",
        "ca.alpha",
        ca[method],
        () => signedBy(identityOf(network.member("Alpha"), "Admin").certificate.pem, bodyOf(method)),
        GrpcStatus.UNAUTHENTICATED,
      ],
    ],
  ),
  ["garbage", "orderer", journal.GetDigest, () => Buffer.from("garbage"), GrpcStatus.INVALID_ARGUMENT],
  [
    "an unknown channel",
    "orderer",
    journal.GetDigest,
    () => signed(encode(hansa.journal.GetDigestRequest, {}), "../"),
    GrpcStatus.NOT_FOUND,
  ],
  [
    "a request that nobody signed",
    "orderer",
    journal.GetDigest,
    () => encode(hansa.journal.GetDigestRequest, { tipSequenceNo: 0 }),
    GrpcStatus.INVALID_ARGUMENT,
  ],
  [
    "a tip to come",
    "orderer",
    journal.GetDigest,
    () => signed(encode(hansa.journal.GetDigestRequest, { tipSequenceNo: 99 })),
    GrpcStatus.NOT_FOUND,
  ],
  [
    "an entry that is not there",
    "orderer",
    journal.GetInclusionProof,
    () => signed(encode(hansa.journal.GetInclusionProofRequest, { sequenceNo: 0, entryIndex: 99 })),
    GrpcStatus.NOT_FOUND,
  ],
];

for (const [what, node, method, message, code] of cases)
  it(`${method.path} refuses ${what}`, async () => {
    const answer = await ask(rpc.get(node)!, method, message());
    assert.equal(flawOf(answer), undefined);
    assert(answer.kind === "status", "it was answered");
    assert.equal(answer.code, code, answer.text);
  });

describe(`requests damaged by chance, seed ${SEED}`, () => {
  const originals: readonly [string, MethodDefinition, () => Uint8Array][] = [
    [
      "ca.alpha",
      ca.Register,
      () => signedBy(identityOf(network.member("Alpha"), "Admin").certificate.pem, bodyOf("Register")),
    ],
    [
      "ca.alpha",
      ca.EnrollMany,
      () => signedBy(identityOf(network.member("Alpha"), "Admin").certificate.pem, bodyOf("EnrollMany")),
    ],
    [
      "orderer",
      journal.GetInclusionProof,
      () => signed(encode(hansa.journal.GetInclusionProofRequest, { sequenceNo: 0, entryIndex: 1 })),
    ],
    ["orderer", journal.GetConsistencyProof, () => signed(encode(hansa.journal.GetConsistencyProofRequest, {}))],
    [
      "peer0.alpha",
      services.Endorser.methods.ProcessProposal,
      () =>
        signedProposal({
          identity: identityOf(network.member("Alpha"), "User1"),
          chaincode: "qscc",
          args: ["GetChainInfo", "trade"],
        }).bytes,
    ],
  ];
  for (const [node, method, original] of originals)
    it(method.path, async () => {
      const seeded = new Seeded(SEED + method.path.length);
      const message = original();
      for (let round = 0; round < ROUNDS; round++) {
        const damaged = seeded.damaged(message);
        assert.equal(flawOf(await ask(rpc.get(node)!, method, damaged)), undefined, damaged.toString("hex"));
      }
    });
});
