/** Asks a peer why a transaction is valid or not, in the name of one who may read its channel. */
import { EXPLANATION_FORMAT, type Explanation } from "@hansa/endorsement/explain";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { decode, encode, hansa, services, toLong } from "@hansa/wire";
import type { Target } from "./admin-client.js";

const FORMAT = "hansa.peer.explain-request/1";
const CALL_TIMEOUT_MS = 30_000;

/** @throws HansaError UNKNOWN_TRANSACTION, NODE_UNREACHABLE, TIMED_OUT, EXPLANATION_REFUSED */
export async function askExplanation(
  peer: Target,
  reader: SigningIdentity,
  channelId: string,
  txId: string,
): Promise<Explanation> {
  const request = encode(hansa.peer.ExplainRequest, {
    format: FORMAT,
    channelId,
    txId,
    timestampMs: toLong(Date.now()),
  });
  const signed = { request, creator: reader.serialized, signature: reader.sign(request) };
  const bytes = await ask(peer, encode(hansa.peer.SignedExplainRequest, signed), channelId, txId);
  const { explanationJson } = decode(hansa.peer.ExplainResponse, bytes, "hansa.peer.ExplainResponse");
  const explanation = JSON.parse(explanationJson) as Explanation;
  if (explanation.format === EXPLANATION_FORMAT) return explanation;
  throw new HansaError("EXPLANATION_REFUSED", `${peer.name} answered in format ${String(explanation.format)}.`, {
    nextStep: `This version reads ${EXPLANATION_FORMAT}; use the version that the peer runs.`,
  });
}

async function ask(peer: Target, request: Uint8Array, channelId: string, txId: string): Promise<Uint8Array> {
  try {
    return await peer.rpc.unary(services.Explanations.methods.Explain, request, { timeoutMs: CALL_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof RpcStatus)) throw error;
    const nextStep = "See what the nodes are doing with: hansa status";
    const options = { cause: error };
    switch (error.code) {
      case GrpcStatus.NOT_FOUND:
        throw new HansaError("UNKNOWN_TRANSACTION", `Channel ${channelId} has no transaction ${txId}.`, {
          ...options,
          nextStep: "Give the whole id, 64 hexadecimal digits, and the channel that it was sent to (--channel).",
        });
      case GrpcStatus.UNAVAILABLE:
        throw new HansaError("NODE_UNREACHABLE", `${peer.name} at ${peer.rpc.address} does not answer.`, {
          ...options,
          nextStep,
        });
      case GrpcStatus.DEADLINE_EXCEEDED:
        throw new HansaError("TIMED_OUT", `${peer.name} did not answer in time.`, { ...options, nextStep });
      default:
        throw new HansaError("EXPLANATION_REFUSED", `${peer.name} refused: ${error.message}.`, options);
    }
  }
}
