/**
 * An operator without processes: governance is folded by the real rules, everything else is pretended. Nodes start
 * after `startMs`; decisions reach the channels after `enactMs`. What it holds survives the control plane, as real
 * networks do, so a test can stop one control plane and start the next over the same operator.
 */
import {
  type Act,
  type ChannelChoice,
  derivedId,
  fold,
  type GovernanceState,
  type MemberIdentity,
  type Rules,
} from "@hansa/governance";
import { type Clock, fromUtf8, HansaError, systemClock, type UnixMs, unixMs } from "@hansa/primitives";
import { encode, msp } from "@hansa/wire";
import type {
  Founding,
  JoiningMember,
  LogTarget,
  NetworkOperator,
  NodeState,
  OperatedNetwork,
  OperatedNode,
  Ordered,
  Writing,
  Written,
  WrittenUpTo,
} from "../operator.js";

export type MemoryOptions = {
  readonly clock?: Clock;
  readonly startMs?: number;
  readonly enactMs?: number;
};

type Call =
  | keyof Pick<OperatedNetwork, "prepareMember" | "createNode" | "deleteNode" | "submit" | "setLogging">
  | "create";

export class MemoryOperator implements NetworkOperator {
  readonly clock: Clock;
  startMs: number;
  enactMs: number;
  readonly #networks = new Map<string, MemoryNetwork>();
  readonly #listeners = new Set<() => void>();
  readonly #pauses = new Set<() => void>();
  readonly #failures: { readonly call: Call; readonly error: Error }[] = [];

  constructor({ clock = systemClock, startMs = 0, enactMs = 0 }: MemoryOptions = {}) {
    this.clock = clock;
    this.startMs = startMs;
    this.enactMs = enactMs;
  }

  networks(): readonly MemoryNetwork[] {
    return [...this.#networks.values()];
  }

  network(networkId: string): MemoryNetwork | undefined {
    return this.#networks.get(networkId);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#pauses.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#pauses.add(done);
    });
  }

  /** Whatever still starts has started now. */
  hurry(): void {
    for (const done of [...this.#pauses]) done();
  }

  /** The next call of that kind fails. */
  fail(call: Call, error: Error = new HansaError("NODE_FAILED", `${call} fails on purpose`)): void {
    this.#failures.push({ call, error });
  }

  maybeFail(call: Call): void {
    const index = this.#failures.findIndex((failure) => failure.call === call);
    if (index >= 0) throw this.#failures.splice(index, 1)[0]?.error;
  }

  async create(founding: Founding): Promise<OperatedNetwork> {
    await this.pause(this.startMs);
    this.maybeFail("create");
    const known = this.#networks.get(founding.networkId);
    if (known !== undefined) return known;
    const { member, memberLimit, simulatedClock, region: _, ...rest } = founding;
    const rules: Rules = { electorate: "live", rejection: "unreachable", memberLimit, simulatedClock };
    return this.found({ ...rest, rules, members: [identityOf(member)] });
  }

  /** As networks of files are founded: with all their members, and a peer each. */
  foundWithPeers(networkId: string, members: readonly { readonly name: string; readonly accountId: string }[]) {
    const network = this.found({
      networkId,
      name: "from-a-file",
      frameworkVersion: "2.5",
      edition: "STANDARD",
      policy: { thresholdPercentage: 50, comparator: "GREATER_THAN", proposalDurationHours: 24 },
      rules: { electorate: "live", rejection: "unreachable", memberLimit: 0, simulatedClock: true },
      members: members.map(({ name, accountId }) =>
        identityOf({ memberId: derivedId("m", networkId, name), name, accountId }, `${name.replace(/\W/g, "")}MSP`),
      ),
    });
    for (const memberId of network.governance.members.keys())
      network.place(derivedId("nd", memberId), memberId, "running");
    return network;
  }

  found(founded: FoundedParts): MemoryNetwork {
    const network = new MemoryNetwork(this, founded);
    this.#networks.set(founded.networkId, network);
    for (const listener of [...this.#listeners]) listener();
    return network;
  }

  /** As if its processes were gone for good. */
  lose(networkId: string): void {
    this.#networks.delete(networkId);
    for (const listener of [...this.#listeners]) listener();
  }
}

type FoundedParts = Pick<
  Extract<Act, { kind: "founded" }>,
  "networkId" | "name" | "description" | "frameworkVersion" | "edition" | "policy" | "rules" | "members"
>;

export class MemoryNetwork implements OperatedNetwork {
  readonly networkId: string;
  readonly #operator: MemoryOperator;
  readonly #listeners = new Set<(state: GovernanceState, act: Act, at: UnixMs) => void>();
  readonly #nodes = new Map<string, OperatedNode>();
  readonly #logging = new Map<string, boolean>();
  readonly #channels = new Map<string, Set<string>>([
    ["audit", new Set()],
    ["trade", new Set()],
  ]);
  readonly prepared = new Set<string>();
  /** What was written to channel "trade", a block each; told two blocks at a time. */
  readonly blocks: Writing[] = [];
  strandId = "strand-1";
  /** Whether its nodes are known without asking. */
  tellsNodes = false;
  /** How often it was asked for its nodes. */
  nodesAsked = 0;
  readonly acts: Act[] = [];
  #state: GovernanceState;
  #offsetMs = 0;
  #port = 30_001;
  #enacting: Promise<void> = Promise.resolve();

  constructor(operator: MemoryOperator, founded: FoundedParts) {
    this.#operator = operator;
    this.networkId = founded.networkId;
    const party = partyOf("OrdererMSP");
    const channels: ChannelChoice = { kind: "all" };
    const act: Act = {
      ...founded,
      kind: "founded",
      channels,
      operatorIdentity: party.governanceIdentity,
      operatorMspConfig: party.mspConfig,
    };
    const folded = fold(undefined, act, operator.clock.now());
    if (!folded.ok) throw folded.refusal;
    this.#state = folded.state;
    this.place("orderer", undefined, "running", "orderer");
    for (const { memberId } of founded.members) {
      this.place(`ca.${memberId}`, memberId, "running", "ca");
      this.#channels.get("trade")?.add(memberId);
    }
  }

  get governance(): GovernanceState {
    return this.#state;
  }

  now(): UnixMs {
    return unixMs(Math.max(this.#operator.clock.now() + this.#offsetMs, this.#state.time));
  }

  onGovernance(listener: (state: GovernanceState, act: Act, at: UnixMs) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async submit(act: Act): Promise<Ordered> {
    this.#operator.maybeFail("submit");
    // What a real submit takes at least: another turn, in which other requests are served.
    await Promise.resolve();
    const at = this.now();
    const folded = fold(this.#state, act, at);
    if (!folded.ok) throw folded.refusal;
    this.#state = folded.state;
    this.acts.push(act);
    if (act.kind === "clockAdvanced") this.#offsetMs = act.to - this.#operator.clock.now();
    for (const listener of [...this.#listeners]) listener(this.#state, act, at);
    if (act.kind !== "enacted" && this.#state.enactments.length > 0)
      this.#enacting = this.#enacting.then(() => this.#enact());
    return { networkId: this.networkId, sequenceNo: this.acts.length, entryIndex: 1, at };
  }

  async prepareMember(member: JoiningMember): Promise<MemberIdentity> {
    await this.#operator.pause(this.#operator.startMs);
    this.#operator.maybeFail("prepareMember");
    this.prepared.add(member.memberId);
    this.place(`ca.${member.memberId}`, member.memberId, "running", "ca");
    return identityOf(member);
  }

  async discardMember(memberId: string): Promise<void> {
    this.prepared.delete(memberId);
    this.#nodes.delete(`ca.${memberId}`);
  }

  async createNode({ nodeId, memberId }: { readonly nodeId: string; readonly memberId: string }): Promise<void> {
    await this.#operator.pause(this.#operator.startMs);
    this.#operator.maybeFail("createNode");
    if (!this.#nodes.has(nodeId)) this.place(nodeId, memberId, "running");
  }

  async deleteNode(nodeId: string): Promise<void> {
    this.#operator.maybeFail("deleteNode");
    this.#nodes.delete(nodeId);
  }

  nodesNow(): readonly OperatedNode[] | undefined {
    return this.tellsNodes ? [...this.#nodes.values()] : undefined;
  }

  async nodes(): Promise<readonly OperatedNode[]> {
    this.nodesAsked += 1;
    return [...this.#nodes.values()];
  }

  async setLogging(target: LogTarget, on: boolean): Promise<void> {
    this.#operator.maybeFail("setLogging");
    this.#logging.set(`${target.kind} ${"nodeId" in target ? target.nodeId : target.memberId}`, on);
  }

  async channels(): Promise<readonly { readonly name: string; readonly members: readonly string[] }[]> {
    return [...this.#channels].map(([name, members]) => ({ name, members: [...members] }));
  }

  async written(known: readonly WrittenUpTo[]): Promise<readonly Written[]> {
    const before =
      known.find(({ channel, strandId }) => channel === "trade" && strandId === this.strandId)?.blocks ?? 0;
    const writings = this.blocks.slice(before, before + 2);
    const upTo = { channel: "trade", strandId: this.strandId, blocks: before + writings.length };
    return writings.length === 0 ? [] : [{ upTo, writings }];
  }

  async preview(proposed: Parameters<OperatedNetwork["preview"]>[0]) {
    const changes = [
      ...proposed.invitations.map(({ accountId }) => `adds a member of account ${accountId}`),
      ...proposed.removals.map((memberId) => `removes ${memberId}`),
      ...(proposed.newPolicy === undefined ? [] : ["changes the Admins policy"]),
    ];
    return [{ channelId: "trade", changes }];
  }

  /** Resolves when every decision has reached the channels. */
  settled(): Promise<void> {
    return this.#enacting;
  }

  isLogging(target: string): boolean | undefined {
    return this.#logging.get(target);
  }

  /** Puts a node there, or changes what it does. */
  place(
    nodeId: string,
    memberId: string | undefined,
    state: NodeState,
    kind: OperatedNode["kind"] = "peer",
    more: { readonly lastFailure?: string; readonly storageBytes?: number } = {},
  ): void {
    const address = this.#nodes.get(nodeId)?.address ?? `127.0.0.1:${this.#port++}`;
    this.#nodes.set(nodeId, { nodeId, kind, memberId, state, address, host: nodeId.toLowerCase(), ...more });
  }

  async #enact(): Promise<void> {
    for (;;) {
      const enactment = this.#state.enactments[0];
      if (enactment === undefined) return;
      await this.#operator.pause(this.#operator.enactMs);
      for (const memberId of enactment.memberIds) this.#enactMember(enactment.kind, memberId);
      const channels = [{ channelId: "trade", blockNumber: this.acts.length }];
      await this.submit({ kind: "enacted", enactmentId: enactment.enactmentId, channels });
    }
  }

  #enactMember(kind: string, memberId: string): void {
    if (kind === "join") this.#channels.get("trade")?.add(memberId);
    else {
      this.#channels.get("trade")?.delete(memberId);
      for (const node of this.#nodes.values()) if (node.memberId === memberId) this.#nodes.delete(node.nodeId);
    }
  }
}

function identityOf(
  member: Pick<JoiningMember, "memberId" | "name" | "accountId" | "description">,
  mspId = member.memberId,
): MemberIdentity {
  const { memberId, name, accountId, description } = member;
  return { memberId, name, accountId, description, mspId, ...partyOf(mspId) };
}

function partyOf(mspId: string) {
  return {
    mspConfig: encode(msp.MSPConfig, { config: encode(msp.FabricMSPConfig, { name: mspId }) }),
    governanceIdentity: encode(msp.SerializedIdentity, { mspid: mspId, idBytes: fromUtf8(`certificate of ${mspId}`) }),
  };
}
