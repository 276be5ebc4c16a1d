/** How many calls of a service may be under way at once. */
import { GrpcStatus, RpcStatus } from "./status.js";

export type Admission = {
  /** False when there are too many: the call is refused with `refusal`, and does not leave. */
  enter(): boolean;
  leave(): void;
  readonly refusal: RpcStatus;
};

/**
 * Fabric's limiter names no code, and so its clients see UNKNOWN; callers of our own services are told to come back.
 * Source: hyperledger/fabric, internal/peer/node/grpc_limiters.go.
 */
export function admissionOf(serviceName: string, limit = Number.POSITIVE_INFINITY): Admission {
  const code = serviceName.startsWith("hansa.") ? GrpcStatus.RESOURCE_EXHAUSTED : GrpcStatus.UNKNOWN;
  const text = `too many requests for /${serviceName}, exceeding concurrency limit (${limit})`;
  let underWay = 0;
  return {
    refusal: new RpcStatus(code, text),
    enter: () => {
      if (underWay >= limit) return false;
      underWay++;
      return true;
    },
    leave: () => {
      underWay--;
    },
  };
}
