/**
 * What peers and orderers deliver.
 * Source: hyperledger/fabric, common/deliver/metrics.go.
 */
import type { Metrics } from "./metrics.js";

export type DeliverDataType = "block" | "header" | "filtered_block" | "block_and_pvtdata";

export class DeliverMetrics {
  readonly #opened;
  readonly #closed;
  readonly #received;
  readonly #completed;
  readonly #sent;

  constructor(metrics: Metrics) {
    const labels = ["channel", "filtered", "data_type"];
    this.#opened = metrics.counter({
      name: "deliver_streams_opened",
      help: "The number of GRPC streams that have been opened for the deliver service.",
    });
    this.#closed = metrics.counter({
      name: "deliver_streams_closed",
      help: "The number of GRPC streams that have been closed for the deliver service.",
    });
    this.#received = metrics.counter({
      name: "deliver_requests_received",
      help: "The number of deliver requests that have been received.",
      labels,
    });
    this.#completed = metrics.counter({
      name: "deliver_requests_completed",
      help: "The number of deliver requests that have been completed.",
      labels: [...labels, "success"],
    });
    this.#sent = metrics.counter({
      name: "deliver_blocks_sent",
      help: "The number of blocks sent by the deliver service.",
      labels,
    });
  }

  streamOpened(): void {
    this.#opened.with().add();
  }

  streamClosed(): void {
    this.#closed.with().add();
  }

  received(channelId: string, type: DeliverDataType): void {
    this.#received.with(channelId, filtered(type), type).add();
  }

  completed(channelId: string, type: DeliverDataType, isSuccess: boolean): void {
    this.#completed.with(channelId, filtered(type), type, String(isSuccess)).add();
  }

  sent(channelId: string, type: DeliverDataType): void {
    this.#sent.with(channelId, filtered(type), type).add();
  }
}

const filtered = (type: DeliverDataType) => (type === "filtered_block" ? "true" : "false");
