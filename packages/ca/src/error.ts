import { HansaError } from "@hansa/primitives";

export type CaFault =
  /** Unknown id or wrong secret, or a signature that does not hold. */
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "ALREADY_REGISTERED"
  | "NOT_FOUND"
  | "BAD_REQUEST"
  /** The identity is revoked, or has no enrolment left. */
  | "REFUSED"
  /** Too many attempts, or too many at once. */
  | "OVERLOADED"
  /** Files of the authority that cannot be used. */
  | "CORRUPT_STORE"
  | "WRONG_PASSPHRASE"
  /** The authority cannot be reached, or failed. */
  | "UNAVAILABLE";

export class CaError extends HansaError {
  override readonly name = "CaError";
  readonly fault: CaFault;

  constructor(fault: CaFault, message: string, options?: ErrorOptions & { nextStep?: string }) {
    super(fault, message, options);
    this.fault = fault;
  }
}
