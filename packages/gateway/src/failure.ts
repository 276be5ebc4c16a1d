/**
 * Failures as clients see them: a gRPC status whose details name the node, its organisation and what it said.
 * Source: hyperledger/fabric, internal/pkg/gateway/apiutils.go.
 */
import { type CancelSignal, messageOf } from "@hansa/primitives";
import { dialFailure, GrpcStatus, grpcCodeName, packAny, RpcStatus } from "@hansa/transport";
import { encode, gateway, type protos } from "@hansa/wire";

export type ErrorDetail = { readonly address: string; readonly mspId: string; readonly message: string };

export function failure(code: number, message: string, details: readonly ErrorDetail[] = []): RpcStatus {
  return new RpcStatus(
    code,
    message,
    details.map((detail) => packAny("gateway.ErrorDetail", encode(gateway.ErrorDetail, detail))),
  );
}

/** What came of asking an endorser. `retry` is whether another peer may do better. */
export type Verdict =
  | { readonly ok: true; readonly response: protos.ProposalResponse }
  | { readonly ok: false; readonly code: number; readonly message: string; readonly retry: boolean };

const INTERNAL_ERROR = 500;

/**
 * A response with a payload, or with any other status than 500, was made by the chaincode: asking elsewhere would
 * only repeat it. A bare 500 was made by the peer.
 */
export function judgeResponse(response: protos.ProposalResponse): Verdict {
  const status = response.response?.status ?? 0;
  if (status >= 200 && status < 400) return { ok: true, response };
  const message = response.response?.message ?? "";
  if (status === INTERNAL_ERROR && response.payload.length === 0) {
    return { ok: false, code: GrpcStatus.ABORTED, message, retry: true };
  }
  return { ok: false, code: GrpcStatus.UNKNOWN, message: `chaincode response ${status}, ${message}`, retry: false };
}

/** The peer refused before running anything: the client's mistake wherever it asks. */
export function judgeRefusal(error: unknown): Verdict {
  return { ok: false, code: GrpcStatus.FAILED_PRECONDITION, message: messageOf(error), retry: false };
}

/** There was no answer. */
export function judgeSilence(error: unknown): Verdict {
  return { ok: false, code: GrpcStatus.UNAVAILABLE, message: rpcText(error), retry: true };
}

/** A status as Go prints it, which is what Fabric's gateway puts into details. */
export function rpcText(error: unknown): string {
  if (!(error instanceof RpcStatus)) return messageOf(error);
  const dialled = error.code === GrpcStatus.UNAVAILABLE ? dialFailure(error.message) : undefined;
  const text =
    dialled === undefined ? error.message : `connection error: desc = "transport: Error while dialing: ${dialled}"`;
  return `rpc error: code = ${grpcCodeName(error.code)} desc = ${text}`;
}

/**
 * Waits for work, but no longer than the caller does.
 * @throws RpcStatus DEADLINE_EXCEEDED with the given text when the caller is gone first
 */
export function whileWanted<T>(work: Promise<T>, signal: CancelSignal, tooLate: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(failure(GrpcStatus.DEADLINE_EXCEEDED, tooLate));
    if (signal.aborted) {
      work.catch(() => {});
      giveUp();
      return;
    }
    signal.addEventListener("abort", giveUp, { once: true });
    const done = () => signal.removeEventListener("abort", giveUp);
    work.then(
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
  });
}
