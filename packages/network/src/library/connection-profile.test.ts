import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { parseNetworkObject } from "../config/parse.js";
import { Layout } from "../plan/layout.js";
import { planNetwork } from "../plan/plan.js";
import { connectionProfile } from "./connection-profile.js";

describe("a connection profile", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-profile-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("names what a client needs that discovers nothing", () => {
    const config = parseNetworkObject({
      network: "profile",
      members: [{ name: "Brewery", peers: [{}, {}] }, { name: "Pub" }, { name: "Carrier" }],
      channels: [
        { name: "recipes", members: ["Brewery"] },
        { name: "orders", members: ["Brewery", "Pub"] },
        { name: "routes", members: ["Carrier"] },
      ],
    });
    const layout = new Layout(path.join(folder, config.name));
    const plan = planNetwork(config);
    for (const { kind, domain } of plan.organizations) {
      const tls = path.join(layout.organization(kind, domain), "tlsca");
      mkdirSync(tls, { recursive: true });
      writeFileSync(path.join(tls, `tlsca.${domain}-cert.pem`), `certificate of ${domain}`);
    }
    const ports = Object.fromEntries(plan.nodes.map(({ id }, index) => [id, { port: 7000 + index }]));
    const organization = plan.organizations.find(({ name }) => name === "Brewery")!;
    const profile = connectionProfile({ organization, plan, layout, ports, channels: config.channels });

    assert.equal(profile.client.organization, "Brewery");
    assert.deepEqual(Object.keys(profile.channels), ["recipes", "orders"]);
    assert.deepEqual(profile.channels.orders!.orderers, ["orderer.example.com"]);
    assert.deepEqual(Object.keys(profile.channels.orders!.peers), [
      "peer0.brewery.example.com",
      "peer1.brewery.example.com",
      "peer0.pub.example.com",
    ]);
    const peer = profile.peers["peer0.pub.example.com"]!;
    assert.equal(peer.url, `grpcs://127.0.0.1:${ports["peer0.pub"]!.port}`);
    assert.equal(peer.tlsCACerts.pem, "certificate of pub.example.com");
    assert.equal(peer.grpcOptions["ssl-target-name-override"], "peer0.pub.example.com");
    assert.equal(profile.orderers["orderer.example.com"]!.url, `grpcs://127.0.0.1:${ports.orderer!.port}`);
    assert.deepEqual(profile.organizations.Brewery!.certificateAuthorities, ["ca.brewery.example.com"]);
  });
});
