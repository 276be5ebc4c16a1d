import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as aws from "@aws-sdk/client-managedblockchain";
import { silentLogger, type UnixMs, unixMs } from "@hansa/primitives";
import { TestControlPlane } from "../testing/control-plane.js";
import { fleet, invite, propose } from "../testing/fleet.js";
import { MemoryOperator } from "../testing/memory-operator.js";
import { type BlockchainEvent, type EventSink, fileSink, webhookSink } from "./sinks.js";

class Collected implements EventSink {
  readonly events: BlockchainEvent[] = [];
  async deliver(event: BlockchainEvent): Promise<void> {
    this.events.push(event);
  }
  async close(): Promise<void> {}
  about(id: string): string[] {
    return this.events
      .filter(({ detail }) => detail.proposalId === id || detail.invitationId === id)
      .map(({ account, detail }) => `${account} ${detail.status}`);
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await sleep(10);
  assert.ok(holds(), "it did not come about in 2 s");
}

const EVENT: BlockchainEvent = {
  version: "0",
  id: "1",
  "detail-type": "Managed Blockchain Proposal State Change",
  source: "aws.managedblockchain",
  account: "111111111111",
  time: "2026-01-02T03:04:05Z",
  region: "us-east-1",
  resources: [],
  detail: {},
};

describe("events", () => {
  const planes: TestControlPlane[] = [];
  afterEach(async () => {
    for (const plane of planes.splice(0)) await plane.stop();
  });
  const start = async (sink: EventSink, config: Parameters<typeof TestControlPlane.start>[0] = {}) => {
    const plane = await TestControlPlane.start({ events: [sink], ...config });
    planes.push(plane);
    return plane;
  };

  it("tell a proposal to every member's account and an invitation to the invited, each change once", async () => {
    const sink = new Collected();
    const plane = await start(sink);
    const owners = [0, 1, 1];
    const net = await fleet(plane, owners);
    const invitationId = await invite(plane, net, owners, 2);
    const proposalId = [...plane.operator.network(net.networkId)!.governance.proposals.keys()].at(-1)!;
    await until(() => sink.about(invitationId).length > 0);
    assert.deepEqual(sink.about(proposalId), [
      "111111111111 IN_PROGRESS",
      "222222222222 IN_PROGRESS",
      "111111111111 APPROVED",
      "222222222222 APPROVED",
    ]);
    await plane.client(2).send(new aws.RejectInvitationCommand({ InvitationId: invitationId }));
    await until(() => sink.about(invitationId).length === 2);
    assert.deepEqual(sink.about(invitationId), ["333333333333 PENDING", "333333333333 REJECTED"]);
    const event = sink.events.find(({ detail }) => detail.invitationId === invitationId);
    assert.match(event?.id ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(event?.time ?? "", /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
    assert.deepEqual(
      { ...event, id: "", time: "", detail: { ...event?.detail, expirationDate: "" } },
      {
        version: "0",
        id: "",
        "detail-type": "Managed Blockchain Invitation State Change",
        source: "aws.managedblockchain",
        account: "333333333333",
        time: "",
        region: "us-east-1",
        resources: [],
        detail: {
          invitationId,
          networkId: net.networkId,
          networkName: "fleet",
          status: "PENDING",
          expirationDate: "",
          message: "The invitation to network fleet is PENDING.",
        },
      },
    );
    assert.equal(new Set(sink.events.map(({ id }) => id)).size, sink.events.length, "ids are different");
  });

  it("tell an expiry when it is due, without any act", async () => {
    const sink = new Collected();
    const clock = { offset: 0, now: (): UnixMs => unixMs(Date.now() + clock.offset) };
    const plane = await start(sink, { operator: new MemoryOperator({ clock }) });
    const net = await fleet(plane, [0], { hours: 1 });
    const invitationId = await invite(plane, net, [0], 1);
    await until(() => sink.about(invitationId).length === 1);
    // The timer that sleeps was set by the old time; the next act sets it anew, shortly before the expiry.
    clock.offset = 3_600_000 - 400;
    await propose(plane, net, [0], { Invitations: [{ Principal: "333333333333" }] });
    await until(() => sink.about(invitationId).length === 2);
    assert.deepEqual(sink.about(invitationId), ["222222222222 PENDING", "222222222222 EXPIRED"]);
  });

  it("tell what time brought when the clock is moved", async () => {
    const sink = new Collected();
    const plane = await start(sink);
    const { networkId, memberIds } = await fleet(plane, [0]);
    const one = plane.client(0);
    const Actions = { Invitations: [{ Principal: "222222222222" }] };
    const { ProposalId } = await one.send(
      new aws.CreateProposalCommand({ NetworkId: networkId, MemberId: memberIds[0], Actions }),
    );
    const network = plane.operator.network(networkId)!;
    await network.submit({ kind: "clockAdvanced", to: unixMs(network.now() + 24 * 3_600_000) });
    await until(() => sink.about(ProposalId!).length === 2);
    assert.deepEqual(sink.about(ProposalId!), ["111111111111 IN_PROGRESS", "111111111111 EXPIRED"]);
    const { Proposal } = await one.send(new aws.GetProposalCommand({ NetworkId: networkId, ProposalId }));
    assert.equal(Proposal?.Status, "EXPIRED");
  });

  it("tell at the next start what changed meanwhile, and nothing twice", async () => {
    const [first, second] = [new Collected(), new Collected()];
    const plane = await start(first);
    const net = await fleet(plane, [0]);
    const invitationId = await invite(plane, net, [0], 1);
    await plane.running.stop();
    assert.equal(first.about(invitationId).length, 1);
    await plane.operator.network(net.networkId)!.submit({ kind: "invitationRejected", invitationId });
    const next = await start(second, { operator: plane.operator, store: plane.store });
    await until(() => second.events.length > 0);
    await next.idle();
    assert.deepEqual(second.about(invitationId), ["222222222222 REJECTED"]);
    assert.equal(second.events.length, 1);
  });
});

describe("a network that is seen for the first time", () => {
  it("has no old events to tell", async () => {
    const quiet = await TestControlPlane.start();
    const net = await fleet(quiet, [0]);
    const old = await invite(quiet, net, [0], 1);
    await quiet.running.stop();
    const sink = new Collected();
    const plane = await TestControlPlane.start({ operator: quiet.operator, store: quiet.store, events: [sink] });
    const fresh = await invite(plane, net, [0], 2);
    await until(() => sink.about(fresh).length === 1);
    assert.deepEqual(sink.about(old), []);
    await plane.stop();
  });
});

describe("sinks", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "hansa-events-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("write one line per event, in order", async () => {
    const file = path.join(folder, "events.jsonl");
    const sink = fileSink(file, silentLogger);
    await Promise.all(["1", "2", "3"].map((id) => sink.deliver({ ...EVENT, id })));
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as BlockchainEvent).id),
      ["1", "2", "3"],
    );
  });

  it("do not fail where the file cannot be written", async () => {
    const sink = fileSink(path.join(folder, "no such folder", "events.jsonl"), silentLogger);
    await sink.deliver(EVENT);
    await sink.deliver(EVENT);
  });

  it("post to a webhook, again when it fails, in order, and give up in the end", async () => {
    const received: string[] = [];
    let failures = 2;
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        const { id } = JSON.parse(body) as BlockchainEvent;
        const fails = id === "never" || (id === "1" && failures-- > 0);
        if (!fails) received.push(id);
        response.writeHead(fails ? 503 : 204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const sink = webhookSink(url, silentLogger, { firstWaitMs: 5, tries: 3, maxWaiting: 4 });
    for (const id of ["1", "never", "2", "3", "too many"]) await sink.deliver({ ...EVENT, id });
    await until(() => received.length === 3);
    await sink.close();
    assert.deepEqual(received, ["1", "2", "3"]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
