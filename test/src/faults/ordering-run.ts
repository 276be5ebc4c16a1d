/**
 * Kills orderers and NATS servers while transactions go through Fabric's client library, says how long the clients were
 * kept waiting, and checks afterwards that all orderers and all peers tell the same story.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { askStatus, findSupervisor, Layout, NetworkView } from "@hansa/network";
import { toHex } from "@hansa/primitives";
import { blockHeaderHash, decode, encode, hansa, services } from "@hansa/wire";
import { hansa as command } from "../support/hansa-command.js";
import { journalRequest } from "../support/journal-request.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { identityOf } from "./forge.js";
import { checkJournal, checkPeers, readBlocks } from "./ledger-check.js";
import { Load } from "./load.js";
import { kill } from "./processes.js";

const CHANNEL = "trade";
const MEMBERS = ["Alpha", "Beta"];

export class OrderingRun {
  readonly #folder: string;
  readonly #ordering: string;
  #view: NetworkView | undefined;
  #load: Load | undefined;

  /** @param ordering the network file's section, as YAML on one line */
  constructor(folder: string, ordering: string) {
    this.#folder = folder;
    this.#ordering = ordering;
  }

  async start(): Promise<void> {
    const contract = path.join(repositoryRoot, "test/contracts/bench");
    const lines = [
      "network: ordering",
      `ordering: ${this.#ordering}`,
      `members: [${MEMBERS.map((name) => `{ name: ${name} }`).join(", ")}]`,
      `channels: [{ name: ${CHANNEL} }]`,
      `contracts: [{ name: bench, channel: ${CHANNEL}, path: ${JSON.stringify(contract)} }]`,
      "",
    ];
    writeFileSync(path.join(this.#folder, "ordering.yaml"), lines.join("\n"));
    const { exit, stderr } = await command(this.#folder, "up", "ordering.yaml");
    assert.equal(exit, 0, stderr);
    this.#view = await NetworkView.open(this.#layout);
    this.#load = new Load(this.#view, CHANNEL, MEMBERS, "");
    await this.#acknowledgements(20);
  }

  /** Ids of the nodes of one kind. */
  nodes(kind: string): string[] {
    return this.#view!.plan.nodes.filter((node) => node.kind === kind).map(({ id }) => id);
  }

  /** Kills a node, and says how long nothing was committed at most while it was watched, in ms. */
  async strike(id: string, watchMs: number): Promise<number> {
    const before = (await this.#status()).nodes.find((node) => node.id === id)!;
    const since = performance.now();
    kill(before.pid!);
    await sleep(watchMs);
    await this.#acknowledgements(10);
    const pausedMs = this.#load!.longestPause(since);
    await until(`${id} to run again`, async () => {
      const now = (await this.#status()).nodes.find((node) => node.id === id)!;
      return now.state === "running" && now.pid !== before.pid ? true : undefined;
    });
    return pausedMs;
  }

  /** Stops the load and compares everything. */
  async check(): Promise<{ transactions: number; blocks: number; failures: ReadonlyMap<string, number> }> {
    await this.#load!.stop();
    const { acknowledged, failures } = this.#load!;
    const view = this.#view!;
    const identity = identityOf(view.member(MEMBERS[0]!), "User1");
    const rpc = (id: string) => view.target(view.plan.nodes.find((node) => node.id === id)!).rpc;
    const chainOf = (id: string) => readBlocks(rpc(id), "orderer", identity, CHANNEL);
    const orderers = this.nodes("orderer");
    const chains = await until("all orderers to have the same height", async () => {
      const all = await Promise.all(orderers.map(chainOf));
      return new Set(all.map(({ length }) => length)).size === 1 ? all : undefined;
    });
    const [first, ...others] = chains;
    for (const other of others) {
      for (const [number, block] of other.entries()) {
        const expected = first![number]!;
        assert.equal(toHex(blockHeaderHash(block.header)), toHex(blockHeaderHash(expected.header)), `block ${number}`);
        assert.deepEqual(block.envelopes.map(Buffer.from), expected.envelopes.map(Buffer.from), `block ${number}`);
      }
    }
    const digests = new Set<string>();
    for (const id of orderers) {
      await checkJournal(rpc(id), identity, CHANNEL, first!);
      const request = encode(hansa.journal.GetDigestRequest, { tipSequenceNo: first!.length - 1 });
      const bytes = await rpc(id).unary(services.Journal.methods.GetDigest, journalRequest(identity, CHANNEL, request));
      const signed = decode(hansa.journal.SignedDigest, bytes, "hansa.journal.SignedDigest");
      digests.add(toHex(decode(hansa.journal.Digest, signed.digest, "hansa.journal.Digest").hash));
    }
    assert.equal(digests.size, 1, "all orderers sign the same digest");
    await until("every peer to have every block", async () =>
      (await view.ledgers(CHANNEL)).every(({ height }) => height === first!.length) ? true : undefined,
    );
    const peers = new Map<string, Awaited<ReturnType<typeof readBlocks>>>();
    for (const id of this.nodes("peer")) peers.set(id, await readBlocks(rpc(id), "peer", identity, CHANNEL));
    checkPeers(peers, acknowledged);
    return { transactions: acknowledged.length, blocks: first!.length, failures };
  }

  async stop(): Promise<void> {
    await this.#load?.stop();
    this.#view?.closeConnections();
    const { exit, stderr } = await command(this.#folder, "down");
    assert.equal(exit, 0, stderr);
  }

  get #layout(): Layout {
    return new Layout(path.join(this.#folder, ".hansa", "ordering"));
  }

  async #status() {
    return askStatus((await findSupervisor(this.#layout))!);
  }

  async #acknowledgements(count: number): Promise<void> {
    const enough = this.#load!.acknowledged.length + count;
    await until(
      `${count} more transactions`,
      async () => (this.#load!.acknowledged.length >= enough ? true : undefined),
      60_000,
    );
  }
}
