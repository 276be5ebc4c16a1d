/** A broken invariant: our mistake, never the caller's. */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
}

export function assert(condition: unknown, fact: string): asserts condition {
  if (!condition) throw new AssertionFailed(fact);
}

/** For the default branch of a switch over a union: a missing case fails to compile. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unexpected ${JSON.stringify(value)}`);
}
