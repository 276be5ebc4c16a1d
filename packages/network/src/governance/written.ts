/** What members wrote to the channels, as the orderers' strands tell it, by the network's own time. */
import type { Written, WrittenUpTo } from "@hansa/control-plane";
import { unixMs } from "@hansa/primitives";
import { toNumber } from "@hansa/wire";
import { orderedChannelNames } from "../membership/participation.js";
import type { GovernanceRuntime } from "./runtime.js";

/**
 * As much as one answer per channel holds of what is not known yet.
 * @throws HansaError NODE_UNREACHABLE, TIMED_OUT, JOURNAL_REFUSED
 */
export async function writtenSince(runtime: GovernanceRuntime, known: readonly WrittenUpTo[]): Promise<Written[]> {
  const { follower, network, state } = runtime;
  const members = new Map([...state.members.values()].map(({ memberId, mspId }) => [mspId as string, memberId]));
  const written = await Promise.all(
    (await orderedChannelNames(network.view)).map(async (channel): Promise<Written> => {
      const before = known.find((each) => each.channel === channel);
      const { strandId, firstSequenceNo, blocks } = await runtime.written(
        channel,
        before?.strandId ?? "",
        before?.blocks ?? 0,
      );
      const writings = blocks.flatMap(({ timestampMs, written: by }) => {
        const at = follower.timeOf(unixMs(toNumber(timestampMs)));
        return (by ?? []).flatMap(({ mspId, bytes }) => {
          const memberId = members.get(mspId ?? "");
          return memberId === undefined ? [] : [{ memberId, at, bytes: toNumber(bytes) }];
        });
      });
      return { upTo: { channel, strandId, blocks: toNumber(firstSequenceNo) + blocks.length }, writings };
    }),
  );
  return written.filter(({ upTo }) => {
    const before = known.find(({ channel }) => channel === upTo.channel);
    return before?.strandId !== upTo.strandId || before.blocks !== upTo.blocks;
  });
}
