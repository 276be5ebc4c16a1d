import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NetworkFile } from "../config/file-shape.js";
import { parseNetworkObject } from "../config/parse.js";
import { drawId, withIds } from "./ids.js";
import { planNetwork } from "./plan.js";

describe("the plan of a network", () => {
  it("names the nodes of a member with a name after it, and those of a member with an id after that", () => {
    const config = parseNetworkObject({ network: "n", members: [{ name: "Pub", peers: [] }] });
    const memberId = drawId("m");
    const nodeId = drawId("nd");
    const label = nodeId.toLowerCase();
    const domain = `${memberId.toLowerCase()}.hansa`;
    const peer = { name: label, nodeId, port: undefined, extraHosts: ["peer.test"] };
    const newcomer = { ...config.members[0]!, name: "Inn", mspId: memberId, memberId, domain, peers: [peer] };
    const { nodes } = planNetwork({ ...config, members: [...config.members, newcomer] });
    assert.deepEqual(
      nodes.map(({ id }) => id),
      ["ca.orderer", "orderer", "ca.pub", `ca.${memberId.toLowerCase()}`, `${label}.${memberId.toLowerCase()}`],
    );
    const { host, extraHosts } = nodes.at(-1)!;
    assert.equal(host, `${label}.${domain}`);
    // X.509 allows a common name of 64 characters.
    assert.equal(host.length, 64);
    assert.deepEqual(extraHosts, ["peer.test"]);
  });

  it("has further orderers and NATS servers behind the first orderer", () => {
    const members = [{ name: "Pub", peers: [] }];
    const ids = (ordering: NonNullable<NetworkFile["ordering"]>) =>
      planNetwork(parseNetworkObject({ network: "n", members, ordering })).nodes.map(({ id }) => id);
    assert.deepEqual(ids({ engine: "embedded" }), ["ca.orderer", "orderer", "ca.pub"]);
    assert.deepEqual(ids({ engine: "jetstream", orderers: 2, replicas: 1 }), [
      "ca.orderer",
      "orderer",
      "orderer2",
      "nats1",
      "ca.pub",
    ]);
    assert.deepEqual(ids({ engine: "jetstream", orderers: 1, servers: ["nats://127.0.0.1:4222"] }), [
      "ca.orderer",
      "orderer",
      "ca.pub",
    ]);
  });

  it("draws ids once", () => {
    const config = withIds(parseNetworkObject({ network: "n", members: [{ name: "Pub" }] }));
    assert.deepEqual(withIds(config), config);
    assert.match(config.networkId!, /^n-[A-Z2-7]{26}$/);
    // 128 bits leave three of the last character's five.
    assert.equal(new Set(Array.from({ length: 50 }, () => drawId("nd"))).size, 50);
    assert.ok(Array.from({ length: 50 }, () => drawId("nd").at(-1)!).every((last) => "AEIMQUY4".includes(last)));
  });
});
