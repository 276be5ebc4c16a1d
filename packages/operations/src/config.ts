/** Where and how a node answers about itself. The names follow Fabric's `operations` and `metrics` sections. */
import type { LogControl } from "./log-levels.js";

export type OperationsConfig = {
  /** "host:port"; port 0 takes a free one. Fabric: operations.listenAddress. */
  readonly listenAddress: string;
  /** Absent: plain HTTP, which anybody who reaches the address may use. Fabric: operations.tls. */
  readonly tls?: OperationsTls;
  /** "disabled" leaves /metrics out. Default "prometheus". Fabric: metrics.provider, whose "statsd" is not supported. */
  readonly metrics?: "prometheus" | "disabled";
  /** The levels of this node's log. Absent leaves /logspec out. */
  readonly logging?: LogControl;
};

/**
 * With TLS, /metrics and /logspec ask for a client certificate that chains to `clientCaPems`; /healthz and /version are
 * open to all. `clientAuthRequired` turns clients without one away altogether.
 */
export type OperationsTls = {
  readonly certPem: string;
  readonly keyPem: string;
  /** Default false. Fabric: operations.tls.clientAuthRequired. */
  readonly clientAuthRequired?: boolean;
  /** Fabric: operations.tls.clientRootCAs.files. */
  readonly clientCaPems?: readonly string[];
};
