import { HansaError } from "@hansa/primitives";

/**
 * Why no plan can be made:
 * - UNKNOWN_CHAINCODE, UNKNOWN_COLLECTION: the interest names what the channel does not define
 * - POLICY: a policy is missing, malformed or satisfied by nobody
 * - PEERS: the policy is fine, the peers at hand are not enough
 */
export type PlanFault = "UNKNOWN_CHAINCODE" | "UNKNOWN_COLLECTION" | "POLICY" | "PEERS";

/** The text is what Fabric's discovery says in the same case: gateways pass it to clients. */
export class PlanError extends HansaError {
  override readonly name = "PlanError";
  readonly fault: PlanFault;

  constructor(fault: PlanFault, message: string, options: ErrorOptions & { nextStep?: string } = {}) {
    super(fault, message, options);
    this.fault = fault;
  }
}
