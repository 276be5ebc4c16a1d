/**
 * What is told of transactions that failed: each failure provoked through Fabric's own client library, then explained
 * by `hansa tx explain`, again after a restart, and only to those who may read the channel.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { SigningIdentity } from "@hansa/msp";
import { type Explanation, type Network, startNetwork } from "@hansa/network";
import { GrpcStatus, RpcClient, RpcStatus } from "@hansa/transport";
import { encode, hansa as messages, services, toLong } from "@hansa/wire";
import type { Commit, Contract, EndorseError } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { hansa } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const contractFolder = path.join(repositoryRoot, "test/contracts/conformance");
const COMPUTED = /^Explanation: .*computed different results/;

describe("explained failures", () => {
  const { folder, remove } = temporaryFolder();
  const collections = path.join(contractFolder, "collections.json");
  const contract = (name: string, endorsement: string) => ({
    name,
    channel: CHANNEL,
    path: contractFolder,
    endorsement,
    collections,
  });
  const file = {
    network: "explained",
    mode: "inline" as const,
    contractsRun: "peer" as const,
    members: [
      { name: "Org1", users: ["User1"] },
      { name: "Org2", users: ["User1"] },
    ],
    channels: [{ name: CHANNEL }],
    contracts: [contract("both", "all"), contract("either", "any")],
  };
  let network: Network;
  const start = async () => {
    network = await startNetwork(file, { dataFolder: path.join(folder, ".hansa") });
  };
  before(start);
  after(async () => {
    await network?.stop();
    remove();
  });

  const as = (member: string, name: string): Contract =>
    network.member(member).gateway({ user: "User1" }).getNetwork(CHANNEL).getContract(name);
  const submitted = async (by: Contract, name: string, args: string[], more = {}): Promise<Commit> =>
    by.submitAsync(name, { arguments: args, ...more });
  const told = (txId: string, member = "Org1"): Promise<Explanation> => network.explain(CHANNEL, txId, { member });

  /** Endorsed at the same time, submitted one after the other: the second cannot be valid. */
  const conflicting = async (first: [string, ...string[]], second: [string, ...string[]]) => {
    const [one, other] = [as("Org1", "either"), as("Org2", "either")];
    const [a, b] = await Promise.all([
      one.newProposal(first[0], { arguments: first.slice(1) }).endorse(),
      other.newProposal(second[0], { arguments: second.slice(1) }).endorse(),
    ]);
    const winner = await a.submit();
    assert.ok((await winner.getStatus()).successful);
    const loser = await b.submit();
    assert.ok(!(await loser.getStatus()).successful);
    return [winner.getTransactionId(), loser.getTransactionId()] as const;
  };

  const explained: string[] = [];

  it("name the key and the transaction that had changed it", async () => {
    await as("Org1", "either").submitTransaction("put", "count", "1");
    const [winner, loser] = await conflicting(["increment", "count"], ["increment", "count"]);
    const { code, findings, creator } = await told(loser);
    const [finding] = findings;
    assert.equal(code, "MVCC_READ_CONFLICT");
    assert.equal(creator?.mspId, "Org2MSP");
    assert.ok(finding?.kind === "read conflict");
    assert.equal(finding.key, "count");
    assert.equal(finding.by?.txId, winner);
    assert.deepEqual([finding.by?.creator?.mspId, finding.by?.function], ["Org1MSP", "increment"]);
    const shown = await hansa(folder, "tx", "explain", loser);
    assert.match(shown.stdout, /Key "count" of either was read as block \d+, transaction 0 had left it; block \d+/);
    assert.match(shown.stdout, /What helps\n {2}Submit it again/);
    const asData = await hansa(folder, "tx", "explain", loser, "--as", "Org2", "--json");
    assert.deepEqual(JSON.parse(asData.stdout), await told(loser));
    explained.push(winner, loser);
  });

  it("name the range and the key that was new in it", async () => {
    await as("Org1", "either").submitTransaction("put", "range/1", "x");
    const [winner, loser] = await conflicting(["put", "range/2", "new"], ["countRange", "range/", "range/~", "sum"]);
    const { code, findings } = await told(loser);
    assert.equal(code, "PHANTOM_READ_CONFLICT");
    const [finding] = findings;
    assert.ok(finding?.kind === "range conflict");
    assert.deepEqual([finding.first?.key, finding.first?.by?.txId, finding.isCertain], ["range/2", winner, true]);
    explained.push(loser);
  });

  it("say who signed and who is missing", async () => {
    const commit = await submitted(as("Org1", "both"), "put", ["k", "v"], { endorsingOrganizations: ["Org1MSP"] });
    assert.ok(!(await commit.getStatus()).successful);
    const { code, findings } = await told(commit.getTransactionId());
    assert.equal(code, "ENDORSEMENT_POLICY_FAILURE");
    const [finding] = findings;
    assert.ok(finding?.kind === "policy");
    assert.deepEqual(
      finding.signers.map(({ mspId, role, counts }) => [mspId, role, counts]),
      [["Org1MSP", "peer", true]],
    );
    assert.equal(finding.missing.length, 1);
    assert.match(finding.missing[0]!.join(), /of Org2MSP$/);
    explained.push(commit.getTransactionId());
  });

  it("name the key whose own policy it was", async () => {
    const either = as("Org1", "either");
    await either.submitTransaction("put", "guarded", "1");
    await either.submitTransaction("guard", "guarded", '["Org2MSP"]');
    const commit = await submitted(either, "put", ["guarded", "2"], { endorsingOrganizations: ["Org1MSP"] });
    assert.ok(!(await commit.getStatus()).successful);
    const [finding] = (await told(commit.getTransactionId())).findings;
    assert.ok(finding?.kind === "policy");
    assert.deepEqual([finding.of, finding.key?.key, finding.missing], ["key", "guarded", [["a member of Org2MSP"]]]);
    explained.push(commit.getTransactionId());
  });

  it("show how results differ, and why they may, beside what the endorsers said", async () => {
    const error = await as("Org1", "both")
      .submitTransaction("random")
      .then(
        () => assert.fail("it was endorsed"),
        (thrown: EndorseError) => thrown,
      );
    const [endorser, gateway] = error.details;
    assert.match(endorser!.message, /^ProposalResponsePayloads do not match/);
    assert.match(gateway!.message, COMPUTED);
    assert.match(gateway!.message, /Likely cause, randomness/);
    const outcome = await hansa(folder, "invoke", "both", "random", "--as", "Org1");
    assert.equal(outcome.exit, 18);
    assert.match(
      outcome.stderr,
      /ProposalResponsePayloads do not match[\s\S]*\n {2}.*computed different results[\s\S]*random[\s\S]*\nMake the contract compute the same/,
    );
  });

  it("say whose peer never has a private value", async () => {
    const both = as("Org1", "both");
    const transientData = { value: "a secret" };
    const commit = await submitted(both, "putPrivate", ["onlyOrg1", "price"], { transientData });
    assert.ok((await commit.getStatus()).successful);
    const txId = commit.getTransactionId();
    const error = await both
      .evaluate("getPrivate", { arguments: ["onlyOrg1", "price"], endorsingOrganizations: ["Org2MSP"] })
      .then(
        () => assert.fail("it was read"),
        (thrown: EndorseError) => thrown,
      );
    const detail = error.details.find(({ message }) => message.startsWith("Explanation: "))?.message ?? "";
    assert.match(error.details[0]!.message, /private data matching public hash version is not available/);
    assert.match(detail, /collection onlyOrg1 of both is for Org1MSP: Org2MSP is no member/);
    assert.match(detail, new RegExp(txId));

    const own = await told(txId);
    const other = await told(txId, "Org2");
    const shown = ({ sets }: Explanation) =>
      sets.find(({ namespace }) => namespace === "both")?.collections.map(({ name, here, keys }) => [name, here, keys]);
    assert.deepEqual(shown(own), [["onlyOrg1", "held", ['"price"']]]);
    assert.deepEqual(shown(other), [["onlyOrg1", "no member", []]]);
    assert.doesNotMatch(JSON.stringify([own, other]), /a secret/);
  });

  it("are in the peer's log, one line each", async () => {
    const lines = await until("the log lines", async () => {
      const { stdout } = await hansa(folder, "logs", "peer0.org1");
      const found = stdout.split("\n").filter((line) => line.includes("transaction invalid"));
      return found.length >= 4 ? found : undefined;
    });
    assert.match(lines.join("\n"), /MVCC_READ_CONFLICT.*count/);
    assert.match(lines.join("\n"), /missing: a \w+ of Org2MSP/);
  });

  it("stand below the error of hansa invoke, as data with --json", async () => {
    const either = as("Org1", "either");
    let isOver = false;
    const busy = (async () => {
      while (!isOver) await (await submitted(either, "increment", ["count"])).getStatus();
    })();
    try {
      const failed = await until("a conflict", async () => {
        const outcome = await hansa(folder, "invoke", "either", "increment", "count", "--as", "Org2", "--json");
        return outcome.exit === 0 ? undefined : outcome;
      });
      assert.equal(failed.exit, 19, failed.stdout);
      const { error } = JSON.parse(failed.stdout) as { error: { message: string; explanation: Explanation } };
      assert.match(error.message, /is invalid: MVCC_READ_CONFLICT\.\n {2}Key "count" of either was read as block/);
      assert.equal(error.explanation.findings[0]?.kind, "read conflict");
    } finally {
      isOver = true;
      await busy;
    }
  });

  it("are not made up for transactions that do not exist", async () => {
    const outcome = await hansa(folder, "tx", "explain", "0".repeat(64));
    assert.deepEqual([outcome.exit, /has no transaction 0000/.test(outcome.stderr)], [32, true]);
  });

  it("are told to nobody who may not read the channel", async () => {
    const peer = network.member("Org1").peers[0]!;
    const node = network.plan.nodes.find(({ id }) => id === peer.id)!;
    const { rpc } = network.target(node);
    const [org] = await network.deployingOrgs(network.channel(CHANNEL));
    const reader = org!.admin;
    const request = (fields = {}) =>
      encode(messages.peer.ExplainRequest, {
        format: "hansa.peer.explain-request/1",
        channelId: CHANNEL,
        txId: explained[0]!,
        timestampMs: toLong(Date.now()),
        ...fields,
      });
    const ask = (bytes: Uint8Array, by: Pick<SigningIdentity, "serialized" | "sign"> = reader, signed = bytes) =>
      rpc.unary(
        services.Explanations.methods.Explain,
        encode(messages.peer.SignedExplainRequest, {
          request: bytes,
          creator: by.serialized,
          signature: by.sign(signed),
        }),
        { timeoutMs: 5_000 },
      );
    const refused = (work: Promise<unknown>, code: number) =>
      assert.rejects(work, (error) => error instanceof RpcStatus && error.code === code);
    await ask(request());
    await refused(ask(request(), reader, Buffer.from("other bytes")), GrpcStatus.PERMISSION_DENIED);
    await refused(ask(request({ timestampMs: toLong(Date.now() - 3_600_000) })), GrpcStatus.PERMISSION_DENIED);
    await refused(ask(request({ format: "" })), GrpcStatus.INVALID_ARGUMENT);
    await refused(ask(Buffer.from([0xff, 0xff])), GrpcStatus.INVALID_ARGUMENT);
    await refused(ask(request({ channelId: "elsewhere" })), GrpcStatus.NOT_FOUND);
    const nobody = { serialized: Buffer.from("nobody"), sign: () => Buffer.alloc(70) };
    await refused(ask(request(), nobody), GrpcStatus.PERMISSION_DENIED);
    assert.ok(rpc instanceof RpcClient);
  });

  it("are the same after a restart", async () => {
    const before = await Promise.all(explained.map((txId) => told(txId)));
    await network.stop();
    await start();
    assert.deepEqual(await Promise.all(explained.map((txId) => told(txId))), before);
  });
});
