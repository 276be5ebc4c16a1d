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
import { identityOf } from "./forge.js";
import { checkJournal, checkPeers, readBlocks } from "./ledger-check.js";
import { Load } from "./load.js";
import { childrenOf, isAlive, kill } from "./processes.js";
import { Seeded } from "./seeded.js";

/** "network" is told to end, with SIGTERM; all others are killed. */
export const VICTIMS = ["peer", "orderer", "ca", "contract", "supervisor", "network"] as const;
export type Victim = (typeof VICTIMS)[number];

const CHANNEL = "trade";
const MEMBERS = ["Alpha", "Beta"];
const LONGEST_PAUSE_MS = 600;
const HEAL_MS = 90_000;

export class CrashRun {
  readonly #folder: string;
  readonly #seeded: Seeded;
  readonly #report: (line: string) => void;
  readonly #acknowledged: { txId: string; blockNumber: number }[] = [];
  #view: NetworkView | undefined;
  #load: Load | undefined;
  #rounds = 0;

  constructor(folder: string, seed: number, report: (line: string) => void) {
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
        `members: [${MEMBERS.map((name) => `{ name: ${name} }`).join(", ")}]`,
        `channels: [{ name: ${CHANNEL} }]`,
        `contracts: [{ name: bench, channel: ${CHANNEL}, path: ${JSON.stringify(contract)} }]`,
        "",
      ].join("\n"),
    );
    await this.#up();
  }

  /** Kills one process of this kind under load, and waits until the network works again. */
  async strike(victim: Victim): Promise<void> {
    await this.#acknowledgements(3);
    await sleep(this.#seeded.below(LONGEST_PAUSE_MS));
    const before = await this.#status();
    if (victim === "supervisor") await this.#strikeSupervisor(before, "SIGKILL");
    else if (victim === "network") await this.#strikeSupervisor(before, "SIGTERM");
    else if (victim === "contract") this.#strikeContract(before);
    else await this.#strikeNode(before, victim);
    await this.#acknowledgements(3);
  }

  /** Stops the load and checks everything there is to check. */
  async check(): Promise<{ transactions: number; blocks: number; failures: ReadonlyMap<string, number> }> {
    const failures = this.#load!.failures;
    await this.#stopLoad();
    const view = this.#view!;
    const identity = identityOf(view.member(MEMBERS[0]!), "User1");
    const rpc = (id: string) => view.target(view.plan.nodes.find((node) => node.id === id)!).rpc;
    const ordered = await readBlocks(rpc("orderer"), "orderer", identity, CHANNEL);
    await until("every peer to have every block", async () =>
      (await view.ledgers(CHANNEL)).every(({ height }) => height === ordered.length) ? true : undefined,
    );
    const peers = new Map<string, Awaited<ReturnType<typeof readBlocks>>>();
    for (const { id, kind } of view.plan.nodes)
      if (kind === "peer") peers.set(id, await readBlocks(rpc(id), "peer", identity, CHANNEL));
    checkPeers(peers, this.#acknowledged);
    const blocks = await checkJournal(rpc("orderer"), identity, CHANNEL, ordered);
    return { transactions: this.#acknowledged.length, blocks, failures };
  }

  /** Ends the network. Nothing of it is left running. */
  async stop(): Promise<void> {
    await this.#load?.stop();
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
    this.#load = new Load(this.#view, CHANNEL, MEMBERS, `${this.#rounds++}-`);
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

  async #strikeNode(before: NetworkStatus, kind: Victim): Promise<void> {
    const node = this.#seeded.pick(before.nodes.filter((each) => each.kind === kind));
    this.#report(`kill ${node.id}`);
    kill(node.pid!);
    await until(
      `${node.id} to run again`,
      async () => {
        const now = (await this.#status()).nodes.find(({ id }) => id === node.id)!;
        return now.state === "running" && now.pid !== node.pid ? true : undefined;
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
