import { type Logger, messageOf } from "@hansa/primitives";
import type { ChannelDefinition, NetworkConfig } from "../config/network-config.js";
import type { NetworkView } from "../library/network-view.js";
import { writeConnectionProfiles } from "../library/profile-files.js";
import type { NodeKeeper, NodeReport } from "../nodes/keeper.js";
import { tellNodes } from "../nodes/tell-nodes.js";
import type { Layout } from "../plan/layout.js";
import { type NetworkState, updateState, writeFileDurably } from "../plan/state-file.js";

/** A member that comes while the network runs. */
export type NewMember = {
  readonly name: string;
  readonly mspId: string;
  readonly domain: string;
  /** "m-" and 26 base32 characters. */
  readonly memberId: string;
  /** 12 digits. */
  readonly account: string;
  readonly description?: string;
  /** Enrolled besides the administrator. */
  readonly users: readonly string[];
  /** Registered at the member's authority as an administrator who enrols by this password. */
  readonly admin?: { readonly username: string; readonly password: string };
};

export type NewPeer = {
  readonly mspId: string;
  /** "nd-" and 26 base32 characters, or a label such as "peer1". */
  readonly peerName: string;
  /** Host names that its TLS certificate is to carry besides its own. */
  readonly extraHosts?: readonly string[];
};

export type NewChannel = {
  readonly name: string;
  /** Names of members. */
  readonly members: readonly string[];
  /** How many members must endorse, and approve a contract; as the network's other channels unless given. */
  readonly endorsement?: NetworkConfig["channelEndorsement"];
  readonly batch?: ChannelDefinition["batch"];
};

/** The log of a member's authority, of a peer, or of a peer's contracts. */
export type LogTarget =
  | { readonly kind: "ca"; readonly memberId: string }
  | { readonly kind: "peer" | "chaincode"; readonly nodeId: string };

/** A channel as the ordering service has it. */
export type OrderedChannel = {
  readonly name: string;
  /** MSP ids of its configuration's application organisations. */
  readonly mspIds: readonly string[];
};

/** What may change of a network while it runs. */
export type Membership = Pick<NetworkConfig, "members" | "channels" | "governance">;

/**
 * What every change of a running network works on: its nodes, what it is to be, and whom to tell.
 *
 * A change is on disk before it is made: `network.json` says what the network is to be, and a start makes whatever is
 * missing. So a change that was cut short is finished by the next start, or by asking for it again.
 */
export class NetworkCore {
  readonly layout: Layout;
  readonly keeper: NodeKeeper;
  /** The network as it is now. */
  readonly view: NetworkView;
  readonly logger: Logger;
  readonly #lines = new Map<string, Promise<unknown>>();
  readonly #listeners = new Set<() => void>();
  #isClosing = false;

  constructor(keeper: NodeKeeper, view: NetworkView, logger: Logger) {
    this.layout = view.layout;
    this.keeper = keeper;
    this.view = view;
    this.logger = logger;
    keeper.onChange = () => this.#tellListeners();
  }

  config(): NetworkConfig {
    return this.view.config;
  }

  state(): NetworkState {
    return this.view.state;
  }

  /** In the plan's order, whichever started first. */
  reports(): NodeReport[] {
    const order = new Map(this.view.plan.nodes.map(({ id }, index) => [id, index]));
    const place = ({ node }: NodeReport) => order.get(node.id) ?? order.size;
    return this.keeper.reports().sort((a, b) => place(a) - place(b));
  }

  /** Called when members, peers or channels changed, or what a node is doing. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Does one after the other what concerns the same thing. */
  inTurn<T>(line: string, work: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(line) ?? Promise.resolve();
    const turn = before.then(work, work);
    const settled = turn.catch(() => {});
    this.#lines.set(line, settled);
    void settled.then(() => {
      if (this.#lines.get(line) === settled) this.#lines.delete(line);
    });
    return turn;
  }

  /** Changes what the network is to be: on disk, then in this process. The nodes are told by tellNodes. */
  async change(edit: (config: NetworkConfig) => Partial<Membership>): Promise<void> {
    await this.inTurn("network.json", async () => {
      const config: NetworkConfig = { ...this.config(), ...edit(this.config()) };
      await writeFileDurably(this.layout.networkFile, `${JSON.stringify(config, undefined, 2)}\n`);
      this.view.update(config, this.view.state);
      this.#tellListeners();
    });
  }

  async changeState(edit: (state: NetworkState) => Partial<NetworkState>): Promise<void> {
    await this.inTurn("network.json", async () => {
      const state = await updateState(this.layout, (before) => ({ ...before, ...edit(before) }));
      this.view.update(this.view.config, state);
      this.#tellListeners();
    });
  }

  /**
   * Tells every orderer and peer that runs what is new for it.
   * @param options `strict`: what one of them refuses is thrown, once all have been told; otherwise it is logged
   */
  async tellNodes({ strict = false }: { strict?: boolean } = {}): Promise<void> {
    const failures = await tellNodes(this.keeper, this.view);
    this.#tellListeners();
    await writeConnectionProfiles(this.view).catch((error: unknown) =>
      this.logger.warn("connection profiles cannot be written", { reason: messageOf(error) }),
    );
    for (const failure of failures) {
      if (strict) throw failure;
      this.logger.warn("node does not follow the network", { reason: messageOf(failure) });
    }
  }

  /** Waits for the changes under way. To be called when the nodes have stopped, which cuts those short. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#lines.values());
  }

  #tellListeners(): void {
    if (this.#isClosing) return;
    for (const listener of this.#listeners) listener();
  }
}
