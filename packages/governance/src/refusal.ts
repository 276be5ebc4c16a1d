/** Refusals on their way through gRPC: the detail of a status. */
import { type Bytes, toUtf8 } from "@hansa/primitives";
import { decode, encode, hansa, readPair, WireError } from "@hansa/wire";
import { GovernanceRefusal, type RefusalReason } from "./error.js";

const REASONS: Readonly<Record<RefusalReason, true>> = {
  NOT_FOUND: true,
  ILLEGAL_ACTION: true,
  ALREADY_EXISTS: true,
  INVALID: true,
  NOT_READY: true,
  LIMIT_EXCEEDED: true,
};

/** Name of the message that carries a refusal. */
export const REFUSAL_MESSAGE = "hansa.governance.Refusal";

export function encodeRefusal(refusal: GovernanceRefusal): Bytes {
  const { reason, message, resource, nextStep } = refusal;
  return encode(hansa.governance.Refusal, {
    code: reason,
    message,
    resource: resource ?? "",
    nextStep: nextStep ?? "",
  });
}

/**
 * The refusal among the details of a status.
 * @param details encoded google.protobuf.Any messages
 */
export function refusalIn(details: readonly Bytes[]): GovernanceRefusal | undefined {
  for (const detail of details) {
    try {
      const [type, bytes] = readPair(detail, "google.protobuf.Any");
      if (!toUtf8(type).endsWith(`/${REFUSAL_MESSAGE}`)) continue;
      const { code, message, resource, nextStep } = decode(hansa.governance.Refusal, bytes, REFUSAL_MESSAGE);
      if (!Object.hasOwn(REASONS, code)) continue;
      return new GovernanceRefusal(code as RefusalReason, message, {
        ...(resource === "" ? {} : { resource }),
        ...(nextStep === "" ? {} : { nextStep }),
      });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
  return undefined;
}
