import { HansaError } from "@hansa/primitives";

export type ChaincodeFault =
  /** Not a protocol message at all. Ends the stream. */
  | "MALFORMED_MESSAGE"
  /** A protocol message where it does not belong. Ends the stream. */
  | "PROTOCOL"
  /** The process announced another package id than the one it was started or configured for. */
  | "WRONG_PACKAGE_ID"
  /** A chaincode with this package id is connected already. */
  | "DUPLICATE_PACKAGE_ID"
  /** Larger, more or longer than the bounds allow. */
  | "LIMIT"
  /** No process with this package id is connected, and none came in time. */
  | "NOT_RUNNING"
  | "TIMEOUT"
  | "STREAM_TERMINATED"
  /** An invocation that the rules refuse; the message is Fabric's. */
  | "REFUSED";

/** Something went wrong between peer and chaincode. Messages that reach clients are Fabric's. */
export class ChaincodeError extends HansaError {
  override readonly name = "ChaincodeError";
  readonly fault: ChaincodeFault;

  constructor(fault: ChaincodeFault, message: string, options: ErrorOptions & { nextStep?: string } = {}) {
    super(`CHAINCODE_${fault}`, message, options);
    this.fault = fault;
  }
}

export function refuse(message: string): never {
  throw new ChaincodeError("REFUSED", message);
}
