/**
 * Gateway.Endorse: one peer first, which also tells what the transaction touches; then as many others as the policies
 * of that ask for, all at once.
 * Source: hyperledger/fabric, internal/pkg/gateway/endorse.go.
 */

import { type CancelSignal, concatBytes, messageOf } from "@hansa/primitives";
import { type CallContext, GrpcStatus } from "@hansa/transport";
import { fieldHead, type protos, unmarshalFailure } from "@hansa/wire";
import type { EndorsementCollection } from "./collection.js";
import { askAhead, type Companions, type EarlyAnswers } from "./companions.js";
import { type Endorser, endorsersOf } from "./endorsers.js";
import { explainedFailures, explainedMismatch } from "./explained.js";
import { type ErrorDetail, failure, type Verdict, whileWanted } from "./failure.js";
import type { GatewayHost } from "./host.js";
import { explainMismatch, laggard } from "./mismatch.js";
import { NoPlan, type Planner } from "./planning.js";
import { type Proposal, readProposal, readProposalRequest } from "./proposal.js";
import { prepareTransaction } from "./transaction.js";

export type EndorseParts = {
  host: GatewayHost;
  planner: Planner;
  companions: Companions;
  endorsementTimeoutMs: number;
};

/**
 * How long to wait before each further try when two peers' results differ because one of them has not committed yet
 * what the other has: blocks reach peers some milliseconds apart, and an application that has seen a commit on one
 * peer writes on at once. Fabric fails in this case and leaves the retry to the application.
 */
const CATCH_UP_MS = [4, 8, 16, 32, 64] as const;

/** @param request bytes of gateway.EndorseRequest @returns bytes of gateway.EndorseResponse @throws RpcStatus */
export async function endorse(parts: EndorseParts, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
  const { proposal, organizations } = readRequest(request);
  for (const pauseMs of CATCH_UP_MS) {
    try {
      return await endorseOnce(parts, proposal, organizations, context, true);
    } catch (error) {
      if (!(error instanceof FirstIsBehind)) throw error;
      await pause(pauseMs);
    }
  }
  return endorseOnce(parts, proposal, organizations, context, false);
}

/** The peers that endorsed first had seen less than one that came later: all of it must be done again. */
class FirstIsBehind extends Error {}

/** @throws FirstIsBehind only when it may be done again */
async function endorseOnce(
  parts: EndorseParts,
  proposal: Proposal,
  organizations: readonly string[],
  context: CallContext,
  mayRepeat: boolean,
): Promise<Uint8Array> {
  const { signal } = context;
  const endorsers = endorsersOf(parts.host, proposal.channelId, parts.endorsementTimeoutMs);
  const isPlanned = organizations.length === 0;
  const expected = isPlanned ? parts.companions.expected(proposal) : [];
  const early = askAhead(expected, endorsers, (endorser) => endorser.ask(proposal.signed, signal));
  const collection =
    organizations.length > 0
      ? planned(GrpcStatus.UNAVAILABLE, () =>
          parts.planner.forOrganizations(endorsers, proposal.chaincode, organizations),
        )
      : await beginWithOne(parts, proposal, endorsers, early, signal);
  const asked = await collect(collection, proposal, early, signal, mayRepeat);
  const { result } = collection;
  if (isPlanned) {
    if (result === undefined) parts.companions.forget(proposal);
    else parts.companions.needed(proposal, asked);
  }
  if (result === undefined) {
    const message = "failed to collect enough transaction endorsements, see attached details for more info";
    const details = await explainedFailures(parts.host, proposal, collection.details);
    throw failure(GrpcStatus.ABORTED, message, [...details, ...explainedMismatch(parts.host, collection.mismatched)]);
  }
  const envelope = prepareTransaction(proposal, result.payload, result.endorsements);
  return concatBytes(fieldHead(1, envelope.length), envelope);
}

function readRequest(request: Uint8Array): { proposal: Proposal; organizations: string[] } {
  try {
    const { signedProposal, organizations } = readProposalRequest(request);
    const proposal = readProposal(signedProposal);
    if (proposal !== undefined) return { proposal, organizations };
  } catch (error) {
    throw failure(GrpcStatus.INVALID_ARGUMENT, unmarshalFailure(error) ?? messageOf(error));
  }
  throw failure(GrpcStatus.INVALID_ARGUMENT, "the proposed transaction must contain a signed proposal");
}

function planned(code: number, plan: () => EndorsementCollection): EndorsementCollection {
  try {
    return plan();
  } catch (error) {
    if (error instanceof NoPlan) throw failure(code, error.message);
    throw error;
  }
}

/** @returns the addresses of those that were asked */
async function collect(
  collection: EndorsementCollection,
  proposal: Proposal,
  early: EarlyAnswers,
  signal: CancelSignal,
  mayRepeat: boolean,
): Promise<string[]> {
  const addresses: string[] = [];
  const tooLate = "endorsement timeout expired while collecting endorsements";
  while (!collection.isComplete) {
    const endorsers = collection.nextEndorsers();
    if (endorsers === undefined) break;
    addresses.push(...endorsers.map(({ address }) => address));
    const asked = endorsers.map((endorser) => pursue(collection, endorser, proposal, early, signal, mayRepeat));
    collection.abandon(await whileWanted(Promise.all(asked), signal, tooLate));
  }
  return addresses;
}

/** Asks one peer, and the others of its group while they fail. @returns the group when all of it failed */
async function pursue(
  collection: EndorsementCollection,
  first: Endorser,
  proposal: Proposal,
  early: EarlyAnswers,
  signal: CancelSignal,
  mayRepeat: boolean,
): Promise<string | undefined> {
  let endorser = first;
  for (;;) {
    if (await isEndorsedBy(endorser, collection, proposal, early, signal, mayRepeat)) return undefined;
    const { next, group } = collection.substitute(endorser);
    if (next === undefined) return group;
    endorser = next;
  }
}

/** Asks one peer, again while it catches up with the others. A failure is noted in the collection. */
async function isEndorsedBy(
  endorser: Endorser,
  collection: EndorsementCollection,
  proposal: Proposal,
  early: EarlyAnswers,
  signal: CancelSignal,
  mayRepeat: boolean,
): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    const verdict = await askOnce(endorser, proposal, early, signal);
    if (!verdict.ok) {
      collection.addError(endorser, verdict.message);
      return false;
    }
    const addition = collection.add(endorser, verdict.response);
    if (addition.taken) return true;
    const behind = laggard(addition.first, addition.second);
    if (behind === "first" && mayRepeat) throw new FirstIsBehind();
    const pauseMs = behind === "second" ? CATCH_UP_MS[attempt] : undefined;
    if (pauseMs === undefined || signal.aborted) {
      const difference = explainMismatch(addition.first, addition.second);
      const message = `ProposalResponsePayloads do not match${difference}`;
      collection.addMismatch(endorser, addition.second, message);
      return false;
    }
    await pause(pauseMs);
  }
}

/** The answer that is on its way already counts, once. */
function askOnce(endorser: Endorser, proposal: Proposal, early: EarlyAnswers, signal: CancelSignal): Promise<Verdict> {
  const answer = early.get(endorser.address) ?? endorser.ask(proposal.signed, signal);
  early.delete(endorser.address);
  return answer;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs the proposal on one peer, preferably of this organisation, and plans from what it says it touched. */
async function beginWithOne(
  { host, planner }: EndorseParts,
  proposal: Proposal,
  endorsers: readonly Endorser[],
  early: EarlyAnswers,
  signal: CancelSignal,
): Promise<EndorsementCollection> {
  const { channelId, chaincode } = proposal;
  const byName: protos.IChaincodeInterest = { chaincodes: [{ name: chaincode }] };
  const candidates = firstCandidates(planner, proposal, byName, endorsers, host.mspId);
  const { endorser, response } = await firstEndorsement(host, candidates, proposal, early, signal);

  const told = response.interest;
  const interest = told?.chaincodes && told.chaincodes.length > 0 ? told : byName;
  const collection = proposal.hasTransientData
    ? planGuarded(planner, channelId, interest, endorsers, endorser)
    : planned(GrpcStatus.FAILED_PRECONDITION, () => planner.forInterest(channelId, interest, endorsers, endorser));
  collection.add(endorser, response);
  return collection;
}

function firstCandidates(
  planner: Planner,
  proposal: Proposal,
  byName: protos.IChaincodeInterest,
  endorsers: readonly Endorser[],
  ownMspId: string,
): EndorsementCollection {
  try {
    return planner.forOrganizations(endorsers, proposal.chaincode, [ownMspId]);
  } catch (error) {
    if (!(error instanceof NoPlan)) throw error;
  }
  if (proposal.hasTransientData) {
    throw failure(
      GrpcStatus.FAILED_PRECONDITION,
      "no endorsers found in the gateway's organization; retry specifying endorsing organization(s) to protect transient data",
    );
  }
  return planned(GrpcStatus.FAILED_PRECONDITION, () =>
    planner.forInterest(proposal.channelId, byName, endorsers, undefined),
  );
}

async function firstEndorsement(
  host: GatewayHost,
  candidates: EndorsementCollection,
  proposal: Proposal,
  early: EarlyAnswers,
  signal: CancelSignal,
): Promise<{ endorser: Endorser; response: protos.ProposalResponse }> {
  const tooLate = "endorsement timeout expired while collecting first endorsement";
  const details: ErrorDetail[] = [];
  let endorser = candidates.nextEndorsers()?.[0];
  while (endorser !== undefined) {
    const verdict = await whileWanted(askOnce(endorser, proposal, early, signal), signal, tooLate);
    if (verdict.ok) return { endorser, response: verdict.response };
    details.push({ address: endorser.address, mspId: endorser.mspId, message: verdict.message });
    endorser = candidates.substitute(endorser).next;
  }
  const message = "failed to endorse transaction, see attached details for more info";
  throw failure(GrpcStatus.ABORTED, message, await explainedFailures(host, proposal, details));
}

/** With transient data only organisations that hold the collections may see the proposal, whoever could sign. */
function planGuarded(
  planner: Planner,
  channelId: string,
  interest: protos.IChaincodeInterest,
  endorsers: readonly Endorser[],
  first: Endorser,
): EndorsementCollection {
  const calls = interest.chaincodes ?? [];
  const guarded = { chaincodes: calls.map((call) => ({ ...call, noPrivateReads: false })) };
  const collections = calls.filter((call) => call.noPrivateReads).flatMap((call) => call.collectionNames ?? []);
  try {
    return planner.forInterest(channelId, guarded, endorsers, first);
  } catch (error) {
    if (!(error instanceof NoPlan)) throw error;
    if (collections.length > 0 && isPlannable(planner, channelId, interest, endorsers, first)) {
      throw failure(
        GrpcStatus.FAILED_PRECONDITION,
        `requires endorsement from organisation(s) that are not in the distribution policy of the private data collection(s): [${collections.join(" ")}]; retry specifying trusted endorsing organizations to protect transient data`,
      );
    }
    throw failure(GrpcStatus.FAILED_PRECONDITION, error.message);
  }
}

function isPlannable(
  planner: Planner,
  channelId: string,
  interest: protos.IChaincodeInterest,
  endorsers: readonly Endorser[],
  first: Endorser,
): boolean {
  try {
    planner.forInterest(channelId, interest, endorsers, first);
    return true;
  } catch (error) {
    if (error instanceof NoPlan) return false;
    throw error;
  }
}
