/** A broken invariant: our mistake, never the caller's. */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
}

export function assert(condition: unknown, fact: string): asserts condition {
  if (!condition) throw new AssertionFailed(fact);
}
