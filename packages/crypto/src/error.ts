import { HansaError } from "@hansa/primitives";

export type CryptoFault =
  | "MALFORMED_PEM"
  | "MALFORMED_DER"
  | "MALFORMED_KEY"
  | "MALFORMED_CERTIFICATE"
  | "MALFORMED_REQUEST"
  | "MALFORMED_REVOCATION_LIST"
  | "UNSUPPORTED_KEY";

/** Key or certificate material from outside that cannot be read. The message never quotes the material. */
export class CryptoError extends HansaError {
  override readonly name = "CryptoError";
  readonly fault: CryptoFault;

  constructor(fault: CryptoFault, message: string, options?: ErrorOptions & { nextStep?: string }) {
    super(fault, message, options);
    this.fault = fault;
  }
}
