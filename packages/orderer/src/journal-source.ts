/** A question to the Journal service, once its sender was let in. */
import type { JournalStrand } from "@hansa/journal";
import type { Bytes } from "@hansa/primitives";
import type { CallContext } from "@hansa/transport";
import type { OrderedChannel } from "./channel.js";

/** What is asked about and by whom. The governance strand has no channel and no witnesses. */
export type Source = {
  readonly strand: JournalStrand;
  readonly channel: OrderedChannel | undefined;
  /** msp.SerializedIdentity of the sender. */
  readonly creator: Bytes;
  /** @throws RpcStatus once the sender may read no more */
  recheck(): void;
};

/** @param request the message that the method names */
export type JournalAnswer = (request: Uint8Array, source: Source, signal: CallContext["signal"]) => Promise<Uint8Array>;
