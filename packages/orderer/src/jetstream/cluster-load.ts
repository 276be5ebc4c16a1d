/**
 * Clients of several orderers that send one message after another, go to the next orderer when theirs does not answer,
 * and note what was acknowledged and how long they were kept waiting; for tests.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { SigningIdentity } from "@hansa/msp";
import { Status } from "@hansa/wire";
import { TestClient } from "../testing.js";
import type { TestCluster } from "./cluster-testing.js";

/** A client gives up on an orderer after this long and asks the next. */
const ANSWER_WITHIN_MS = 1_500;

export class ClusterLoad {
  readonly acknowledged: string[] = [];
  /** Every name that was given to an orderer, and how often. */
  readonly sent = new Map<string, number>();
  readonly #cluster: TestCluster;
  readonly #member: SigningIdentity;
  /** When each client had its answers. */
  readonly #answeredAt: number[][] = [];
  #isOver = false;
  #done: Promise<unknown> = Promise.resolve();

  constructor(cluster: TestCluster, member: SigningIdentity) {
    this.#cluster = cluster;
    this.#member = member;
  }

  start(clients: number): void {
    this.#done = Promise.all(Array.from({ length: clients }, (_, i) => this.#run(i)));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  /** The longest that any client was without an answer since then, in ms. */
  longestPause(since: number): number {
    const now = performance.now();
    const pauses = this.#answeredAt.map((times) => {
      const points = [since, ...times.filter((at) => at > since), now];
      return Math.max(...points.slice(1).map((at, i) => at - (points[i] as number)));
    });
    return Math.round(Math.max(...pauses));
  }

  /** When the first and the last client had an answer again after this time. */
  resumed(since: number): [number | undefined, number | undefined] {
    const times = this.#answeredAt.map((each) => each.find((at) => at > since) ?? Number.POSITIVE_INFINITY);
    const known = times.filter(Number.isFinite).sort((a, b) => a - b);
    return [known[0], known.length === times.length ? known.at(-1) : undefined];
  }

  async #run(client: number): Promise<void> {
    let orderer = client % 3;
    let rpc: TestClient | undefined;
    const answeredAt: number[] = [];
    this.#answeredAt[client] = answeredAt;
    for (let i = 0; !this.#isOver; i++) {
      const name = `m${client}-${i};`;
      for (;;) {
        const address = this.#cluster.address(orderer);
        if (address !== undefined) {
          rpc ??= new TestClient(address);
          const envelope = rpc.envelope(this.#member, "trade", { data: name });
          this.sent.set(name, (this.sent.get(name) ?? 0) + 1);
          const answer = await Promise.race([
            rpc.broadcast([envelope]).catch(() => []),
            pause(ANSWER_WITHIN_MS, [], { ref: false }),
          ]);
          if (answer[0]?.status === Status.SUCCESS) {
            this.acknowledged.push(name);
            answeredAt.push(performance.now());
            break;
          }
        }
        rpc?.close();
        rpc = undefined;
        orderer = (orderer + 1) % 3;
        if (this.#isOver) return;
        await pause(20);
      }
    }
    rpc?.close();
  }
}
