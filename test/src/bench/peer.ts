/**
 * The peer bench. Prints one JSON document on stdout, progress on stderr.
 *
 *     npm run bench -- peer [--transactions 100000] [--block 500] [--lone 10] [--warm-up 10]
 *
 * `loneBlocks`: full blocks whose transactions two members endorsed, one at a time to a network at rest, by the time
 * that each peer says it took from judging to stored. `catchUp`: a peer that is new to the channel, from the moment its
 * process is asked for until it has every block. The transactions are made by the bench and sent to the orderer, since
 * making them through contracts would take longer than everything that is measured.
 */
import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import { type Network, startNetwork } from "@hansa/network";
import {
  orderer as ab,
  common,
  decode,
  encode,
  HeaderType,
  kvrwset,
  proposalHash,
  protos,
  rwset,
  Status,
  services,
  toTimestamp,
  transactionId,
} from "@hansa/wire";
import { identityOf } from "../faults/forge.js";
import { repositoryRoot } from "../support/paths.js";
import { processTree } from "./processes.js";

const CHANNEL = "mychannel";
const CONTRACT = "bench";
const CONTRACT_FOLDER = path.join(repositoryRoot, "test/contracts/bench");
const NEWCOMER = "peer1";

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: {
    transactions: { type: "string", default: "100000" },
    block: { type: "string", default: "500" },
    lone: { type: "string", default: "10" },
    "warm-up": { type: "string", default: "10" },
  },
});
const settings = {
  transactions: Number(values.transactions),
  block: Number(values.block),
  lone: Number(values.lone),
  warmUp: Number(values["warm-up"]),
};

const say = (text: string) => process.stderr.write(`${text}\n`);
const round = (value: number, digits = 1) => Number(value.toFixed(digits));

class Transactions {
  readonly #client: SigningIdentity;
  readonly #endorsers: readonly SigningIdentity[];
  #made = 0;

  constructor(network: Network) {
    this.#client = identityOf(network.members[0]!, network.members[0]!.users[0]!);
    this.#endorsers = network.plan.nodes
      .filter(({ kind }) => kind === "peer")
      .map(({ organization, host }) => {
        const folder = path.join(network.layout.nodeIdentity("peer", organization.domain, host), "msp");
        const only = (name: string) => {
          const [file = ""] = readdirSync(path.join(folder, name));
          return readFileSync(path.join(folder, name, file));
        };
        const key = createPrivateKey(only("keystore"));
        return createSigningIdentity(organization.mspId, only("signcerts").toString("utf8"), key, null);
      });
  }

  /** An envelope that puts 100 bytes under a key of its own, as `create` of the contract does. */
  next(): Uint8Array {
    const key = `k${this.#made++}`;
    const spec = {
      type: protos.ChaincodeSpec.Type.NODE,
      chaincodeId: { name: CONTRACT },
      input: { args: [Buffer.from("create"), Buffer.from(key), Buffer.from("x".repeat(100))] },
    };
    const chaincodeProposalPayload = encode(protos.ChaincodeProposalPayload, {
      input: encode(protos.ChaincodeInvocationSpec, { chaincodeSpec: spec }),
    });
    const writes = [{ key, value: Buffer.from("x".repeat(100)) }];
    const results = encode(rwset.TxReadWriteSet, {
      nsRwset: [{ namespace: CONTRACT, rwset: encode(kvrwset.KVRWSet, { writes }) }],
    });
    const extension = encode(protos.ChaincodeAction, {
      results,
      response: { status: 200 },
      chaincodeId: { name: CONTRACT, version: "1.0" },
    });
    const client = this.#client;
    const nonce = randomBytes(24);
    const channelHeader = encode(common.ChannelHeader, {
      type: HeaderType.ENDORSER_TRANSACTION,
      channelId: CHANNEL,
      txId: transactionId(nonce, client.serialized),
      timestamp: toTimestamp(Date.now()),
      extension: encode(protos.ChaincodeHeaderExtension, { chaincodeId: { name: CONTRACT } }),
    });
    const signatureHeader = encode(common.SignatureHeader, { creator: client.serialized, nonce });
    const proposalResponsePayload = encode(protos.ProposalResponsePayload, {
      proposalHash: proposalHash(channelHeader, signatureHeader, chaincodeProposalPayload),
      extension,
    });
    const endorsements = this.#endorsers.map((endorser) => ({
      endorser: endorser.serialized,
      signature: endorser.sign(Buffer.concat([proposalResponsePayload, endorser.serialized])),
    }));
    const action = encode(protos.ChaincodeActionPayload, {
      chaincodeProposalPayload,
      action: { proposalResponsePayload, endorsements },
    });
    const data = encode(protos.Transaction, { actions: [{ header: signatureHeader, payload: action }] });
    const payload = encode(common.Payload, { header: { channelHeader, signatureHeader }, data });
    return encode(common.Envelope, { payload, signature: client.sign(payload) });
  }
}

/** Sends as many as the orderer answers, a block's worth ahead. */
async function send(network: Network, transactions: Transactions, count: number): Promise<void> {
  const ordering = network.plan.nodes.find(({ kind }) => kind === "orderer")!;
  const call = network.target(ordering).rpc.bidi(services.AtomicBroadcast.methods.Broadcast);
  let sent = 0;
  const sendSome = async (some: number) => {
    for (let i = 0; i < some && sent < count; i++, sent++) await call.send(transactions.next());
  };
  await sendSome(4 * settings.block);
  let answered = 0;
  for await (const answer of call.incoming) {
    const { status, info } = decode(ab.BroadcastResponse, answer, "orderer.BroadcastResponse");
    if (status !== Status.SUCCESS) throw new Error(`the orderer answered ${status}: ${info}`);
    if (++answered === count) break;
    await sendSome(1);
  }
  call.close();
}

async function heights(network: Network): Promise<number[]> {
  return (await network.ledgers(CHANNEL)).map(({ height }) => height);
}

async function settle(network: Network): Promise<number> {
  const ordering = network.plan.nodes.find(({ kind }) => kind === "orderer")!;
  for (;;) {
    const all = await heights(network);
    if (new Set(all).size === 1) {
      await sleep(500);
      const again = await heights(network);
      if (again.every((height) => height === all[0])) return all[0]!;
    }
    await sleep(100);
    if (network.nodes().find(({ node }) => node.id === ordering.id)?.state !== "running") throw new Error("no orderer");
  }
}

const COMMITTED = new RegExp(` block committed channel=${CHANNEL} number=(\\d+) txCount=(\\d+) durationMs=(\\d+)`);

/** What a peer's log says of the blocks that it stored. */
function loggedBlocks(node: string): { number: number; txCount: number; durationMs: number }[] {
  const lines = readFileSync(network.layout.log(node), "utf8").split("\n");
  return lines.flatMap((line) => {
    const [, number, txCount, durationMs] = COMMITTED.exec(line) ?? [];
    return number === undefined
      ? []
      : [{ number: Number(number), txCount: Number(txCount), durationMs: Number(durationMs) }];
  });
}

const dataFolder = mkdtempSync(path.join(os.tmpdir(), "hansa-bench-"));
const batch = { timeout: "1s", maxMessages: settings.block, preferredSize: "20 MB", maxSize: "40 MB" };
const network = await startNetwork(
  {
    network: "peer-bench",
    batching: "fabric",
    members: [{ name: "Org1" }, { name: "Org2" }],
    channels: [{ name: CHANNEL, batch }],
  },
  { mode: "processes", dataFolder },
);
try {
  await network.deploy({ name: CONTRACT, channel: CHANNEL, path: CONTRACT_FOLDER, endorsement: "all" });
  const transactions = new Transactions(network);
  const peers = network.plan.nodes.filter(({ kind }) => kind === "peer").map(({ id }) => id);

  say(`${settings.warmUp} blocks to warm up, then ${settings.lone} blocks of ${settings.block}, one at a time`);
  await send(network, transactions, settings.warmUp * settings.block);
  const before = await settle(network);
  for (let i = 0; i < settings.lone; i++) {
    await send(network, transactions, settings.block);
    await settle(network);
  }
  const loneBlocks = peers.map((peer) => {
    const blocks = loggedBlocks(peer).filter(({ number }) => number >= before);
    const times = blocks.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
    return { peer, blocks: blocks.length, medianMs: times[times.length >> 1], longestMs: times.at(-1) };
  });
  say(JSON.stringify(loneBlocks));

  const rest = Math.max(0, settings.transactions - (settings.warmUp + settings.lone) * settings.block);
  say(`${rest} transactions more, for somebody new to catch up with`);
  await send(network, transactions, rest);
  const height = await settle(network);
  const invalid = await invalidOnes(network, height);
  const { mspId } = network.members[0]!;
  const cpuBefore = cpuOfAll();
  const startedAt = performance.now();
  await network.running.addPeer({ mspId, peerName: NEWCOMER });
  while (!(await heights(network)).every((each) => each >= height)) await sleep(20);
  const caughtUpMs = performance.now() - startedAt;
  const node = network.nodes().find((each) => each.node.id.startsWith(NEWCOMER))!;
  const cpuMs = cpuOfAll() - cpuBefore;
  const logged = loggedBlocks(node.node.id).filter(({ txCount }) => txCount === settings.block);
  const catchUp = {
    transactions: settings.transactions,
    blocks: height,
    invalid,
    ms: Math.round(caughtUpMs),
    perSecond: Math.round(settings.transactions / (caughtUpMs / 1000)),
    cpuMsPerTransaction: round(cpuMs / settings.transactions, 3),
    fullBlockMs: round(logged.reduce((sum, { durationMs }) => sum + durationMs, 0) / Math.max(1, logged.length)),
  };
  const machine = { node: process.version, cpus: os.cpus().length, model: os.cpus()[0]?.model, load: os.loadavg()[0] };
  process.stdout.write(`${JSON.stringify({ bench: "peer", machine, settings, loneBlocks, catchUp }, null, 2)}\n`);
} finally {
  await network.stop();
  rmSync(dataFolder, { recursive: true, force: true });
}

function cpuOfAll(): number {
  return processTree(() => "node").reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

/** Transactions of the newest blocks that did not count: none, or the figures mean nothing. */
async function invalidOnes(measured: Network, height: number): Promise<number> {
  const contract = measured.members[0]!.gateway().getNetwork(CHANNEL).getContract("qscc");
  let invalid = 0;
  for (let number = height - 2; number < height; number++) {
    const bytes = await contract.evaluateTransaction("GetBlockByNumber", CHANNEL, String(number));
    const codes = decode(common.Block, bytes, "common.Block").metadata?.metadata?.[2] ?? Buffer.alloc(0);
    invalid += codes.filter((code) => code !== 0).length;
  }
  return invalid;
}
