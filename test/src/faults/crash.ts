/**
 * Kills what runs, at moments drawn from a seed, while transactions go through: the network heals each time, and
 * nothing that was acknowledged is lost, doubled or different anywhere.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { askStatus, findSupervisor, Layout, type NetworkStatus, NetworkView } from "@hansa/network";
import { hansa } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { ChannelWatch, type Reach } from "./channel-watch.js";
import { identityOf } from "./forge.js";
import { GovernanceLoad } from "./governance-load.js";
import { checkJournal, checkPeers, readBlocks } from "./ledger-check.js";
import { Load } from "./load.js";
import { childrenOf, isAlive, kill } from "./processes.js";
import { Seeded } from "./seeded.js";

/**
 * "network" is told to end, with SIGTERM; all others are killed: "both" being the orderer and a peer at once, "all" the
 * orderer and every peer.
 */
export const VICTIMS = ["peer", "orderer", "both", "all", "ca", "contract", "supervisor", "network"] as const;
export type Victim = (typeof VICTIMS)[number];

const CHANNEL = "trade";
const LONGEST_PAUSE_MS = 600;
const HEAL_MS = 90_000;

export class CrashRun {
  readonly #folder: string;
  readonly #seeded: Seeded;
  readonly #report: (line: string) => void;
  readonly #members: readonly string[];
  readonly #acknowledged: { txId: string; blockNumber: number }[] = [];
  #watch: ChannelWatch | undefined;
  #governance: GovernanceLoad | undefined;
  /** Orderers and peers that were killed. */
  nodesKilled = 0;
  /** From each kill of the orderer until transactions went through again, in ms. */
  readonly ordererPausesMs: number[] = [];
  #view: NetworkView | undefined;
  #load: Load | undefined;
  #rounds = 0;

  constructor(folder: string, seed: number, report: (line: string) => void, members = ["Alpha", "Beta"]) {
    this.#members = members;
    this.#folder = folder;
    this.#seeded = new Seeded(seed);
    this.#report = report;
  }

  async start(): Promise<void> {
    const file = path.join(this.#folder, "crash.yaml");
    const contract = path.join(repositoryRoot, "test/contracts/bench");
    writeFileSync(
      file,
      [
        "network: crash",
        `members: [${this.#members.map((name) => `{ name: ${name} }`).join(", ")}]`,
        `channels: [{ name: ${CHANNEL} }]`,
        "governance: { clock: simulated }",
        `contracts: [{ name: bench, channel: ${CHANNEL}, path: ${JSON.stringify(contract)} }]`,
        "",
      ].join("\n"),
    );
    await this.#up();
    const view = this.#view!;
    const reader = identityOf(view.member(this.#members[0]!), "User1");
    this.#watch = new ChannelWatch(CHANNEL, reader);
    this.#governance = await GovernanceLoad.start(this.#layout, reader);
  }

  /** Kills one process of this kind under load, and waits until the network works again. */
  async strike(victim: Victim): Promise<void> {
    await this.#acknowledgements(3);
    await sleep(this.#seeded.below(LONGEST_PAUSE_MS));
    const before = await this.#status();
    if (victim === "supervisor") await this.#strikeSupervisor(before, "SIGKILL");
    else if (victim === "network") await this.#strikeSupervisor(before, "SIGTERM");
    else if (victim === "contract") this.#strikeContract(before);
    else await this.#strikeNodes(this.#chosen(before, victim));
    await this.#acknowledgements(3);
  }

  /** Kills the orderer under load and says how long no transaction went through. */
  async ordererPause(): Promise<number> {
    await this.#acknowledgements(3);
    await sleep(this.#seeded.below(LONGEST_PAUSE_MS));
    const since = performance.now();
    const before = await this.#status();
    await this.#strikeNodes(this.#chosen(before, "orderer"));
    await this.#acknowledgements(10);
    const pauseMs = this.#load!.pauseAfter(since);
    this.ordererPausesMs.push(pauseMs);
    return pauseMs;
  }

  /** Checks what is new since the last time, while the load goes on. @throws AssertionError */
  async inspect(): Promise<{
    transactions: number;
    blocks: number;
    acts: number;
    consistent: number;
    witnessed: number;
  }> {
    const { blocks } = await this.#watch!.check(this.#reach(), [...this.#acknowledged, ...this.#load!.acknowledged]);
    const acts = await this.#governance!.check(this.#rpc("orderer"));
    const transactions = this.#acknowledged.length + this.#load!.acknowledged.length;
    const { consistent, witnessed } = this.#watch!;
    return { transactions, blocks, acts, consistent, witnessed };
  }

  #rpc(id: string) {
    const view = this.#view!;
    return view.target(view.plan.nodes.find((node) => node.id === id)!).rpc;
  }

  #reach(): Reach {
    const peers = this.#view!.plan.nodes.filter(({ kind }) => kind === "peer");
    return { orderer: this.#rpc("orderer"), peers: new Map(peers.map(({ id }) => [id, this.#rpc(id)])) };
  }

  /** Stops the load and checks everything there is to check. */
  async check(): Promise<{ transactions: number; blocks: number; failures: ReadonlyMap<string, number> }> {
    const failures = this.#load!.failures;
    await this.#stopLoad();
    const view = this.#view!;
    const identity = identityOf(view.member(this.#members[0]!), "User1");
    const rpc = (id: string) => this.#rpc(id);
    const ordered = await readBlocks(rpc("orderer"), "orderer", identity, CHANNEL);
    await until("every peer to have every block", async () =>
      (await view.ledgers(CHANNEL)).every(({ height }) => height === ordered.length) ? true : undefined,
    );
    const peers = new Map<string, Awaited<ReturnType<typeof readBlocks>>>();
    for (const { id, kind } of view.plan.nodes)
      if (kind === "peer") peers.set(id, await readBlocks(rpc(id), "peer", identity, CHANNEL));
    checkPeers(peers, this.#acknowledged);
    const blocks = await checkJournal(rpc("orderer"), identity, CHANNEL, ordered);
    await this.#watch!.check(this.#reach(), this.#acknowledged);
    await this.#governance!.stop();
    await this.#governance!.check(rpc("orderer"));
    assert(this.#governance!.acknowledged > 0, "no act was acknowledged");
    return { transactions: this.#acknowledged.length, blocks, failures };
  }

  /** Ends the network. Nothing of it is left running. */
  async stop(): Promise<void> {
    await this.#load?.stop();
    await this.#governance?.stop();
    this.#view?.closeConnections();
    const supervisor = await findSupervisor(this.#layout);
    const pids = supervisor === undefined ? [] : processesOf(await askStatus(supervisor));
    const { exit, stderr } = await hansa(this.#folder, "down");
    assert.equal(exit, 0, stderr);
    await until("every process to end", async () => (pids.some(isAlive) ? undefined : true));
  }

  get #layout(): Layout {
    return new Layout(path.join(this.#folder, ".hansa", "crash"));
  }

  async #up(): Promise<void> {
    const { exit, stderr } = await hansa(this.#folder, "up", "crash.yaml");
    assert.equal(exit, 0, stderr);
    this.#view = await NetworkView.open(this.#layout);
    this.#load = new Load(this.#view, CHANNEL, this.#members, `${this.#rounds++}-`);
  }

  async #stopLoad(): Promise<void> {
    await this.#load?.stop();
    this.#acknowledged.push(...(this.#load?.acknowledged ?? []));
    this.#load = undefined;
  }

  async #status(): Promise<NetworkStatus> {
    return until("the supervisor to answer", async () => {
      const supervisor = await findSupervisor(this.#layout);
      return supervisor === undefined ? undefined : askStatus(supervisor);
    });
  }

  async #acknowledgements(count: number): Promise<void> {
    const enough = this.#load!.acknowledged.length + count;
    await until(
      `${count} more transactions`,
      async () => (this.#load!.acknowledged.length >= enough ? true : undefined),
      HEAL_MS,
    );
  }

  #chosen({ nodes }: NetworkStatus, victim: Victim): NetworkStatus["nodes"] {
    if (victim === "all") return nodes.filter(({ kind }) => kind === "orderer" || kind === "peer");
    const kinds = victim === "both" ? ["orderer", "peer"] : [victim];
    return kinds.map((kind) => this.#seeded.pick(nodes.filter((each) => each.kind === kind)));
  }

  async #strikeNodes(nodes: NetworkStatus["nodes"]): Promise<void> {
    this.#report(`kill ${nodes.map(({ id }) => id).join(" and ")}`);
    for (const { kind, pid } of nodes) {
      kill(pid!);
      if (kind !== "ca") this.nodesKilled++;
    }
    const isBack = ({ id, pid }: NetworkStatus["nodes"][number]) =>
      nodes.every((node) => node.id !== id) || nodes.some((node) => node.id === id && node.pid !== pid);
    await until(
      `${nodes.map(({ id }) => id).join(" and ")} to run again`,
      async () => {
        const now = await this.#status();
        return now.nodes.every((node) => node.state === "running" && isBack(node)) ? true : undefined;
      },
      HEAL_MS,
    );
  }

  #strikeContract(before: NetworkStatus): void {
    const peer = this.#seeded.pick(before.nodes.filter(({ kind }) => kind === "peer"));
    this.#report(`kill the contracts of ${peer.id}`);
    for (const pid of childrenOf(peer.pid!)) kill(pid);
  }

  async #strikeSupervisor(before: NetworkStatus, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const pids = processesOf(before);
    this.#report(`${signal} to the supervisor`);
    process.kill(before.supervisorPid, signal);
    await until("every process to end", async () => (pids.some(isAlive) ? undefined : true), HEAL_MS);
    await this.#stopLoad();
    this.#view!.closeConnections();
    await this.#up();
  }
}

function processesOf({ supervisorPid, nodes }: NetworkStatus): number[] {
  return [supervisorPid, ...nodes.flatMap(({ pid }) => (pid === undefined ? [] : [pid, ...childrenOf(pid)]))];
}
