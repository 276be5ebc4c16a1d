import { HansaError } from "@hansa/primitives";

/**
 * What is wrong with a configuration:
 * - MALFORMED: bytes that do not decode, or a block or envelope that carries no configuration
 * - INVALID_CONFIG: a configuration that no channel may have
 * - UPDATE_REFUSED: an update that does not fit the current configuration or lacks signatures
 * - UNSUPPORTED: a capability that this software does not know
 */
export type ConfigFault = "MALFORMED" | "INVALID_CONFIG" | "UPDATE_REFUSED" | "UNSUPPORTED";

/**
 * A configuration or an update of one that cannot be accepted. Where clients read the text, it is Fabric's.
 */
export class ConfigError extends HansaError {
  override readonly name = "ConfigError";
  readonly fault: ConfigFault;

  constructor(fault: ConfigFault, message: string, options: ErrorOptions & { nextStep?: string } = {}) {
    super(fault, message, options);
    this.fault = fault;
  }
}

/** The same failure with more context in front, joined as Go joins wrapped errors. */
export function withContext(context: string, error: unknown): Error {
  if (error instanceof ConfigError) {
    return new ConfigError(error.fault, `${context}: ${error.message}`, {
      cause: error,
      ...(error.nextStep === undefined ? {} : { nextStep: error.nextStep }),
    });
  }
  if (error instanceof HansaError) {
    return new ConfigError("INVALID_CONFIG", `${context}: ${error.message}`, { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** Runs a step and puts a context in front of its failure. */
export function inContext<T>(context: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw withContext(context, error);
  }
}
