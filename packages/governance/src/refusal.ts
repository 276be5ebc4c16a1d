/** Refusals on their way through gRPC: the detail of a status. */
import type { Bytes } from "@hansa/primitives";
import { decode, encode, FieldScanner, hansa, WireError } from "@hansa/wire";
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
      const bytes = anyOf(detail, REFUSAL_MESSAGE);
      if (bytes === undefined) continue;
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

function anyOf(bytes: Bytes, name: string): Bytes | undefined {
  const scanner = new FieldScanner(bytes, "google.protobuf.Any");
  let type = "";
  let value: Bytes = new Uint8Array(0);
  while (scanner.next()) {
    if (scanner.wireType !== 2) continue;
    if (scanner.number === 1) type = Buffer.from(scanner.bytes).toString("utf8");
    else if (scanner.number === 2) value = scanner.bytes;
  }
  return type.endsWith(`/${name}`) ? value : undefined;
}
