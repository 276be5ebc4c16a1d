/**
 * Which other peers are there, and what they said of themselves. Holds no connection and reads no clock.
 *
 * A peer is in the view because it spoke to this one itself, not because a third says so; it leaves it when it stops
 * answering, or is silent for too long.
 */
import type { Bytes, MspId, UnixMs } from "@hansa/primitives";
import { type ChannelState, isNewer, type PeerTime, type SignedEnvelope } from "./gossip-messages.js";

export type MemberState = ChannelState & { readonly time: PeerTime; readonly envelope: SignedEnvelope };

export type Member = {
  /** Of its identity: equal for equal certificates. */
  readonly id: string;
  readonly mspId: MspId;
  /** Bytes of msp.SerializedIdentity; the same object for as long as the peer keeps its certificate. */
  readonly identity: Bytes;
  /** "host:port" */
  readonly endpoint: string;
  readonly alive: { readonly time: PeerTime; readonly envelope: SignedEnvelope };
  /** By channel: those that it shares with this peer. */
  readonly states: ReadonlyMap<string, MemberState>;
};

type Held = { readonly member: Member; readonly heardAt: UnixMs };

/** One organisation certifies as many peers as it likes; what it can have this peer keep is bounded. */
const MAX_MEMBERS_PER_ORGANIZATION = 100;
const MAX_MEMBERS = 1_000;

export class MembershipView {
  readonly #held = new Map<string, Held>();
  #version = 0;

  /** Grows with each change that a reader could see. */
  get version(): number {
    return this.#version;
  }

  get(id: string): Member | undefined {
    return this.#held.get(id)?.member;
  }

  heardAt(id: string): UnixMs | undefined {
    return this.#held.get(id)?.heardAt;
  }

  members(): Member[] {
    return [...this.#held.values()].map(({ member }) => member);
  }

  /**
   * A peer has spoken.
   * @returns "new", "known", or "refused" when it said something newer before or its organisation has too many
   */
  hear(report: Member, now: UnixMs): "new" | "known" | "refused" {
    const before = this.#held.get(report.id)?.member;
    if (before !== undefined && isNewer(before.alive.time, report.alive.time)) return "refused";
    if (before === undefined && !this.#hasRoomFor(report.mspId)) return "refused";
    const states = new Map(report.states);
    for (const [channelId, state] of before?.states ?? []) {
      const stated = states.get(channelId);
      if (stated !== undefined && isNewer(state.time, stated.time)) states.set(channelId, state);
    }
    for (const { member } of [...this.#held.values()]) {
      // A new certificate makes a new identity at the same place.
      const isReplaced =
        member.endpoint === report.endpoint && member.mspId === report.mspId && member.id !== report.id;
      if (isReplaced && !isNewer(member.alive.time, report.alive.time)) this.#held.delete(member.id);
    }
    const identity = before?.identity ?? report.identity;
    this.#held.set(report.id, { member: { ...report, identity, states }, heardAt: now });
    this.#version += 1;
    return before === undefined ? "new" : "known";
  }

  /** @returns whether it was there */
  remove(id: string): boolean {
    const wasThere = this.#held.delete(id);
    if (wasThere) this.#version += 1;
    return wasThere;
  }

  /** Removes whoever has been silent for too long, and says who. */
  expire(now: UnixMs, silenceMs: number): Member[] {
    const gone = [...this.#held.values()].filter(({ heardAt }) => now - heardAt > silenceMs);
    for (const { member } of gone) this.remove(member.id);
    return gone.map(({ member }) => member);
  }

  #hasRoomFor(mspId: MspId): boolean {
    if (this.#held.size >= MAX_MEMBERS) return false;
    let sameOrganization = 0;
    for (const { member } of this.#held.values()) if (member.mspId === mspId) sameOrganization += 1;
    return sameOrganization < MAX_MEMBERS_PER_ORGANIZATION;
  }
}
