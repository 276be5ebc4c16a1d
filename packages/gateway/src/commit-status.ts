/**
 * Gateway.CommitStatus: waits until this peer has committed a transaction, and says what became of it.
 * Source: hyperledger/fabric, internal/pkg/gateway/commitstatus.go.
 */
import { messageOf } from "@hansa/primitives";
import { type CallContext, GrpcStatus, RpcStatus } from "@hansa/transport";
import { CANNOT_PARSE, decode, encode, gateway, toLong, WireError } from "@hansa/wire";
import { checkAccess } from "./access.js";
import { failure } from "./failure.js";
import type { GatewayHost } from "./host.js";

/**
 * @param signedRequest bytes of gateway.SignedCommitStatusRequest
 * @returns bytes of gateway.CommitStatusResponse
 * @throws RpcStatus
 */
export async function commitStatus(
  host: GatewayHost,
  signedRequest: Uint8Array,
  context: CallContext,
): Promise<Uint8Array> {
  const { message, signature, request } = readRequest(signedRequest);
  const { channelId, transactionId, identity } = request;
  if (identity.length === 0) throw invalid("no identity provided");
  if (channelId === "") throw invalid("no channel ID provided");
  if (transactionId === "") throw invalid("transaction ID should not be empty");
  checkAccess(host, channelId, "gateway/CommitStatus", { identity, message, signature });
  const { signal } = context;
  try {
    const { code, blockNumber } = await host.commitStatus(channelId, transactionId, signal);
    return encode(gateway.CommitStatusResponse, { result: code, blockNumber: toLong(blockNumber) });
  } catch (error) {
    if (error instanceof RpcStatus) throw error;
    throw signal.aborted ? goneStatus(context) : failure(GrpcStatus.ABORTED, messageOf(error));
  }
}

/** A caller that stopped waiting: its deadline passed, or it hung up. */
export function goneStatus({ deadlineMs }: CallContext): RpcStatus {
  return deadlineMs !== undefined && Date.now() >= deadlineMs
    ? failure(GrpcStatus.DEADLINE_EXCEEDED, "context deadline exceeded")
    : failure(GrpcStatus.CANCELLED, "context canceled");
}

function readRequest(bytes: Uint8Array) {
  try {
    const { request: message, signature } = decode(
      gateway.SignedCommitStatusRequest,
      bytes,
      "SignedCommitStatusRequest",
    );
    if (message.length === 0) throw invalid("a commit status request is required");
    return { message, signature, request: decode(gateway.CommitStatusRequest, message, "CommitStatusRequest") };
  } catch (error) {
    throw error instanceof RpcStatus
      ? error
      : invalid(`invalid status request: ${error instanceof WireError ? CANNOT_PARSE : messageOf(error)}`);
  }
}

function invalid(message: string): RpcStatus {
  return failure(GrpcStatus.INVALID_ARGUMENT, message);
}
