import { createRequire } from "node:module";
import { type Explanation, findingLines } from "@hansa/endorsement/explain";
import { EXPLANATION } from "@hansa/gateway";
import { fromUtf8, HansaError, messageOf } from "@hansa/primitives";
import { GrpcStatus, plainReason } from "@hansa/transport";
import { decode, encode, lifecycle, TxValidationCode, txValidationCodeName } from "@hansa/wire";
import type { CommitError, GatewayError } from "@hyperledger/fabric-gateway";
import { evaluate } from "../client/admin-client.js";
import type { NetworkView } from "./network-view.js";
import { whatHelps } from "./what-helps.js";
import { whyNotRunning } from "./why-not-running.js";

const require = createRequire(import.meta.url);

const SYSTEM_CHAINCODES: ReadonlySet<string> = new Set(["_lifecycle", "cscc", "qscc"]);

type Asked = { readonly channel: string; readonly contract: string; readonly transaction: string };

/** A transaction that was ordered and changed nothing, with the reason where a peer told it. */
export class InvalidTransaction extends HansaError {
  /** What the ledger shows; undefined when no peer could be asked. */
  readonly explanation: Explanation | undefined;

  constructor(message: string, options: ErrorOptions & { nextStep?: string }, explanation: Explanation | undefined) {
    super("TRANSACTION_INVALID", message, options);
    this.explanation = explanation;
  }
}

export function invalidTransaction(
  txId: string,
  code: number,
  {
    blockNumber,
    cause,
    explanation,
  }: { blockNumber?: bigint; cause?: unknown; explanation?: Explanation | undefined } = {},
): InvalidTransaction {
  const name = txValidationCodeName(code);
  const number = blockNumber ?? explanation?.block;
  const where = number === undefined ? "" : ` in block ${number}`;
  const known =
    code === TxValidationCode.MVCC_READ_CONFLICT
      ? "Another transaction changed the same data first; try again."
      : undefined;
  const nextStep = explanation?.advice[0] ?? known;
  const lines = explanation?.findings.flatMap(findingLines).map((line) => `\n  ${line}`) ?? [];
  const message = `Transaction ${txId} was ordered${where} but is invalid: ${name}.${lines.join("")}`;
  return new InvalidTransaction(message, { cause, ...(nextStep === undefined ? {} : { nextStep }) }, explanation);
}

/** As `invalidTransaction`, with the reason that a peer of the channel tells; without it when none can be asked. */
export async function explainedInvalid(
  view: NetworkView,
  channel: string,
  txId: string,
  code: number,
  known: { member?: string; blockNumber?: bigint; cause?: unknown } = {},
): Promise<InvalidTransaction> {
  const { member, ...rest } = known;
  const explanation = await view.explain(channel, txId, member === undefined ? {} : { member }).catch(() => undefined);
  return invalidTransaction(txId, code, { ...rest, explanation });
}

/** Says in words what the client library reports when a transaction or query failed. */
export async function explainGatewayError(error: unknown, view: NetworkView, asked: Asked): Promise<unknown> {
  const sdk = require("@hyperledger/fabric-gateway") as typeof import("@hyperledger/fabric-gateway");
  if (error instanceof sdk.CommitError) {
    const { code, transactionId } = error as CommitError;
    return explainedInvalid(view, asked.channel, transactionId, code, { cause: error });
  }
  if (!(error instanceof sdk.GatewayError)) return error;
  const failure = error as GatewayError;
  const reason = reasonOf(failure);
  const unknown = /a function that does not exist: (\S+)/.exec(reason);
  if (unknown !== null)
    return new HansaError("UNKNOWN_FUNCTION", `Contract ${asked.contract} has no function "${asked.transaction}".`, {
      cause: error,
      nextStep: `List its functions with: hansa query ${asked.contract} org.hyperledger.fabric:GetMetadata`,
    });
  const known = await definedContracts(view, asked);
  if (known !== undefined && !known.includes(asked.contract) && !SYSTEM_CHAINCODES.has(asked.contract)) {
    return new HansaError("UNKNOWN_CONTRACT", `Channel ${asked.channel} has no contract "${asked.contract}".`, {
      cause: error,
      nextStep:
        known.length === 0 ? "Deploy one with: hansa contract deploy <folder>" : `Use one of: ${known.join(", ")}.`,
    });
  }
  const launch = /could not launch chaincode \S+: (.*)$/s.exec(reason);
  if (launch !== null) {
    const why = sentence(whyNotRunning(launch[1]!));
    return new HansaError("CONTRACT_NOT_RUNNING", `Contract ${asked.contract} does not run: ${why}`, {
      cause: error,
      nextStep: howToRun(launch[1]!),
    });
  }
  if (failure.code === GrpcStatus.UNAVAILABLE)
    return new HansaError("NODE_UNREACHABLE", `The peer does not answer: ${reason}.`, {
      cause: error,
      nextStep: "See what the nodes are doing with: hansa status",
    });
  if (failure.code === GrpcStatus.DEADLINE_EXCEEDED)
    return new HansaError("TIMED_OUT", `The transaction took too long: ${reason}.`, {
      cause: error,
      nextStep: "See what the nodes are doing with: hansa status",
    });
  if (error.name === "SubmitError")
    return new HansaError("ORDERING_REFUSED", `The orderer refused the transaction: ${reason}.`, { cause: error });
  const explanation = explanationOf(failure);
  if (explanation !== undefined)
    return new HansaError("CONTRACT_REFUSED", `${sentence(reason)}\n${indented(explanation)}`, {
      cause: error,
      nextStep: /computed different results/.test(explanation)
        ? "Make the contract compute the same at every peer, and deploy it again with: hansa contract deploy <folder>"
        : "Act as a member of the collection (--as).",
    });
  return new HansaError("CONTRACT_REFUSED", sentence(reason), {
    cause: error,
    nextStep: whatHelps(reason, asked.contract),
  });
}

/**
 * What the contract itself said, once, without the wrapping that each layer adds: the peers' details where there are
 * any, else the message.
 */
export function reasonOf(error: GatewayError): string {
  const reasons = new Set(
    error.details
      .filter(({ message }) => !message.startsWith(EXPLANATION))
      .map(({ message }) => message.replace(/^chaincode response \d+, /, "").replace(/^Error: /, "")),
  );
  return reasons.size > 0 ? [...reasons].join("; ") : plainReason(messageOf(error).replace(/^\d+ [A-Z_]+: /, ""));
}

/** What the gateway adds to the details when it knows more than the endorsers said. */
function explanationOf({ details }: GatewayError): string | undefined {
  return details.find(({ message }) => message.startsWith(EXPLANATION))?.message.slice(EXPLANATION.length);
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}

/** What helps when a chaincode did not come up. */
function howToRun(reason: string): string {
  const expected = /announced package id .*, but "([^"]+)" was expected/.exec(reason);
  if (expected !== null) return `Start the chaincode server with CHAINCODE_ID=${expected[1]}.`;
  if (/error creating grpc connection to/.test(reason))
    return "Start the chaincode server, or correct the address and certificates in the package's connection.json.";
  return "See what the peer and the contract wrote with: hansa logs";
}

/** Names of the contracts that the channel has, whoever deployed them; undefined when nobody can tell. */
async function definedContracts(view: NetworkView, { channel }: Asked): Promise<string[] | undefined> {
  try {
    const [org] = await view.deployingOrgs(view.channel(channel));
    const result = await evaluate(org!.peers[0]!, org!.admin, {
      channelId: channel,
      chaincode: "_lifecycle",
      args: [fromUtf8("QueryChaincodeDefinitions"), encode(lifecycle.QueryChaincodeDefinitionsArgs, {})],
    });
    const type = lifecycle.QueryChaincodeDefinitionsResult;
    return decode(type, result, "lifecycle.QueryChaincodeDefinitionsResult").chaincodeDefinitions.map(
      ({ name }) => name ?? "",
    );
  } catch {
    return undefined;
  }
}
