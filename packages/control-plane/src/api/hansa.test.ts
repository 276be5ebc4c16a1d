/** What goes beyond the managed service: dry runs, policies, channels, the clock, the bill. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as aws from "@aws-sdk/client-managedblockchain";
import { HansaError, unixMs } from "@hansa/primitives";
import { TestControlPlane } from "../testing/control-plane.js";
import { type Fleet, fleet, invite } from "../testing/fleet.js";
import { raw } from "../testing/raw.js";

const HOUR = 3_600_000;

describe("beyond the managed service", () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await TestControlPlane.start({ quotas: "off" });
  });
  after(() => plane.stop());

  const get = async (account: number, path: string) => {
    const answer = await raw(plane.url, account, "GET", path);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  const post = async (account: number, path: string, body: object) => {
    const answer = await raw(plane.url, account, "POST", path, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  const vote = (account: number, { networkId }: Fleet, proposal: string, member: string | undefined, yes = true) =>
    plane.client(account).send(
      new aws.VoteOnProposalCommand({
        NetworkId: networkId,
        ProposalId: proposal,
        VoterMemberId: member,
        Vote: yes ? "YES" : "NO",
      }),
    );

  it("says who is calling", async () => {
    assert.deepEqual(await get(1, "/hansa/whoami"), {
      AccountId: "222222222222",
      Name: "two",
      Region: "us-east-1",
      Quotas: "off",
      CreateDelayMs: 0,
    });
  });

  it("runs a proposal dry: who would have to vote, and what would change", async () => {
    const net = await fleet(plane, [0, 1, 1]);
    const [first, second, third] = net.memberIds;
    const network = plane.operator.network(net.networkId)!;
    const acts = network.acts.length;
    const request = { MemberId: first, Actions: { Removals: [{ MemberId: third }] } };
    const path = `/hansa/networks/${net.networkId}/dry-run`;
    const answer = await post(0, path, request);
    assert.deepEqual(answer.Voters, [
      { MemberId: first, Name: "first", IsOwned: true },
      { MemberId: second, Name: "member-2", IsOwned: false },
      { MemberId: third, Name: "member-3", IsOwned: false },
    ]);
    assert.deepEqual([answer.VotesNeeded, answer.VotesPossible, answer.YesToPass, answer.NoToReject], [2, 3, 2, 2]);
    assert.equal(answer.Outcome, "IN_PROGRESS");
    assert.deepEqual(answer.RemainingMembers, [first, second]);
    assert.deepEqual(answer.Channels, [{ ChannelId: "trade", Changes: [`removes ${third}`] }]);
    const AssumedVotes = [first, second].map((MemberId) => ({ MemberId, Vote: "YES" }));
    assert.equal((await post(0, path, { ...request, AssumedVotes })).Outcome, "APPROVED");
    assert.equal(network.acts.length, acts, "nothing was proposed");
    assert.equal(network.governance.proposals.size, 2, "only those that invited");
  });

  it("changes the voting policy by vote", async () => {
    const net = await fleet(plane, [0, 1]);
    const { ProposalId } = await plane.client(0).send(
      new aws.CreateProposalCommand({
        NetworkId: net.networkId,
        MemberId: net.memberIds[0],
        Actions: {},
        Tags: { "hansa:voting-policy": "GREATER_THAN_OR_EQUAL_TO 67 48" },
      }),
    );
    await vote(0, net, ProposalId!, net.memberIds[0]);
    const open = await get(1, `/hansa/networks/${net.networkId}/proposals/${ProposalId}`);
    const policy = {
      ApprovalThresholdPolicy: {
        ThresholdPercentage: 67,
        ProposalDurationInHours: 48,
        ThresholdComparator: "GREATER_THAN_OR_EQUAL_TO",
      },
    };
    assert.deepEqual(open.NewVotingPolicy, policy);
    assert.deepEqual(open.Tally, { Yes: 1, No: 0, Outstanding: 1, Base: 2, Needed: 2 });
    assert.deepEqual(open.YetToVote, [{ MemberId: net.memberIds[1], MemberName: "member-2" }]);
    assert.deepEqual(open.Changes, [{ ChannelId: "trade", Changes: ["changes the Admins policy"] }]);
    await vote(1, net, ProposalId!, net.memberIds[1]);
    await plane.idle();
    const { Network } = await plane.client(0).send(new aws.GetNetworkCommand({ NetworkId: net.networkId }));
    assert.deepEqual(Network?.VotingPolicy, policy);
  });

  it("says which channels the invited enter", async () => {
    const net = await fleet(plane, [0]);
    const { ProposalId } = await plane.client(0).send(
      new aws.CreateProposalCommand({
        NetworkId: net.networkId,
        MemberId: net.memberIds[0],
        Actions: { Invitations: [{ Principal: "222222222222" }] },
        Tags: { "hansa:channels": "trade, audit" },
      }),
    );
    const found = await get(0, `/hansa/networks/${net.networkId}/proposals/${ProposalId}`);
    assert.equal(found.Channels, "trade audit");
    const { Tags } = (await plane.client(0).send(new aws.GetProposalCommand({ NetworkId: net.networkId, ProposalId })))
      .Proposal!;
    assert.deepEqual(Tags, { "hansa:channels": "trade, audit" });
  });

  it("moves time, and with it every expiry", async () => {
    const net = await fleet(plane, [0, 1], { hours: 24 });
    const InvitationId = await invite(plane, net, [0, 1], 2);
    const before = await get(0, `/hansa/networks/${net.networkId}`);
    assert.equal(before.SimulatedClock, true);
    const To = new Date(Date.parse(String(before.Now)) + 25 * HOUR).toISOString();
    const moved = await post(0, `/hansa/networks/${net.networkId}/clock`, { To });
    assert.ok(String(moved.Now) >= To);
    const { Invitations } = await plane.client(2).send(new aws.ListInvitationsCommand({}));
    assert.equal(Invitations?.find((each) => each.InvitationId === InvitationId)?.Status, "EXPIRED");
    await assert.rejects(
      plane.client(2).send(new aws.GetNetworkCommand({ NetworkId: net.networkId })),
      aws.ResourceNotFoundException,
    );
    await assert.rejects(
      plane.client(2).send(new aws.RejectInvitationCommand({ InvitationId })),
      aws.IllegalActionException,
    );
  });

  it("leaves a network alone whose clock is the system's", async () => {
    const fixed = await TestControlPlane.start({ simulatedClock: false });
    const { networkId } = await fleet(fixed, [0]);
    const answer = await raw(fixed.url, 0, "POST", `/hansa/networks/${networkId}/clock`, {
      To: "2100-01-01T00:00:00Z",
    });
    assert.equal(answer.error, "InvalidRequestException");
    assert.match(String(answer.body.message), /clock is the system's/);
    await fixed.stop();
  });

  it("explains a member and tells the history of a proposal", async () => {
    const net = await fleet(plane, [0, 1]);
    const answer = await get(0, `/hansa/networks/${net.networkId}/members/${net.memberIds[1]}`);
    assert.match(String(answer.Explanation), /member-2 .* was invited by proposal p-[A-Z2-7]{26} of first/);
    const [ProposalId] = plane.operator.network(net.networkId)!.governance.proposals.keys();
    const { History } = await get(0, `/hansa/networks/${net.networkId}/proposals/${ProposalId}`);
    assert.match(
      (History as { Text: string }[]).map(({ Text }) => Text).join("\n"),
      /first proposed to invite account 222222222222/,
    );
  });

  it("shows what it knows of a network that does not run", async () => {
    const net = await fleet(plane, [0]);
    const network = plane.operator.network(net.networkId)!;
    const gone = () => Promise.reject(new HansaError("NOT_RUNNING", "it is not running"));
    Object.assign(network, { channels: gone, preview: gone, nodes: gone });
    const found = await get(0, `/hansa/networks/${net.networkId}`);
    assert.deepEqual(found.Channels, []);
    assert.equal((found.Members as unknown[]).length, 1);
    assert.equal((await raw(plane.url, 0, "GET", `/networks/${net.networkId}`)).status, 200);
  });

  it("bills by simulated time: members, nodes, storage, until they go", async () => {
    const net = await fleet(plane, [0, 1], { edition: "STANDARD" });
    const [mine, theirs] = net.memberIds as [string, string];
    const network = plane.operator.network(net.networkId)!;
    const start = network.now();
    const path = `/hansa/networks/${net.networkId}/clock`;
    const advanceTo = (hours: number) => post(0, path, { To: new Date(start + hours * HOUR).toISOString() });
    const { NodeId } = await plane.client(0).send(
      new aws.CreateNodeCommand({
        NetworkId: net.networkId,
        MemberId: mine,
        NodeConfiguration: { InstanceType: "bc.m5.large" },
      }),
    );
    await plane.idle();
    network.place(NodeId!, mine, "running", "peer", { storageBytes: 10 * 2 ** 30 });
    const billOf = async (account: number, query = "") => {
      const body = await get(account, `/hansa/bill?network=${net.networkId}${query}`);
      return body as unknown as {
        Total: number;
        Prices: { Date: string };
        Networks: {
          Members: { MemberId: string; Total: number; Lines: { Item: string; Quantity: number; Amount: number }[] }[];
        }[];
      };
    };
    await billOf(0); // Has the storage written down.
    await advanceTo(10);
    const bill = await billOf(0);
    assert.equal(bill.Prices.Date, "2026-04-30");
    const [member] = bill.Networks[0]?.Members ?? [];
    assert.deepEqual([bill.Networks[0]?.Members.length, member?.MemberId], [1, mine], "only what the account pays");
    const line = (item: string) => member?.Lines.find(({ Item }) => Item === item);
    assert.ok(Math.abs((line("membership")?.Quantity ?? 0) - 10) < 0.01);
    assert.ok(Math.abs((line("node")?.Quantity ?? 0) - 10) < 0.01);
    assert.ok(Math.abs((line("storage")?.Quantity ?? 0) - (10 * 10) / 730) < 0.001);
    assert.ok(Math.abs(bill.Total - 7.04 - 1 / 73) < 0.01, String(bill.Total));
    const from = new Date(start + 2 * HOUR).toISOString();
    const to = new Date(start + 3 * HOUR).toISOString();
    assert.ok(Math.abs((await billOf(1, `&from=${from}&to=${to}`)).Total - 0.55) < 0.001);
    await plane.client(0).send(new aws.DeleteNodeCommand({ NetworkId: net.networkId, MemberId: mine, NodeId }));
    await plane.client(1).send(new aws.DeleteMemberCommand({ NetworkId: net.networkId, MemberId: theirs }));
    await plane.idle();
    await advanceTo(100);
    const late = await billOf(1);
    assert.ok(Math.abs(late.Total - 5.5) < 0.01, "a member that left pays no more, and can still see its bill");
    const node = (await billOf(0)).Networks[0]?.Members[0]?.Lines.find(({ Item }) => Item === "node");
    assert.ok(Math.abs((node?.Quantity ?? 0) - 10) < 0.01);
  });

  it("bills what members wrote to their channels, at the time of the block, however often it is read", async () => {
    const net = await fleet(plane, [0, 1]);
    const [mine, theirs] = net.memberIds as [string, string];
    const network = plane.operator.network(net.networkId)!;
    const start = network.now();
    const GB = 2 ** 30;
    const at = (ms: number) => unixMs(start + ms);
    network.blocks.push(
      // Before the founding is ordered, as when a network of a file is started for the first time.
      { memberId: mine, at: at(-60_000 * 5), bytes: GB },
      { memberId: theirs, at: at(2), bytes: 4 * GB },
      { memberId: mine, at: at(3), bytes: 2 * GB },
    );
    const written = async (account: number, query = "") => {
      const body = await get(account, `/hansa/bill?network=${net.networkId}${query}`);
      const [bill] = body.Networks as { Members: { Lines: { Item: string; Quantity: number; Unit: string }[] }[] }[];
      return bill?.Members[0]?.Lines.find(({ Item }) => Item === "data-written")?.Quantity;
    };
    await post(0, `/hansa/networks/${net.networkId}/clock`, { To: new Date(start + HOUR).toISOString() });
    // Both ask at once, and what is read goes on behind them.
    assert.deepEqual(await Promise.all([written(0), written(0), written(1)]), [3, 3, 4]);
    network.blocks.push({ memberId: mine, at: at(HOUR - 60_000), bytes: GB / 2 });
    assert.equal(await written(0), 3.5);
    const middle = new Date(start + HOUR / 2).toISOString();
    assert.deepEqual([await written(0, `&to=${middle}`), await written(0, `&from=${middle}`)], [3, 0.5]);
    const gone = () => Promise.reject(new HansaError("NOT_RUNNING", "it is not running"));
    const asked = network.written;
    network.written = gone;
    assert.equal(await written(0), 3.5, "what was read is known");
    network.written = asked;
    // The channel was made anew: it tells from its beginning.
    network.strandId = "strand-2";
    network.blocks.splice(0, network.blocks.length, { memberId: theirs, at: at(HOUR - 50_000), bytes: GB });
    assert.deepEqual([await written(0), await written(1)], [3.5, 5]);
  });

  it("knows what was written when the last member leaves, and its network stops", async () => {
    const net = await fleet(plane, [0]);
    const network = plane.operator.network(net.networkId)!;
    const [mine] = net.memberIds as [string];
    network.blocks.push({ memberId: mine, at: network.now(), bytes: 2 ** 30 });
    const submit = network.submit.bind(network);
    network.submit = (act) => {
      if (act.kind === "left")
        network.written = () => Promise.reject(new HansaError("NOT_RUNNING", "its nodes have stopped"));
      return submit(act);
    };
    await plane.client(0).send(new aws.DeleteMemberCommand({ NetworkId: net.networkId, MemberId: mine }));
    await plane.idle();
    const { Networks } = await get(0, `/hansa/bill?network=${net.networkId}`);
    const [bill] = Networks as { Members: { Lines: { Item: string; Quantity: number }[] }[] }[];
    assert.equal(bill?.Members[0]?.Lines.find(({ Item }) => Item === "data-written")?.Quantity, 1);
  });
});
