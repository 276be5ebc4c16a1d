import type { OperationsConfig, OperationsTls } from "@hansa/operations";
import type { NodeLogger } from "./log.js";
import type { OperationsSpec } from "./specs.js";

/** @param tls the node's own identity; its organisation's members are let in */
export function operationsConfig(
  spec: OperationsSpec | undefined,
  logger: NodeLogger,
  tls: { readonly certPem: string; readonly keyPem: string; readonly caPem: string } | undefined,
): OperationsConfig | undefined {
  if (spec === undefined) return undefined;
  const own: OperationsTls | undefined = tls && {
    certPem: tls.certPem,
    keyPem: tls.keyPem,
    clientCaPems: [tls.caPem],
  };
  return { listenAddress: spec.address, logging: logger.levels, ...(spec.tls && own ? { tls: own } : {}) };
}
