/** What this peer says of itself: signed anew when it changes, and now and then to show that it is alive. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { SigningIdentity } from "@hansa/msp";
import type { Clock, MspId, UnixMs } from "@hansa/primitives";
import { isMemberOf, memberId, type Statement } from "./exchange.js";
import { aliveMessage, type ChannelState, type PeerTime, stateMessage } from "./gossip-messages.js";
import type { Member, MemberState } from "./view.js";

/** A channel of this peer. */
export type OwnChannel = { readonly config: ChannelConfig; state(): Promise<ChannelState> };

export type OwnStatementOptions = {
  readonly signer: SigningIdentity;
  /** "host:port" by which others reach this peer. */
  readonly endpoint: () => string;
  readonly channels: () => readonly OwnChannel[];
  /** For how long a message that it is alive may be sent again. */
  readonly aliveMs: number;
  readonly clock: Clock;
};

export class OwnStatement {
  readonly id: string;
  readonly #options: OwnStatementOptions;
  readonly #startedAt: bigint;
  readonly #states = new Map<string, MemberState & { readonly key: string }>();
  #alive: { readonly at: UnixMs; readonly endpoint: string; readonly message: Member["alive"] } | undefined;
  #sequence = 0n;

  constructor(options: OwnStatementOptions) {
    this.#options = options;
    this.id = memberId(options.signer.serialized);
    this.#startedAt = BigInt(options.clock.now()) * 1_000_000n;
  }

  /** This peer with all its channels. */
  async member(): Promise<Member> {
    const { signer, channels, endpoint } = this.#options;
    const states = await Promise.all(channels().map((channel) => this.#state(channel)));
    return {
      id: this.id,
      mspId: signer.mspId,
      identity: signer.serialized,
      endpoint: endpoint(),
      alive: this.#aliveMessage(),
      states: new Map(states),
    };
  }

  /** For a peer of an organisation: with the channels that it is a member of; none while that is not known. */
  async for(mspId: MspId | undefined): Promise<Statement> {
    const shared = this.#options.channels().filter(({ config }) => mspId !== undefined && isMemberOf(config, mspId));
    const channels = await Promise.all(
      shared.map(async (channel) => {
        const [channelId, { envelope }] = await this.#state(channel);
        return { channelId, stateInfo: envelope };
      }),
    );
    return { alive: this.#aliveMessage().envelope, channels };
  }

  #aliveMessage(): Member["alive"] {
    const { clock, signer, aliveMs } = this.#options;
    const endpoint = this.#options.endpoint();
    const now = clock.now();
    const isFresh = this.#alive?.endpoint === endpoint && now - this.#alive.at < aliveMs;
    if (this.#alive === undefined || !isFresh) {
      const time = this.#time();
      this.#alive = { at: now, endpoint, message: { time, envelope: aliveMessage(signer, { endpoint, time }) } };
    }
    return this.#alive.message;
  }

  async #state(channel: OwnChannel): Promise<[string, MemberState]> {
    const { channelId } = channel.config;
    const state = await channel.state();
    const key = JSON.stringify([state.height, ...state.chaincodes]);
    const known = this.#states.get(channelId);
    if (known?.key === key) return [channelId, known];
    const time = this.#time();
    const made = { ...state, time, key, envelope: stateMessage(this.#options.signer, channelId, state, time) };
    this.#states.set(channelId, made);
    return [channelId, made];
  }

  #time(): PeerTime {
    this.#sequence += 1n;
    return { startedAt: this.#startedAt, sequence: this.#sequence };
  }
}
