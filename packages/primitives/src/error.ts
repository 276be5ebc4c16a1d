/**
 * A failure with its facts: something outside did not do its part. Not for expected outcomes (those are values)
 * nor for broken invariants (those are assertions).
 *
 * `code` is stable and machine-readable, `message` is one sentence of fact, `nextStep` one sentence of advice.
 */
export class HansaError extends Error {
  override readonly name: string = "HansaError";
  readonly code: string;
  readonly nextStep: string | undefined;

  constructor(code: string, message: string, options: ErrorOptions & { nextStep?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.nextStep = options.nextStep;
  }
}

/** The words of whatever was thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
