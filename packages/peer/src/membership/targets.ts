/**
 * Whom to ask: addresses from the launcher, the bootstrap list, the channels' anchor peers, and what other peers named.
 * Each has one connection, opened when it is first wanted and closed when it is not any more.
 */
import type { MspId, UnixMs } from "@hansa/primitives";
import type { PeerConnection } from "../peer-connection.js";

export type Wanted = {
  /** Whose peer it is, where that is known beforehand. */
  readonly mspId?: MspId;
  /** Where somebody else keeps the connection. */
  readonly connection?: PeerConnection;
};

export type Target = {
  readonly address: string;
  readonly mspId: MspId | undefined;
  readonly connection: PeerConnection;
  readonly isOwn: boolean;
  /** Whether it was asked since it is known, answered or not. */
  wasAsked: boolean;
  /** Who answered there last. */
  memberId: string | undefined;
  /** Whether the last question was not answered: nobody waits for the next one then. */
  isSilent: boolean;
  /** Since when it is known that no peer of ours is there, but another that is: it has no such service. */
  foreignSince: UnixMs | undefined;
};

export class Targets {
  readonly #connect: (address: string, mspId: MspId | undefined) => PeerConnection;
  readonly #targets = new Map<string, Target>();

  constructor(connect: (address: string, mspId: MspId | undefined) => PeerConnection) {
    this.#connect = connect;
  }

  /** Connects to what is new and hangs up on what is not wanted any more. */
  follow(wanted: ReadonlyMap<string, Wanted>): readonly Target[] {
    for (const target of [...this.#targets.values()]) {
      const still = wanted.get(target.address);
      const isSame = still && (target.isOwn ? still.connection === undefined : still.connection === target.connection);
      if (!isSame) this.drop(target.address);
    }
    for (const [address, { mspId, connection }] of wanted) {
      if (this.#targets.has(address)) continue;
      this.#targets.set(address, {
        address,
        mspId,
        connection: connection ?? this.#connect(address, mspId),
        isOwn: connection === undefined,
        wasAsked: false,
        memberId: undefined,
        isSilent: false,
        foreignSince: undefined,
      });
    }
    return [...this.#targets.values()];
  }

  get(address: string): Target | undefined {
    return this.#targets.get(address);
  }

  drop(address: string): void {
    const target = this.#targets.get(address);
    this.#targets.delete(address);
    if (target?.isOwn) target.connection.close();
  }

  close(): void {
    for (const address of [...this.#targets.keys()]) this.drop(address);
  }
}
