/** Nothing that a client sends to a peer or an orderer stops it, hangs, or shows a stack; Fabric's answers are given. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { configOfBlock } from "@hansa/channel-config";
import { type Network, startNetwork } from "@hansa/network";
import { GrpcStatus, type MethodDefinition, type RpcClient } from "@hansa/transport";
import { common, decode, encode, orderer, protos, readEnvelope, services, statusName } from "@hansa/wire";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { type Answer, ask, flawOf } from "./answers.js";
import { broadcastCases, seekCases } from "./cases-ordering.js";
import {
  chaincodeEventsCases,
  commitStatusCases,
  endorseCases,
  evaluateCases,
  processProposalCases,
  submitCases,
} from "./cases-peer.js";
import { type Case, cast, gatewayProposal, proposal, seek, seekTo, submission } from "./cast.js";
import { chaincodeEventsRequest, commitStatusRequest, envelope, identityOf, seekEnvelope } from "./forge.js";
import { Seeded } from "./seeded.js";
import { expiredIdentity, forgedIdentity, revokedIdentity } from "./strangers.js";

const SEED = Number(process.env.HANSA_SEED ?? 20_260);
const MUTATIONS = Number(process.env.HANSA_MUTATIONS ?? 60);

const { ProcessProposal } = services.Endorser.methods;
const { Endorse, Evaluate, Submit, CommitStatus, ChaincodeEvents } = services.Gateway.methods;
const { Broadcast, Deliver: OrdererDeliver } = services.AtomicBroadcast.methods;
const { Deliver, DeliverFiltered, DeliverWithPrivateData } = services.Deliver.methods;

let network: Network;
let peer: RpcClient;
let ordering: RpcClient;

const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown) => void unhandled.push(reason);

before(async () => {
  process.on("unhandledRejection", noteUnhandled);
  network = await startNetwork(
    {
      network: "bad-messages",
      members: [{ name: "Alpha" }, { name: "Beta" }, { name: "Gamma" }],
      channels: [{ name: "trade", members: ["Alpha", "Beta"] }],
      contracts: [{ name: "bench", channel: "trade", path: path.join(repositoryRoot, "test/contracts/bench") }],
    },
    { mode: "inline" },
  );
  const node = (id: string) => network.target(network.plan.nodes.find((each) => each.id === id)!).rpc;
  peer = node("peer0.alpha");
  ordering = node("orderer");
  cast.user = identityOf(network.member("Alpha"), "User1");
  cast.outsider = identityOf(network.member("Gamma"), "User1");
  cast.stranger = forgedIdentity("AlphaMSP");
  const alpha = network.member("Alpha");
  cast.expired = await expiredIdentity(node("ca.alpha"), alpha);
  const { config } = configOfBlock(encode(common.Block, await blockAt(0))).configEnvelope;
  cast.deployment = readEnvelope((await blockAt(1)).data!.data![0]!).channelHeader.txId;
  cast.admin = identityOf(alpha, "Admin");
  const { identity, update } = await revokedIdentity(node("ca.alpha"), alpha, cast.admin, config!);
  cast.revoked = identity;
  const before = (await network.ledgers("trade"))[0]!.height;
  assert.equal(say(Broadcast, await ask(ordering, Broadcast, update)), "SUCCESS: ");
  await until("the revocation", async () =>
    (await network.ledgers("trade")).every(({ height }) => height > before) ? true : undefined,
  );
});

after(async () => {
  await network?.stop();
  process.off("unhandledRejection", noteUnhandled);
  assert.deepEqual(unhandled, []);
});

async function blockAt(number: number): Promise<common.IBlock> {
  const answer = await ask(ordering, OrdererDeliver, seekEnvelope({ identity: cast.user, data: seekTo(number) }));
  assert(answer.kind === "message");
  return decode(orderer.DeliverResponse, answer.bytes, "orderer.DeliverResponse").block!;
}

/** One line for what came back. */
function say(method: MethodDefinition, answer: Answer): string {
  if (answer.kind === "end") return "end";
  if (answer.kind === "status") return `${codeName(answer.code)} ${answer.text}`;
  const { bytes } = answer;
  if (method === ProcessProposal) {
    const { response } = protos.ProposalResponse.decode(bytes);
    return `${response?.status}: ${response?.message}`;
  }
  if (method === Broadcast) {
    const { status, info } = orderer.BroadcastResponse.decode(bytes);
    return `${statusName(status)}: ${info}`;
  }
  if (method === OrdererDeliver) {
    const { block, status } = orderer.DeliverResponse.decode(bytes);
    return block ? "block" : statusName(Number(status));
  }
  if (method === Deliver || method === DeliverFiltered || method === DeliverWithPrivateData) {
    const response = protos.DeliverResponse.decode(bytes);
    return response.Type === "status" ? statusName(Number(response.status)) : String(response.Type);
  }
  return "message";
}

function codeName(code: number): string {
  return Object.entries(GrpcStatus).find(([, value]) => value === code)?.[0] ?? String(code);
}

function answers(method: MethodDefinition, rpc: () => RpcClient, cases: readonly Case[]): void {
  describe(method.path, () => {
    for (const [what, message, expected] of cases) {
      it(`answers ${what}`, async () => {
        const answer = await ask(rpc(), method, message());
        assert.equal(flawOf(answer), undefined);
        const said = say(method, answer);
        if (typeof expected === "string") assert.equal(said, expected);
        else assert.match(said, expected);
      });
    }
  });
}

const toPeer = () => peer;
const toOrderer = () => ordering;
answers(ProcessProposal, toPeer, processProposalCases);
answers(Endorse, toPeer, endorseCases);
answers(Evaluate, toPeer, evaluateCases);
answers(Submit, toPeer, submitCases);
answers(CommitStatus, toPeer, commitStatusCases);
answers(ChaincodeEvents, toPeer, chaincodeEventsCases);
answers(Broadcast, toOrderer, broadcastCases);
for (const method of [Deliver, DeliverFiltered, DeliverWithPrivateData]) answers(method, toPeer, seekCases);
answers(OrdererDeliver, toOrderer, seekCases);

describe(`messages damaged by chance, seed ${SEED}`, () => {
  const originals: readonly [MethodDefinition, () => RpcClient, () => Uint8Array][] = [
    [ProcessProposal, toPeer, () => proposal({ args: ["create", "damaged", "value"] })],
    [Endorse, toPeer, () => gatewayProposal({ args: ["create", "damaged", "value"] })],
    [Evaluate, toPeer, () => gatewayProposal()],
    [Submit, toPeer, () => submission()],
    [CommitStatus, toPeer, () => commitStatusRequest({ identity: cast.stranger })],
    [ChaincodeEvents, toPeer, () => chaincodeEventsRequest({ identity: cast.stranger })],
    [Broadcast, toOrderer, () => envelope({ identity: cast.stranger })],
    [OrdererDeliver, toOrderer, () => seek()],
    [Deliver, toPeer, () => seek()],
    [DeliverFiltered, toPeer, () => seek()],
    [DeliverWithPrivateData, toPeer, () => seek()],
  ];
  for (const [method, rpc, original] of originals) {
    it(method.path, async () => {
      const seeded = new Seeded(SEED + method.path.length);
      const message = original();
      for (let round = 0; round < MUTATIONS; round++) {
        const damaged = seeded.damaged(message);
        const flaw = flawOf(await ask(rpc(), method, damaged));
        assert.equal(flaw, undefined, `round ${round}: ${damaged.toString("hex")}`);
      }
    });
  }

  it("leave a network that works, with equal ledgers", async () => {
    const contract = network.member("Alpha").gateway().getNetwork("trade").getContract("bench");
    await contract.submitTransaction("create", "after", "everything");
    assert.equal(Buffer.from(await contract.evaluateTransaction("read", "after")).toString(), "everything");
    await until("equal ledgers", async () => {
      const [first, second] = await network.ledgers("trade");
      return first!.blockHash === second!.blockHash && first!.commitHash === second!.commitHash ? true : undefined;
    });
  });
});
