/**
 * The endorser: takes a signed proposal, checks it, lets the chaincode simulate it, and signs what came out.
 *
 * What is wrong with the proposal itself is thrown as ProposalRejected (a gRPC error towards clients). What goes wrong
 * later is a proposal response with status 500 and the reason. A response below 400 is endorsed; one of 400 to 499 is
 * passed on without an endorsement; one from 500 on comes with the payload that would have been signed.
 * Source: hyperledger/fabric, core/endorser/endorser.go; texts alike.
 */
import type { TxSimulator } from "@hansa/ledger";
import type { Identity, MspManager, SigningIdentity } from "@hansa/msp";
import { type Bytes, type Clock, concatBytes, messageOf, NO_BYTES, toHex, toUtf8 } from "@hansa/primitives";
import { CANNOT_PARSE, encode, protos, rwset, unmarshalFailure } from "@hansa/wire";
import { allCollections, type StaticCollection } from "../lifecycle/collections.js";
import type { AccessControl } from "./access.js";
import type { EndorserChannel, PrivateWrites } from "./channel.js";
import { chaincodeInterest } from "./interest.js";
import {
  applicationMspIds,
  type Invoker,
  lifecycleReader,
  simulate,
  type Target,
  type TransactionScope,
} from "./invoker.js";
import {
  checkExpiry,
  checkProposal,
  checkTimestamp,
  type Proposal,
  ProposalRejected,
  readProposal,
} from "./proposal.js";
import { ShimType } from "./shim-message.js";
import type { CallOutcome } from "./simulation.js";
import { SYSTEM_NAMES } from "./system-chaincode.js";

export type EndorserOptions = {
  readonly signer: SigningIdentity;
  /** Holds the peer's own organisation and nothing else: for proposals outside channels. */
  readonly localMsp: MspManager;
  readonly channel: (channelId: string) => EndorserChannel | undefined;
  readonly access: AccessControl;
  readonly invoker: Invoker;
  readonly clock: Clock;
  /** Told what becomes of proposals: a place for metrics. */
  readonly meter?: EndorserMeter;
  /** Proposals whose own time is further away than this are rejected. Undefined: any time is taken, as in v2.5. */
  readonly proposalWindowMs?: number;
};

export interface EndorserMeter {
  /** @returns what `completed` is to be given at the end */
  received(): number;
  /** Of each proposal that was admitted. */
  completed(channelId: string, chaincode: string, isEndorsed: boolean, receivedAt: number): void;
  /** It is malformed, or its signature does not hold. */
  invalid(): void;
  duplicate(channelId: string, chaincode: string): void;
  aclFailed(channelId: string, chaincode: string): void;
  simulationFailed(channelId: string, chaincode: string): void;
  /** The chaincode answered with a status that is not endorsed. */
  notEndorsed(channelId: string, chaincode: string): void;
}

export interface Endorser {
  /**
   * @param signedProposal protos.SignedProposal as received
   * @throws ProposalRejected
   */
  process(signedProposal: Bytes): Promise<protos.ProposalResponse.$Properties>;
}

export function createEndorser(options: EndorserOptions): Endorser {
  return { process: (signedProposal) => processProposal(signedProposal, options) };
}

async function processProposal(
  signedProposal: Bytes,
  options: EndorserOptions,
): Promise<protos.ProposalResponse.$Properties> {
  const { meter } = options;
  const receivedAt = meter?.received() ?? 0;
  const proposal = validated(() => readProposal(signedProposal), meter);
  const { channelId } = proposal;
  const channel = channelId === "" ? undefined : options.channel(channelId);
  if (channelId !== "" && channel === undefined) return refused(`channel '${channelId}' not found`);
  const creator = admit(proposal, channel, options);
  let response: protos.ProposalResponse.$Properties;
  try {
    response = await simulateAndSign(proposal, channel, creator, options);
  } catch (error) {
    response = refused(messageOf(error));
  }
  const isEndorsed = response.endorsement !== undefined || (channelId === "" && response.response?.status === 200);
  meter?.completed(channelId, proposal.chaincodeName, isEndorsed, receivedAt);
  return response;
}

/** @throws ProposalRejected */
function admit(proposal: Proposal, channel: EndorserChannel | undefined, options: EndorserOptions): Identity {
  const { channelId, txId, chaincodeName } = proposal;
  const { meter } = options;
  const msps = channel?.config.msps ?? options.localMsp;
  const now = options.clock.now();
  checkExpiry(proposal, msps, now);
  const creator = validated(() => checkProposal(proposal, msps), meter);
  checkTimestamp(proposal, now, options.proposalWindowMs);
  if (channel === undefined) return creator;
  if (channel.ledger.hasId(txId)) {
    meter?.duplicate(channelId, chaincodeName);
    throw new ProposalRejected(`duplicate transaction found [${txId}]. Creator [${toHex(proposal.creator)}]`);
  }
  // System chaincodes ask for themselves.
  if (SYSTEM_NAMES.has(chaincodeName)) return creator;
  const verdict = options.access.check("peer/Propose", channelId, proposal);
  if (verdict.ok) return creator;
  meter?.aclFailed(channelId, chaincodeName);
  throw new ProposalRejected(verdict.reason);
}

function validated<T>(check: () => T, meter: EndorserMeter | undefined): T {
  try {
    return check();
  } catch (error) {
    meter?.invalid();
    throw error;
  }
}

async function simulateAndSign(
  proposal: Proposal,
  channel: EndorserChannel | undefined,
  creator: Identity,
  options: EndorserOptions,
): Promise<protos.ProposalResponse.$Properties> {
  const { channelId, chaincodeName } = proposal;
  const needsSimulator = channel !== undefined && chaincodeName !== "qscc" && chaincodeName !== "cscc";
  const simulator = needsSimulator ? simulate(channel, proposal.txId) : undefined;
  try {
    const scope: TransactionScope = { proposal, creator, channelId, channel, simulator };
    const target = findTarget(scope, options.invoker);
    const simulated = await run(scope, target, options.invoker).catch((cause: unknown) => {
      options.meter?.simulationFailed(channelId, chaincodeName);
      throw new Error(`error in simulation: ${unmarshalFailure(cause) ?? messageOf(cause)}`, { cause });
    });
    if (simulated.response.status >= 400) options.meter?.notEndorsed(channelId, chaincodeName);
    return finish(scope, target, simulated, options);
  } finally {
    simulator?.done();
  }
}

function findTarget(scope: TransactionScope, invoker: Invoker): Target {
  const { chaincodeName, channelId } = scope.proposal;
  try {
    return invoker.target(scope, chaincodeName);
  } catch (error) {
    throw new Error(
      `make sure the chaincode ${chaincodeName} has been successfully defined on channel ${channelId} and try again: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

type Executed = {
  readonly response: protos.Response;
  /** protos.ChaincodeEvent, encoded; empty without one. */
  readonly event: Bytes;
};

type Simulated = Executed & {
  /** rwset.TxReadWriteSet; empty outside channels. */
  readonly results: Bytes;
  readonly interest: protos.ChaincodeInterest.$Properties | undefined;
};

async function run(scope: TransactionScope, target: Target, invoker: Invoker): Promise<Simulated> {
  const { proposal, simulator, channel } = scope;
  const { txId, chaincodeName, input } = proposal;
  let outcome: CallOutcome;
  try {
    outcome = await invoker.execute(scope, chaincodeName, input, target);
  } catch (cause) {
    throw new Error(`failed to execute transaction ${txId}: ${messageOf(cause)}`, { cause });
  }
  const executed = readOutcome(outcome, txId, chaincodeName);
  if (simulator === undefined || channel === undefined) {
    return { ...executed, results: NO_BYTES, interest: undefined };
  }
  const results = simulator.results();
  if (results.privateSet !== undefined) {
    await channel.persistPrivate(privateWrites(channel, txId, results.privateSet, simulator));
  }
  const interest = chaincodeInterest(results, (name) => SYSTEM_NAMES.has(name));
  return { ...executed, results: results.publicBytes, interest };
}

function readOutcome(outcome: CallOutcome, txId: string, chaincodeName: string): Executed {
  if (outcome.type === ShimType.ERROR) {
    throw new Error(`transaction returned with failure: ${toUtf8(outcome.payload)}`);
  }
  let response: protos.Response;
  let event = NO_BYTES;
  try {
    response = protos.Response.decode(outcome.payload);
    if (outcome.event !== undefined && response.status < 400) {
      const { eventName, payload } = protos.ChaincodeEvent.decode(outcome.event);
      event = encode(protos.ChaincodeEvent, { chaincodeId: chaincodeName, txId, eventName, payload });
    }
  } catch (cause) {
    throw new Error(`failed to unmarshal response for transaction ${txId}: ${CANNOT_PARSE}`, { cause });
  }
  return { response, event };
}

function privateWrites(
  channel: EndorserChannel,
  txId: string,
  writes: rwset.TxPvtReadWriteSet.$Properties,
  simulator: TxSimulator,
): PrivateWrites {
  const collections = new Map<string, readonly StaticCollection[]>();
  for (const { namespace, collectionPvtRwset } of writes.nsPvtRwset ?? []) {
    const written = new Set((collectionPvtRwset ?? []).map(({ collectionName }) => collectionName));
    const all = allCollections(lifecycleReader(simulator), namespace ?? "", applicationMspIds(channel.config)) ?? [];
    collections.set(
      namespace ?? "",
      all.filter(({ name }) => written.has(name)),
    );
  }
  const { channelId, ledger } = channel;
  return {
    channelId,
    txId,
    height: ledger.height,
    writes,
    bytes: encode(rwset.TxPvtReadWriteSet, writes),
    collections,
  };
}

function finish(
  scope: TransactionScope,
  target: Target,
  simulated: Simulated,
  { signer }: EndorserOptions,
): protos.ProposalResponse.$Properties {
  const { response, interest } = simulated;
  const { proposal, channelId } = scope;
  if (response.status < 500 && (channelId === "" || response.status >= 400)) return { response };
  const extension = encode(protos.ChaincodeAction, {
    results: simulated.results,
    events: simulated.event,
    response,
    chaincodeId: { name: proposal.chaincodeName, version: target.version },
  });
  const payload = encode(protos.ProposalResponsePayload, { proposalHash: proposal.hash, extension });
  if (response.status >= 500) return { response, payload, interest };
  checkPlugin(target);
  const endorser = signer.serialized;
  const signature = signer.sign(concatBytes(payload, endorser));
  return { version: 1, response, payload, endorsement: { endorser, signature }, interest };
}

/** Fabric signs through the plug-in that the definition names; there is none but its own. */
function checkPlugin(target: Target): void {
  if (target.kind === "system") return;
  const { endorsementPlugin } = target.chaincode.definition;
  if (endorsementPlugin === "escc") return;
  const text = `plugin with name ${endorsementPlugin} could not be used: plugin with name ${endorsementPlugin} wasn't found`;
  throw new Error(`endorsing with plugin failed: ${text}`);
}

function refused(message: string): protos.ProposalResponse.$Properties {
  return { response: { status: 500, message, payload: NO_BYTES } };
}
