/**
 * A network's whole life as its members' own programs see it: AWS's SDK for what the members decide, Fabric's gateway
 * client for transactions, the hansa command for what AWS leaves to Fabric's tools. Every part is a process of its own.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as aws from "@aws-sdk/client-managedblockchain";
import type { GatewayError } from "@hyperledger/fabric-gateway";
import { ManagedAccount, memberConfiguration } from "../support/managed-account.js";
import { ManagedService } from "../support/managed-service.js";
import { ordererAnswers } from "../support/orderer-access.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const SECOND = "prices";
const CONTRACT = "ledger";

describe("a network's life through the Managed Blockchain API", () => {
  let service: ManagedService;
  let a: ManagedAccount;
  let b: ManagedAccount;
  let c: ManagedAccount;
  let d: ManagedAccount;
  let firstNode = "";
  let written = 0;

  before(async () => {
    service = await ManagedService.start();
    [a, b, c, d] = service.accounts.map((account) => new ManagedAccount(service, account)) as [
      ManagedAccount,
      ManagedAccount,
      ManagedAccount,
      ManagedAccount,
    ];
  });
  after(() => service?.stop());

  /** Writes through one member's peer with the endorsement of exactly these, and reads it at each of their peers. */
  async function transact(writer: ManagedAccount, endorsers: readonly ManagedAccount[]): Promise<string> {
    const key = `key ${++written}`;
    const user = writer.user();
    try {
      const mspIds = endorsers.map(({ memberId }) => memberId);
      await user.write(CHANNEL, CONTRACT, key, mspIds);
    } finally {
      user.close();
    }
    for (const endorser of endorsers) await reads(endorser, key);
    return key;
  }

  async function reads(reader: ManagedAccount, key: string): Promise<void> {
    const user = reader.user();
    try {
      const value = await until(`${key} at ${reader.memberName}`, () =>
        user.read(CHANNEL, CONTRACT, key).catch((error: Error & { details?: readonly { message: string }[] }) => {
          if (/no value at/.test(JSON.stringify(error.details))) return undefined;
          throw error;
        }),
      );
      assert.equal(value, `value of ${key}`);
    } finally {
      user.close();
    }
  }

  /** Everything that the API shows of the network. */
  async function everything(): Promise<unknown> {
    const of = { NetworkId: a.networkId };
    const [network, members, proposals, nodes, invitations] = await Promise.all([
      a.client.send(new aws.GetNetworkCommand(of)),
      a.client.send(new aws.ListMembersCommand(of)),
      a.client.send(new aws.ListProposalsCommand(of)),
      a.client.send(new aws.ListNodesCommand(a.member)),
      b.client.send(new aws.ListInvitationsCommand({})),
    ]);
    return [network.Network, members.Members, proposals.Proposals, nodes.Nodes, invitations.Invitations];
  }

  it("begins with one member, its peer, channels and a contract from a package", async () => {
    await a.createNetwork("Alpha");
    firstNode = await a.createNode();
    const at = ["--network", a.networkId] as const;
    await service.json("channel", "create", CHANNEL, ...at);
    await service.json("channel", "create", SECOND, ...at);
    const file = service.contractPackage("ledger_1");
    await service.json("contract", "deploy", file, "--name", CONTRACT, "--channel", CHANNEL, ...at);
    await transact(a, [a]);
  });

  it("refuses keys that nobody has", async () => {
    const [account] = service.accounts;
    for (const [wrong, error] of [
      [{ ...account, accessKeyId: "AKIANOBODYNOBODY0000" }, "UnrecognizedClientException"],
      [{ ...account, secretAccessKey: "not the secret of this account" }, "InvalidSignatureException"],
    ] as const) {
      const refused = service.client(wrong).send(new aws.ListNetworksCommand({}));
      await assert.rejects(refused, (found: aws.ManagedBlockchainServiceException) => {
        assert.equal(found.name, error);
        assert.equal(found.$metadata.httpStatusCode, 403);
        return true;
      });
    }
  });

  it("takes in two more, whose transactions are endorsed and committed", async () => {
    const invited = await a.propose({
      Invitations: [{ Principal: b.accountId }, { Principal: c.accountId }],
    });
    assert.equal((await a.proposal(invited)).Status, "IN_PROGRESS");
    await a.vote(invited);
    assert.equal((await a.proposal(invited)).Status, "APPROVED");
    await transact(a, [a]);
    // One of them twice, with tokens of their own: the same invitation makes one member.
    const twice = await b.acceptance("Beta");
    const [, ...outcomes] = await Promise.allSettled([
      c.accept("Gamma"),
      ...[twice, twice].map((request) => b.client.send(new aws.CreateMemberCommand({ ...request }))),
    ]);
    const made = outcomes.flatMap((each) => (each.status === "fulfilled" ? [each.value.MemberId!] : []));
    assert.equal(made.length, 1);
    b.memberId = made[0]!;
    await Promise.all([b.joined(), c.joined()]);
    await transact(a, [a]);
    await Promise.all([b.createNode(), c.createNode()]);
    const key = await transact(b, [b, c]);
    await reads(a, key);
    await transact(a, [a, b, c]);
    await transact(c, [a, c]);
  });

  it("answers what is wrong in the service's own words, and nothing changes", async () => {
    const open = await a.propose({ Invitations: [{ Principal: d.accountId }] });
    await a.vote(open);
    const before = await everything();
    const NetworkId = a.networkId;
    const voting = { NetworkId, ProposalId: open, Vote: "YES" as const };
    const proposing = { ...a.member, Actions: { Removals: [{ MemberId: b.memberId }] } };
    const InvitationId = `in-${"Q".repeat(26)}`;
    const joining = { NetworkId, InvitationId, MemberConfiguration: memberConfiguration("Delta") };
    const node = { InstanceType: "bc.t3.small", AvailabilityZone: "eu-west-1a" };
    const many = Array.from({ length: 101 }, (_, index) => ({ Principal: String(index).padStart(12, "5") }));
    const cases: readonly [string, string, () => Promise<unknown>][] = [
      ["a stranger reads", "ResourceNotFoundException", () => d.client.send(new aws.GetNetworkCommand({ NetworkId }))],
      [
        "an unknown network",
        "ResourceNotFoundException",
        () => a.client.send(new aws.GetNetworkCommand({ NetworkId: `n-${"Q".repeat(26)}` })),
      ],
      ["an unknown member", "ResourceNotFoundException", () => a.seen(`m-${"Q".repeat(26)}`)],
      ["an unknown node", "ResourceNotFoundException", () => a.node(`nd-${"Q".repeat(26)}`)],
      ["an unknown proposal", "ResourceNotFoundException", () => a.vote(`p-${"Q".repeat(26)}`)],
      ["a second vote", "ResourceAlreadyExistsException", () => a.vote(open, "NO")],
      [
        "a vote for another's member",
        "AccessDeniedException",
        () => a.client.send(new aws.VoteOnProposalCommand({ ...voting, VoterMemberId: b.memberId })),
      ],
      [
        "a vote that is none",
        "InvalidRequestException",
        () =>
          a.client.send(
            new aws.VoteOnProposalCommand({ ...voting, VoterMemberId: a.memberId, Vote: "MAYBE" as "YES" }),
          ),
      ],
      [
        "a proposal in another's name",
        "AccessDeniedException",
        () => b.client.send(new aws.CreateProposalCommand(proposing)),
      ],
      ["a proposal of nothing", "InvalidRequestException", () => a.propose({})],
      ["an account that is none", "InvalidRequestException", () => a.propose({ Invitations: [{ Principal: "12" }] })],
      [
        "the removal of nobody",
        "ResourceNotFoundException",
        () => a.propose({ Removals: [{ MemberId: `m-${"Q".repeat(26)}` }] }),
      ],
      ["more invitations than a proposal takes", "InvalidRequestException", () => a.propose({ Invitations: many })],
      [
        "an invitation that is not there",
        "ResourceNotFoundException",
        () => d.client.send(new aws.CreateMemberCommand(joining)),
      ],
      ["another's member deleted", "AccessDeniedException", () => a.client.send(new aws.DeleteMemberCommand(b.member))],
      [
        "a type of node that is not sold",
        "InvalidRequestException",
        () =>
          a.client.send(new aws.CreateNodeCommand({ ...a.member, NodeConfiguration: { ...node, InstanceType: "x" } })),
      ],
    ];
    for (const [what, error, attempt] of cases) {
      await assert.rejects(attempt(), (found: aws.ManagedBlockchainServiceException) => {
        assert.equal(found.name, error, `${what}: ${found.name}: ${found.message}`);
        assert.ok(found.message.length > 10, what);
        return true;
      });
    }
    assert.deepEqual(await everything(), before);
    await b.vote(open, "NO");
    await c.vote(open, "NO");
    assert.equal((await a.proposal(open)).Status, "REJECTED");
    await assert.rejects(a.vote(open), { name: "IllegalActionException" });
  });

  it("keeps to the edition's quotas", async () => {
    const second = await a.createNode();
    await assert.rejects(a.createNode(), { name: "ResourceLimitExceededException" });
    await a.client.send(new aws.DeleteNodeCommand({ ...a.member, NodeId: second }));
    await until("the node to go", async () => {
      const node = await a.node(second).catch(() => undefined);
      return node === undefined || node.Status === "DELETED" || undefined;
    });
  });

  it("says of a killed peer that it is unhealthy, and has it back", async () => {
    const kill = await pidOf(firstNode);
    process.kill(kill, "SIGKILL");
    await until("UNHEALTHY", async () => ((await a.node(firstNode))?.Status === "UNHEALTHY" ? true : undefined));
    await until("AVAILABLE", async () => ((await a.node(firstNode))?.Status === "AVAILABLE" ? true : undefined));
    assert.notEqual(await pidOf(firstNode), kill);
    await until("the peer to serve", () => transact(a, [a, b]).catch(() => undefined));
  });

  async function pidOf(nodeId: string): Promise<number> {
    const { nodes } = await service.status(a.networkId);
    const node = nodes.find(({ id }) => id.startsWith(nodeId.toLowerCase()));
    assert.ok(node?.pid, `${nodeId} does not run`);
    return node.pid;
  }

  it("gives votes and departures at the same instant one order", async () => {
    const proposal = await b.propose({ Invitations: [{ Principal: d.accountId }] });
    const votes = await Promise.allSettled([
      b.vote(proposal),
      b.vote(proposal),
      b.vote(proposal, "NO"),
      c.vote(proposal, "NO"),
    ]);
    const errors = votes.flatMap((vote) => (vote.status === "rejected" ? [(vote.reason as Error).name] : []));
    assert.deepEqual(errors, ["ResourceAlreadyExistsException", "ResourceAlreadyExistsException"]);
    const { YesVoteCount = 0, NoVoteCount = 0, OutstandingVoteCount } = await a.proposal(proposal);
    assert.deepEqual([YesVoteCount + NoVoteCount, OutstandingVoteCount], [2, 1]);
  });

  it("removes the member that made it, by the votes of the others", async () => {
    const user = a.user(b);
    const events = await user.gateway.getNetwork(CHANNEL).getBlockEvents();
    const following = (async () => {
      for await (const _ of events);
    })();
    following.catch(() => {});
    assert.deepEqual(await ordererAnswers(a.env, SECOND), { broadcast: "SUCCESS", deliver: "a block" });

    const proposal = await b.propose({ Removals: [{ MemberId: a.memberId }] }, "It can go on without");
    await Promise.all([b.vote(proposal), c.vote(proposal)]);
    await b.gone(a.memberId);
    assert.equal((await b.proposal(proposal)).Status, "APPROVED");

    const denied = (error: Error) => {
      const { message, details } = error as GatewayError;
      return /access denied/.test([message, ...details.map((detail) => detail.message)].join("\n"));
    };
    await assert.rejects(user.read(CHANNEL, CONTRACT, "key 1"), denied);
    await assert.rejects(user.write(CHANNEL, CONTRACT, "by one who is out"), denied);
    await assert.rejects(user.write(CHANNEL, CONTRACT, "by one who is out", [b.memberId]), denied);
    await assert.rejects(Promise.race([following, sleep(10_000, "it goes on")]), /./);
    await assert.rejects(
      (async () => {
        for await (const _ of await user.gateway.getNetwork(CHANNEL).getBlockEvents()) break;
      })(),
    );
    user.close();
    for (const channel of [CHANNEL, SECOND])
      assert.deepEqual(await ordererAnswers(a.env, channel), { broadcast: "FORBIDDEN", deliver: "FORBIDDEN" });
    const { nodes } = await service.status(b.networkId);
    assert.deepEqual(
      nodes.filter(({ id }) => id.includes(a.memberId.toLowerCase())),
      [],
    );
    await assert.rejects(a.propose({ Removals: [{ MemberId: b.memberId }] }));
  });

  it("goes on without it and invites another, while everything that carries it is killed", async () => {
    await transact(b, [b, c]);
    const proposal = await c.propose({ Invitations: [{ Principal: d.accountId }] });
    await b.vote(proposal);
    const { supervisorPid } = await service.status(b.networkId);
    await c.vote(proposal);
    await d.accept("Delta");
    process.kill(supervisorPid!, "SIGKILL");
    process.kill(service.pid, "SIGKILL");
    await until("the processes to end", async () =>
      isAlive(supervisorPid!) || isAlive(service.pid) ? undefined : true,
    );
    await service.up();
    await d.joined();
    await d.createNode();
    await transact(d, [b, d]);
    await transact(c, [b, c, d]);
    const { Members } = await d.client.send(new aws.ListMembersCommand({ NetworkId: d.networkId }));
    assert.deepEqual(Members?.map(({ Name, Status }) => `${Name} ${Status}`).sort(), [
      "Alpha DELETED",
      "Beta AVAILABLE",
      "Delta AVAILABLE",
      "Gamma AVAILABLE",
    ]);
    const { verified } = await service.json<{ verified: boolean }>(
      "governance",
      "log",
      "--verify",
      "--network",
      d.networkId,
    );
    assert.equal(verified, true);
  });

  it("ends when the last members leave, whatever comes at the same instant", async () => {
    const removal = await d.propose({ Removals: [{ MemberId: c.memberId }] });
    await d.vote(removal);
    const [vote, leave] = await Promise.allSettled([b.vote(removal), c.leave()]);
    assert.equal(vote.status, "fulfilled");
    if (leave.status === "rejected")
      assert.match((leave.reason as Error).name, /^Resource(NotReady|NotFound)Exception$/);
    await d.gone(c.memberId);
    assert.equal((await d.proposal(removal)).Status, "APPROVED");
    await transact(d, [b, d]);
    const { supervisorPid, nodes } = await service.status(d.networkId);
    await Promise.all([b.leave(), d.leave()]);
    await until("the network to go", async () => {
      const { Networks } = await d.client.send(new aws.ListNetworksCommand({}));
      return Networks!.every(({ Status }) => Status === "DELETED") || undefined;
    });
    const pids = [supervisorPid!, ...nodes.map(({ pid }) => pid!)];
    await until("every process to end", async () => (pids.some(isAlive) ? undefined : true));
    const { running, ended } = await service.status(d.networkId);
    assert.deepEqual({ running, ended }, { running: false, ended: true });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
