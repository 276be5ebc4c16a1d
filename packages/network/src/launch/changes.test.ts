import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import type { NetworkFile } from "../config/file-shape.js";
import type { NetworkConfig } from "../config/network-config.js";
import { parseNetworkObject } from "../config/parse.js";
import { withIds } from "../plan/ids.js";
import { Layout } from "../plan/layout.js";
import { continued, foundingAfter, hasChanged, readBefore, writeFounding } from "./changes.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-changes-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const layout = new Layout(path.join(folder, "trade"));
mkdirSync(layout.root);

const file = (more: Partial<NetworkFile> = {}): NetworkConfig =>
  parseNetworkObject({
    network: "trade",
    members: [{ name: "A" }, { name: "B" }],
    channels: [{ name: "both" }],
    ...more,
  });
const founding = withIds(file());
const [a, b] = founding.members;
const c = { ...b!, name: "C", mspId: "CMSP", domain: "c.example.com", memberId: "m-C", account: "000000000003" };
/** C came, A left, B got a second peer, and there is a channel that no file names. */
const grown: NetworkConfig = {
  ...founding,
  members: [{ ...b!, peers: [...b!.peers, { name: "peer1", nodeId: "nd-B1", port: undefined }] }, c],
  channels: [
    { ...founding.channels[0]!, members: ["B", "C"] },
    { ...founding.channels[0]!, name: "new", members: ["C"] },
  ],
};
const before = { config: grown, founding };

describe("a network that is started again", () => {
  it("is what it has become, by the file that it was founded with", () => {
    const next = continued(file(), before, layout);
    assert.deepEqual(next.members, grown.members);
    assert.deepEqual(next.channels, grown.channels);
    assert.equal(next.networkId, founding.networkId);
    assert.ok(hasChanged(next, founding));
    assert.ok(!hasChanged(founding, founding));
  });

  it("is the same by a file that names the members of today", () => {
    assert.deepEqual(continued(grown, before, layout).members, grown.members);
  });

  it("takes ports, batch settings and new channels from its file", () => {
    const changed = file({
      members: [{ name: "A" }, { name: "B", peers: [{ port: 7051 }], ca: { port: 7054 } }],
      channels: [{ name: "both", batch: { maxMessages: 7 } }, { name: "added" }],
    });
    const next = continued(changed, before, layout);
    assert.deepEqual(
      next.members[0]!.peers.map(({ name, port }) => [name, port]),
      [
        ["peer0", 7051],
        ["peer1", undefined],
      ],
    );
    assert.equal(next.members[0]!.caPort, 7054);
    assert.deepEqual(
      next.channels.map(({ name, members, batch }) => [name, members, batch.maxMessageCount]),
      [
        ["both", ["B", "C"], 7],
        ["new", ["C"], 500],
        ["added", ["B"], 500],
      ],
    );
    // Later files are held against what this one says of the channel, too.
    assert.deepEqual(foundingAfter(changed, founding).channels.at(-1)!.members, ["A", "B"]);
  });

  for (const [what, changed, message] of [
    ["other members", { members: [{ name: "A" }, { name: "D" }] }, /other members \(A, B; today B, C\)/],
    ["another account", { members: [{ name: "A", account: "999999999999" }, { name: "B" }] }, /accounts/],
    ["more peers", { members: [{ name: "A", peers: [{}, {}] }, { name: "B" }] }, /peers or users/],
    ["other members of a channel", { channels: [{ name: "both", members: ["A"] }] }, /Channel both was made with/],
    ["another voting policy", { governance: { threshold: 60 } }, /founded with other rules/],
  ] as const) {
    it(`refuses ${what}, and says that members vote on it`, () => {
      assert.throws(() => continued(file(changed as Partial<NetworkFile>), before, layout), {
        code: "NETWORK_CHANGED",
        message,
        nextStep: /hansa apply/,
      });
    });
  }

  it("takes over a network of a version that knew no ids, accounts and rules", async () => {
    const { networkId: _, governance: __, channelEndorsement: ___, ...rest } = file();
    const members = rest.members.map(({ account: ____, memberId: _____, ...member }) => member);
    writeFileSync(layout.networkFile, JSON.stringify({ ...rest, members }));
    const old = await readBefore(layout, file());
    assert.match(old.config.networkId!, /^n-[A-Z2-7]{26}$/);
    assert.match(old.config.members[0]!.memberId!, /^m-[A-Z2-7]{26}$/);
    assert.match(old.config.members[0]!.peers[0]!.nodeId!, /^nd-[A-Z2-7]{26}$/);
    assert.deepEqual(
      continued(file(), old, layout).members.map(({ account }) => account),
      ["000000000001", "000000000002"],
    );
    await writeFounding(layout, founding);
    const { members: first, governance } = (await readBefore(layout, file())).founding;
    assert.deepEqual([first.map(({ name }) => name), governance], [[a!.name, b!.name], founding.governance]);
  });

  it("keeps what puts its transactions in order", () => {
    const ordering = { engine: "jetstream", orderers: 3 } as const;
    assert.throws(
      () => continued(file({ ordering }), before, layout),
      /is ordered by one orderer by itself; its file asks for 3 orderers over NATS servers of its own, 3 of them now/,
    );
    const shared = { ...before, config: { ...grown, ordering: file({ ordering }).ordering } };
    assert.equal(continued(file({ ordering }), shared, layout).ordering.orderers, 3);
  });
});
