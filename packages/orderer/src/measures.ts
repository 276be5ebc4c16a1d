/** What an orderer measures, and where it is asked. */
import {
  Metrics,
  type OperationsConfig,
  OperationsServer,
  type OrdererChannelFigures,
  OrdererMetrics,
} from "@hansa/operations";
import type { Logger } from "@hansa/primitives";
import { type common, HeaderType, headerTypeName, statusName } from "@hansa/wire";
import type { OrderedChannel } from "./channel.js";
import type { Answer } from "./engine.js";

const UNKNOWN = "unknown";

export class OrdererMeasures extends OrdererMetrics {
  constructor() {
    super(new Metrics());
  }

  /** A message for no channel of this node, or one that cannot be read. */
  refused(status: common.Status): void {
    this.broadcast.processed(UNKNOWN, UNKNOWN, statusName(status), 0, undefined);
  }

  /** Has a channel judge a message, and measures until it is answered. */
  submit(channel: OrderedChannel, message: Parameters<OrderedChannel["submit"]>[0], answer: Answer): void {
    const { channelId } = channel;
    const startedAt = performance.now();
    let acceptedAt: number | undefined;
    let isAnswered = false;
    channel.submit(message, (outcome) => {
      isAnswered = true;
      const now = performance.now();
      const enqueued = acceptedAt === undefined ? undefined : (now - acceptedAt) / 1000;
      const validated = ((acceptedAt ?? now) - startedAt) / 1000;
      this.broadcast.processed(channelId, typeName(message.type), statusName(outcome.status), validated, enqueued);
      answer(outcome);
    });
    if (isAnswered) return;
    acceptedAt = performance.now();
    channel.noteAccepted(acceptedAt);
    this.chain.accepted(channelId, message.type === HeaderType.CONFIG_UPDATE);
  }
}

/** Clients may write any number here, and each would be a series of its own. */
function typeName(type: number): string {
  const name = headerTypeName(type);
  return name === String(type) ? UNKNOWN : name;
}

export type OperationsSources = {
  readonly channels: () => readonly OrdererChannelFigures[];
  readonly governanceHeight: () => number;
  readonly logger: Logger;
};

/** @throws HansaError PORT_IN_USE, LISTEN_FAILED */
export async function startOperations(
  config: OperationsConfig,
  measures: OrdererMeasures,
  { channels, governanceHeight, logger }: OperationsSources,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  measures.watch(channels, governanceHeight);
  const journal = () => {
    const failed = channels().filter(({ isFailed }) => isFailed);
    return failed.length === 0
      ? undefined
      : `cannot be written on ${failed.map(({ channelId }) => channelId).join(", ")}`;
  };
  const server = new OperationsServer(config, { metrics: measures.metrics, checks: { journal }, logger });
  const { url } = await server.listen();
  return { url, stop: () => server.stop() };
}
