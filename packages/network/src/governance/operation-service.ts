/** hansa.operation.Operation over a runtime: decodes, calls, encodes. */
import type { LogTarget } from "@hansa/control-plane";
import { readRecord } from "@hansa/governance";
import { HansaError } from "@hansa/primitives";
import { GrpcStatus, type Handlers, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { decode, encode, hansa, type services, toLong, toNumber } from "@hansa/wire";
import { failureStatus } from "./failures.js";
import type { Operations } from "./operations.js";
import type { GovernanceRuntime } from "./runtime.js";
import { ToldNodes } from "./told-nodes.js";
import { writtenSince } from "./written.js";

const { operation, governance } = hansa;
const DONE = encode(operation.Done, {});

export function operationHandlers(
  runtime: GovernanceRuntime,
  operations: Operations,
): Required<Handlers<typeof services.Operation>> {
  const answered =
    (handle: (request: Uint8Array) => Promise<Uint8Array>): UnaryHandler =>
    async (request) => {
      try {
        return await handle(request);
      } catch (error) {
        throw failureStatus(error);
      }
    };
  const told = new ToldNodes(runtime.network, operations, () => runtime.isStopped);
  return {
    Follow: async (bytes, { signal }, send) => {
      const { fromSequenceNo, stay } = decode(governance.FollowRequest, bytes, "hansa.governance.FollowRequest");
      const { follower, copy } = runtime;
      if (toNumber(fromSequenceNo) > copy.size)
        throw new RpcStatus(GrpcStatus.OUT_OF_RANGE, `the strand has ${copy.size} blocks`);
      let wake: () => void = () => {};
      const unsubscribe = follower.listen(() => wake());
      const end = () => wake();
      signal.addEventListener("abort", end, { once: true });
      try {
        for (let number = toNumber(fromSequenceNo); !signal.aborted; number++) {
          while (number === copy.size) {
            if (!stay || signal.aborted || runtime.isStopped) return;
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          // Begun anew meanwhile: whoever follows has to begin anew, too.
          if (signal.aborted || copy.isClosed || number > copy.size) return;
          await send(copy.block(number));
        }
      } finally {
        unsubscribe();
        signal.removeEventListener("abort", end);
      }
    },
    Submit: answered(async (bytes) => {
      const { record } = decode(operation.SubmitRequest, bytes, "hansa.operation.SubmitRequest");
      const ordered = await runtime.submit(readRecord(record).act);
      return encode(operation.SubmitResponse, {
        networkId: ordered.networkId,
        sequenceNo: toLong(ordered.sequenceNo),
        entryIndex: ordered.entryIndex,
        timestampMs: toLong(ordered.at),
      });
    }),
    PrepareMember: answered(async (bytes) => {
      const { description, ...member } = decode(operation.JoiningMember, bytes, "hansa.operation.JoiningMember");
      const described = description === "" ? {} : { description };
      return encode(governance.MemberIdentity, await operations.prepareMember({ ...member, ...described }));
    }),
    DiscardMember: answered(async (bytes) => {
      await operations.discardMember(decode(operation.MemberRequest, bytes, "hansa.operation.MemberRequest").memberId);
      return DONE;
    }),
    CreateNode: answered(async (bytes) => {
      const { nodeId, memberId, region } = decode(operation.NodeRequest, bytes, "hansa.operation.NodeRequest");
      await operations.createNode(nodeId, memberId, region === "" ? undefined : region);
      return DONE;
    }),
    DeleteNode: answered(async (bytes) => {
      await operations.deleteNode(decode(operation.NodeRequest, bytes, "hansa.operation.NodeRequest").nodeId);
      return DONE;
    }),
    Nodes: answered(async (bytes) => {
      const { sizes } = decode(operation.NodesRequest, bytes, "hansa.operation.NodesRequest");
      return told.now({ sizes });
    }),
    FollowNodes: (_bytes, { signal }, send) => told.follow(signal, send),
    SetLogging: answered(async (bytes) => {
      const request = decode(operation.LoggingRequest, bytes, "hansa.operation.LoggingRequest");
      await operations.setLogging(logTarget(request), request.on);
      return DONE;
    }),
    Channels: answered(async () => {
      const channels = (await operations.channels()).map(({ name, members }) => ({ name, memberIds: [...members] }));
      return encode(operation.ChannelsResponse, { channels });
    }),
    Written: answered(async (bytes) => {
      const { known } = decode(operation.WrittenRequest, bytes, "hansa.operation.WrittenRequest");
      const channels = await writtenSince(
        runtime,
        known.map(({ channel, strandId, blocks }) => ({
          channel: channel ?? "",
          strandId: strandId ?? "",
          blocks: toNumber(blocks),
        })),
      );
      return encode(operation.WrittenResponse, {
        channels: channels.map(({ upTo, writings }) => ({
          upTo: { ...upTo, blocks: toLong(upTo.blocks) },
          writings: writings.map(({ memberId, at, bytes }) => ({ memberId, atMs: toLong(at), bytes: toLong(bytes) })),
        })),
      });
    }),
    Preview: answered(async (bytes) => {
      const { act } = readRecord(decode(operation.PreviewRequest, bytes, "hansa.operation.PreviewRequest").record);
      if (act.kind !== "proposed") throw new HansaError("USAGE", "Only a proposal can be previewed.");
      const channels = (await operations.preview(act)).map(({ channelId, changes }) => ({
        channelId,
        changes: [...changes],
      }));
      return encode(operation.PreviewResponse, { channels });
    }),
  };
}

function logTarget({ kind, memberId, nodeId }: hansa.operation.LoggingRequest): LogTarget {
  if (kind === "ca") return { kind, memberId };
  if (kind === "peer" || kind === "chaincode") return { kind, nodeId };
  throw new HansaError("USAGE", `There is no log of kind "${kind}".`);
}
