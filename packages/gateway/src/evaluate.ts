/**
 * Gateway.Evaluate: asks one peer and gives its result back; nothing is ordered.
 * Source: hyperledger/fabric, internal/pkg/gateway/evaluate.go.
 */
import { type CancelSignal, messageOf } from "@hansa/primitives";
import { type CallContext, GrpcStatus } from "@hansa/transport";
import { decode, encode, gateway, protos, unmarshalFailure } from "@hansa/wire";
import { byHeight, byOrganization, type Endorser, endorsersOf } from "./endorsers.js";
import { explainedFailures } from "./explained.js";
import { type ErrorDetail, failure, whileWanted } from "./failure.js";
import type { GatewayHost } from "./host.js";
import { type Proposal, readProposal, readProposalRequest } from "./proposal.js";

export type EvaluateParts = { host: GatewayHost; endorsementTimeoutMs: number };

/** @param request bytes of gateway.EvaluateRequest @returns bytes of gateway.EvaluateResponse @throws RpcStatus */
export async function evaluate(parts: EvaluateParts, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
  const { proposal, organizations } = readRequest(request);
  const { host } = parts;
  const { channelId, chaincode } = proposal;
  if (host.channel(channelId) === undefined) {
    throw failure(
      GrpcStatus.UNAVAILABLE,
      `failed to get config for channel [${channelId}]: could not get last config for channel ${channelId}`,
    );
  }
  const isGuarded = proposal.hasTransientData && organizations.length === 0;
  const allowed = isGuarded ? [host.mspId] : organizations;
  const endorsers = endorsersOf(host, channelId, parts.endorsementTimeoutMs);
  const candidates = evaluators(endorsers, chaincode, allowed, host.mspId);
  if (candidates.length === 0) {
    const reason = `no peers available to evaluate chaincode ${chaincode} in channel ${channelId}`;
    const advice =
      "no endorsers found in the gateway's organization; retry specifying target organization(s) to protect transient data";
    throw failure(GrpcStatus.FAILED_PRECONDITION, isGuarded ? `${advice}: ${reason}` : reason);
  }
  const response = await firstAnswer(host, candidates, proposal, context.signal);
  const result = { ...response.response, payload: resultOf(response) };
  return encode(gateway.EvaluateResponse, { result });
}

function readRequest(request: Uint8Array): { proposal: Proposal; organizations: string[] } {
  const invalid = (reason: string) =>
    failure(GrpcStatus.INVALID_ARGUMENT, `failed to unpack transaction proposal: ${reason}`);
  let proposal: Proposal | undefined;
  let organizations: string[] = [];
  try {
    const read = readProposalRequest(request);
    organizations = read.organizations;
    proposal = readProposal(read.signedProposal);
  } catch (error) {
    throw invalid(unmarshalFailure(error) ?? messageOf(error));
  }
  if (proposal === undefined) throw invalid("a signed proposal is required");
  if (proposal.channelId === "") throw invalid("no channel id provided");
  if (proposal.chaincode === "") {
    throw invalid(`no chaincode name is provided, channel id [${proposal.channelId}]`);
  }
  return { proposal, organizations };
}

/** Own organisation first, then the others by height. */
function evaluators(
  endorsers: readonly Endorser[],
  chaincode: string,
  allowed: readonly string[],
  ownMspId: string,
): Endorser[] {
  const available = byOrganization(endorsers, chaincode);
  const organizations = allowed.length > 0 ? new Set(allowed) : new Set(available.keys());
  const others = [...organizations]
    .filter((mspId) => mspId !== ownMspId)
    .flatMap((mspId) => available.get(mspId) ?? []);
  return [...(organizations.has(ownMspId) ? (available.get(ownMspId) ?? []) : []), ...byHeight(others)];
}

async function firstAnswer(
  host: GatewayHost,
  candidates: readonly Endorser[],
  proposal: Proposal,
  signal: CancelSignal,
): Promise<protos.ProposalResponse> {
  const details: ErrorDetail[] = [];
  let lastCode: number = GrpcStatus.UNAVAILABLE;
  for (const endorser of candidates) {
    const verdict = await whileWanted(endorser.ask(proposal.signed, signal), signal, "evaluate timeout expired");
    if (verdict.ok) return verdict.response;
    details.push({ address: endorser.address, mspId: endorser.mspId, message: verdict.message });
    lastCode = verdict.code;
    if (!verdict.retry) {
      const message = `evaluate call to endorser returned error: ${verdict.message}`;
      throw failure(verdict.code, message, await explainedFailures(host, proposal, details));
    }
  }
  throw failure(lastCode, "failed to evaluate transaction, see attached details for more info", details);
}

/** What the chaincode returned: in the signed part of the response, else beside it. */
function resultOf(response: protos.ProposalResponse): Uint8Array {
  try {
    const { extension } = decode(protos.ProposalResponsePayload, response.payload, "ProposalResponsePayload");
    const action = decode(protos.ChaincodeAction, extension, "ChaincodeAction");
    return action.response?.payload ?? new Uint8Array(0);
  } catch {
    return response.response?.payload ?? new Uint8Array(0);
  }
}
