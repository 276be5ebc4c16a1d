/** Clients of Deliver that never read what they asked for: a node holds little for them, and serves the others. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Network, startNetwork } from "@hansa/network";
import type { MethodDefinition } from "@hansa/transport";
import { encode, orderer, protos, services } from "@hansa/wire";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { identityOf, seekEnvelope } from "./forge.js";

const READERS = 100;
const TRANSACTIONS = 24;
const VALUE_BYTES = 400_000;
/** What all of them would be sent, were it not for flow control: beyond what the test's process may grow to. */
const ASKED_BYTES = READERS * TRANSACTIONS * VALUE_BYTES;
/** Each is a TLS connection with both of its ends in this process, and holds a block or two. */
const MOST_BYTES = READERS * 2_500_000;

let network: Network;
const sessions: ClientHttp2Session[] = [];

before(async () => {
  network = await startNetwork(
    {
      network: "slow-readers",
      members: [{ name: "Alpha" }],
      channels: [{ name: "trade" }],
      contracts: [{ name: "bench", channel: "trade", path: path.join(repositoryRoot, "test/contracts/bench") }],
    },
    { mode: "inline" },
  );
  const contract = network.member("Alpha").gateway().getNetwork("trade").getContract("bench");
  for (let n = 0; n < TRANSACTIONS; n++) {
    await contract.submitTransaction("create", `large-${n}`, String(n % 10).repeat(VALUE_BYTES));
  }
});

after(async () => {
  for (const session of sessions) session.destroy();
  await network?.stop();
});

/** Everything from block 0 on, for ever. */
function everything(): Uint8Array {
  const data = encode(orderer.SeekInfo, {
    start: { oldest: {} },
    stop: { specified: { number: 1_000_000 } },
    behavior: orderer.SeekInfo.SeekBehavior.BLOCK_UNTIL_READY,
  });
  return seekEnvelope({ identity: identityOf(network.member("Alpha"), "User1"), data });
}

function neverRead(node: string, method: MethodDefinition): void {
  const planned = network.plan.nodes.find(({ id }) => id === node)!;
  const { organization, host } = planned;
  const ca = readFileSync(network.layout.tlsRoot(organization.kind, organization.domain));
  const session = connect(`https://127.0.0.1:${network.state.ports[node]!.port}`, { ca, servername: host });
  session.on("error", () => {});
  sessions.push(session);
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: method.path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
    [constants.HTTP2_HEADER_TE]: "trailers",
  });
  stream.on("error", () => {});
  stream.pause();
  const request = everything();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(request.length, 1);
  stream.write(Buffer.concat([head, request]));
}

async function metric(node: string, name: string): Promise<number> {
  const text = await (await fetch(`${network.operationsUrl(node)}/metrics`)).text();
  const values = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** How many blocks somebody who reads is sent, up to the newest. */
async function readAll(node: string, method: MethodDefinition): Promise<number> {
  const newest = (await network.ledgers("trade"))[0]!.height - 1;
  const { rpc } = network.target(network.plan.nodes.find(({ id }) => id === node)!);
  const call = rpc.bidi(method, { timeoutMs: 60_000 });
  const data = encode(orderer.SeekInfo, { start: { oldest: {} }, stop: { specified: { number: newest } } });
  await call.send(seekEnvelope({ identity: identityOf(network.member("Alpha"), "User1"), data }));
  let blocks = 0;
  for await (const bytes of call.incoming) {
    if (protos.DeliverResponse.decode(bytes).Type === "status") break;
    blocks++;
  }
  call.close();
  return blocks;
}

for (const [node, method] of [
  ["peer0.alpha", services.Deliver.methods.Deliver],
  ["orderer", services.AtomicBroadcast.methods.Deliver],
] as const) {
  describe(`${READERS} clients of ${node} that never read`, () => {
    it("cost it little memory, and hold up nobody else", async () => {
      global.gc?.();
      const streams = await metric(node, "deliver_streams_opened");
      const sentBefore = await metric(node, "deliver_blocks_sent");
      const before = process.memoryUsage().rss;
      for (let n = 0; n < READERS; n++) neverRead(node, method);
      await until("all of them have asked", async () =>
        (await metric(node, "deliver_streams_opened")) >= streams + READERS ? true : undefined,
      );
      await sleep(2_000);
      const grown = process.memoryUsage().rss - before;
      const sent = (await metric(node, "deliver_blocks_sent")) - sentBefore;
      assert.ok(ASKED_BYTES > 2 * MOST_BYTES);
      assert.ok(grown < MOST_BYTES, `${Math.round(grown / 1e6)} MB more, for ${sent} blocks sent to nobody`);
      const { height } = (await network.ledgers("trade"))[0]!;
      assert.ok(sent < (READERS * height) / 2, `${sent} of ${READERS * height} blocks were sent to nobody`);

      assert.equal(await readAll(node, method), height);
      const contract = network.member("Alpha").gateway().getNetwork("trade").getContract("bench");
      await contract.submitTransaction("create", `after-${node}`, "value");

      for (const session of sessions.splice(0)) session.destroy();
      await until("their streams are closed", async () => {
        const [opened, closed] = await Promise.all(
          ["deliver_streams_opened", "deliver_streams_closed"].map((name) => metric(node, name)),
        );
        return opened! - closed! <= 2 ? true : undefined;
      });
    });
  });
}
