/**
 * connection.json of a chaincode that runs as a service.
 * Source: hyperledger/fabric, core/container/externalbuilder/instance.go.
 */
import { parseGoDuration } from "@hansa/channel-config";
import { HansaError } from "@hansa/primitives";

export type ServiceConnection = {
  /** host:port of the chaincode's server. */
  readonly address: string;
  readonly dialTimeoutMs: number;
  readonly tls: { rootPem: string; certPem?: string; keyPem?: string; serverName?: string } | undefined;
};

export class ConnectionError extends HansaError {
  override readonly name = "ConnectionError";
}

const DEFAULT_DIAL_TIMEOUT_MS = 3_000;

/**
 * A contract that asks whose peer called it (`getMspID`, `GetMSPID`) needs a server per organisation. `addresses` names
 * them by MSP id, so that all organisations can install one package; Fabric's peers read `address` alone.
 * @param mspId the peer's organisation
 * @throws ConnectionError with Fabric's text
 */
export function readConnection(value: unknown, mspId: string): ServiceConnection {
  if (typeof value !== "object" || value === null)
    throw new ConnectionError("CONNECTION_INVALID", "connection.json holds no object");
  const fields = value as Record<string, unknown>;
  const text = (name: string): string => (typeof fields[name] === "string" ? (fields[name] as string) : "");

  const own = (fields.addresses as Record<string, unknown> | undefined)?.[mspId];
  const address = typeof own === "string" && own !== "" ? own : text("address");
  if (address === "") throw new ConnectionError("CONNECTION_INVALID", "chaincode address not provided");
  const dialTimeoutMs = readDurationMs(fields.dial_timeout) || DEFAULT_DIAL_TIMEOUT_MS;
  if (fields.tls_required !== true) return { address, dialTimeoutMs, tls: undefined };

  const rootPem = text("root_cert");
  const certPem = text("client_cert");
  const keyPem = text("client_key");
  const authenticates = fields.client_auth_required === true;
  if (authenticates && keyPem === "") throw new ConnectionError("CONNECTION_INVALID", "chaincode tls key not provided");
  if (authenticates && certPem === "")
    throw new ConnectionError("CONNECTION_INVALID", "chaincode tls cert not provided");
  if (rootPem === "") throw new ConnectionError("CONNECTION_INVALID", "chaincode tls root cert not provided");
  const serverName = text("domain");
  return {
    address,
    dialTimeoutMs,
    tls: {
      rootPem,
      ...(authenticates ? { certPem, keyPem } : {}),
      ...(serverName === "" ? {} : { serverName }),
    },
  };
}

/** Go's duration texts ("10s", "1m30s"), or a number of nanoseconds. */
function readDurationMs(value: unknown): number {
  if (value === undefined || value === null || value === "") return 0;
  if (typeof value === "number") return value / 1e6;
  const ms = typeof value === "string" ? parseGoDuration(value) : undefined;
  if (ms === undefined || ms < 0) throw new ConnectionError("CONNECTION_INVALID", "invalid duration");
  return ms;
}
