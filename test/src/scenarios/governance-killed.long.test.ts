/** The supervisor is killed between a vote and the last channel: its successor finishes what was decided, exactly once. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readSignedRecord, readStrandBlock } from "@hansa/governance";
import {
  askChannels,
  askCreateChannel,
  askStatus,
  findSupervisor,
  NetworkView,
  nodeProgram,
  type RemoteNetwork,
  type RunningControlPlane,
  readStrandCopy,
  startControlPlane,
  startDetached,
} from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { Assembly, createNetwork, type JoiningMember, joiningMember } from "../support/governing.js";
import { until } from "../support/until.js";

const CHANNELS = ["alpha", "beta", "gamma", "delta"];
/** Milliseconds from a decision to the kill. Joins and removals take turns; each takes some 100 ms on a quiet machine. */
const DELAYS = [0, 25, 60, 100, 150, 250];

describe("a supervisor that is killed while it carries out a decision", () => {
  const { folder, remove } = temporaryFolder();
  const ana = joiningMember("Ana", 1);
  let controlPlane: RunningControlPlane;
  let network: RemoteNetwork;
  let assembly: Assembly;
  before(async () => {
    controlPlane = await startControlPlane({ dataFolder: folder, mode: "processes" });
    network = await createNetwork(controlPlane.operator, ana);
    assembly = new Assembly(network);
    const supervisor = (await findSupervisor(network.layout))!;
    for (const name of CHANNELS) await askCreateChannel(supervisor, { name, members: ["Ana"] });
  });
  after(async () => {
    const supervisor = await findSupervisor(network.layout);
    if (supervisor !== undefined) process.kill(supervisor.pid, "SIGTERM");
    await until("the supervisor's end", async () => (await findSupervisor(network.layout)) === undefined || undefined);
    await controlPlane?.stop();
    remove();
  });

  async function killAndRestart(): Promise<void> {
    const supervisor = (await findSupervisor(network.layout))!;
    process.kill(supervisor.pid, "SIGKILL");
    await until("the supervisor's end", async () => (await findSupervisor(network.layout)) === undefined || undefined);
    const { config } = await NetworkView.open(network.layout);
    await startDetached({ config, layout: network.layout, entry: nodeProgram(), onProgress: () => {} });
    await until("the control plane's way to it", async () => network.isRunning || undefined);
  }

  /** Channels by name with their members, as the orderer has them. */
  async function membersByChannel(): Promise<Record<string, number>> {
    const channels = await askChannels((await findSupervisor(network.layout))!);
    return Object.fromEntries(channels.map(({ name, mspIds }) => [name, mspIds.length]));
  }

  const everywhere = (count: number) => Object.fromEntries(CHANNELS.toSorted().map((name) => [name, count]));

  /** Ids of what was recorded as carried out, by the strand itself. */
  async function carriedOut(): Promise<string[]> {
    const blocks = await readStrandCopy(network.layout.governanceStrand);
    const acts = blocks.flatMap((bytes) =>
      readStrandBlock(bytes).records.map((record) => readSignedRecord(record).act),
    );
    return acts.flatMap((act) => (act.kind === "enacted" ? [act.enactmentId] : []));
  }

  let ben: JoiningMember;
  for (const [round, delayMs] of DELAYS.entries()) {
    const isJoin = round % 2 === 0;
    it(`is succeeded by one that finishes a ${isJoin ? "join" : "removal"}, ${delayMs} ms after`, async () => {
      let enactmentId: string;
      if (isJoin) {
        ben = joiningMember(`Ben${round}`, 2);
        const { invitation } = await assembly.invite([ana], ben);
        await assembly.accept(invitation, ben);
        enactmentId = `join:${ben.memberId}`;
      } else {
        const proposal = await assembly.decide([ana, ben], { removals: [ben.memberId] });
        enactmentId = `removal:${proposal}`;
      }
      await sleep(delayMs);
      await killAndRestart();
      await assembly.enacted();
      assert.equal(assembly.member(ben).status, isJoin ? "active" : "left");
      assert.deepEqual(await membersByChannel(), everywhere(isJoin ? 2 : 1));
      assert.deepEqual(
        (await carriedOut()).filter((id) => id === enactmentId),
        [enactmentId],
      );
      await until("the nodes of its members", async () => {
        const nodes = await network.nodes();
        const isThere = nodes.some(({ memberId, state }) => memberId === ben.memberId && state === "running");
        return isThere === isJoin || undefined;
      });
    });
  }

  async function whoOrderAndSign(): Promise<number[]> {
    const { nodes } = await askStatus((await findSupervisor(network.layout))!);
    return nodes.flatMap(({ kind, pid, organization }) =>
      pid !== undefined && (kind === "orderer" || organization === "Ana") ? [pid] : [],
    );
  }

  it("lets who acts wait for the orderer and the authorities that were killed", async () => {
    for (const pid of await whoOrderAndSign()) process.kill(pid, "SIGKILL");
    const { proposal } = await assembly.invite([ana], joiningMember("Dee", 4));
    assert.equal(assembly.proposal(proposal).status, "APPROVED");
  });

  it("goes on when the orderer and the authorities that sign are killed meanwhile", async () => {
    const cem = joiningMember("Cem", 3);
    const { invitation } = await assembly.invite([ana], cem);
    const member = await network.prepareMember(cem);
    const pids = await whoOrderAndSign();
    await network.submit({ kind: "invitationAccepted", invitationId: invitation, member });
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await assembly.enacted();
    assert.equal(assembly.member(cem).status, "active");
    assert.deepEqual(await membersByChannel(), everywhere(2));
    assert.equal((await carriedOut()).filter((id) => id === `join:${cem.memberId}`).length, 1);
  });

  it("founded the network once, whatever came between", async () => {
    const blocks = await readStrandCopy(network.layout.governanceStrand);
    const acts = blocks.flatMap((bytes) =>
      readStrandBlock(bytes).records.map((record) => readSignedRecord(record).act),
    );
    assert.equal(acts.filter(({ kind }) => kind === "founded").length, 1);
    assert.equal(acts[0]?.kind, "founded");
  });
});
