/** A shorter life of a network with AWS's own command line, and transactions before and after each change. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { awsOutcome, withoutAws } from "../support/aws-command.js";
import { FabricUser, type Via } from "../support/fabric-user.js";
import { ManagedService, PASSWORD } from "../support/managed-service.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const CONTRACT = "ledger";

describe("a network's life with the aws command", { skip: withoutAws }, () => {
  let service: ManagedService;
  let networkId = "";
  const members: Record<string, { memberId: string; env: Via }> = {};
  let written = 0;

  before(async () => {
    service = await ManagedService.start();
  });
  after(() => service?.stop());

  async function aws<T = Record<string, never>>(profile: string, ...args: string[]): Promise<T> {
    const { exit, stdout, stderr } = await awsOutcome(service, profile, ...args);
    assert.equal(exit, 0, `aws ${args.join(" ")}: ${stderr}`);
    return (stdout.trim() === "" ? {} : JSON.parse(stdout)) as T;
  }

  /** Asks for a Status until it is no longer on its way. */
  function settled(profile: string, ...args: string[]): Promise<string> {
    return until(args.join(" "), async () => {
      const status = await aws<string>(profile, ...args);
      return /ING$/.test(status) ? undefined : status;
    });
  }

  const memberOf = (name: string) =>
    `Name=${name},FrameworkConfiguration={Fabric={AdminUsername=admin,AdminPassword=${PASSWORD}}}`;
  const of = (name: string) => ["--network-id", networkId, "--member-id", members[name]!.memberId];

  async function createNode(name: string): Promise<void> {
    const configuration = "InstanceType=bc.t3.small,AvailabilityZone=eu-west-1a";
    const { NodeId } = await aws<{ NodeId: string }>(
      name,
      "create-node",
      ...of(name),
      "--node-configuration",
      configuration,
    );
    assert.equal(
      await settled(name, "get-node", ...of(name), "--node-id", NodeId, "--query", "Node.Status"),
      "AVAILABLE",
    );
    members[name]!.env = await service.json("env", name, "--user", "User1", "--network", networkId);
  }

  async function decide(name: string, actions: string): Promise<void> {
    const proposing = ["create-proposal", ...of(name), "--actions", actions, "--query", "ProposalId"];
    const id = await aws<string>(name, ...proposing);
    const ballot = ["--voter-member-id", members[name]!.memberId, "--vote", "YES"];
    await aws(name, "vote-on-proposal", "--network-id", networkId, "--proposal-id", id, ...ballot);
  }

  async function transact(name: string, endorsers: readonly string[]): Promise<void> {
    const user = new FabricUser(members[name]!.env);
    const key = `key ${++written}`;
    try {
      await user.write(
        CHANNEL,
        CONTRACT,
        key,
        endorsers.map((each) => members[each]!.memberId),
      );
      assert.equal(await user.read(CHANNEL, CONTRACT, key), `value of ${key}`);
    } finally {
      user.close();
    }
  }

  it("creates a network, its first member and a peer, and carries a transaction", async () => {
    const policy = "ThresholdPercentage=50,ProposalDurationInHours=24,ThresholdComparator=GREATER_THAN_OR_EQUAL_TO";
    const made = await aws<{ NetworkId: string; MemberId: string }>(
      "a",
      "create-network",
      ...["--name", "trade", "--framework", "HYPERLEDGER_FABRIC", "--framework-version", "2.2"],
      ...["--framework-configuration", "Fabric={Edition=STARTER}"],
      ...["--voting-policy", `ApprovalThresholdPolicy={${policy}}`, "--member-configuration", memberOf("a")],
    );
    networkId = made.NetworkId;
    members.a = { memberId: made.MemberId, env: {} };
    const asking = ["get-network", "--network-id", networkId, "--query", "Network.Status"];
    assert.equal(await settled("a", ...asking), "AVAILABLE");
    await createNode("a");
    const at = ["--network", networkId];
    await service.json("channel", "create", CHANNEL, ...at);
    await service.json("contract", "deploy", service.contractPackage("ledger_1"), "--name", CONTRACT, ...at);
    await transact("a", ["a"]);
  });

  it("invites another account, which joins and endorses", async () => {
    await decide("a", `Invitations=[{Principal=${service.accounts[1].accountId}}]`);
    const picked = ["--query", "Invitations[?Status=='PENDING'].InvitationId"];
    const [invitation] = await aws<string[]>("b", "list-invitations", ...picked);
    const joining = [
      "--network-id",
      networkId,
      "--invitation-id",
      invitation!,
      "--member-configuration",
      memberOf("b"),
    ];
    members.b = { memberId: await aws<string>("b", "create-member", ...joining, "--query", "MemberId"), env: {} };
    assert.equal(await settled("b", "get-member", ...of("b"), "--query", "Member.Status"), "AVAILABLE");
    await createNode("b");
    await transact("b", ["a", "b"]);
    await transact("a", ["b"]);
  });

  it("shows the service's errors", async () => {
    const { exit, stderr } = await awsOutcome(service, "c", "get-network", "--network-id", networkId);
    assert.notEqual(exit, 0);
    assert.match(
      stderr,
      /An error occurred \(ResourceNotFoundException\) when calling the GetNetwork operation.*: Network/,
    );
  });

  it("removes the first member; the other goes on, and the network ends with it", async () => {
    await decide("b", `Removals=[{MemberId=${members.a!.memberId}}]`);
    await until("the removal", async () => {
      const listed = ["list-members", "--network-id", networkId, "--status", "DELETED", "--query", "Members[].Name"];
      return (await aws<string[]>("b", ...listed)).includes("a") || undefined;
    });
    const out = new FabricUser(members.a!.env, members.b!.env);
    await assert.rejects(out.read(CHANNEL, CONTRACT, "key 1"));
    out.close();
    await transact("b", ["b"]);
    await aws("b", "delete-member", ...of("b"));
    await until("the end", async () => {
      const statuses = await aws<string[]>("b", "list-networks", "--query", "Networks[].Status");
      return statuses.every((status) => status === "DELETED") || undefined;
    });
    assert.equal((await service.status(networkId)).running, false);
  });
});
