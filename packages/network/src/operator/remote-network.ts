/**
 * A network as the control plane sees it: its governance followed through its supervisor, and what its supervisor is
 * asked to do. While no supervisor runs, what is known is the network's own copy of its strand.
 */
import path from "node:path";
import type {
  JoiningMember,
  LogTarget,
  OperatedNetwork,
  OperatedNode,
  Ordered,
  Written,
  WrittenUpTo,
} from "@hansa/control-plane";
import { type Act, encodeRecord, type GovernanceState, type MemberIdentity, type Proposed } from "@hansa/governance";
import { type Bytes, HansaError, type Logger, type UnixMs, unixMs } from "@hansa/primitives";
import { GrpcStatus, RpcClient, RpcStatus } from "@hansa/transport";
import { decode, encode, hansa, services, toLong, toNumber } from "@hansa/wire";
import { findSupervisor } from "../control/control-client.js";
import type { SupervisorRecord } from "../control/control-server.js";
import { failureIn } from "../governance/failures.js";
import { GovernanceFollower, type GovernanceListener, StrandReplaced } from "../governance/follower.js";
import type { Preview } from "../governance/operations.js";
import { readStrandCopy } from "../governance/strand-copy.js";
import type { Layout } from "../plan/layout.js";
import { NodeWatch } from "./node-watch.js";

const { operation, governance } = hansa;

type Method = Exclude<keyof typeof services.Operation.methods, "Follow" | "FollowNodes">;

type Attached = { readonly record: SupervisorRecord; readonly rpc: RpcClient };

const TIMEOUT_MS = 30_000;
/** Starting processes and catching up with channels may take a while on a busy machine. */
const NODE_TIMEOUT_MS = 180_000;
const FOLLOWED_WITHIN_MS = 10_000;

export class RemoteNetwork implements OperatedNetwork {
  readonly layout: Layout;
  readonly #follower: GovernanceFollower;
  readonly #watch = new NodeWatch();
  #supervisor: Attached | undefined;

  private constructor(layout: Layout, logger: Logger, onReplaced: () => void) {
    this.layout = layout;
    this.#follower = new GovernanceFollower({ logger, onReplaced });
  }

  /**
   * Reads the network's copy of its strand, and follows the network whenever it runs.
   * @param onReplaced called when another network has taken its folder: this one is over then
   */
  static async open(layout: Layout, logger: Logger, onReplaced: () => void = () => {}): Promise<RemoteNetwork> {
    const network = new RemoteNetwork(layout, logger, onReplaced);
    try {
      network.#follower.load(await readStrandCopy(layout.governanceStrand));
    } catch (error) {
      if (!(error instanceof HansaError)) throw error;
      logger.warn("copy of the governance strand is not used", { reason: error.message });
    }
    network.#follower.start((from, signal) => network.#blocks(from, signal));
    return network;
  }

  /** Undefined before the network is founded. */
  get founded(): GovernanceState | undefined {
    return this.#follower.state;
  }

  get networkId(): string {
    return this.governance.networkId;
  }

  get governance(): GovernanceState {
    const { state } = this.#follower;
    if (state !== undefined) return state;
    throw new HansaError("NOT_FOUNDED", `The network in ${this.layout.root} is not founded yet.`, {
      nextStep: "Try again in a moment.",
    });
  }

  /** Whether a supervisor answers for it. */
  get isRunning(): boolean {
    return this.#supervisor !== undefined;
  }

  now(): UnixMs {
    return this.#follower.now();
  }

  onGovernance(listener: GovernanceListener): () => void {
    return this.#follower.listen(listener);
  }

  async submit(act: Act): Promise<Ordered> {
    const record = encodeRecord(this.networkId, act);
    const answer = await this.#ask("Submit", encode(operation.SubmitRequest, { record }), TIMEOUT_MS);
    const { networkId, sequenceNo, entryIndex, timestampMs } = decode(
      operation.SubmitResponse,
      answer,
      "hansa.operation.SubmitResponse",
    );
    const number = toNumber(sequenceNo);
    await this.#follower.reached(number + 1, FOLLOWED_WITHIN_MS);
    return { networkId, sequenceNo: number, entryIndex, at: toNumber(timestampMs) as UnixMs };
  }

  async prepareMember(member: JoiningMember): Promise<MemberIdentity> {
    const request = encode(operation.JoiningMember, { ...member, description: member.description ?? "" });
    const answer = await this.#ask("PrepareMember", request, NODE_TIMEOUT_MS);
    const { description, ...identity } = decode(governance.MemberIdentity, answer, "hansa.governance.MemberIdentity");
    return { ...identity, ...(description === "" ? {} : { description }) };
  }

  async discardMember(memberId: string): Promise<void> {
    await this.#ask("DiscardMember", encode(operation.MemberRequest, { memberId }), NODE_TIMEOUT_MS);
    await this.#lookAgain();
  }

  async createNode(node: { readonly nodeId: string; readonly memberId: string }): Promise<void> {
    await this.#ask("CreateNode", encode(operation.NodeRequest, node), NODE_TIMEOUT_MS);
    await this.#lookAgain();
  }

  async deleteNode(nodeId: string): Promise<void> {
    await this.#ask("DeleteNode", encode(operation.NodeRequest, { nodeId }), NODE_TIMEOUT_MS);
    await this.#lookAgain();
  }

  nodesNow(): readonly OperatedNode[] | undefined {
    return this.#watch.nodes;
  }

  async nodes(options: { readonly sizes?: boolean } = {}): Promise<readonly OperatedNode[]> {
    const answer = await this.#ask("Nodes", encode(operation.NodesRequest, options), TIMEOUT_MS);
    return this.#watch.hear(answer);
  }

  async setLogging(target: LogTarget, on: boolean): Promise<void> {
    const of = target.kind === "ca" ? { memberId: target.memberId } : { nodeId: target.nodeId };
    await this.#ask("SetLogging", encode(operation.LoggingRequest, { kind: target.kind, on, ...of }), TIMEOUT_MS);
  }

  async channels(): Promise<readonly { readonly name: string; readonly members: readonly string[] }[]> {
    const answer = await this.#ask("Channels", encode(operation.ChannelsRequest, {}), TIMEOUT_MS);
    const { channels } = decode(operation.ChannelsResponse, answer, "hansa.operation.ChannelsResponse");
    return channels.map(({ name, memberIds }) => ({ name: name ?? "", members: memberIds ?? [] }));
  }

  async written(known: readonly WrittenUpTo[]): Promise<readonly Written[]> {
    const request = encode(operation.WrittenRequest, {
      known: known.map(({ blocks, ...rest }) => ({ ...rest, blocks: toLong(blocks) })),
    });
    const answer = await this.#ask("Written", request, TIMEOUT_MS);
    const { channels } = decode(operation.WrittenResponse, answer, "hansa.operation.WrittenResponse");
    return channels.map(({ upTo, writings }) => ({
      upTo: { channel: upTo?.channel ?? "", strandId: upTo?.strandId ?? "", blocks: toNumber(upTo?.blocks) },
      writings: (writings ?? []).map(({ memberId, atMs, bytes }) => ({
        memberId: memberId ?? "",
        at: unixMs(toNumber(atMs)),
        bytes: toNumber(bytes),
      })),
    }));
  }

  async preview(
    proposed: Pick<Proposed, "invitations" | "removals" | "newPolicy" | "channels">,
  ): Promise<readonly Preview[]> {
    const { invitations, removals, newPolicy, channels } = proposed;
    const act: Proposed = {
      kind: "proposed",
      proposalId: "",
      memberId: "",
      tags: {},
      invitations,
      removals,
      ...(newPolicy === undefined ? {} : { newPolicy }),
      ...(channels === undefined ? {} : { channels }),
    };
    const record = encodeRecord(this.networkId, act);
    const answer = await this.#ask("Preview", encode(operation.PreviewRequest, { record }), TIMEOUT_MS);
    const previews = decode(operation.PreviewResponse, answer, "hansa.operation.PreviewResponse");
    return previews.channels.map(({ channelId, changes }) => ({
      channelId: channelId ?? "",
      changes: changes ?? [],
    }));
  }

  async close(): Promise<void> {
    const stopped = this.#follower.stop();
    this.#detach();
    await stopped;
  }

  async *#blocks(from: number, signal: AbortSignal): AsyncIterable<Bytes> {
    const { rpc } = await this.#attach();
    const request = encode(governance.FollowRequest, { fromSequenceNo: toLong(from), stay: true });
    const call = rpc.serverStream(services.Operation.methods.Follow, request, { signal });
    const nodes = rpc.serverStream(services.Operation.methods.FollowNodes, encode(operation.NodesRequest, {}), {
      signal,
    });
    // When it ends before the strand does, nodes are asked for.
    this.#watch.follow(nodes.incoming).catch(() => {});
    try {
      for await (const bytes of call.incoming) yield bytes;
    } catch (error) {
      if (error instanceof RpcStatus && error.code === GrpcStatus.OUT_OF_RANGE) throw new StrandReplaced();
      throw error;
    } finally {
      call.close();
      nodes.close();
      this.#detach();
    }
  }

  /** What was just changed must be seen by whoever asks next, even if the telling comes later. */
  async #lookAgain(): Promise<void> {
    await this.nodes().catch(() => this.#watch.forget());
  }

  /** @throws HansaError NOT_RUNNING */
  async #attach(): Promise<Attached> {
    const record = await findSupervisor(this.layout);
    if (record === undefined) {
      this.#detach();
      const name = this.#follower.state?.networkId ?? this.layout.root;
      throw new HansaError("NOT_RUNNING", `Network ${name} is not running.`, {
        nextStep: `Start it with: hansa up --network ${path.basename(this.layout.root)}`,
      });
    }
    const known = this.#supervisor;
    if (known !== undefined && known.record.pid === record.pid && known.record.socket === record.socket) return known;
    this.#detach();
    this.#supervisor = { record, rpc: new RpcClient(`unix:${record.socket}`) };
    return this.#supervisor;
  }

  #detach(): void {
    this.#supervisor?.rpc.close();
    this.#supervisor = undefined;
  }

  async #ask(method: Method, request: Bytes, timeoutMs: number): Promise<Bytes> {
    const { rpc } = this.#supervisor ?? (await this.#attach());
    try {
      return await rpc.unary(services.Operation.methods[method], request, { timeoutMs });
    } catch (error) {
      throw failureIn(error, this.#follower.state?.networkId ?? this.layout.root);
    }
  }
}
