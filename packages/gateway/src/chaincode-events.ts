/**
 * Gateway.ChaincodeEvents: the events of one chaincode, a message for each block that has any, from a position on.
 * Resuming after a transaction begins with the block that holds it and leaves out what came before, so that a
 * listener that was away misses nothing and sees nothing twice.
 * Source: hyperledger/fabric, internal/pkg/gateway/chaincodeevents.go.
 */
import { messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus, type Send, type StreamContext } from "@hansa/transport";
import {
  CANNOT_PARSE,
  decode,
  encode,
  gateway,
  type orderer,
  type protos,
  toLong,
  toNumber,
  WireError,
} from "@hansa/wire";
import { checkAccess } from "./access.js";
import { chaincodeEventsOf } from "./events.js";
import { failure } from "./failure.js";
import type { GatewayHost } from "./host.js";

/** @param signedRequest bytes of gateway.SignedChaincodeEventsRequest @throws RpcStatus */
export async function chaincodeEvents(
  host: GatewayHost,
  signedRequest: Uint8Array,
  context: StreamContext,
  send: Send,
): Promise<void> {
  const { message, signature, request } = readRequest(signedRequest);
  const { channelId, identity } = request;
  checkAccess(host, channelId, "gateway/ChaincodeEvents", { identity, message, signature });
  const from = await startBlock(host, request);
  const isWanted = matcher(request);
  const { signal } = context;
  try {
    for await (const block of host.blocks(channelId, from, signal)) {
      const { blockNumber, events } = chaincodeEventsOf(block);
      const wanted = events.filter(isWanted);
      if (wanted.length === 0) continue;
      await send(encode(gateway.ChaincodeEventsResponse, { events: wanted, blockNumber: toLong(blockNumber) }));
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof RpcStatus ? error : failure(GrpcStatus.ABORTED, messageOf(error));
  }
  if (!signal.aborted) throw failure(GrpcStatus.ABORTED, "the peer stopped delivering blocks");
}

function matcher(request: gateway.ChaincodeEventsRequest): (event: protos.ChaincodeEvent) => boolean {
  const { chaincodeId, afterTransactionId } = request;
  let isPast = afterTransactionId === "";
  return (event) => {
    if (isPast) return event.chaincodeId === chaincodeId;
    isPast = event.txId === afterTransactionId;
    return false;
  };
}

async function startBlock(host: GatewayHost, request: gateway.ChaincodeEventsRequest): Promise<number> {
  const { channelId, afterTransactionId } = request;
  if (afterTransactionId !== "") {
    const holding = await host.blockOfTransaction(channelId, afterTransactionId);
    if (holding !== undefined) return holding;
  }
  const position: orderer.ISeekPosition = request.startPosition ?? {};
  if (position.specified) return specified(position.specified);
  if (position.oldest) throw unusable("Oldest");
  if (position.newest) throw unusable("Newest");
  return host.ledgerHeight(channelId);
}

function specified({ number }: orderer.ISeekSpecified): number {
  try {
    return toNumber(number);
  } catch {
    // Beyond anything a ledger reaches: the same as a block that never comes.
    return Number.MAX_SAFE_INTEGER;
  }
}

function unusable(kind: string): RpcStatus {
  return failure(GrpcStatus.INVALID_ARGUMENT, `invalid start position type: *orderer.SeekPosition_${kind}`);
}

function readRequest(bytes: Uint8Array) {
  try {
    const { request: message, signature } = decode(
      gateway.SignedChaincodeEventsRequest,
      bytes,
      "SignedChaincodeEventsRequest",
    );
    if (message.length === 0) throw invalid("a chaincode events request is required");
    return { message, signature, request: decode(gateway.ChaincodeEventsRequest, message, "ChaincodeEventsRequest") };
  } catch (error) {
    throw error instanceof RpcStatus
      ? error
      : invalid(`invalid chaincode events request: ${error instanceof WireError ? CANNOT_PARSE : messageOf(error)}`);
  }
}

function invalid(message: string): RpcStatus {
  return failure(GrpcStatus.INVALID_ARGUMENT, message);
}
