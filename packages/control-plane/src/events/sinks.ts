/** Where events go. A sink keeps its order; what it cannot deliver is logged, never thrown. */
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, messageOf } from "@hansa/primitives";

/** As Amazon EventBridge delivers it. */
export type BlockchainEvent = {
  readonly version: "0";
  /** The same event has the same id, whenever and however often it is told. */
  readonly id: string;
  readonly "detail-type": "Managed Blockchain Invitation State Change" | "Managed Blockchain Proposal State Change";
  readonly source: "aws.managedblockchain";
  /** Whom it is told. */
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, string | undefined>>;
};

export interface EventSink {
  /** Resolves when the sink has taken the event: written it down, or put it in its queue. */
  deliver(event: BlockchainEvent): Promise<void>;
  /** Gives what is queued a last chance. */
  close(): Promise<void>;
}

const LAST_CHANCE_MS = 2_000;

/** One line of JSON per event, on disk when `deliver` resolves. */
export function fileSink(file: string, logger: Logger): EventSink {
  let last: Promise<void> = Promise.resolve();
  const append = async (event: BlockchainEvent) => {
    const handle = await open(file, "a", 0o600);
    try {
      await handle.appendFile(`${JSON.stringify(event)}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  };
  return {
    deliver(event) {
      last = last
        .then(() => append(event))
        .catch((error: unknown) =>
          logger.error("cannot write an event", { file, id: event.id, error: messageOf(error) }),
        );
      return last;
    },
    close: () => last,
  };
}

export type WebhookOptions = {
  /** Default 4, the first one included. */
  readonly tries?: number;
  /** Doubles after each try. Default 500. */
  readonly firstWaitMs?: number;
  /** Default 5,000. */
  readonly timeoutMs?: number;
  /** Events that wait; when there are more, new ones are dropped with a line in the log. Default 1,000. */
  readonly maxWaiting?: number;
};

/** A POST of the event's JSON; any 2xx answer takes it. */
export function webhookSink(url: string, logger: Logger, options: WebhookOptions = {}): EventSink {
  const { tries = 4, firstWaitMs = 500, timeoutMs = 5_000, maxWaiting = 1_000 } = options;
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();
  const post = async (event: BlockchainEvent) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(event),
          redirect: "error",
          signal: AbortSignal.timeout(timeoutMs),
        });
        await response.body?.cancel();
        if (response.ok) return;
        throw new Error(`the webhook answered ${response.status}`);
      } catch (error) {
        if (attempt >= tries) {
          logger.error("gave up an event", { id: event.id, tries, error: messageOf(error) });
          return;
        }
        await sleep(firstWaitMs * 2 ** (attempt - 1), undefined, { ref: false });
      }
    }
  };
  return {
    deliver(event) {
      if (waiting >= maxWaiting) {
        logger.error("dropped an event: too many wait for the webhook", { id: event.id, waiting });
        return Promise.resolve();
      }
      waiting += 1;
      last = last
        .then(() => post(event))
        .finally(() => {
          waiting -= 1;
        });
      return Promise.resolve();
    },
    close: () => Promise.race([last, sleep(LAST_CHANCE_MS, undefined, { ref: false })]),
  };
}
