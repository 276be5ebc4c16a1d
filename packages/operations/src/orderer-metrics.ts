/**
 * What an orderer measures, under Fabric's names where Fabric has one. Channels say that their consensus is etcdraft,
 * and the figures of that name speak of our engine: the node orders by itself, so it leads.
 * Source: hyperledger/fabric, metrics.go in orderer/common/broadcast, blockcutter and multichannel, in
 * orderer/consensus/etcdraft and in common/ledger/blkstorage.
 */

import type { ServerMeter } from "@hansa/transport";
import { DeliverMetrics } from "./deliver-metrics.js";
import { grpcMeter } from "./grpc-metrics.js";
import type { Metrics } from "./metrics.js";
import { blockchainHeight, blockstorageCommitTime } from "./peer-metrics.js";

export type OrdererChannelFigures = {
  readonly channelId: string;
  readonly height: number;
  readonly isFailed: boolean;
};

/** Source: hyperledger/fabric, orderer/common/types (StatusActive, StatusFailed; ConsensusRelationConsenter). */
const ACTIVE = 1;
const FAILED = 3;
const CONSENTER = 1;

export class OrdererMetrics {
  readonly metrics: Metrics;
  readonly grpc: ServerMeter;
  readonly deliver: DeliverMetrics;
  readonly broadcast: BroadcastMetrics;
  readonly chain: ChainMetrics;

  constructor(metrics: Metrics) {
    this.metrics = metrics;
    this.grpc = grpcMeter(metrics);
    this.deliver = new DeliverMetrics(metrics);
    this.broadcast = new BroadcastMetrics(metrics);
    this.chain = new ChainMetrics(metrics);
  }

  /** @param governanceHeight blocks of the governance strand */
  watch(channels: () => readonly OrdererChannelFigures[], governanceHeight: () => number): void {
    const { metrics } = this;
    const labels = ["channel"];
    const height = blockchainHeight(metrics);
    const status = metrics.gauge({
      name: "participation_status",
      help: "The channel participation status of the node: 0 if inactive, 1 if active, 2 if onboarding, 3 if failed.",
      labels,
    });
    const relation = metrics.gauge({
      name: "participation_consensus_relation",
      help: "The channel participation consensus relation of the node: 0 if other, 1 if consenter, 2 if follower, 3 if config-tracker.",
      labels,
    });
    const committed = metrics.gauge({
      name: "consensus_etcdraft_committed_block_number",
      help: "The block number of the latest block committed.",
      labels,
    });
    const leader = metrics.gauge({
      name: "consensus_etcdraft_is_leader",
      help: "The leadership status of the current node: 1 if it is the leader else 0.",
      labels,
    });
    const governance = metrics.gauge({
      name: "hansa_governance_strand_height",
      help: "Blocks of the journal strand that holds the members' acts.",
    });
    metrics.onCollect(() => {
      for (const family of [height, status, relation, committed, leader]) family.clear();
      for (const channel of channels()) {
        const { channelId } = channel;
        height.with(channelId).set(channel.height);
        status.with(channelId).set(channel.isFailed ? FAILED : ACTIVE);
        relation.with(channelId).set(CONSENTER);
        committed.with(channelId).set(channel.height - 1);
        leader.with(channelId).set(channel.isFailed ? 0 : 1);
      }
      governance.with().set(governanceHeight());
    });
  }
}

export class BroadcastMetrics {
  readonly #validate;
  readonly #enqueue;
  readonly #processed;

  constructor(metrics: Metrics) {
    const labels = ["channel", "type", "status"];
    this.#validate = metrics.histogram({
      name: "broadcast_validate_duration",
      help: "The time to validate a transaction in seconds.",
      labels,
    });
    this.#enqueue = metrics.histogram({
      name: "broadcast_enqueue_duration",
      help: "The time to enqueue a transaction in seconds.",
      labels,
    });
    this.#processed = metrics.counter({
      name: "broadcast_processed_count",
      help: "The number of transactions processed.",
      labels,
    });
  }

  /** @param enqueueSeconds undefined when it was refused before */
  processed(
    channelId: string,
    type: string,
    status: string,
    validateSeconds: number,
    enqueueSeconds: number | undefined,
  ): void {
    this.#processed.with(channelId, type, status).add();
    this.#validate.with(channelId, type, status).observe(validateSeconds);
    if (enqueueSeconds !== undefined) this.#enqueue.with(channelId, type, status).observe(enqueueSeconds);
  }
}

export class ChainMetrics {
  readonly #fill;
  readonly #store;
  readonly #persist;
  readonly #normal;
  readonly #config;
  readonly #failures;
  readonly #blockBytes;

  constructor(metrics: Metrics) {
    const labels = ["channel"];
    this.#fill = metrics.histogram({
      name: "blockcutter_block_fill_duration",
      help: "The time from first transaction enqueuing to the block being cut in seconds.",
      labels,
    });
    this.#store = blockstorageCommitTime(metrics);
    this.#persist = metrics.histogram({
      name: "consensus_etcdraft_data_persist_duration",
      help: "The time taken for etcd/raft data to be persisted in storage (in seconds).",
      labels,
    });
    this.#normal = metrics.counter({
      name: "consensus_etcdraft_normal_proposals_received",
      help: "The total number of proposals received for normal type transactions.",
      labels,
    });
    this.#config = metrics.counter({
      name: "consensus_etcdraft_config_proposals_received",
      help: "The total number of proposals received for config type transactions.",
      labels,
    });
    this.#failures = metrics.counter({
      name: "consensus_etcdraft_proposal_failures",
      help: "The number of proposal failures.",
      labels,
    });
    this.#blockBytes = metrics.counter({
      name: "hansa_journal_appended_bytes",
      help: "Bytes of blocks appended to the channel's journal strand.",
      labels,
    });
  }

  accepted(channelId: string, isConfig: boolean): void {
    (isConfig ? this.#config : this.#normal).with(channelId).add();
  }

  failed(channelId: string): void {
    this.#failures.with(channelId).add();
  }

  cut(channelId: string, fillSeconds: number): void {
    this.#fill.with(channelId).observe(fillSeconds);
  }

  /** One durable write of one block or several. */
  written(channelId: string, bytes: number, seconds: number): void {
    this.#store.with(channelId).observe(seconds);
    this.#persist.with(channelId).observe(seconds);
    this.#blockBytes.with(channelId).add(bytes);
  }
}
