/**
 * What a peer measures. Names, labels, types and buckets are Fabric's, so that dashboards made for Fabric show it;
 * names that begin with "hansa_" are ours.
 * Source: hyperledger/fabric, metrics.go in core/endorser, core/chaincode, core/ledger/kvledger and
 * common/ledger/blkstorage.
 */

import type { ServerMeter } from "@hansa/transport";
import { DeliverMetrics } from "./deliver-metrics.js";
import { grpcMeter } from "./grpc-metrics.js";
import type { Metrics } from "./metrics.js";

/** Of a ledger's own times. Source: hyperledger/fabric, core/ledger/kvledger/metrics.go. */
export const LEDGER_BUCKETS: readonly number[] = [0.005, 0.01, 0.015, 0.05, 0.1, 1, 10];

/** What is looked up of each channel when somebody asks. */
export type PeerChannelFigures = {
  readonly channelId: string;
  readonly height: number;
  /** Why it takes no more blocks; undefined while it does. */
  readonly failure: Error | undefined;
  /** Of the newest digest that the peer has co-signed. */
  readonly witnessedTip: number | undefined;
};

export class PeerMetrics {
  readonly metrics: Metrics;
  readonly grpc: ServerMeter;
  readonly deliver: DeliverMetrics;
  readonly endorser: EndorserMetrics;
  readonly chaincode: ChaincodeMetrics;
  readonly ledger: LedgerMetrics;

  constructor(metrics: Metrics) {
    this.metrics = metrics;
    this.grpc = grpcMeter(metrics);
    this.deliver = new DeliverMetrics(metrics);
    this.endorser = new EndorserMetrics(metrics);
    this.chaincode = new ChaincodeMetrics(metrics);
    this.ledger = new LedgerMetrics(metrics);
  }

  /** @param alarms how many orderers have been caught with two histories */
  watch(channels: () => readonly PeerChannelFigures[], alarms: () => number): void {
    const labels = ["channel"];
    const height = blockchainHeight(this.metrics);
    const failed = this.metrics.gauge({
      name: "hansa_channel_failed",
      help: "1 when the channel takes no more blocks because one could not be committed.",
      labels,
    });
    const witnessed = this.metrics.gauge({
      name: "hansa_witness_signed_block_number",
      help: "The last block of the newest journal digest that this peer has co-signed.",
      labels,
    });
    const raised = this.metrics.gauge({
      name: "hansa_witness_alarms",
      help: "Orderers that have shown this peer two histories and were not cleared.",
    });
    this.metrics.onCollect(() => {
      for (const family of [height, failed, witnessed]) family.clear();
      for (const channel of channels()) {
        height.with(channel.channelId).set(channel.height);
        failed.with(channel.channelId).set(channel.failure === undefined ? 0 : 1);
        if (channel.witnessedTip !== undefined) witnessed.with(channel.channelId).set(channel.witnessedTip);
      }
      raised.with().set(alarms());
    });
  }
}

export function blockchainHeight(metrics: Metrics) {
  return metrics.gauge({
    name: "ledger_blockchain_height",
    help: "Height of the chain in blocks.",
    labels: ["channel"],
  });
}

export class EndorserMetrics {
  readonly #duration;
  readonly #received;
  readonly #successful;
  readonly #invalid;
  readonly #aclFailures;
  readonly #endorsementFailures;
  readonly #duplicates;
  readonly #simulationFailures;

  constructor(metrics: Metrics) {
    const labels = ["channel", "chaincode"];
    this.#duration = metrics.histogram({
      name: "endorser_proposal_duration",
      help: "The time to complete a proposal.",
      labels: [...labels, "success"],
    });
    this.#received = metrics.counter({
      name: "endorser_proposals_received",
      help: "The number of proposals received.",
    });
    this.#successful = metrics.counter({
      name: "endorser_successful_proposals",
      help: "The number of successful proposals.",
    });
    this.#invalid = metrics.counter({
      name: "endorser_proposal_validation_failures",
      help: "The number of proposals that have failed initial validation.",
    });
    this.#aclFailures = metrics.counter({
      name: "endorser_proposal_acl_failures",
      help: "The number of proposals that failed ACL checks.",
      labels,
    });
    this.#endorsementFailures = metrics.counter({
      name: "endorser_endorsement_failures",
      help: "The number of failed endorsements.",
      labels: [...labels, "chaincodeerror"],
    });
    this.#duplicates = metrics.counter({
      name: "endorser_duplicate_transaction_failures",
      help: "The number of failed proposals due to duplicate transaction ID.",
      labels,
    });
    this.#simulationFailures = metrics.counter({
      name: "endorser_proposal_simulation_failures",
      help: "The number of failed proposal simulations",
      labels,
    });
  }

  /** @returns what `completed` is to be given as its last argument */
  received(): number {
    this.#received.with().add();
    return performance.now();
  }

  invalid(): void {
    this.#invalid.with().add();
  }

  duplicate(channelId: string, chaincode: string): void {
    this.#duplicates.with(channelId, chaincode).add();
  }

  aclFailed(channelId: string, chaincode: string): void {
    this.#aclFailures.with(channelId, chaincode).add();
  }

  simulationFailed(channelId: string, chaincode: string): void {
    this.#simulationFailures.with(channelId, chaincode).add();
  }

  /** The chaincode answered with a status that is not endorsed. */
  notEndorsed(channelId: string, chaincode: string): void {
    this.#endorsementFailures.with(channelId, chaincode, "true").add();
  }

  completed(channelId: string, chaincode: string, isEndorsed: boolean, receivedAt: number): void {
    if (isEndorsed) this.#successful.with().add();
    const seconds = (performance.now() - receivedAt) / 1000;
    this.#duration.with(channelId, chaincode, isEndorsed ? "true" : "false").observe(seconds);
  }
}

export class ChaincodeMetrics {
  readonly #launchDuration;
  readonly #launchFailures;
  readonly #launchTimeouts;
  readonly #executeTimeouts;
  readonly #shimReceived;
  readonly #shimCompleted;
  readonly #shimDuration;

  constructor(metrics: Metrics) {
    this.#launchDuration = metrics.histogram({
      name: "chaincode_launch_duration",
      help: "The time to launch a chaincode.",
      labels: ["chaincode", "success"],
    });
    this.#launchFailures = metrics.counter({
      name: "chaincode_launch_failures",
      help: "The number of chaincode launches that have failed.",
      labels: ["chaincode"],
    });
    this.#launchTimeouts = metrics.counter({
      name: "chaincode_launch_timeouts",
      help: "The number of chaincode launches that have timed out.",
      labels: ["chaincode"],
    });
    this.#executeTimeouts = metrics.counter({
      name: "chaincode_execute_timeouts",
      help: "The number of chaincode executions (Init or Invoke) that have timed out.",
      labels: ["chaincode"],
    });
    const labels = ["type", "channel", "chaincode"];
    this.#shimReceived = metrics.counter({
      name: "chaincode_shim_requests_received",
      help: "The number of chaincode shim requests received.",
      labels,
    });
    this.#shimCompleted = metrics.counter({
      name: "chaincode_shim_requests_completed",
      help: "The number of chaincode shim requests completed.",
      labels: [...labels, "success"],
    });
    this.#shimDuration = metrics.histogram({
      name: "chaincode_shim_request_duration",
      help: "The time to complete chaincode shim requests.",
      labels: [...labels, "success"],
    });
  }

  launched(packageId: string, outcome: "ready" | "failed" | "timeout", seconds: number): void {
    this.#launchDuration.with(packageId, outcome === "ready" ? "true" : "false").observe(seconds);
    if (outcome === "failed") this.#launchFailures.with(packageId).add();
    if (outcome === "timeout") this.#launchTimeouts.with(packageId).add();
  }

  executeTimeout(packageId: string): void {
    this.#executeTimeouts.with(packageId).add();
  }

  /** A chaincode asks its peer something. @returns what `answered` is to be given as its last argument */
  asked(type: string, channelId: string, packageId: string): number {
    this.#shimReceived.with(type, channelId, packageId).add();
    return performance.now();
  }

  answered(type: string, channelId: string, packageId: string, isSuccess: boolean, askedAt: number): void {
    const success = isSuccess ? "true" : "false";
    this.#shimCompleted.with(type, channelId, packageId, success).add();
    this.#shimDuration.with(type, channelId, packageId, success).observe((performance.now() - askedAt) / 1000);
  }
}

export class LedgerMetrics {
  readonly #processing;
  readonly #blockStore;
  readonly #blockAndPrivate;
  readonly #state;
  readonly #transactions;

  constructor(metrics: Metrics) {
    const labels = ["channel"];
    this.#processing = metrics.histogram(
      { name: "ledger_block_processing_time", help: "Time taken in seconds for ledger block processing.", labels },
      LEDGER_BUCKETS,
    );
    this.#blockStore = blockstorageCommitTime(metrics);
    this.#blockAndPrivate = metrics.histogram(
      {
        name: "ledger_blockstorage_and_pvtdata_commit_time",
        help: "Time taken in seconds for committing the block and private data to storage.",
        labels,
      },
      LEDGER_BUCKETS,
    );
    this.#state = metrics.histogram(
      {
        name: "ledger_statedb_commit_time",
        help: "Time taken in seconds for committing block changes to state db.",
        labels,
      },
      LEDGER_BUCKETS,
    );
    this.#transactions = metrics.counter({
      name: "ledger_transaction_count",
      help: "Number of transactions processed.",
      labels: ["channel", "transaction_type", "chaincode", "validation_code"],
    });
  }

  /** Validated and committed: all between the block's turn and its answer. */
  processed(channelId: string, seconds: number): void {
    this.#processing.with(channelId).observe(seconds);
  }

  /** @param what "blocks" the block store alone, "private" that and the private data, "state" the state store */
  stored(channelId: string, what: "blocks" | "private" | "state", seconds: number): void {
    const family = { blocks: this.#blockStore, private: this.#blockAndPrivate, state: this.#state }[what];
    family.with(channelId).observe(seconds);
  }

  /** @param chaincode "name:version", or "unknown" */
  transaction(channelId: string, type: string, chaincode: string, code: string): void {
    this.#transactions.with(channelId, type, chaincode, code).add();
  }
}

export function blockstorageCommitTime(metrics: Metrics) {
  return metrics.histogram(
    {
      name: "ledger_blockstorage_commit_time",
      help: "Time taken in seconds for committing the block to storage.",
      labels: ["channel"],
    },
    LEDGER_BUCKETS,
  );
}
