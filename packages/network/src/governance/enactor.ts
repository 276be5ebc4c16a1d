/**
 * Carries out what was decided: one configuration update for each channel that a decision concerns, with the signatures
 * of the members that stand for it, and then a record of what was done.
 *
 * Decisions are carried out one after the other, the channels of one at the same time. Nothing is remembered here:
 * what is still to be done follows from the strand and from the channels, so that a process which dies between a vote
 * and the last channel is succeeded by one that finishes. No channel is changed before every channel would take its
 * update, so that a decision which one of them refuses changes none.
 */
import { type Enacted, type Enactment, GovernanceRefusal, type GovernanceState } from "@hansa/governance";
import { HansaError, type Logger, type MspId, messageOf } from "@hansa/primitives";
import type { common } from "@hansa/wire";
import { concerns, membersOf, refusalOf, updateFor } from "./channel-changes.js";
import type { CurrentConfig } from "./ordered-channels.js";
import { isPassing } from "./passing.js";

/** Channels, as their ordering service has them. */
export type ChannelDesk = {
  names(): Promise<readonly string[]>;
  read(channelId: string): Promise<CurrentConfig>;
  order(channelId: string, update: Uint8Array, signatures: readonly common.IConfigSignature[]): Promise<void>;
};

export type EnactmentToSign = {
  readonly enactmentId: string;
  readonly channelId: string;
  readonly current: common.IConfig;
  readonly update: Uint8Array;
};

export type EnactorParts = {
  readonly channels: ChannelDesk;
  /** The newest state; undefined before the network is founded. */
  readonly state: () => GovernanceState | undefined;
  /** Calls back at every change of the state. Returns what ends it. */
  readonly onState: (listener: () => void) => () => void;
  /** The signature of a member's authority. */
  readonly sign: (mspId: MspId, request: EnactmentToSign) => Promise<common.IConfigSignature>;
  readonly submit: (act: Enacted) => Promise<unknown>;
  /** Resolves when the members' peers have committed these blocks, as far as they are up. Never rejects. */
  readonly committed: (channels: Enacted["channels"]) => Promise<void>;
  readonly logger: Logger;
};

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 3_000;
/** How often a channel may change under an update before that counts as a refusal. */
const RACES = 10;

/** What a record of the strand may hold. */
const NAMED_CHANNELS = 256;
const LONGEST_FAILURE = 4_096;

/** A channel that a decision cannot be brought through, with the reason. */
class Refused extends Error {
  constructor(channelId: string, reason: string) {
    super(`channel ${channelId} cannot be changed: ${reason}`);
  }
}

export class Enactor {
  readonly #parts: EnactorParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(parts: EnactorParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const unsubscribe = this.#parts.onState(() => this.#wake());
    let pauseMs = FIRST_PAUSE_MS;
    try {
      while (!this.#stopping.signal.aborted) {
        const state = this.#parts.state();
        const next = state?.enactments[0];
        try {
          if (state !== undefined && next !== undefined) await this.#enact(next, state);
          else await this.#sleep(undefined);
          pauseMs = FIRST_PAUSE_MS;
        } catch (error) {
          if (this.#stopping.signal.aborted) return;
          this.#parts.logger.warn("enactment waits", {
            enactment: next?.enactmentId,
            reason: messageOf(error),
            pauseMs,
          });
          await this.#sleep(pauseMs);
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        }
      }
    } finally {
      unsubscribe();
    }
  }

  /** Until the state changes, or for so long. */
  #sleep(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.#wake(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
      // Changes that came before this promise was made woke nobody.
      if (this.#stopping.signal.aborted) this.#wake();
    });
  }

  async #enact(enactment: Enactment, state: GovernanceState): Promise<void> {
    const { logger } = this.#parts;
    const { enactmentId } = enactment;
    const startedAt = performance.now();
    const act = await this.#carryOut(enactment, state);
    // Whoever hears that a member is out may count on the others' peers to refuse it.
    if (enactment.removes.length > 0 && act.channels.length > 0) await this.#parts.committed(act.channels);
    try {
      await this.#parts.submit(act);
    } catch (error) {
      // Ordered before, by a predecessor whose answer got lost: the strand will say so in a moment.
      if (!(error instanceof GovernanceRefusal)) throw error;
      logger.info("enactment was recorded before", { enactment: enactmentId, reason: error.message });
      if (this.#parts.state()?.enactments[0]?.enactmentId === enactmentId) await this.#sleep(LONGEST_PAUSE_MS);
      return;
    }
    logger.info("enacted", {
      enactment: enactmentId,
      channels: act.channels.length,
      failure: act.failure,
      durationMs: Math.round(performance.now() - startedAt),
    });
  }

  /**
   * Changes every channel that needs it. What was done names the channels that are as decided, with the block that made
   * each so, also where another one refused.
   */
  async #carryOut(enactment: Enactment, state: GovernanceState): Promise<Enacted> {
    const { enactmentId } = enactment;
    const done: { channelId: string; blockNumber: number }[] = [];
    const enacted = (failure?: string): Enacted => {
      const channels = done.slice(0, NAMED_CHANNELS);
      const reason = failure === undefined ? {} : { failure: failure.slice(0, LONGEST_FAILURE) };
      return { kind: "enacted", enactmentId, channels, ...reason };
    };
    try {
      const names = await this.#channelsOf(enactment);
      const plans = await Promise.all(names.map((channelId) => this.#plan(channelId, enactment)));
      const open: Omit<Ready, "signatures">[] = [];
      for (const plan of plans) {
        if (plan === undefined) continue;
        const { channelId, current, update } = plan;
        if (update === undefined) done.push({ channelId, blockNumber: current.blockNumber });
        else open.push({ channelId, current, update });
      }
      const ready = await Promise.all(
        open.map(async (each) => ({ ...each, signatures: await this.#signaturesFor(each, enactment, state) })),
      );
      for (const { channelId, current, update, signatures } of ready) {
        const refusal = refusalOf(channelId, current.config, update, signatures);
        if (refusal !== undefined) throw new Refused(channelId, refusal);
      }
      const outcomes = await Promise.allSettled(
        ready.map(async (each) => ({
          channelId: each.channelId,
          blockNumber: await this.#change(each, enactment, state),
        })),
      );
      // All have ended before any is judged: what is tried again must not meet its own earlier attempt.
      for (const outcome of outcomes) if (outcome.status === "fulfilled") done.push(outcome.value);
      const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      const passing = failures.find((failure) => !(failure instanceof Refused));
      if (passing !== undefined) throw passing;
      return failures.length === 0 ? enacted() : enacted(failures.map(messageOf).join("; "));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return enacted(error.message);
    }
  }

  async #channelsOf({ admits, channels }: Enactment): Promise<readonly string[]> {
    const names = await this.#parts.channels.names();
    if (admits.length === 0 || channels.kind === "all") return names;
    if (channels.kind === "none") return [];
    const missing = channels.names.find((name) => !names.includes(name));
    if (missing !== undefined) throw new Refused(missing, "there is no such channel");
    return channels.names;
  }

  /** What a channel needs; undefined for one that the decision does not concern. */
  async #plan(channelId: string, enactment: Enactment): Promise<Plan | undefined> {
    const current = await this.#parts.channels.read(channelId);
    if (!concerns(channelId, current.config, enactment)) return undefined;
    let update: Uint8Array | undefined;
    try {
      update = updateFor(channelId, current.config, enactment);
    } catch (error) {
      if (error instanceof HansaError) throw new Refused(channelId, error.message);
      throw error;
    }
    return { channelId, current, update };
  }

  /** Of all members that stand for the decision and are on the channel. */
  async #signaturesFor(
    { channelId, current, update }: Omit<Ready, "signatures">,
    { enactmentId, signers }: Enactment,
    state: GovernanceState,
  ): Promise<common.IConfigSignature[]> {
    const here = membersOf(channelId, current.config);
    const mspIds = signers
      .map((memberId) => state.members.get(memberId)?.mspId)
      .filter((mspId) => mspId !== undefined && here.includes(mspId));
    const outcomes = await Promise.allSettled(
      mspIds.map((mspId) => this.#parts.sign(mspId!, { enactmentId, channelId, current: current.config, update })),
    );
    const signatures: common.IConfigSignature[] = [];
    const failures: unknown[] = [];
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") signatures.push(outcome.value);
      else failures.push(outcome.reason);
    }
    for (const failure of failures)
      this.#parts.logger.warn("no signature", {
        channel: channelId,
        enactment: enactmentId,
        reason: messageOf(failure),
      });
    // An authority that is down is worth waiting for only where the others do not suffice.
    const absent = failures.find(isPassing);
    if (absent !== undefined) {
      const refusal = refusalOf(channelId, current.config, update, signatures);
      if (refusal !== undefined) throw absent;
    }
    return signatures;
  }

  /** Brings one channel to where the decision wants it. Returns the number of the block that did. */
  async #change(ready: Ready, enactment: Enactment, state: GovernanceState): Promise<number> {
    const { channelId } = ready;
    let { current, update, signatures } = ready;
    for (let race = 1; ; race++) {
      let refusal: unknown;
      try {
        await this.#parts.channels.order(channelId, update, signatures);
      } catch (error) {
        if (isPassing(error)) throw error;
        refusal = error;
      }
      const after = await this.#plan(channelId, enactment);
      // A channel that lost the member is no longer one that the decision concerns.
      if (after === undefined) return (await this.#parts.channels.read(channelId)).blockNumber;
      if (after.update === undefined) return after.current.blockNumber;
      const moved = String(after.current.config.sequence) !== String(current.config.sequence);
      if (!moved || race === RACES) throw new Refused(channelId, messageOf(refusal ?? "it changes all the time"));
      // Somebody else's update came first; the same decision from there.
      ({ current, update } = { current: after.current, update: after.update });
      signatures = await this.#signaturesFor({ channelId, current, update }, enactment, state);
    }
  }
}

type Plan = { readonly channelId: string; readonly current: CurrentConfig; readonly update: Uint8Array | undefined };
type Ready = {
  readonly channelId: string;
  readonly current: CurrentConfig;
  readonly update: Uint8Array;
  readonly signatures: readonly common.IConfigSignature[];
};
