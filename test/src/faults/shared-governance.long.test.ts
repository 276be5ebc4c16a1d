/**
 * The first of three orderers is killed and stays away: members propose, vote and join through the Managed Blockchain
 * API all the same, and channels are made, changed, proved and used by those who know Fabric. When it is back, it has
 * all that, and its governance strand is the others', byte for byte.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import * as aws from "@aws-sdk/client-managedblockchain";
import { withBatchSettings } from "@hansa/channel-config";
import { GOVERNANCE_STRAND, readSignedRecord, readStrandBlock } from "@hansa/governance";
import { askChannels, askStatus, findSupervisor, Layout, NetworkView } from "@hansa/network";
import { toHex } from "@hansa/primitives";
import { FolderLock } from "@hansa/storage/journal";
import { encode, hansa as messages, services } from "@hansa/wire";
import { hansa } from "../support/hansa-command.js";
import { journalRequest } from "../support/journal-request.js";
import { ManagedAccount } from "../support/managed-account.js";
import { ManagedService } from "../support/managed-service.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { identityOf } from "./forge.js";
import { natsServerIsMissing } from "./nats.js";
import { isAlive, kill } from "./processes.js";

const NAME = "shared";
const CHANNEL = "trade";
const FIRST = "orderer";
/** A decision takes well under a second on a machine of its own; this one may be busy with other networks. */
const DECIDED_WITHIN_MS = 15_000;
const MADE = "made";
const BATCH = { batchTimeoutMs: 500, maxMessageCount: 7, absoluteMaxBytes: 1_000_000, preferredMaxBytes: 500_000 };
/** An orderer that is away is waited for much longer where it is needed. */
const MADE_WITHIN_MS = 15_000;

describe("the governance of a network with three orderers", natsServerIsMissing, () => {
  let service: ManagedService;
  let view: NetworkView;
  let alpha: ManagedAccount;
  let beta: ManagedAccount;
  let gamma: ManagedAccount;
  let lock: FolderLock | undefined;
  before(async () => {
    service = await ManagedService.start();
    const [a, b, c] = service.accounts;
    const file = [
      `network: ${NAME}`,
      "ordering: { engine: jetstream, orderers: 3 }",
      `members: [{ name: Alpha, account: "${a.accountId}" }, { name: Beta, account: "${b.accountId}", peers: [] }]`,
      `channels: [{ name: ${CHANNEL} }]`,
    ];
    writeFileSync(path.join(service.folder, "shared.yaml"), `${file.join("\n")}\n`);
    const { exit, stderr } = await hansa(service.folder, "up", "shared.yaml");
    assert.equal(exit, 0, stderr);
    view = await NetworkView.open(new Layout(path.join(service.folder, ".hansa", NAME)));
    [alpha, beta, gamma] = [a, b, c].map((each) => new ManagedAccount(service, each)) as [
      ManagedAccount,
      ManagedAccount,
      ManagedAccount,
    ];
    const { Id } = await until("the network", async () => {
      const { Networks } = await alpha.client.send(new aws.ListNetworksCommand({}));
      return Networks?.[0];
    });
    const { Members } = await alpha.client.send(new aws.ListMembersCommand({ NetworkId: Id }));
    for (const [name, account] of Object.entries({ Alpha: alpha, Beta: beta })) {
      account.networkId = Id!;
      account.memberId = Members!.find((member) => member.Name === name)!.Id!;
      account.memberName = name;
    }
  });
  after(async () => {
    lock?.release();
    view?.closeConnections();
    await hansa(service.folder, "down", "--wipe", "--network", NAME);
    await service?.stop();
  });

  /** What the command prints. */
  async function done(...args: string[]): Promise<string> {
    const { exit, stdout, stderr } = await hansa(service.folder, ...args, "--network", NAME);
    assert.equal(exit, 0, stderr);
    return stdout;
  }

  const supervisor = async () => (await findSupervisor(view.layout))!;
  const status = async () => (await askStatus(await supervisor())).nodes.find(({ id }) => id === FIRST)!;

  /** The strand as an orderer serves it, every block's bytes in hexadecimal. */
  async function strandAt(id: string): Promise<string[]> {
    const request = encode(messages.governance.FollowRequest, {});
    const envelope = journalRequest(identityOf(view.member("Alpha"), "User1"), GOVERNANCE_STRAND, request);
    const { rpc } = view.target(view.plan.nodes.find((node) => node.id === id)!);
    const blocks: string[] = [];
    for await (const block of rpc.serverStream(services.Governance.methods.Follow, envelope).incoming)
      blocks.push(toHex(block));
    return blocks;
  }

  const actsIn = (strand: readonly string[]) =>
    strand.flatMap((block) =>
      readStrandBlock(Buffer.from(block, "hex")).records.map((record) => readSignedRecord(record).act),
    );

  it("goes on while the first of them is away", async (context) => {
    const { pid } = await status();
    kill(pid!);
    // Its supervisor starts it again at once; it ends at its locked folder until the lock is gone.
    await until(`the end of ${FIRST}`, async () => (isAlive(pid!) ? undefined : true));
    lock = FolderLock.acquire(path.join(view.layout.node(FIRST), "journal"));
    const begun = performance.now();
    const proposal = await alpha.propose({ Invitations: [{ Principal: gamma.accountId }] });
    await alpha.vote(proposal);
    await beta.vote(proposal);
    assert.equal((await beta.proposal(proposal)).Status, "APPROVED");
    const decidedMs = performance.now() - begun;
    await assert.rejects(beta.vote(proposal), { name: "IllegalActionException" });
    await gamma.accept("Gamma");
    await gamma.joined();
    const joinedMs = performance.now() - begun;
    const [channel] = await askChannels(await supervisor());
    assert.equal(channel?.mspIds.length, 3, "the channel has taken the newcomer in");
    context.diagnostic(`decided after ${Math.round(decidedMs)} ms, joined after ${Math.round(joinedMs)} ms`);
    assert.ok(decidedMs < DECIDED_WITHIN_MS, `decided after ${decidedMs} ms`);
  });

  it("makes a channel meanwhile, that peers join and clients use, and that is changed and proved", async (context) => {
    const begun = performance.now();
    await done("channel", "create", MADE, "--members", "Alpha");
    const madeMs = performance.now() - begun;
    context.diagnostic(`channel made after ${Math.round(madeMs)} ms`);
    assert.ok(madeMs < MADE_WITHIN_MS, `made after ${madeMs} ms`);
    await done(
      "contract",
      "deploy",
      path.join(repositoryRoot, "test/contracts/bench"),
      "--channel",
      MADE,
      "--name",
      "bench",
    );
    await alpha.createBareNode();
    const grown = await NetworkView.open(view.layout);
    try {
      const gateway = grown.member("Alpha").gateway();
      const sent = gateway
        .getNetwork(MADE)
        .getContract("bench")
        .newProposal("create", { arguments: ["key", "value"] });
      const proposal = await sent.endorse();
      const commit = await proposal.submit();
      assert.ok((await commit.getStatus()).successful);
      await grown.updateChannel(MADE, (config) => withBatchSettings(config, BATCH));
      const heights = async () => (await grown.ledgers(MADE)).map(({ height }) => height);
      await until("both peers to have the same blocks", async () => {
        const found = await heights();
        return found.length === 2 && found[0] === found[1] ? true : undefined;
      });
      await done("receipt", proposal.getTransactionId(), "--channel", MADE, "--output", "receipt.json");
      await done("journal", "digest", "--channel", MADE);
    } finally {
      grown.closeConnections();
    }
    const info = await done("channel", "info", MADE);
    assert.match(info, /^orderer +- +.*does not speak of its channels/m);
    assert.match(info, /^orderer2 +\d+ +active/m);
    assert.match(await done("env", "Alpha"), /ORDERER_HOST='?orderer2\./);
    const { Network } = await alpha.client.send(new aws.GetNetworkCommand({ NetworkId: alpha.networkId }));
    const second = view.state.ports.orderer2!.port;
    assert.match(Network?.FrameworkAttributes?.Fabric?.OrderingServiceEndpoint ?? "", new RegExp(`:${second}$`));
    assert.notEqual((await status()).state, "running");
  });

  it("has the same strand everywhere when it is back, with every act on it once", async () => {
    lock?.release();
    await until(`${FIRST} to run again`, async () => ((await status()).state === "running" ? true : undefined));
    const orderers = view.plan.nodes.filter(({ kind }) => kind === "orderer").map(({ id }) => id);
    assert.equal(orderers[0], FIRST);
    assert.match(await done("channel", "info", MADE), /^orderer +\d+ +active/m);
    const strands = await until("all strands to have the same length", async () => {
      const all = await Promise.all(orderers.map(strandAt));
      return new Set(all.map(({ length }) => length)).size === 1 ? all : undefined;
    });
    for (const strand of strands) assert.deepEqual(strand, strands[0]);
    assert.deepEqual(
      actsIn(strands[0]!).map(({ kind }) => kind),
      ["founded", "proposed", "voted", "voted", "invitationAccepted", "enacted"],
    );
    await gamma.leave();
    await alpha.gone(gamma.memberId);
    const after = await until("the departure at the first", async () => {
      const acts = actsIn(await strandAt(FIRST));
      return acts.length === 8 ? acts : undefined;
    });
    assert.deepEqual(
      after.slice(6).map(({ kind }) => kind),
      ["left", "enacted"],
    );
  });
});
