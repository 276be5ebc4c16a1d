/**
 * What a peer measures, and where it is asked: puts the parts of a peer in touch with their metrics.
 */
import type { ChaincodeProcesses } from "@hansa/endorsement/chaincode";
import { ChaincodeError } from "@hansa/endorsement/chaincode";
import type { CommittedBlock, LedgerWork } from "@hansa/ledger";
import {
  type ChaincodeMetrics,
  type HealthCheck,
  Metrics,
  type OperationsConfig,
  OperationsServer,
  type PeerChannelFigures,
  PeerMetrics,
} from "@hansa/operations";
import type { Logger } from "@hansa/primitives";
import { headerTypeName, txValidationCodeName } from "@hansa/wire";

const UNKNOWN = "unknown";

export class PeerMeasures {
  readonly metrics = new PeerMetrics(new Metrics());
  /** "name:version" by name and version: the same text again and again. */
  readonly #labels = new Map<string, Map<string, string>>();

  /** For `Ledger.open`. */
  ledger(channelId: string): (what: LedgerWork) => () => void {
    const { ledger } = this.metrics;
    return (what) => {
      const startedAt = performance.now();
      return () => ledger.stored(channelId, what, (performance.now() - startedAt) / 1000);
    };
  }

  /** A block was validated and committed. */
  processed(channelId: string, { transactions }: CommittedBlock, seconds: number): void {
    const { ledger } = this.metrics;
    ledger.processed(channelId, seconds);
    for (const { type, chaincode, code } of transactions) {
      const label = chaincode === undefined ? UNKNOWN : this.#label(chaincode.name, chaincode.version);
      ledger.transaction(
        channelId,
        type === undefined ? UNKNOWN : headerTypeName(type),
        label,
        txValidationCodeName(code),
      );
    }
  }

  processes(processes: ChaincodeProcesses): ChaincodeProcesses {
    return measuredProcesses(processes, this.metrics.chaincode);
  }

  #label(name: string, version: string): string {
    let versions = this.#labels.get(name);
    if (versions === undefined) {
      versions = new Map();
      this.#labels.set(name, versions);
    }
    let label = versions.get(version);
    if (label === undefined) {
      label = `${name}:${version}`;
      versions.set(version, label);
    }
    return label;
  }
}

function measuredProcesses(processes: ChaincodeProcesses, metrics: ChaincodeMetrics): ChaincodeProcesses {
  return {
    ...processes,
    async launch(packageId) {
      const startedAt = performance.now();
      const launched = (outcome: "ready" | "failed" | "timeout") =>
        metrics.launched(packageId, outcome, (performance.now() - startedAt) / 1000);
      try {
        await processes.launch(packageId);
        launched("ready");
      } catch (error) {
        launched(isTimeout(error) ? "timeout" : "failed");
        throw error;
      }
    },
    execute(packageId, call) {
      const executed = processes.execute(packageId, call);
      executed.catch((error: unknown) => {
        if (isTimeout(error)) metrics.executeTimeout(packageId);
      });
      return executed;
    },
  };
}

const isTimeout = (error: unknown) => error instanceof ChaincodeError && error.fault === "TIMEOUT";

export type OperationsSources = {
  readonly channels: () => readonly PeerChannelFigures[];
  /** How many orderers have been caught with two histories. */
  readonly alarms: () => number;
  readonly logger: Logger;
};

/** @throws HansaError PORT_IN_USE, LISTEN_FAILED */
export async function startOperations(
  config: OperationsConfig,
  { metrics }: PeerMeasures,
  { channels, alarms, logger }: OperationsSources,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  metrics.watch(channels, alarms);
  const ledgers: HealthCheck = () => {
    const failed = channels().filter(({ failure }) => failure !== undefined);
    return failed.length === 0 ? undefined : failed.map(({ failure }) => failure?.message).join("; ");
  };
  const server = new OperationsServer(config, { metrics: metrics.metrics, checks: { ledger: ledgers }, logger });
  const { url } = await server.listen();
  return { url, stop: () => server.stop() };
}
