/**
 * Verifies a block's signatures on other threads, before the block is judged: a third of a committing peer's work, and
 * the only part that other cores can take, where some have time. Verdicts are remembered with the identities, so judging
 * finds them.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { signaturesIn } from "@hansa/endorsement/validation";
import type { SignedData } from "@hansa/msp";
import { machineCores, type SpareCores } from "@hansa/operations";
import type { IncomingBlock } from "./committer/intake.js";

/** Blocks with fewer transactions are judged sooner than other threads are asked. */
const FEWEST = 4;
/** Blocks verified before their turn: more might be forgotten again before they are judged. */
const BLOCKS_AHEAD = 3;
/** Signatures that threads have at a time. File accesses use the same threads and should not wait for long. */
const AT_A_TIME = 32;
/** Transactions read before others in this process get their turn. */
const TURN = 16;
/** What a signature takes of another core. */
const SIGNATURE_MS = 0.055;

export class SignaturesAhead {
  readonly #cores: Pick<SpareCores, "areThere" | "handOver">;
  readonly #begun = new Map<number, Promise<void>>();
  readonly #waiting: (() => void)[] = [];

  constructor(cores: Pick<SpareCores, "areThere" | "handOver"> = machineCores) {
    this.#cores = cores;
  }

  /** For a block that will be judged later; blocks come in order. */
  begin(block: IncomingBlock, config: ChannelConfig): void {
    if (this.#begun.has(block.number) || !this.#isWorthIt(block)) return;
    const isFull = this.#begun.size >= BLOCKS_AHEAD;
    if (!isFull) return void this.#begin(block, config);
    if (this.#waiting.length < BLOCKS_AHEAD * 8) this.#waiting.push(() => this.#begin(block, config));
  }

  /** Resolves when this block, whose turn it is, has its signatures verified. Never rejects. */
  async verified(block: IncomingBlock, config: ChannelConfig): Promise<void> {
    const begun = this.#begun.get(block.number);
    if (begun !== undefined) await begun;
    else if (this.#isWorthIt(block)) await this.#verifyAll(block, config);
    // Also what was begun for blocks that were given up.
    for (const number of this.#begun.keys()) if (number <= block.number) this.#begun.delete(number);
    while (this.#begun.size < BLOCKS_AHEAD && this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  #begin(block: IncomingBlock, config: ChannelConfig): void {
    this.#begun.set(block.number, this.#verifyAll(block, config));
  }

  #isWorthIt({ envelopes }: IncomingBlock): boolean {
    return envelopes.length >= FEWEST && this.#cores.areThere();
  }

  async #verifyAll({ envelopes }: IncomingBlock, config: ChannelConfig): Promise<void> {
    let open = 0;
    let wake: () => void = () => {};
    const ended = () => {
      open--;
      wake();
    };
    const fewerThan = async (count: number) => {
      while (open >= count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    for (const [index, envelope] of envelopes.entries()) {
      if (index > 0 && index % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      for (const signed of signaturesIn(envelope)) {
        const verifying = verify(signed, config);
        if (verifying === undefined) continue;
        open++;
        this.#cores.handOver(SIGNATURE_MS);
        void verifying.then(ended);
      }
      await fewerThan(AT_A_TIME);
    }
    await fewerThan(1);
  }
}

function verify({ identity, message, signature }: SignedData, config: ChannelConfig): Promise<void> | undefined {
  try {
    return config.msps.identity(identity).verifyAhead(message, signature);
  } catch {
    // The judge says what is wrong with whoever signed.
    return undefined;
  }
}
