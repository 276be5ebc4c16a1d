/**
 * The chaincode processes that are connected to this peer, by package id. Streams come from outside: from a peer that
 * dialled a chaincode server, or from a chaincode that dialled the peer. Which is which makes no difference here.
 *
 * Source: hyperledger/fabric, core/chaincode/handler_registry.go and chaincode_support.go.
 */
import { type Bytes, type Clock, type Logger, silentLogger } from "@hansa/primitives";
import { Conversation, type ShimMeter } from "./conversation.js";
import { ChaincodeError } from "./error.js";
import { type ConversationLimits, DEFAULT_LIMITS } from "./limits.js";
import type { CallOutcome, ChaincodeCall } from "./simulation.js";

/** The outgoing half of a stream of protos.ChaincodeMessage. */
export interface ChaincodeStream {
  send(message: Bytes): void;
  close(reason?: Error): void;
}

/** The incoming half: whoever owns the stream calls these. */
export interface ChaincodeConnection {
  receive(message: Bytes): void;
  /** The stream ended or broke. @param reason for callers that wait, where there is more to say than that */
  closed(reason?: string): void;
}

export type RegistryOptions = {
  readonly clock: Clock;
  /** Calls `run` about every `ms` milliseconds until the returned function is called; must not keep a process alive. */
  readonly every: (ms: number, run: () => void) => () => void;
  /** Whether a process that dials in may serve this package. Streams opened with an expected id are not asked about. */
  readonly accepts?: (packageId: string) => boolean;
  /** Milliseconds between KEEPALIVE messages; 0, Fabric's default, sends none. */
  readonly keepAliveMs?: number;
  /**
   * Told when a process has let two calls run out of time without a word in between: it is stuck, in a loop perhaps.
   * It cannot be asked whether it lives, because fabric-shim 2.5 for Node exits when a KEEPALIVE comes.
   */
  readonly onStuck?: (packageId: string) => void;
  /** Whether somebody steps through the package's code: its calls do not run out of time meanwhile. */
  readonly isDebugged?: (packageId: string) => boolean;
  readonly limits?: Partial<ConversationLimits>;
  readonly meter?: ShimMeter;
  readonly logger?: Logger;
};

export type ConnectOptions = {
  /** Takes the place of a process that announced the same id, which may finish the calls it has begun. */
  readonly replaces?: boolean;
  /** Called once, when calls may come. */
  readonly onReady?: () => void;
  /** Called once, when the stream is over. */
  readonly onClosed?: () => void;
};

type Waiter = {
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly explain: (() => Error | undefined) | undefined;
};

/** How often time-outs are looked for; a call ends at most so much later than its time-out says. */
const SWEEP_MS = 100;
const SILENT_TIMEOUTS = 2;

export class ChaincodeRegistry {
  readonly #options: RegistryOptions;
  readonly #limits: ConversationLimits;
  readonly #logger: Logger;
  readonly #ready = new Map<string, Conversation>();
  readonly #conversations = new Set<Conversation>();
  /** How many calls have run out of time since the process was last heard. */
  readonly #timeouts = new Map<Conversation, number>();
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #stopSweep: () => void;
  #nextKeepAlive: number;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#logger = options.logger ?? silentLogger;
    this.#nextKeepAlive = options.clock.now() + (options.keepAliveMs ?? 0);
    this.#stopSweep = options.every(SWEEP_MS, () => this.#sweep());
  }

  /**
   * Begins a conversation.
   * @param expected package id that the process must announce. Any other one ends the stream at once, and whoever
   *   waits for the expected one is told why. Undefined: any id that `accepts` takes.
   */
  connect(stream: ChaincodeStream, expected?: string, options: ConnectOptions = {}): ChaincodeConnection {
    const conversation: Conversation = new Conversation(
      {
        send: (message) => {
          try {
            stream.send(message);
          } catch (error) {
            fail(error);
          }
        },
        register: (packageId, self) => this.#register(packageId, expected, self, options.replaces ?? false),
        ready: (packageId) => {
          this.#becomeReady(packageId, conversation);
          options.onReady?.();
        },
        meter: this.#options.meter,
      },
      this.#limits,
    );
    this.#conversations.add(conversation);
    let isClosed = false;
    const closed = (reason?: string) => {
      if (isClosed) return;
      isClosed = true;
      this.#remove(conversation, reason);
      options.onClosed?.();
    };
    const fail = (error: unknown) => {
      if (isClosed) return;
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#logger.warn("chaincode stream ends", {
        packageId: conversation.packageId || expected,
        reason: reason.message,
      });
      closed(reason.message);
      if (expected !== undefined) this.fail(expected, reason);
      stream.close(reason);
    };
    const receive = (message: Bytes) => {
      if (isClosed) return;
      this.#timeouts.delete(conversation);
      try {
        conversation.receive(message);
      } catch (error) {
        fail(error);
      }
    };
    return { receive, closed };
  }

  isReady(packageId: string): boolean {
    return this.#ready.has(packageId);
  }

  /** Package ids that can be called now. */
  get readyIds(): string[] {
    return [...this.#ready.keys()];
  }

  /**
   * Resolves when a process of this package can be called.
   * @param explain asked when the time is over: why the package is not running, where the caller knows more than that
   * @throws ChaincodeError NOT_RUNNING, what `explain` says, or what `fail` was told
   */
  async whenReady(packageId: string, timeoutMs: number, explain?: () => Error | undefined): Promise<void> {
    if (this.#ready.has(packageId)) return;
    await new Promise<void>((resolve, reject) => {
      const waiters = this.#waiters.get(packageId) ?? new Set();
      this.#waiters.set(packageId, waiters);
      waiters.add({ deadline: this.#options.clock.now() + timeoutMs, resolve, reject, explain });
    });
  }

  /** A launch failed: tells all who wait for it. */
  fail(packageId: string, reason: Error): void {
    const waiters = this.#waiters.get(packageId);
    this.#waiters.delete(packageId);
    for (const waiter of waiters ?? []) waiter.reject(reason);
  }

  /** @throws ChaincodeError NOT_RUNNING, TIMEOUT, STREAM_TERMINATED, REFUSED */
  execute(packageId: string, call: ChaincodeCall): Promise<CallOutcome> {
    const conversation = this.#ready.get(packageId);
    if (conversation === undefined) return Promise.reject(notRunning(packageId));
    return conversation.execute(call, this.#options.clock.now());
  }

  /** Ends the conversation of one package, if there is one; its calls in progress fail. */
  disconnect(packageId: string): void {
    const conversation = this.#ready.get(packageId);
    if (conversation !== undefined) this.#remove(conversation);
  }

  /** Ends all conversations; calls in progress fail. */
  stop(): void {
    this.#stopSweep();
    for (const conversation of [...this.#conversations]) this.#remove(conversation);
    for (const packageId of [...this.#waiters.keys()]) this.fail(packageId, notRunning(packageId));
  }

  #register(packageId: string, expected: string | undefined, conversation: Conversation, replaces: boolean): void {
    if (expected !== undefined && packageId !== expected) {
      throw new ChaincodeError(
        "WRONG_PACKAGE_ID",
        `chaincode announced package id "${packageId}", but "${expected}" was expected`,
        { nextStep: `Start it with CHAINCODE_ID (or CORE_CHAINCODE_ID_NAME) set to "${expected}".` },
      );
    }
    if (expected === undefined && this.#options.accepts?.(packageId) === false) {
      throw new ChaincodeError(
        "WRONG_PACKAGE_ID",
        `chaincode announced package id "${packageId}", which is not installed on this peer`,
      );
    }
    const present = this.#ready.get(packageId);
    if (present !== undefined && present !== conversation && !replaces) {
      throw new ChaincodeError("DUPLICATE_PACKAGE_ID", `duplicate chaincodeID: ${packageId}`);
    }
  }

  #becomeReady(packageId: string, conversation: Conversation): void {
    this.#ready.set(packageId, conversation);
    this.#logger.info("chaincode is ready", { packageId });
    const waiters = this.#waiters.get(packageId);
    this.#waiters.delete(packageId);
    for (const waiter of waiters ?? []) waiter.resolve();
  }

  #remove(conversation: Conversation, reason?: string): void {
    this.#conversations.delete(conversation);
    this.#timeouts.delete(conversation);
    if (this.#ready.get(conversation.packageId) === conversation) this.#ready.delete(conversation.packageId);
    conversation.end(reason);
  }

  #countTimeouts(conversation: Conversation, expired: number): void {
    if (expired === 0) return;
    const timeouts = (this.#timeouts.get(conversation) ?? 0) + expired;
    this.#timeouts.set(conversation, timeouts);
    if (timeouts < SILENT_TIMEOUTS) return;
    this.#timeouts.delete(conversation);
    this.#options.onStuck?.(conversation.packageId);
  }

  #sweep(): void {
    const now = this.#options.clock.now();
    const { keepAliveMs = 0 } = this.#options;
    const isKeepAliveDue = keepAliveMs > 0 && now >= this.#nextKeepAlive;
    if (isKeepAliveDue) this.#nextKeepAlive = now + keepAliveMs;
    for (const conversation of this.#conversations) {
      if (this.#options.isDebugged?.(conversation.packageId) !== true)
        this.#countTimeouts(conversation, conversation.expire(now));
      if (isKeepAliveDue) conversation.keepAlive();
    }
    for (const [packageId, waiters] of this.#waiters) {
      for (const waiter of waiters) {
        if (waiter.deadline > now) continue;
        waiters.delete(waiter);
        waiter.reject(waiter.explain?.() ?? notRunning(packageId));
      }
      if (waiters.size === 0) this.#waiters.delete(packageId);
    }
  }
}

function notRunning(packageId: string): ChaincodeError {
  return new ChaincodeError("NOT_RUNNING", `chaincode ${packageId} is not running`, {
    nextStep: "Look into its log, or start the chaincode server again.",
  });
}
