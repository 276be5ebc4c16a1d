/** A peer's metrics, health, log levels and limits, as those see them who run it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LogLevels, leveledLogger } from "@hansa/operations";
import { GrpcStatus, RpcClient, RpcStatus } from "@hansa/transport";
import { encode, HeaderType, orderer, services, signedEnvelope, toLong } from "@hansa/wire";
import { startPeer } from "./peer.js";
import type { RunningPeer } from "./running-peer.js";
import { makeProposal, query, spoiled } from "./testing/client.js";
import { TestOrderer, testGenesis, testOrg } from "./testing/consortium.js";

const brewery = testOrg("BreweryMSP");
const ordering = testOrg("OrdererMSP");
const admin = brewery.identity("admin", "admin");
const lines: string[] = [];
const levels = new LogLevels();

let folder: string;
let ordered: TestOrderer;
let peer: RunningPeer;
let client: RpcClient;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hansa-operations-"));
  ordered = new TestOrderer(ordering.identity("orderer", "orderer"));
  const genesis = testGenesis("trade", [brewery], ordering, await ordered.start());
  ordered.addChannel(genesis);
  const { certPem, keyPem } = brewery.identity("peer0", "peer");
  peer = await startPeer({
    name: "peer0",
    identity: { mspId: brewery.mspId, certPem, keyPem },
    localMsp: brewery.mspConfig,
    listenAddress: "127.0.0.1:0",
    dataDirectory: folder,
    stores: "memory",
    limits: { deliverConcurrency: 1 },
    operations: { listenAddress: "127.0.0.1:0", logging: levels },
    logger: leveledLogger((level, message) => lines.push(`${level} ${message}`), levels, "peer"),
  });
  await query(peer, admin, { chaincode: "cscc", args: ["JoinChain", genesis], type: HeaderType.CONFIG });
  client = new RpcClient(peer.address);
});

after(async () => {
  client.close();
  await peer.stop();
  await ordered.stop();
  await rm(folder, { recursive: true, force: true });
});

const ask = async (path: string, init?: RequestInit) => {
  const response = await fetch(`${peer.operationsUrl}${path}`, init);
  return { status: response.status, text: await response.text() };
};

/** The value of one series; 0 when there is none. */
async function value(series: string): Promise<number> {
  const { text } = await ask("/metrics");
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

describe("a peer that is asked about itself", () => {
  it("is well", async () => {
    const { status, text } = await ask("/healthz");
    assert.deepEqual([status, JSON.parse(text).status], [200, "OK"]);
  });

  it("knows its channels", async () => {
    assert.equal(await value('ledger_blockchain_height{channel="trade"}'), 1);
    assert.equal(await value('hansa_channel_failed{channel="trade"}'), 0);
  });

  it("counts proposals, and what becomes of them", async () => {
    const received = await value("endorser_proposals_received");
    const successful = await value("endorser_successful_proposals");
    await query(peer, admin, { chaincode: "cscc", args: ["GetChannels"] });
    const proposal = makeProposal(admin, { chaincode: "cscc", args: ["GetChannels"] });
    await assert.rejects(client.unary(services.Endorser.methods.ProcessProposal, spoiled(proposal.signed)), RpcStatus);
    assert.equal(await value("endorser_proposals_received"), received + 2);
    assert.equal(await value("endorser_successful_proposals"), successful + 1);
    assert.equal(await value("endorser_proposal_validation_failures"), 1);
    const refused =
      'grpc_server_unary_requests_completed{code="Unknown",method="ProcessProposal",service="protos_Endorser"}';
    assert.equal(await value(refused), 1);
    assert.ok((await value("grpc_comm_conn_opened")) >= 1);
  });

  it("refuses one stream too many as Fabric does, and counts that", async () => {
    const seek = signedEnvelope({
      type: HeaderType.DELIVER_SEEK_INFO,
      channelId: "trade",
      creator: admin.serialized,
      nonce: Buffer.alloc(24, 1),
      timestampMs: Date.now(),
      data: encode(orderer.SeekInfo, {
        start: { specified: { number: toLong(0) } },
        stop: { specified: { number: toLong(1_000) } },
      }),
      sign: (payload) => admin.sign(payload),
    });
    const first = client.bidi(services.Deliver.methods.Deliver);
    void first.send(seek);
    for await (const _ of first.incoming) break;
    const second = client.bidi(services.Deliver.methods.DeliverFiltered);
    void second.send(seek);
    const read = async () => {
      for await (const _ of second.incoming);
    };
    await assert.rejects(read(), (error: unknown) => {
      assert.ok(error instanceof RpcStatus);
      assert.equal(error.code, GrpcStatus.UNKNOWN);
      assert.equal(error.message, "too many requests for /protos.Deliver, exceeding concurrency limit (1)");
      return true;
    });
    const labels = 'channel="trade",data_type="block",filtered="false"';
    assert.equal(await value(`deliver_requests_received{${labels}}`), 1);
    assert.equal(await value(`deliver_blocks_sent{${labels}}`), 1);
    assert.equal(await value("deliver_streams_opened"), 1);
    const refused =
      'grpc_server_stream_requests_completed{code="Unknown",method="DeliverFiltered",service="protos_Deliver"}';
    assert.equal(await value(refused), 1);
    first.close();
    for (let attempt = 0; (await value("deliver_streams_closed")) === 0; attempt++) assert.ok(attempt < 500);
  });

  it("changes what it logs while it runs", async () => {
    const refuse = () => client.unary(services.Endorser.methods.ProcessProposal, Buffer.alloc(0)).catch(() => {});
    const logged = async (spec: string) => {
      assert.equal((await ask("/logspec", { method: "PUT", body: JSON.stringify({ spec }) })).status, 204);
      lines.length = 0;
      const stream = client.bidi(services.Deliver.methods.Deliver);
      void stream.send(Buffer.from("0a00", "hex"));
      for await (const _ of stream.incoming) break;
      stream.close();
      await refuse();
      return lines.filter((line) => line.includes("deliver request is malformed")).length;
    };
    assert.equal(await logged("info"), 1);
    assert.equal(await logged("error"), 0);
    assert.equal(await logged("error:common.deliver=warn"), 1);
    assert.equal((await ask("/logspec")).text, '{"spec":"common.deliver=warn:error"}\n');
  });
});
