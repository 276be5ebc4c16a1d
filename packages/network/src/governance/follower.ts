/**
 * Follows a network's governance strand: checks each block once, folds its acts, and tells who listens. Used beside the
 * nodes, where blocks come from the orderer, and by the control plane, where they come from the network's supervisor.
 */
import {
  type Act,
  type GovernanceState,
  Identities,
  readSignedRecord,
  readStrandBlock,
  STRAND_START,
  type StrandBlock,
  type StrandPosition,
  type VerifySignature,
  verifyStrand,
} from "@hansa/governance";
import {
  type Bytes,
  type Clock,
  equalBytes,
  HansaError,
  type Logger,
  messageOf,
  systemClock,
  type UnixMs,
} from "@hansa/primitives";

/**
 * Where encoded StrandBlocks come from, beginning with number `from`. The iteration goes on with what is ordered later,
 * until it is aborted or the source is gone.
 */
export type StrandSource = (from: number, signal: AbortSignal) => AsyncIterable<Bytes>;

/** Called for each act, in order, when its whole block is folded. */
export type GovernanceListener = (state: GovernanceState, act: Act, at: UnixMs) => void;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export type FollowerOptions = {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Gets every block that was found in order and new. */
  readonly keep?: (block: Bytes) => void;
  /** Called when the source has another strand than was followed so far; it is followed from its beginning then. */
  readonly onReplaced?: () => void;
};

/** Thrown by a source, too: it has fewer blocks than it is asked to go on from. */
export class StrandReplaced extends Error {}

export class GovernanceFollower {
  readonly #options: FollowerOptions;
  readonly #clock: Clock;
  readonly #listeners = new Set<GovernanceListener>();
  readonly #waiting = new Set<{ readonly size: number; readonly settle: (failure?: HansaError) => void }>();
  readonly #stopping = new AbortController();
  readonly #verify = new Identities().verifier();
  #position: StrandPosition = STRAND_START;
  /** How far the strand has moved the network's time ahead of the clock. */
  #aheadMs = 0;
  /** By the clock, when it did, and how far it was ahead from then on; in order. */
  #advances: { readonly clockMs: number; readonly aheadMs: number }[] = [];
  #running: Promise<void> | undefined;
  #wake: () => void = () => {};
  #damage: HansaError | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Undefined before the network was founded. */
  get state(): GovernanceState | undefined {
    return this.#position.state;
  }

  /** Count of blocks that were folded. */
  get size(): number {
    return this.#position.tip?.size ?? 0;
  }

  /** Why the strand cannot be followed any further: it does not hold together. */
  get damage(): HansaError | undefined {
    return this.#damage;
  }

  /** The network's own time: this machine's and what it was advanced by, and never before the newest record. */
  now(): UnixMs {
    return Math.max(this.#clock.now() + this.#aheadMs, this.state?.time ?? 0) as UnixMs;
  }

  /** What the network's time was when a clock showed this. */
  timeOf(clockMs: UnixMs): UnixMs {
    return (clockMs + (this.#advances.findLast((advance) => advance.clockMs <= clockMs)?.aheadMs ?? 0)) as UnixMs;
  }

  listen(listener: GovernanceListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts from blocks whose signatures were checked when they were copied. @throws StrandDamage */
  load(blocks: readonly Bytes[]): void {
    const copied = blocks.map(readStrandBlock);
    this.#position = follow(copied, this.#position, () => true);
    for (const block of copied) this.#actsOf(block);
  }

  start(source: StrandSource): void {
    this.#running = this.#follow(source);
  }

  /** Asks the source again now, when it had ended. */
  hurry(): void {
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    for (const waiting of [...this.#waiting]) waiting.settle(over());
    await this.#running;
  }

  /** Resolves when so many blocks are folded. @throws HansaError TIMED_OUT, INTERRUPTED, STRAND_INVALID */
  async reached(size: number, withinMs: number): Promise<void> {
    if (this.size >= size) return;
    if (this.#damage !== undefined) throw this.#damage;
    if (this.#stopping.signal.aborted) throw over();
    await new Promise<void>((resolve, reject) => {
      const settle = (failure?: HansaError) => {
        clearTimeout(timer);
        this.#waiting.delete(entry);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      const entry = { size, settle };
      const timer = setTimeout(() => {
        settle(
          new HansaError("TIMED_OUT", `Block ${size - 1} of the governance strand did not come in time.`, {
            nextStep: "See what the nodes are doing with: hansa status",
          }),
        );
      }, withinMs);
      this.#waiting.add(entry);
    });
  }

  async #follow(source: StrandSource): Promise<void> {
    const { signal } = this.#stopping;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted && this.#damage === undefined) {
      try {
        // The last known block again: whether it is the same tells whether the strand is.
        for await (const block of source(Math.max(0, this.size - 1), signal)) {
          this.#take(block);
          pauseMs = FIRST_PAUSE_MS;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof StrandDamage) {
          this.#damage = error;
          this.#options.logger.error("governance strand cannot be followed", { reason: error.message });
          for (const waiting of [...this.#waiting]) waiting.settle(error);
          return;
        }
        if (error instanceof StrandReplaced) {
          this.#options.logger.warn("another governance strand took the place of this one", { blocks: this.size });
          this.#position = STRAND_START;
          this.#aheadMs = 0;
          this.#advances = [];
          this.#options.onReplaced?.();
          continue;
        }
        this.#options.logger.debug("governance strand is followed anew", { reason: messageOf(error), pauseMs });
      }
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopping.signal.aborted) return resolve();
      const timer = setTimeout(() => this.#wake(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(bytes: Bytes): void {
    const block = readStrandBlock(bytes);
    const { tip } = this.#position;
    if (tip !== undefined && block.block.address.sequenceNo < tip.size) {
      const isLast = block.block.address.sequenceNo === tip.size - 1;
      if (isLast && !equalBytes(block.block.blockHash, tip.lastBlockHash)) throw new StrandReplaced();
      return;
    }
    this.#position = follow([block], this.#position, this.#verify);
    const acts = this.#actsOf(block);
    this.#options.keep?.(bytes);
    const { state } = this.#position;
    const at = block.block.timestampMs;
    if (state !== undefined)
      for (const act of acts) for (const listener of this.#listeners) this.#tell(listener, state, act, at);
    for (const waiting of [...this.#waiting]) if (waiting.size <= this.size) waiting.settle();
  }

  /** What a block holds; moves the clock as it says. */
  #actsOf({ block, records }: StrandBlock): Act[] {
    const acts = records.map((record) => readSignedRecord(record).act);
    for (const act of acts) {
      if (act.kind !== "clockAdvanced") continue;
      const clockMs = block.timestampMs - this.#aheadMs;
      this.#aheadMs += act.to - block.timestampMs;
      this.#advances.push({ clockMs, aheadMs: this.#aheadMs });
    }
    return acts;
  }

  #tell(listener: GovernanceListener, state: GovernanceState, act: Act, at: UnixMs): void {
    try {
      listener(state, act, at);
    } catch (error) {
      this.#options.logger.error("a listener failed", { reason: messageOf(error) });
    }
  }
}

function over(): HansaError {
  return new HansaError("INTERRUPTED", "The governance strand is not followed any more.");
}

/** The strand contradicts itself or the rules: following it again changes nothing. */
class StrandDamage extends HansaError {}

function follow(blocks: readonly StrandBlock[], from: StrandPosition, verify: VerifySignature): StrandPosition {
  const verified = verifyStrand(blocks, verify, from);
  if (verified.ok) return verified.position;
  const { sequenceNo, record, reason } = verified.fault;
  const where = record === undefined ? `block ${sequenceNo}` : `record ${record} of block ${sequenceNo}`;
  throw new StrandDamage("STRAND_INVALID", `The governance strand does not hold at ${where}: ${reason}.`, {
    nextStep: "Restore the orderer's journal from a backup.",
  });
}
