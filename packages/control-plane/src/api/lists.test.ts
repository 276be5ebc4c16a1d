import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as aws from "@aws-sdk/client-managedblockchain";
import fc from "fast-check";
import { networkRequest, TestControlPlane } from "../testing/control-plane.js";
import { fleet, propose } from "../testing/fleet.js";
import { raw } from "../testing/raw.js";
import { page, type Sorted } from "./pages.js";

const KEY = "a key for tests";

/** Follows the pages of a list that may change in between. */
function follow(
  lists: readonly (readonly Sorted[])[],
  size: number,
  scope: readonly string[] = ["list"],
): { readonly seen: Sorted[]; readonly pages: number } {
  const seen: Sorted[] = [];
  let nextToken: string | undefined;
  for (let turn = 0; ; turn++) {
    const list = lists[Math.min(turn, lists.length - 1)] ?? [];
    const answer = page(KEY, scope, list, (item) => item, { maxResults: size, nextToken }, 100);
    assert.ok(answer.items.length <= size);
    seen.push(...answer.items);
    nextToken = answer.nextToken;
    if (nextToken === undefined) return { seen, pages: turn + 1 };
    assert.ok(nextToken.length <= 128, `a token of ${nextToken.length} characters`);
  }
}

const item = fc.record({
  at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  id: fc.string({ minLength: 1, maxLength: 32, unit: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-") }),
});
const items = fc.uniqueArray(item, { maxLength: 60, selector: ({ at, id }) => `${at} ${id}` });
const name = ({ at, id }: Sorted) => `${at} ${id}`;

describe("pages", () => {
  it("hold every item once, in order, whatever their size", () => {
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 20 }), (all, size) => {
        const { seen, pages } = follow([all], size);
        const expected = [...all].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
        assert.deepEqual(seen, expected);
        assert.equal(pages, Math.max(1, Math.ceil(all.length / size)));
      }),
    );
  });

  it("show nothing twice and miss nothing that stays, while items come and go", () => {
    fc.assert(
      fc.property(fc.array(items, { minLength: 2, maxLength: 6 }), fc.integer({ min: 1, max: 5 }), (lists, size) => {
        const seen = follow(lists, size).seen.map(name);
        assert.equal(new Set(seen).size, seen.length, "an item came twice");
        const [first = new Set<string>(), ...later] = lists.map((list) => new Set(list.map(name)));
        const staying = [...first].filter((each) => later.every((names) => names.has(each)));
        for (const each of staying) assert.ok(seen.includes(each), `${each} was missed`);
      }),
    );
  });

  it("take a token only for the list that gave it", () => {
    const list = [1, 2, 3].map((at) => ({ at, id: "x" }));
    const { nextToken } = page(KEY, ["a", "111"], list, (each) => each, { maxResults: 1 }, 10);
    const again =
      (scope: string[], token = nextToken, key = KEY) =>
      () =>
        page(key, scope, list, (each) => each, { maxResults: 1, nextToken: token }, 10);
    again(["a", "111"])();
    assert.deepEqual(again(["a", "111"], "")().items, list.slice(0, 1), "none asks for the first page");
    for (const wrong of [again(["a", "222"]), again(["b", "111"]), again(["a", "111"], nextToken, "other")])
      assert.throws(wrong, /nextToken is not a token of this list/);
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 128 }), (text) => {
        if (text !== nextToken) assert.throws(again(["a", "111"], text), /nextToken is not a token/);
      }),
    );
  });
});

describe("lists", () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await TestControlPlane.start({ quotas: "off" });
  });
  after(() => plane.stop());

  it("are paged by the SDK's own paginators", async () => {
    const client = plane.client(2);
    for (let i = 0; i < 12; i++) await client.send(new aws.CreateNetworkCommand(networkRequest(`network-${i}`)));
    await plane.idle();
    const sizes: number[] = [];
    const names: (string | undefined)[] = [];
    for await (const { Networks } of aws.paginateListNetworks({ client, pageSize: 5 }, {})) {
      sizes.push(Networks?.length ?? 0);
      names.push(...(Networks ?? []).map(({ Name }) => Name));
    }
    assert.deepEqual(sizes, [5, 5, 2]);
    assert.equal(new Set(names).size, 12);
    const whole = await client.send(new aws.ListNetworksCommand({}));
    assert.equal(whole.Networks?.length, 10, "the largest page is the usual one");
    assert.ok(whole.NextToken);
  });

  it("are filtered before they are paged", async () => {
    const owners = [0, 1, 0, 1, 0];
    const net = await fleet(plane, owners);
    const client = plane.client(0);
    const ask = { NetworkId: net.networkId, IsOwned: true, MaxResults: 2 };
    const first = await client.send(new aws.ListMembersCommand(ask));
    const second = await client.send(new aws.ListMembersCommand({ ...ask, NextToken: first.NextToken }));
    assert.deepEqual(
      [first, second].flatMap(({ Members }) => Members?.map(({ Id }) => Id)),
      [net.memberIds[0], net.memberIds[2], net.memberIds[4]],
    );
    assert.equal(second.NextToken, undefined);
    const token = encodeURIComponent(first.NextToken ?? "");
    const other = await raw(plane.url, 0, "GET", `/networks/${net.networkId}/members?maxResults=2&nextToken=${token}`);
    assert.equal(other.error, "InvalidRequestException", "other filters, another list");
    const stranger = await raw(
      plane.url,
      1,
      "GET",
      `/networks/${net.networkId}/members?isOwned=true&nextToken=${token}`,
    );
    assert.equal(stranger.error, "InvalidRequestException", "another account's token");
    const named = await client.send(new aws.ListMembersCommand({ NetworkId: net.networkId, Name: "member-3" }));
    assert.deepEqual(
      named.Members?.map(({ Id }) => Id),
      [net.memberIds[2]],
    );
    const gone = await client.send(new aws.ListMembersCommand({ NetworkId: net.networkId, Status: "DELETED" }));
    assert.deepEqual(gone.Members, []);
    for (let i = 0; i < 3; i++) await propose(plane, net, owners, { Invitations: [{ Principal: "333333333333" }] });
    const proposals = await client.send(new aws.ListProposalsCommand({ NetworkId: net.networkId, MaxResults: 100 }));
    assert.equal(proposals.Proposals?.length, 4 + 3);
    const ProposalId = proposals.Proposals?.at(-1)?.ProposalId;
    const votes: (string | undefined)[] = [];
    const paging = { client, pageSize: 1 };
    for await (const votesPage of aws.paginateListProposalVotes(paging, { NetworkId: net.networkId, ProposalId }))
      votes.push(...(votesPage.ProposalVotes ?? []).map(({ MemberId }) => MemberId));
    assert.deepEqual(votes.sort(), net.memberIds.slice(0, 3).toSorted());
  });

  it("keep their tokens over a restart of the control plane", async () => {
    const client = plane.client(2);
    const first = await client.send(new aws.ListNetworksCommand({ MaxResults: 5 }));
    const { operator, store } = plane;
    const again = await TestControlPlane.start({ operator, store, quotas: "off" });
    const next = await again.client(2).send(new aws.ListNetworksCommand({ MaxResults: 5, NextToken: first.NextToken }));
    assert.equal(next.Networks?.length, 5);
    await again.running.stop();
  });
});
