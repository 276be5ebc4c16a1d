/**
 * The block cutter: which messages share a block. Counts and sizes only; time is the chain's.
 * Source: hyperledger/fabric, orderer/common/blockcutter/blockcutter.go.
 */
export type BatchLimits = {
  readonly maxMessageCount: number;
  readonly preferredMaxBytes: number;
};

export type Sized = { /** Payload plus signature. */ readonly bytes: number };

/** Messages waiting for a block. `order` and `cut` take it over: the caller uses what they return. */
export type Pending<T extends Sized> = { readonly messages: T[]; readonly bytes: number };

export function nothingPending<T extends Sized>(): Pending<T> {
  return { messages: [], bytes: 0 };
}

/**
 * Adds one message and says which batches are now complete, oldest first: none, one or two.
 * A message larger than the preferred size gets a block of its own, after what was waiting.
 */
export function order<T extends Sized>(
  pending: Pending<T>,
  next: T,
  limits: BatchLimits,
): { batches: T[][]; pending: Pending<T> } {
  const held = pending.messages.length > 0 ? [pending.messages] : [];
  if (next.bytes > limits.preferredMaxBytes) return { batches: [...held, [next]], pending: nothingPending() };

  const overflows = pending.bytes + next.bytes > limits.preferredMaxBytes;
  const batches = overflows ? held : [];
  const messages = overflows ? [] : pending.messages;
  messages.push(next);
  if (messages.length >= limits.maxMessageCount) return { batches: [...batches, messages], pending: nothingPending() };
  return { batches, pending: { messages, bytes: overflows ? next.bytes : pending.bytes + next.bytes } };
}
