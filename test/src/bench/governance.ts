/**
 * The governance bench. Prints one JSON document on stdout, progress on stderr.
 *
 *     npm run bench -- governance [--channels 8] [--blocks 1000] [--newcomers 3] [--in-flight 0,1,16] [--seconds 8]
 *
 * `newcomers`: accounts join one after the other, as fast as a client of AWS's SDK can have them: from the answer to the
 * deciding vote to the invitation's acceptance, to the member admitted on every channel, to its peer having so many
 * blocks of one of them; `cpuMs` is what all nodes and the control plane used for it. `api`: how long the SDK waits for
 * calls of the API while a client submits transactions, so many of them in flight, 0 meaning none. Everything is a
 * process of its own; the machine's load is given with the figures.
 */
import { fork } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as aws from "@aws-sdk/client-managedblockchain";
import { Layout, NetworkView } from "@hansa/network";
import { common } from "@hansa/wire";
import type { Via } from "../support/fabric-user.js";
import { ManagedAccount } from "../support/managed-account.js";
import { ManagedService } from "../support/managed-service.js";
import { until } from "../support/until.js";
import { type LoadOrder, type LoadReport, quantile } from "./load.js";
import { processTree } from "./processes.js";

const CONTRACT = "ledger";
const LONG = "channel-0";

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: {
    channels: { type: "string", default: "8" },
    blocks: { type: "string", default: "1000" },
    newcomers: { type: "string", default: "3" },
    "in-flight": { type: "string", default: "0,1,16" },
    seconds: { type: "string", default: "8" },
  },
});
const settings = {
  channels: Number(values.channels),
  blocks: Number(values.blocks),
  newcomers: Math.min(3, Number(values.newcomers)),
  inFlight: values["in-flight"].split(",").map(Number),
  seconds: Number(values.seconds),
};

const say = (text: string) => process.stderr.write(`${text}\n`);
const load = () => os.loadavg().map((value) => Number(value.toFixed(1)));
const since = (startedAt: number) => Math.round(performance.now() - startedAt);
const onlyFile = (folder: string) => readFileSync(path.join(folder, readdirSync(folder)[0] ?? ""), "utf8");

function orderFor({ env }: ManagedAccount, inFlight: number, seconds: number): LoadOrder {
  return {
    endpoint: env.PEER_ENDPOINT!,
    serverName: env.PEER_HOST_ALIAS!,
    tlsRootPem: readFileSync(env.TLS_CERT_PATH!, "utf8"),
    mspId: env.MSP_ID!,
    certificatePem: onlyFile(env.CERT_DIRECTORY_PATH!),
    privateKeyPem: onlyFile(env.KEY_DIRECTORY_PATH!),
    channel: LONG,
    contract: CONTRACT,
    workload: "create",
    inFlight,
    warmUpMs: 500,
    measuredMs: seconds * 1000,
    prefix: `${inFlight}-${Date.now().toString(36)}-`,
    keys: 1,
  };
}

/** Load from a process of its own, until it has run its time. */
async function runLoad(order: LoadOrder): Promise<LoadReport> {
  const child = fork(fileURLToPath(new URL("./load.js", import.meta.url)), { serialization: "advanced", execArgv: [] });
  const next = () =>
    new Promise<unknown>((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", (code) => reject(new Error(`the load ended with ${code}`)));
    });
  // What is measured is how long another client waits, so this one's own work stands back for it.
  os.setPriority(child.pid!, 10);
  const ready = next();
  child.send(order);
  await ready;
  const report = next();
  child.send("go");
  return (await report) as LoadReport;
}

/** Blocks that a member's peer has of a channel. */
async function height(account: ManagedAccount): Promise<number> {
  const user = account.user();
  try {
    const bytes = await user.gateway.getNetwork(LONG).getContract("qscc").evaluateTransaction("GetChainInfo", LONG);
    return Number(common.BlockchainInfo.decode(bytes).height);
  } finally {
    user.close();
  }
}

/** CPU time that the network and the control plane have used, of the processes that run now. */
async function cpuMs(networkId: string): Promise<number> {
  const { supervisorPid } = await service.status(networkId);
  const uses = processTree(() => "", [service.pid, supervisorPid!]);
  return Math.round(uses.reduce((sum, { cpuMs }) => sum + cpuMs, 0));
}

/** What `hansa env` prints of a member's user. */
async function userOf({ networkId, memberName }: ManagedAccount): Promise<Via> {
  const view = await NetworkView.open(new Layout(path.join(service.folder, ".hansa", networkId)));
  try {
    return view.member(memberName).env("User1");
  } finally {
    view.closeConnections();
  }
}

async function join(voters: readonly ManagedAccount[], newcomer: ManagedAccount, name: string) {
  const before = load();
  const proposal = await voters[0]!.propose({ Invitations: [{ Principal: newcomer.accountId }] });
  for (const voter of voters) {
    if ((await voter.proposal(proposal)).Status !== "IN_PROGRESS") break;
    await voter.vote(proposal);
  }
  const cpuBefore = await cpuMs(voters[0]!.networkId);
  const startedAt = performance.now();
  await newcomer.accept(name);
  const acceptedMs = since(startedAt);
  await newcomer.joined();
  const admittedMs = since(startedAt);
  await newcomer.createBareNode();
  const peerServesMs = since(startedAt);
  // Read here: a command of its own would take as long as half of what is measured.
  newcomer.env = await userOf(newcomer);
  await until("the peer to catch up", async () =>
    (await height(newcomer).catch(() => 0)) >= settings.blocks ? true : undefined,
  );
  const caughtUpMs = since(startedAt);
  const usedMs = (await cpuMs(newcomer.networkId)) - cpuBefore;
  return { voters: voters.length, acceptedMs, admittedMs, peerServesMs, caughtUpMs, cpuMs: usedMs, load: before };
}

async function callApi(account: ManagedAccount, inFlight: number) {
  const loading = inFlight === 0 ? undefined : runLoad(orderFor(account, inFlight, settings.seconds));
  const { client, member } = account;
  const { NetworkId } = member;
  const { Nodes } = await client.send(new aws.ListNodesCommand(member));
  const NodeId = Nodes![0]!.Id!;
  const { Proposals } = await client.send(new aws.ListProposalsCommand({ NetworkId }));
  const ProposalId = Proposals![0]!.ProposalId!;
  const { Arn } = (await account.seen(account.memberId))!;
  let newest = "";
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    GetNetwork: () => client.send(new aws.GetNetworkCommand({ NetworkId })),
    ListMembers: () => client.send(new aws.ListMembersCommand({ NetworkId })),
    GetNode: () => client.send(new aws.GetNodeCommand({ ...member, NodeId })),
    GetProposal: () => client.send(new aws.GetProposalCommand({ NetworkId, ProposalId })),
    CreateProposal: async () => {
      newest = await account.propose({ Invitations: [{ Principal: "999999999999" }] });
    },
    // One of several members decides nothing yet.
    VoteOnProposal: () => account.vote(newest),
    TagResource: () => client.send(new aws.TagResourceCommand({ ResourceArn: Arn!, Tags: { newest } })),
  };
  const took = new Map<string, number[]>(Object.keys(calls).map((name) => [name, []]));
  const before = load();
  const end = performance.now() + settings.seconds * 1000;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  while (performance.now() < end) {
    for (const [name, call] of Object.entries(calls)) {
      const startedAt = performance.now();
      await call();
      took.get(name)!.push(performance.now() - startedAt);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const report = await loading;
  const summary = (times: readonly number[]) => {
    const ascending = Float64Array.from(times).sort();
    return { calls: times.length, p50: quantile(ascending, 0.5), p95: quantile(ascending, 0.95) };
  };
  return {
    inFlight,
    transactionsPerSecond: report?.perSecond ?? 0,
    failed: report?.failed ?? {},
    allMs: summary([...took.values()].flat()),
    ms: Object.fromEntries([...took].map(([name, times]) => [name, summary(times)])),
    load: before,
  };
}

const service = await ManagedService.start();
try {
  const accounts = service.accounts.map((account) => new ManagedAccount(service, account));
  const [first, ...others] = accounts as [ManagedAccount, ...ManagedAccount[]];
  await first.createNetwork("member-0");
  await first.createNode();
  const at = ["--network", first.networkId] as const;
  for (let index = 0; index < settings.channels; index++)
    await service.json("channel", "create", `channel-${index}`, ...at);
  const file = service.contractPackage("ledger_1");
  await service.json("contract", "deploy", file, "--name", CONTRACT, "--channel", LONG, ...at);
  say(`network with ${settings.channels} channels is up`);
  while ((await height(first)) < settings.blocks) await runLoad(orderFor(first, 1, 3));
  say(`${LONG} has ${await height(first)} blocks`);

  const newcomers = [];
  const members = [first];
  for (const newcomer of others.slice(0, settings.newcomers)) {
    const outcome = await join(members, newcomer, `member-${members.length}`);
    members.push(newcomer);
    newcomers.push(outcome);
    say(`newcomer ${JSON.stringify(outcome)}`);
  }
  const api = [];
  for (const inFlight of settings.inFlight) {
    api.push(await callApi(first, inFlight));
    say(`api ${JSON.stringify(api.at(-1))}`);
  }
  const machine = { cpus: os.cpus().length, model: os.cpus()[0]?.model, node: process.version };
  process.stdout.write(`${JSON.stringify({ machine, settings, newcomers, api }, undefined, 2)}\n`);
} finally {
  await service.stop();
}
