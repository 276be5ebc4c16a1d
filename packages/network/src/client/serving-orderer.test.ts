import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { describe, it } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { createRootCa } from "@hansa/crypto/issuing";
import type { PlannedNode } from "../plan/plan.js";
import { servingOrderer } from "./serving-orderer.js";

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe("which orderer is asked", () => {
  it("is the first that answers: not one that is down, nor one that hangs", async () => {
    const times = { nowMs: Date.now(), validityMs: 60_000 };
    const { certPem: cert, keyPem: key } = createRootCa({ commonName: "orderer", organization: "test", ...times });
    // As a process that hangs: connections are taken, and nothing is said.
    const hanging = createTcpServer();
    const serving = createTlsServer({ cert, key });
    const gone = createTcpServer();
    const places = { orderer: await portOf(gone), orderer2: await portOf(hanging), orderer3: await portOf(serving) };
    gone.close();
    const nodes = Object.keys(places).map((id) => ({ id, host: `${id}.example.com`, kind: "orderer" }) as PlannedNode);
    const ports = Object.fromEntries(Object.entries(places).map(([id, port]) => [id, { port }]));
    const network = { plan: { nodes }, state: { ports } };
    assert.equal((await servingOrderer(network)).id, "orderer3");
    hanging.close();
    serving.close();
    await once(serving, "close");
    assert.equal((await servingOrderer(network)).id, "orderer", "whose error is told");
    assert.equal((await servingOrderer(network, nodes.slice(1))).id, "orderer2");
  });
});
