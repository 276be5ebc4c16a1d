import { HansaError } from "@hansa/primitives";

/** What can go wrong below the ledger. */
export type LedgerFault =
  | "STORE_CORRUPT"
  | "STORE_IN_USE"
  | "STORE_CLOSED"
  | "STATE_AHEAD_OF_BLOCKS"
  | "STATE_LOST"
  | "BLOCK_OUT_OF_ORDER"
  | "BLOCK_MALFORMED"
  | "PREVIOUS_HASH_MISMATCH"
  | "DATA_HASH_MISMATCH";

export class LedgerError extends HansaError {
  override readonly name = "LedgerError";
  readonly fault: LedgerFault;

  constructor(fault: LedgerFault, message: string, options: ErrorOptions & { nextStep?: string } = {}) {
    super(fault, message, options);
    this.fault = fault;
  }
}

/**
 * A chaincode asked for what a simulation does not allow. The message is Fabric's, word for word: it reaches chaincode
 * and client as it is.
 */
export class SimulationError extends HansaError {
  override readonly name = "SimulationError";

  constructor(message: string) {
    super("SIMULATION", message);
  }
}
