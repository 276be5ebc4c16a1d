import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { silentLogger } from "@hansa/primitives";
import { GrpcStatus, RpcClient, RpcStatus } from "@hansa/transport";
import { protos, services } from "@hansa/wire";
import fc from "fast-check";
import { startPeer } from "./peer.js";
import type { RunningPeer } from "./running-peer.js";
import { makeProposal, query } from "./testing/client.js";
import { testGenesis, testOrg } from "./testing/consortium.js";

const org = testOrg("BreweryMSP");
const ordering = testOrg("OrdererMSP");
const user = org.identity("user", "client");
/** Random bytes, and a good proposal with some bytes changed: the second gets much deeper. */
const anything = fc.uint8Array({ maxLength: 200 });
const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });

describe("bytes that nobody should send", () => {
  let folder: string;
  let peer: RunningPeer;
  let client: RpcClient;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "hansa-bad-"));
    const { certPem, keyPem } = org.identity("peer0", "peer");
    peer = await startPeer({
      name: "peer0",
      identity: { mspId: org.mspId, certPem, keyPem },
      localMsp: org.mspConfig,
      listenAddress: "127.0.0.1:0",
      dataDirectory: folder,
      stores: "memory",
      logger: silentLogger,
    });
    await peer.join(testGenesis("trade", [org], ordering, "127.0.0.1:1"));
    client = new RpcClient(peer.address);
  });
  after(async () => {
    client.close();
    await peer.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** INTERNAL is for what is no protobuf message at all, with Go's words for it. */
  const isPolite = (error: unknown) =>
    error instanceof RpcStatus &&
    (error.code !== GrpcStatus.INTERNAL || error.message.endsWith("proto: cannot parse invalid wire-format data"));

  /** A refusal is a status, or a response that says no. */
  async function refusedPolitely(bytes: Uint8Array): Promise<void> {
    try {
      const answer = await client.unary(services.Endorser.methods.ProcessProposal, bytes, { timeoutMs: 5_000 });
      const { response, endorsement } = protos.ProposalResponse.decode(answer);
      assert.ok((response?.status ?? 0) >= 400 && !endorsement, "no endorsement for damaged bytes");
    } catch (error) {
      assert.ok(isPolite(error), String(error));
    }
  }

  it("get an answer from the endorser", async () => {
    await fc.assert(fc.asyncProperty(anything, refusedPolitely), { numRuns: 100 });
    const fields = { channelId: "trade", chaincode: "qscc", args: ["GetChainInfo", "trade"] };
    const good = makeProposal(user, fields).signed;
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (value || 1);
        if (!bytes.equals(good)) await refusedPolitely(bytes);
      }),
      { numRuns: 200 },
    );
    await query(peer, user, fields);
  });

  const streams = [
    services.Deliver.methods.Deliver,
    services.Deliver.methods.DeliverFiltered,
    services.Deliver.methods.DeliverWithPrivateData,
    services.Endorsements.methods.Stream,
  ];
  for (const method of streams) {
    it(`end the stream or are answered on ${method.path}`, async () => {
      await fc.assert(
        fc.asyncProperty(anything, async (bytes) => {
          const stream = client.bidi(method, { timeoutMs: 5_000 });
          void stream.send(bytes);
          stream.end();
          try {
            for await (const _ of stream.incoming) break;
          } catch (error) {
            assert.ok(isPolite(error), String(error));
          }
          stream.close();
        }),
        { numRuns: 50 },
      );
    });
  }

  it("do not join a channel", async () => {
    await fc.assert(
      fc.asyncProperty(anything, (bytes) => assert.rejects(peer.join(bytes))),
      { numRuns: 50 },
    );
    assert.deepEqual(peer.channelIds(), ["trade"]);
  });
});
