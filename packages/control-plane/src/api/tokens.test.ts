import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as aws from "@aws-sdk/client-managedblockchain";
import { HansaError } from "@hansa/primitives";
import fc from "fast-check";
import { memberConfiguration, networkRequest, TestControlPlane } from "../testing/control-plane.js";
import { fleet, invite } from "../testing/fleet.js";
import { raw } from "../testing/raw.js";

describe("request tokens", () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await TestControlPlane.start({ quotas: "off" });
  });
  after(() => plane.stop());

  const count = (table: string) => plane.store.entries(table).size;

  it("give the same answer to the same request, however often and how many at a time it comes", async () => {
    const request = { ClientRequestToken: "same", ...networkRequest("same") };
    const before = count("network");
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => plane.client(0).send(new aws.CreateNetworkCommand(request))),
    );
    await plane.idle();
    answers.push(await plane.client(0).send(new aws.CreateNetworkCommand(request)));
    assert.equal(new Set(answers.map(({ NetworkId, MemberId }) => `${NetworkId} ${MemberId}`)).size, 1);
    assert.equal(count("network"), before + 1);
  });

  it("refuse another request, also one that differs only in a password", async () => {
    const body = { ClientRequestToken: "other", ...networkRequest("other") };
    assert.equal((await raw(plane.url, 0, "POST", "/networks", body)).status, 200);
    const before = count("network");
    const fabric = { AdminUsername: "admin", AdminPassword: "An0therPassword" };
    const MemberConfiguration = { Name: "first", FrameworkConfiguration: { Fabric: fabric } };
    for (const change of [{ Name: "another" }, { MemberConfiguration }, { Tags: { a: "b" } }]) {
      const answer = await raw(plane.url, 0, "POST", "/networks", { ...body, ...change });
      assert.deepEqual([answer.status, answer.error], [400, "InvalidRequestException"]);
      assert.match(String(answer.body.message), /was used with another request/);
    }
    assert.equal(count("network"), before);
    await plane.idle();
  });

  it("do not mind the order of members", async () => {
    const { Name, ...rest } = networkRequest("order");
    const one = await raw(plane.url, 0, "POST", "/networks", { ClientRequestToken: "order", Name, ...rest });
    const two = await raw(plane.url, 0, "POST", "/networks", { ...rest, Name, ClientRequestToken: "order" });
    assert.deepEqual(two.body, one.body);
    await plane.idle();
  });

  it("belong to an account and an operation", async () => {
    const request = { ClientRequestToken: "mine", ...networkRequest("mine") };
    const one = await plane.client(0).send(new aws.CreateNetworkCommand(request));
    const two = await plane.client(1).send(new aws.CreateNetworkCommand(request));
    assert.notEqual(one.NetworkId, two.NetworkId);
    await plane
      .client(0)
      .send(new aws.CreateAccessorCommand({ ClientRequestToken: "mine", AccessorType: "BILLING_TOKEN" }));
    await plane.idle();
  });

  it("are forgotten when the request is refused", async () => {
    const { networkId, memberIds } = await fleet(plane, [0]);
    const request = {
      ClientRequestToken: "refused",
      MemberId: memberIds[0],
      Actions: { Removals: [{ MemberId: "m-X" }] },
    };
    const path = `/networks/${networkId}/proposals`;
    assert.equal((await raw(plane.url, 0, "POST", path, request)).status, 404);
    const Actions = { Invitations: [{ Principal: "222222222222" }] };
    assert.equal((await raw(plane.url, 0, "POST", path, { ...request, Actions })).status, 200);
  });

  it("make one proposal of a request whose answer was lost", async () => {
    const { networkId, memberIds } = await fleet(plane, [0]);
    const network = plane.operator.network(networkId)!;
    const submit = network.submit.bind(network);
    const Actions = { Invitations: [{ Principal: "222222222222" }] };
    const send = () =>
      raw(plane.url, 0, "POST", `/networks/${networkId}/proposals`, {
        ClientRequestToken: "lost",
        MemberId: memberIds[0],
        Actions,
      });
    for (const ordersFirst of [false, true]) {
      network.submit = async (act) => {
        if (ordersFirst) await submit(act);
        throw new HansaError("TIMED_OUT", "no answer came");
      };
      const answer = await send();
      assert.deepEqual([answer.status, answer.error], [500, "InternalServiceErrorException"]);
    }
    network.submit = submit;
    const answer = await send();
    assert.equal(answer.status, 200);
    assert.deepEqual([...network.governance.proposals.keys()], [answer.body.ProposalId]);
  });

  it("are recognised by the proposal they made, when the control plane ended before it had kept them", async () => {
    const { networkId, memberIds } = await fleet(plane, [0]);
    const request = {
      ClientRequestToken: "crash",
      MemberId: memberIds[0],
      Description: "once",
      Tags: { b: "2", a: "1" },
      Actions: { Invitations: [{ Principal: "222222222222" }] },
    };
    const send = (change: object = {}) =>
      raw(plane.url, 0, "POST", `/networks/${networkId}/proposals`, { ...request, ...change });
    const first = await send();
    assert.equal(first.status, 200);
    const key = [...plane.store.entries("token").keys()].find((each) => each.endsWith("CreateProposal crash"))!;
    const loseToken = () => plane.store.write({ table: "token", key });
    for (const change of [
      { Description: "other" },
      { Tags: {} },
      { Actions: { Removals: [{ MemberId: memberIds[0] }] } },
    ]) {
      await loseToken();
      const answer = await send(change);
      assert.deepEqual([answer.status, answer.error], [400, "InvalidRequestException"]);
      assert.match(String(answer.body.message), /was used with another request/);
    }
    await loseToken();
    assert.deepEqual((await send({ Tags: { a: "1", b: "2" } })).body, first.body);
    assert.equal(plane.operator.network(networkId)!.governance.proposals.size, 1);
  });

  it("make one member and one node each", async () => {
    const net = await fleet(plane, [0]);
    const InvitationId = await invite(plane, net, [0], 1);
    const request = {
      ClientRequestToken: "member",
      NetworkId: net.networkId,
      InvitationId,
      MemberConfiguration: memberConfiguration("second"),
    };
    const two = plane.client(1);
    const made = await Promise.all([1, 2, 3].map(() => two.send(new aws.CreateMemberCommand(request))));
    await plane.idle();
    made.push(await two.send(new aws.CreateMemberCommand(request)));
    assert.equal(new Set(made.map(({ MemberId }) => MemberId)).size, 1);
    const node = {
      ClientRequestToken: "node",
      NetworkId: net.networkId,
      MemberId: made[0]?.MemberId,
      NodeConfiguration: { InstanceType: "bc.t3.small" },
    };
    const nodes = await Promise.all([1, 2, 3].map(() => two.send(new aws.CreateNodeCommand(node))));
    await plane.idle();
    assert.equal(new Set(nodes.map(({ NodeId }) => NodeId)).size, 1);
    const { Nodes } = await two.send(
      new aws.ListNodesCommand({ NetworkId: net.networkId, MemberId: made[0]?.MemberId }),
    );
    assert.equal(Nodes?.length, 1);
  });

  it("end after 24 hours of the network's time", async () => {
    const { networkId, memberIds } = await fleet(plane, [0]);
    const Actions = { Invitations: [{ Principal: "222222222222" }] };
    const send = () =>
      raw(plane.url, 0, "POST", `/networks/${networkId}/proposals`, {
        ClientRequestToken: "day",
        MemberId: memberIds[0],
        Actions,
      });
    const first = await send();
    const network = plane.operator.network(networkId)!;
    const advance = (ms: number) =>
      raw(plane.url, 0, "POST", `/hansa/networks/${networkId}/clock`, {
        To: new Date(network.now() + ms).toISOString(),
      });
    await advance(23 * 3_600_000);
    assert.deepEqual((await send()).body, first.body);
    await advance(2 * 3_600_000);
    const later = await send();
    assert.equal(later.status, 200);
    assert.notDeepEqual(later.body, first.body, "a new proposal with a new id");
    assert.equal(network.governance.proposals.size, 2);
  });

  it("give as many things as there are different requests, in any order and mixture", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ token: fc.integer({ min: 0, max: 5 }), kind: fc.boolean() }), {
          minLength: 1,
          maxLength: 25,
        }),
        fc.string({ minLength: 8, maxLength: 8, unit: fc.constantFrom(..."abcdef0123456789") }),
        async (requests, salt) => {
          const answers = await Promise.all(
            requests.map(async ({ token, kind }) => {
              const NetworkType = kind ? "ETHEREUM_MAINNET" : "POLYGON_MAINNET";
              const request = { ClientRequestToken: `${salt} ${token}`, AccessorType: "BILLING_TOKEN", NetworkType };
              const answer = await raw(plane.url, 2, "POST", "/accessors", request);
              return { token, kind, answer };
            }),
          );
          for (const token of new Set(requests.map((each) => each.token))) {
            const mine = answers.filter((each) => each.token === token);
            const granted = mine.filter(({ answer }) => answer.status === 200);
            const kinds = new Set(granted.map(({ kind }) => kind));
            assert.equal(kinds.size, 1, "one of the two requests has the token");
            assert.equal(new Set(granted.map(({ answer }) => answer.body.AccessorId)).size, 1);
            for (const { kind, answer } of mine)
              if (!kinds.has(kind)) assert.equal(answer.error, "InvalidRequestException");
          }
          for (const { body } of answers.map(({ answer }) => answer))
            if (body.AccessorId !== undefined) await raw(plane.url, 2, "DELETE", `/accessors/${body.AccessorId}`);
        },
      ),
      { numRuns: 10 },
    );
  });
});
