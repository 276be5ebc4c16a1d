import { HansaError } from "@hansa/primitives";

/**
 * Why an act is not allowed:
 * - NOT_FOUND: it names a member, proposal, invitation or enactment that is not there (any more)
 * - ILLEGAL_ACTION: what it names is not in a state for it, or the actor has no right to it
 * - ALREADY_EXISTS: an id, a name or a vote is there already
 * - INVALID: the act itself is malformed or is not signed by whom it says
 * - NOT_READY: later perhaps, when something under way is done
 * - LIMIT_EXCEEDED: the network is full
 */
export type RefusalReason =
  | "NOT_FOUND"
  | "ILLEGAL_ACTION"
  | "ALREADY_EXISTS"
  | "INVALID"
  | "NOT_READY"
  | "LIMIT_EXCEEDED";

/** An act that the rules do not allow. Nothing changes by it. */
export class GovernanceRefusal extends HansaError {
  override readonly name = "GovernanceRefusal";
  readonly reason: RefusalReason;
  /** Id of what was not found, is not ready, or stands in the way. */
  readonly resource: string | undefined;

  constructor(
    reason: RefusalReason,
    message: string,
    options: ErrorOptions & { nextStep?: string; resource?: string } = {},
  ) {
    const { resource, ...rest } = options;
    super(reason, message, rest);
    this.reason = reason;
    this.resource = resource;
  }
}
