import { CaError } from "@hansa/ca";
import { HansaError } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";

const PASSING_STATUS: ReadonlySet<number> = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.RESOURCE_EXHAUSTED,
  GrpcStatus.CANCELLED,
]);

/** A node that was killed is back within a second or two, or within some on a busy machine: who acts does not notice. */
export const HEALS_WITHIN_MS = 10_000;

/** Whether a failure comes of a node that is down, busy or just starting, so that the same may work later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof CaError) return error.fault === "UNAVAILABLE" || error.fault === "OVERLOADED";
  if (error instanceof RpcStatus) return PASSING_STATUS.has(error.code);
  if (!(error instanceof HansaError)) return false;
  if (error.code === "NODE_UNREACHABLE" || error.code === "TIMED_OUT") return true;
  // What an orderer answers while it starts or its disk is full. Source: fabric-protos, common/common.proto (Status).
  return error.code === "ORDERING_REFUSED" && /\(status (?:500|503)\)|closed the connection/.test(error.message);
}
