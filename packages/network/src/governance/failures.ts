/** Errors on their way over the control socket, so that its client throws what the supervisor threw. */
import { CaError } from "@hansa/ca";
import { GovernanceRefusal, type RefusalReason } from "@hansa/governance";
import { type Bytes, HansaError, messageOf, toUtf8 } from "@hansa/primitives";
import { GrpcStatus, packAny, RpcStatus } from "@hansa/transport";
import { decode, encode, FieldScanner, hansa } from "@hansa/wire";

const FAILURE = "hansa.operation.Failure";

/** What the socket answers with. Errors that nobody foresaw pass as they are, and are answered without their text. */
export function failureStatus(error: unknown): unknown {
  if (!(error instanceof HansaError || error instanceof CaError)) return error;
  const { code, message, nextStep } = facts(error);
  const refusal = error instanceof GovernanceRefusal ? { reason: error.reason, resource: error.resource ?? "" } : {};
  const detail = encode(hansa.operation.Failure, { code, message, nextStep: nextStep ?? "", ...refusal });
  return new RpcStatus(GrpcStatus.FAILED_PRECONDITION, message, [packAny(FAILURE, detail)], { cause: error });
}

function facts(error: HansaError | CaError): { code: string; message: string; nextStep: string | undefined } {
  if (!(error instanceof CaError)) return error;
  const { message, nextStep } = error;
  if (error.fault !== "UNAVAILABLE") return { code: "AUTHORITY_REFUSED", message, nextStep };
  return { code: "NODE_UNREACHABLE", message, nextStep: "See what the nodes are doing with: hansa status" };
}

/** The error that a status stands for. */
export function failureIn(error: unknown, network: string): unknown {
  if (!(error instanceof RpcStatus)) return error;
  for (const detail of error.details) {
    const bytes = messageIn(detail, FAILURE);
    if (bytes === undefined) continue;
    const { code, message, nextStep, reason, resource } = decode(hansa.operation.Failure, bytes, FAILURE);
    const advice = nextStep === "" ? {} : { nextStep };
    if (reason === "") return new HansaError(code, message, { ...advice, cause: error });
    const about = resource === "" ? {} : { resource };
    return new GovernanceRefusal(reason as RefusalReason, message, { ...advice, ...about, cause: error });
  }
  if (error.code === GrpcStatus.DEADLINE_EXCEEDED)
    return new HansaError("TIMED_OUT", `Network ${network} did not answer in time.`, { cause: error });
  return new HansaError("SUPERVISOR_UNREACHABLE", `Network ${network} does not answer: ${messageOf(error)}.`, {
    cause: error,
    nextStep: "See whether it runs with: hansa status",
  });
}

/** The message inside a google.protobuf.Any, when it is of this type. */
function messageIn(any: Bytes, fullName: string): Bytes | undefined {
  let type = "";
  let value: Bytes | undefined;
  const scanner = new FieldScanner(any, "google.protobuf.Any");
  while (scanner.next()) {
    if (scanner.number === 1 && scanner.wireType === 2) type = toUtf8(scanner.bytes);
    if (scanner.number === 2 && scanner.wireType === 2) value = scanner.bytes;
  }
  return type.endsWith(`/${fullName}`) ? value : undefined;
}
