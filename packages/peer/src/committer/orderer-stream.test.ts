import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { testOrganization } from "@hansa/channel-config/testing";
import { systemClock, systemRandom } from "@hansa/primitives";
import { startRecordedOrderer } from "../testing/recorded-orderer.js";
import { OrdererStream } from "./orderer-stream.js";

/** A way to an address that can be cut without anybody being told. */
async function wayTo(address: string) {
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(Number(address.split(":").at(-1)), "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      socket.on("error", () => {});
      sockets.push(socket);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe("a stream of blocks", () => {
  it("ends when its orderer gives no sign of life, and not because it has no block to send", async () => {
    const orderer = await startRecordedOrderer(2);
    const way = await wayTo(orderer.address);
    let blocks = 0;
    let ended: string | undefined;
    const stream = new OrdererStream({
      channelId: "trade",
      address: way.address,
      tls: undefined,
      deliver: undefined,
      tlsClientCert: undefined,
      from: 0,
      signer: testOrganization("Brewery").identity("peer"),
      clock: systemClock,
      random: systemRandom,
      connectTimeoutMs: 2_000,
      watch: { silentMs: 50, answerMs: 300 },
      onBlock: () => blocks++,
      onEnd: (reason) => {
        ended = reason;
      },
    });
    for (let i = 0; i < 200 && blocks < 2; i++) await pause(10);
    await pause(250);
    assert.deepEqual([blocks, ended], [2, undefined], "asked several times by now, and answered");
    way.cut();
    for (let i = 0; i < 200 && ended === undefined; i++) await pause(10);
    assert.equal(ended, "the orderer gives no sign of life for 350 ms");
    stream.close();
    way.close();
    await orderer.stop();
  });
});
