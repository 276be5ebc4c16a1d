/**
 * A small Fabric client for the launcher's own work: joining channels, installing and deploying contracts. It speaks
 * to the peers as Fabric's `peer` command does. Applications use the official SDK instead.
 */
import { randomBytes } from "node:crypto";
import type { SigningIdentity } from "@hansa/msp";
import { HansaError } from "@hansa/primitives";
import { GrpcStatus, type RpcClient, RpcStatus } from "@hansa/transport";
import {
  common,
  decode,
  encode,
  gateway,
  HeaderType,
  orderer,
  protos,
  Status,
  services,
  TxValidationCode,
  toTimestamp,
  transactionId,
  txValidationCodeName,
} from "@hansa/wire";

export type Call = {
  /** Empty for what concerns a peer rather than a channel. */
  readonly channelId: string;
  readonly chaincode: string;
  readonly args: readonly Uint8Array[];
  /** CONFIG for joining a channel, ENDORSER_TRANSACTION otherwise. */
  readonly headerType?: number;
  /** Whether this is the first call of a chaincode whose definition asks for one. */
  readonly isInit?: boolean;
};

/** A node and the way to it; `name` is for errors. */
export type Target = { readonly name: string; readonly rpc: RpcClient };

const CALL_TIMEOUT_MS = 60_000;
const INSTALL_TIMEOUT_MS = 300_000;
const COMMIT_TIMEOUT_MS = 60_000;

type Proposal = {
  readonly txId: string;
  readonly bytes: Uint8Array;
  readonly channelHeader: Uint8Array;
  readonly signatureHeader: Uint8Array;
  readonly nonce: Uint8Array;
  readonly payload: Uint8Array;
};

/** Runs a chaincode function on one peer without ordering anything. Returns the payload of its response. */
export async function evaluate(peer: Target, identity: SigningIdentity, call: Call): Promise<Uint8Array> {
  const { response } = await propose(peer, identity, newProposal(identity, call));
  return response.response?.payload ?? new Uint8Array(0);
}

/**
 * Has `endorsers` run a chaincode function, has the result ordered, and waits until `observers` have committed it.
 * @throws HansaError ENDORSEMENT_REFUSED, ORDERING_REFUSED or TRANSACTION_INVALID
 */
export async function submit(
  endorsers: readonly Target[],
  orderer: Target,
  observers: readonly Target[],
  identity: SigningIdentity,
  call: Call,
): Promise<{ txId: string; blockNumber: number }> {
  const proposal = newProposal(identity, call);
  const answers = await Promise.all(endorsers.map((peer) => propose(peer, identity, proposal)));
  const first = answers[0]!.response;
  for (const { peer, response } of answers)
    if (Buffer.compare(response.payload, first.payload) !== 0)
      throw new HansaError(
        "ENDORSEMENT_REFUSED",
        `${peer.name} and ${answers[0]!.peer.name} computed different results.`,
        {
          nextStep: "Install the same contract on both, and let it depend on nothing but its arguments and the ledger.",
        },
      );
  const data = encode(protos.Transaction, {
    actions: [
      {
        header: proposal.signatureHeader,
        payload: encode(protos.ChaincodeActionPayload, {
          chaincodeProposalPayload: proposal.payload,
          action: {
            proposalResponsePayload: first.payload,
            endorsements: answers.map(({ response }) => response.endorsement!),
          },
        }),
      },
    ],
  });
  const payload = encode(common.Payload, {
    header: { channelHeader: proposal.channelHeader, signatureHeader: proposal.signatureHeader },
    data,
  });
  await broadcast(orderer, encode(common.Envelope, { payload, signature: identity.sign(payload) }));
  const commits = await Promise.all(
    observers.map((peer) => waitForCommit(peer, identity, call.channelId, proposal.txId, call.chaincode)),
  );
  return { txId: proposal.txId, blockNumber: commits[0]?.blockNumber ?? 0 };
}

/** @throws HansaError ORDERING_REFUSED */
export async function broadcast(target: Target, envelope: Uint8Array): Promise<void> {
  const call = target.rpc.bidi(services.AtomicBroadcast.methods.Broadcast, { timeoutMs: CALL_TIMEOUT_MS });
  try {
    await call.send(envelope);
    for await (const bytes of call.incoming) {
      const answer = decode(orderer.BroadcastResponse, bytes, "orderer.BroadcastResponse");
      if (answer.status === Status.SUCCESS) return;
      throw new HansaError(
        "ORDERING_REFUSED",
        `${target.name} refused the transaction: ${answer.info} (status ${answer.status}).`,
      );
    }
    throw new HansaError("ORDERING_REFUSED", `${target.name} closed the connection without an answer.`);
  } catch (error) {
    throw readable(target, error);
  } finally {
    call.close();
  }
}

/** @throws HansaError TRANSACTION_INVALID with the validation code */
export async function waitForCommit(
  peer: Target,
  identity: SigningIdentity,
  channelId: string,
  txId: string,
  what: string,
): Promise<{ blockNumber: number }> {
  const request = encode(gateway.CommitStatusRequest, {
    channelId,
    transactionId: txId,
    identity: identity.serialized,
  });
  const signed = encode(gateway.SignedCommitStatusRequest, { request, signature: identity.sign(request) });
  const bytes = await unary(peer, services.Gateway.methods.CommitStatus, signed, { timeoutMs: COMMIT_TIMEOUT_MS });
  const { result, blockNumber } = decode(gateway.CommitStatusResponse, bytes, "gateway.CommitStatusResponse");
  if (result !== TxValidationCode.VALID)
    throw new HansaError(
      "TRANSACTION_INVALID",
      `Transaction ${txId.slice(0, 12)} to ${what} was ordered but is invalid: ${txValidationCodeName(result)}.`,
    );
  return { blockNumber: Number(blockNumber) };
}

function newProposal(identity: SigningIdentity, call: Call): Proposal {
  const nonce = randomBytes(24);
  const txId = transactionId(nonce, identity.serialized);
  const channelHeader = encode(common.ChannelHeader, {
    type: call.headerType ?? HeaderType.ENDORSER_TRANSACTION,
    channelId: call.channelId,
    txId,
    timestamp: toTimestamp(Date.now()),
    extension: encode(protos.ChaincodeHeaderExtension, { chaincodeId: { name: call.chaincode } }),
  });
  const signatureHeader = encode(common.SignatureHeader, { creator: identity.serialized, nonce });
  const payload = encode(protos.ChaincodeProposalPayload, {
    input: encode(protos.ChaincodeInvocationSpec, {
      chaincodeSpec: {
        type: protos.ChaincodeSpec.Type.GOLANG,
        chaincodeId: { name: call.chaincode },
        input: { args: [...call.args], isInit: call.isInit ?? false },
      },
    }),
  });
  const header = encode(common.Header, { channelHeader, signatureHeader });
  return { txId, bytes: encode(protos.Proposal, { header, payload }), channelHeader, signatureHeader, nonce, payload };
}

async function propose(
  peer: Target,
  identity: SigningIdentity,
  proposal: Proposal,
): Promise<{ peer: Target; response: protos.ProposalResponse }> {
  const signed = encode(protos.SignedProposal, {
    proposalBytes: proposal.bytes,
    signature: identity.sign(proposal.bytes),
  });
  const bytes = await unary(peer, services.Endorser.methods.ProcessProposal, signed, { timeoutMs: INSTALL_TIMEOUT_MS });
  const response = decode(protos.ProposalResponse, bytes, "protos.ProposalResponse");
  const status = response.response?.status ?? 500;
  if (status < 200 || status >= 400)
    throw new HansaError(
      "ENDORSEMENT_REFUSED",
      `${peer.name} refused: ${response.response?.message ?? "no reason given"}`,
    );
  return { peer, response };
}

/** @throws HansaError NODE_UNREACHABLE, TIMED_OUT, ENDORSEMENT_REFUSED with the node's reason */
export async function unary(
  target: Target,
  method: Parameters<RpcClient["unary"]>[0],
  request: Uint8Array,
  options: { timeoutMs: number },
): Promise<Uint8Array> {
  try {
    return await target.rpc.unary(method, request, options);
  } catch (error) {
    throw readable(target, error);
  }
}

/** What went wrong on the way to a node, in words. */
function readable(target: Target, error: unknown): unknown {
  if (!(error instanceof RpcStatus)) return error;
  if (error.code === GrpcStatus.UNAVAILABLE)
    return new HansaError("NODE_UNREACHABLE", `${target.name} at ${target.rpc.address} does not answer.`, {
      cause: error,
      nextStep: "See what the nodes are doing with: hansa status",
    });
  if (error.code === GrpcStatus.DEADLINE_EXCEEDED)
    return new HansaError("TIMED_OUT", `${target.name} did not answer in time.`, {
      cause: error,
      nextStep: "See what the nodes are doing with: hansa status",
    });
  return new HansaError("ENDORSEMENT_REFUSED", `${target.name} refused: ${error.message}`, { cause: error });
}
