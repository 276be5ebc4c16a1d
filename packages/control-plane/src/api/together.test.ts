/** Many at the same instant: whatever the order, the outcome is one that a single order of them explains. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as aws from "@aws-sdk/client-managedblockchain";
import { HansaError } from "@hansa/primitives";
import { memberConfiguration, TestControlPlane } from "../testing/control-plane.js";
import { fleet, invite, propose } from "../testing/fleet.js";

const FOREVER_MS = 3_600_000;

describe("at the same instant", () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await TestControlPlane.start({ quotas: "off" });
  });
  after(() => plane.stop());

  const outcome = async (run: Promise<unknown>) => run.then(() => "done").catch((error: Error) => error.name);

  it("one of two votes by the same member counts", async () => {
    const owners = [0, 1, 1];
    const { networkId, memberIds } = await fleet(plane, owners);
    const one = plane.client(0);
    const Actions = { Invitations: [{ Principal: "333333333333" }] };
    const { ProposalId } = await one.send(
      new aws.CreateProposalCommand({ NetworkId: networkId, MemberId: memberIds[0], Actions }),
    );
    const vote = (Vote: "YES" | "NO") =>
      one.send(new aws.VoteOnProposalCommand({ NetworkId: networkId, ProposalId, VoterMemberId: memberIds[0], Vote }));
    const outcomes = await Promise.all((["YES", "NO", "YES", "NO"] as const).map((each) => outcome(vote(each))));
    assert.deepEqual(outcomes.toSorted(), [...Array(3).fill("ResourceAlreadyExistsException"), "done"]);
    const { ProposalVotes } = await one.send(new aws.ListProposalVotesCommand({ NetworkId: networkId, ProposalId }));
    assert.equal(ProposalVotes?.length, 1);
  });

  it("votes beyond the deciding one are refused", async () => {
    const owners = [0, 1, 1, 1, 1];
    const { networkId, memberIds } = await fleet(plane, owners);
    const Actions = { Invitations: [{ Principal: "333333333333" }] };
    const { ProposalId } = await plane
      .client(0)
      .send(new aws.CreateProposalCommand({ NetworkId: networkId, MemberId: memberIds[0], Actions }));
    const votes = memberIds.map((VoterMemberId, index) =>
      outcome(
        plane
          .client(owners[index]!)
          .send(new aws.VoteOnProposalCommand({ NetworkId: networkId, ProposalId, VoterMemberId, Vote: "YES" })),
      ),
    );
    const outcomes = await Promise.all(votes);
    assert.deepEqual(outcomes.toSorted(), [...Array(2).fill("IllegalActionException"), ...Array(3).fill("done")]);
    const { Proposal } = await plane.client(0).send(new aws.GetProposalCommand({ NetworkId: networkId, ProposalId }));
    assert.deepEqual([Proposal?.Status, Proposal?.YesVoteCount], ["APPROVED", 3]);
  });

  it("one of many takes an invitation", async () => {
    const net = await fleet(plane, [0]);
    const InvitationId = await invite(plane, net, [0], 1);
    const join = (name: string) =>
      plane.client(1).send(
        new aws.CreateMemberCommand({
          NetworkId: net.networkId,
          InvitationId,
          MemberConfiguration: memberConfiguration(name),
        }),
      );
    const outcomes = await Promise.all(["a", "b", "c"].map((name) => outcome(join(name))));
    assert.deepEqual(outcomes.toSorted(), ["InvalidRequestException", "InvalidRequestException", "done"]);
    await plane.idle();
    assert.equal(plane.operator.network(net.networkId)?.governance.members.size, 2);
  });

  it("joining and rejecting exclude each other", async () => {
    const net = await fleet(plane, [0]);
    for (let round = 0; round < 5; round++) {
      const InvitationId = await invite(plane, net, [0], 1);
      const two = plane.client(1);
      const MemberConfiguration = memberConfiguration(`round-${round}`);
      const [joined, rejected] = await Promise.all([
        outcome(two.send(new aws.CreateMemberCommand({ NetworkId: net.networkId, InvitationId, MemberConfiguration }))),
        outcome(two.send(new aws.RejectInvitationCommand({ InvitationId }))),
      ]);
      await plane.idle();
      const state = plane.operator.network(net.networkId)!.governance;
      const { status } = state.invitations.get(InvitationId)!;
      if (rejected === "done") {
        // It was rejected before the member came; then the member could not be made, or was never begun.
        assert.equal(status, "REJECTED");
      } else {
        assert.deepEqual([joined, rejected, status], ["done", "IllegalActionException", "ACCEPTED"]);
        const member = [...state.members.values()].find(({ name }) => name === `round-${round}`);
        await two.send(new aws.DeleteMemberCommand({ NetworkId: net.networkId, MemberId: member?.memberId }));
        await plane.idle();
      }
    }
  });

  it("votes, a removal and a leave end in one order", async () => {
    for (let round = 0; round < 5; round++) {
      const owners = [0, 1, 1, 2];
      const net = await fleet(plane, owners);
      const [first, second, third, fourth] = net.memberIds as [string, string, string, string];
      const NetworkId = net.networkId;
      const Actions = { Removals: [{ MemberId: fourth }] };
      const { ProposalId } = await plane
        .client(0)
        .send(new aws.CreateProposalCommand({ NetworkId, MemberId: first, Actions }));
      const vote = (account: number, VoterMemberId: string) =>
        outcome(
          plane
            .client(account)
            .send(new aws.VoteOnProposalCommand({ NetworkId, ProposalId, VoterMemberId, Vote: "YES" })),
        );
      await Promise.all([
        vote(0, first),
        vote(1, second),
        vote(1, third),
        outcome(plane.client(2).send(new aws.DeleteMemberCommand({ NetworkId, MemberId: fourth }))),
      ]);
      await plane.idle();
      const state = plane.operator.network(NetworkId)!.governance;
      assert.equal(state.members.get(fourth)?.status, "left", "it is out either way");
      assert.equal(state.enactments.length, 0);
      const { Members } = await plane.client(0).send(new aws.ListMembersCommand({ NetworkId }));
      assert.deepEqual(
        Members?.map(({ Status }) => Status),
        ["AVAILABLE", "AVAILABLE", "AVAILABLE", "DELETED"],
      );
    }
  });

  it("who goes takes its authority along, and its acts are refused for that", async () => {
    const owners = [0, 1];
    const net = await fleet(plane, owners);
    const [NetworkId, MemberId, other] = [net.networkId, net.memberIds[0]!, net.memberIds[1]!];
    const Actions = { Invitations: [{ Principal: "333333333333" }] };
    const propose = () => plane.client(0).send(new aws.CreateProposalCommand({ NetworkId, MemberId, Actions }));
    const { ProposalId } = await propose();
    const network = plane.operator.network(NetworkId)!;
    const submit = network.submit.bind(network);
    const whenLeft = async (memberIds: readonly string[], act: () => Promise<unknown>) => {
      network.submit = async () => {
        for (const memberId of memberIds) await submit({ kind: "left", memberId });
        throw new HansaError("NODE_UNREACHABLE", "The authority does not answer.");
      };
      return outcome(act().finally(() => (network.submit = submit)));
    };
    plane.operator.enactMs = FOREVER_MS;
    const vote = { NetworkId, ProposalId, VoterMemberId: other, Vote: "YES" } as const;
    const voting = () => plane.client(1).send(new aws.VoteOnProposalCommand(vote));
    assert.equal(await whenLeft([], voting), "InternalServiceErrorException");
    assert.equal(await whenLeft([other], voting), "IllegalActionException");
    plane.operator.enactMs = 0;
    plane.operator.hurry();
    await plane.idle();
    assert.equal(await whenLeft([MemberId], propose), "ResourceNotFoundException");
  });

  it("many requests at once are all answered", async () => {
    const owners = [0, 1, 2];
    const net = await fleet(plane, owners);
    const ids = await Promise.all(
      Array.from({ length: 30 }, () =>
        propose(plane, { ...net, memberIds: net.memberIds.slice(0, 1) }, owners, {
          Invitations: [{ Principal: "444444444444" }],
        }),
      ),
    );
    const votes = ids.flatMap((ProposalId) =>
      [1, 2].map((index) =>
        outcome(
          plane.client(index).send(
            new aws.VoteOnProposalCommand({
              NetworkId: net.networkId,
              ProposalId,
              VoterMemberId: net.memberIds[index],
              Vote: "YES",
            }),
          ),
        ),
      ),
    );
    const outcomes = await Promise.all(votes);
    assert.equal(outcomes.filter((each) => each === "done").length, 30);
    assert.equal(outcomes.filter((each) => each === "IllegalActionException").length, 30);
    const statuses = [...plane.operator.network(net.networkId)!.governance.proposals.values()].slice(-30);
    assert.ok(statuses.every(({ status }) => status === "APPROVED"));
  });
});
