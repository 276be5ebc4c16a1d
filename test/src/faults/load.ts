/** A light load through Fabric's own client library, which remembers what was acknowledged. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkView } from "@hansa/network";
import type { Acknowledged } from "./ledger-check.js";

/** No call is worth waiting for longer: the node that owes the answer may be dead. */
const CALL_MS = 20_000;
const PAUSE_MS = 10;

export class Load {
  /** Transactions whose status was VALID, in the order of their answers. */
  readonly acknowledged: Acknowledged[] = [];
  /** When each of those was answered, in ms of `performance.now`. */
  readonly answeredAt: number[] = [];
  /** Of each kind of failure how many, by its message's beginning. */
  readonly failures = new Map<string, number>();
  readonly #view: NetworkView;
  readonly #channel: string;
  readonly #prefix: string;
  readonly #workers: Promise<void>[];
  #stopped = false;
  #issued = 0;

  /** @param members one worker each */
  constructor(view: NetworkView, channel: string, members: readonly string[], prefix: string) {
    this.#view = view;
    this.#channel = channel;
    this.#prefix = prefix;
    this.#workers = members.map((member) => this.#work(member));
  }

  /** How long after `since` the longest pause ended, in ms: from then on transactions committed again. */
  pauseAfter(since: number): number {
    const times = [since, ...this.answeredAt.filter((at) => at > since), performance.now()];
    let longest = 0;
    let recovered = 0;
    for (let i = 1; i < times.length; i++) {
      const pause = times[i]! - times[i - 1]!;
      if (pause > longest) [longest, recovered] = [pause, times[i]! - since];
    }
    return Math.round(recovered);
  }

  /** The longest time after `since` in which nothing was committed, in ms. */
  longestPause(since: number): number {
    const times = [since, ...this.answeredAt.filter((at) => at > since), performance.now()];
    return Math.round(Math.max(...times.slice(1).map((at, i) => at - times[i]!)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async #work(member: string): Promise<void> {
    const deadline = () => ({ deadline: Date.now() + CALL_MS });
    const gateway = this.#view.member(member).gateway({
      endorseOptions: deadline,
      submitOptions: deadline,
      commitStatusOptions: deadline,
    });
    const contract = gateway.getNetwork(this.#channel).getContract("bench");
    while (!this.#stopped) {
      try {
        const key = `${this.#prefix}${this.#issued++}`;
        const commit = await contract.submitAsync("create", { arguments: [key, `by ${member}`] });
        const { successful, transactionId, blockNumber, code } = await commit.getStatus();
        if (successful) {
          this.acknowledged.push({ txId: transactionId, blockNumber: Number(blockNumber) });
          this.answeredAt.push(performance.now());
        } else this.#count(`code ${code}`);
      } catch (error) {
        this.#count(error instanceof Error ? error.message.slice(0, 60) : String(error));
      }
      await sleep(PAUSE_MS);
    }
    gateway.close();
  }

  #count(failure: string): void {
    this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1);
  }
}
