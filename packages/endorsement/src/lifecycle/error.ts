import { HansaError } from "@hansa/primitives";

/** `NAMESPACE_NOT_DEFINED` becomes status 404 towards clients, everything else 500. */
export type LifecycleFault = "NAMESPACE_NOT_DEFINED" | "CORRUPT_STATE" | "REFUSED";

/** A lifecycle request that cannot be served. Messages are Fabric's: command line tools and SDKs show and match them. */
export class LifecycleError extends HansaError {
  override readonly name = "LifecycleError";
  readonly fault: LifecycleFault;

  constructor(fault: LifecycleFault, message: string, options: ErrorOptions = {}) {
    super(`LIFECYCLE_${fault}`, message, options);
    this.fault = fault;
  }
}

export function refuse(message: string): never {
  throw new LifecycleError("REFUSED", message);
}
