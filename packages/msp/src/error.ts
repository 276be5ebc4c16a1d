import { HansaError } from "@hansa/primitives";

export type MspFault =
  /** No member of the channel has this MSP id. */
  | "UNKNOWN_MSP"
  /** Bytes that are no identity, principal or policy. */
  | "MALFORMED"
  /** No chain, or more than one, to the member's CAs; or a CA used as an identity. */
  | "UNTRUSTED"
  | "REVOKED"
  | "EXPIRED"
  /** The organisational units do not fit the member's rules. */
  | "WRONG_UNITS"
  | "UNSUPPORTED_KEY"
  /** The member's configuration itself is wrong. */
  | "INVALID_CONFIG"
  /** A policy text or message that cannot be compiled. */
  | "INVALID_POLICY";

export class MspError extends HansaError {
  override readonly name = "MspError";
  readonly fault: MspFault;

  constructor(fault: MspFault, message: string, options?: ErrorOptions & { nextStep?: string }) {
    super(fault, message, options);
    this.fault = fault;
  }
}

/** Runs `action` and puts `context` before the message of any failure. */
export function withContext<T>(fault: MspFault, context: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new MspError(cause instanceof MspError ? cause.fault : fault, `${context}: ${cause.message}`, { cause });
  }
}
