import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { testOrganization, testProfile } from "@hansa/channel-config/testing";
import type { CallContext } from "@hansa/transport";
import { encode, gateway } from "@hansa/wire";
import type { GatewayHost } from "./host.js";
import { Submitter } from "./submit.js";
import { FakeOrderer } from "./testing/fake-network.js";

const profile = testProfile([testOrganization("Brewery")], testOrganization("Ordering"), { batchTimeoutMs: 1 });
const config = ChannelConfig.fromBlock(genesisBlock(profile));

describe("an orderer that hangs", () => {
  it("is asked last, so that who submits goes on with the others", async () => {
    const sockets: Socket[] = [];
    const hanging = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(hanging, "listening");
    const { port } = hanging.address() as AddressInfo;
    const serving = await new FakeOrderer().start();
    const orderers = [`127.0.0.1:${port}`, serving.address].map((address) => ({
      address,
      mspId: "Ordering",
      tlsRootPems: [],
    }));
    const host = { channel: () => config, orderers: () => orderers } as unknown as GatewayHost;
    // Chance would always take the first one.
    let rank = 0;
    const random = () => rank++ % 2;
    const submitter = new Submitter(host, { broadcastTimeoutMs: 600, random, tlsIdentity: undefined, silentMs: 100 });
    const request = encode(gateway.SubmitRequest, {
      channelId: "trade",
      preparedTransaction: { payload: Buffer.from("payload"), signature: Buffer.from("signature") },
    });
    const context = { signal: new AbortController().signal } as unknown as CallContext;
    const timed = async () => {
      const since = performance.now();
      await submitter.submit(request, context);
      return performance.now() - since;
    };
    const first = timed();
    await pause(200);
    const second = await timed();
    const waited = await first;
    assert.ok(waited >= 590, `the first was not offered to the hanging one: ${waited} ms`);
    assert.ok(second < waited / 2, `the second waited for the hanging one: ${second} ms`);
    assert.equal(serving.envelopes.length, 2);
    submitter.close();
    await serving.stop();
    for (const socket of sockets) socket.destroy();
    hanging.close();
  });
});
