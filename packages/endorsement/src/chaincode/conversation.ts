/**
 * The peer's side of one chaincode stream, as a state machine: bytes in, bytes out, calls that end.
 *
 *   created --REGISTER--> ready --stream ends--> ended
 *
 * Calls are multiplexed by (channel, transaction id). Within one call the chaincode asks one question at a time; a
 * second one before the first is answered is dropped, as Fabric does. It reads no clock: `now` comes in, and
 * `expire` ends what has taken too long. It does no I/O: what it sends goes to its host.
 *
 * Source: hyperledger/fabric, core/chaincode/handler.go.
 */
import { assert, type Bytes, fromUtf8, messageOf, NO_BYTES, toUtf8 } from "@hansa/primitives";
import { encode, protos } from "@hansa/wire";
import { ChaincodeError } from "./error.js";
import { type ConversationLimits, DEFAULT_LIMITS } from "./limits.js";
import { CallState, REQUEST_HANDLERS } from "./requests.js";
import {
  invocationMessage,
  readShimMessage,
  type ShimMessage,
  ShimType,
  shimMessage,
  shimTypeName,
  transactionTail,
} from "./shim-message.js";
import type { CallOutcome, ChaincodeCall } from "./simulation.js";

export interface ConversationHost {
  send(message: Bytes): void;
  /** Whether a process may call itself so; throws ChaincodeError when not. */
  register(packageId: string, conversation: Conversation): void;
  /** READY is sent: calls may begin. */
  ready(packageId: string): void;
  readonly meter?: ShimMeter | undefined;
}

/** Told what chaincodes ask of the peer: a place for metrics. */
export interface ShimMeter {
  /** @returns what `answered` is to be given at the end */
  asked(type: string, channelId: string, packageId: string): number;
  answered(type: string, channelId: string, packageId: string, isSuccess: boolean, askedAt: number): void;
}

type OpenCall = {
  readonly state: CallState;
  readonly deadline: number;
  readonly resolve: (outcome: CallOutcome) => void;
  readonly reject: (error: Error) => void;
  isAnswering: boolean;
};

export class Conversation {
  readonly #host: ConversationHost;
  readonly #limits: ConversationLimits;
  readonly #calls = new Map<string, OpenCall>();
  #phase: "created" | "ready" | "ended" = "created";
  #packageId = "";

  constructor(host: ConversationHost, limits: ConversationLimits = DEFAULT_LIMITS) {
    this.#host = host;
    this.#limits = limits;
  }

  /** What the process announced; "" before that. */
  get packageId(): string {
    return this.#packageId;
  }

  get isReady(): boolean {
    return this.#phase === "ready";
  }

  /** Calls in progress. */
  get openCalls(): number {
    return this.#calls.size;
  }

  /**
   * Takes one message from the chaincode.
   * @throws ChaincodeError when the stream must end; the host then calls `end`
   */
  receive(bytes: Bytes): void {
    if (bytes.length > this.#limits.maxMessageBytes) {
      throw new ChaincodeError("LIMIT", `a message of ${bytes.length} bytes exceeds ${this.#limits.maxMessageBytes}`);
    }
    const message = readShimMessage(bytes);
    if (message.type === ShimType.KEEPALIVE || this.#phase === "ended") return;
    if (this.#phase === "created") this.#receiveFirst(message);
    else this.#receiveReady(message);
  }

  /**
   * Sends TRANSACTION or INIT and waits for its end. COMPLETED and ERROR both are outcomes.
   * @throws ChaincodeError TIMEOUT, STREAM_TERMINATED, or REFUSED when this transaction is being executed already
   */
  execute(call: ChaincodeCall, now: number): Promise<CallOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#phase !== "ready") throw terminated();
      const key = callKey(call.channelId, call.txId);
      if (this.#calls.has(key)) throw new ChaincodeError("REFUSED", `txid: ${call.txId}(${call.channelId}) exists`);
      const state = new CallState(call, this.#limits, transactionTail(call.txId, call.channelId));
      const deadline = now + call.timeoutMs;
      this.#calls.set(key, { state, deadline, resolve, reject, isAnswering: false });
      const type = call.isInit ? ShimType.INIT : ShimType.TRANSACTION;
      this.#host.send(invocationMessage(type, call.input, call.txId, call.channelId, call.signedProposal));
    });
  }

  /** Ends calls whose time is over, and counts them. What their chaincode sends afterwards finds no call. */
  expire(now: number): number {
    let expired = 0;
    for (const [key, call] of this.#calls) {
      if (call.deadline > now) continue;
      expired += 1;
      this.#forget(key, call);
      call.reject(new ChaincodeError("TIMEOUT", "timeout expired while executing transaction"));
    }
    return expired;
  }

  keepAlive(): void {
    if (this.#phase === "ready") this.#host.send(shimMessage(ShimType.KEEPALIVE, NO_BYTES, NO_BYTES));
  }

  /** The stream is gone. */
  end(reason?: string): void {
    this.#phase = "ended";
    for (const [key, call] of this.#calls) {
      this.#forget(key, call);
      call.reject(terminated(reason));
    }
  }

  #receiveFirst(message: ShimMessage): void {
    if (message.type !== ShimType.REGISTER) {
      throw new ChaincodeError(
        "PROTOCOL",
        `[${message.txId}] Fabric side handler cannot handle message (${shimTypeName(message.type)}) while in created state`,
      );
    }
    const name = registeredName(message.payload);
    try {
      this.#host.register(name, this);
    } catch (error) {
      this.#host.send(shimMessage(ShimType.ERROR, fromUtf8(messageOf(error)), NO_BYTES));
      throw error;
    }
    this.#packageId = name;
    this.#host.send(shimMessage(ShimType.REGISTERED, NO_BYTES, NO_BYTES));
    const parameters = encode(protos.ChaincodeAdditionalParams, {
      useWriteBatch: true,
      maxSizeWriteBatch: this.#limits.maxWriteBatch,
      useGetMultipleKeys: true,
      maxSizeGetMultipleKeys: this.#limits.maxMultipleKeys,
    });
    this.#host.send(shimMessage(ShimType.READY, parameters, NO_BYTES));
    this.#phase = "ready";
    this.#host.ready(name);
  }

  #receiveReady(message: ShimMessage): void {
    const { type } = message;
    const key = callKey(message.channelId, message.txId);
    const call = this.#calls.get(key);
    if (type === ShimType.COMPLETED || type === ShimType.ERROR) {
      if (call !== undefined) this.#complete(key, call, message);
      return;
    }
    const handler = REQUEST_HANDLERS[type];
    if (handler === undefined) {
      throw new ChaincodeError(
        "PROTOCOL",
        `[${message.txId}] Fabric side handler cannot handle message (${shimTypeName(type)}) while in ready state`,
      );
    }
    if (call === undefined) {
      const text = type === ShimType.INVOKE_CHAINCODE ? "could not get valid transaction" : "no ledger context";
      const tail = transactionTail(message.txId, message.channelId);
      this.#host.send(shimMessage(ShimType.ERROR, failure(type, message.txId, text), tail));
      return;
    }
    if (call.isAnswering) return;
    const { channelId } = message;
    const askedAt = this.#host.meter?.asked(shimTypeName(type), channelId, this.#packageId) ?? 0;
    let answer: Bytes | Promise<Bytes>;
    try {
      answer = handler(call.state, message.payload);
    } catch (error) {
      this.#measure(type, channelId, false, askedAt);
      this.#refuse(call, type, error);
      return;
    }
    if (answer instanceof Uint8Array) {
      this.#host.send(shimMessage(ShimType.RESPONSE, answer, call.state.tail));
      this.#measure(type, channelId, true, askedAt);
      return;
    }
    call.isAnswering = true;
    answer.then(
      (payload) => {
        this.#measure(type, channelId, true, askedAt);
        this.#answer(key, call, shimMessage(ShimType.RESPONSE, payload, call.state.tail));
      },
      (error: unknown) => {
        this.#measure(type, channelId, false, askedAt);
        if (this.#calls.get(key) !== call) return;
        call.isAnswering = false;
        this.#refuse(call, type, error);
      },
    );
  }

  #measure(type: number, channelId: string, isSuccess: boolean, askedAt: number): void {
    this.#host.meter?.answered(shimTypeName(type), channelId, this.#packageId, isSuccess, askedAt);
  }

  /** A late answer finds its call still open, or is dropped. */
  #answer(key: string, call: OpenCall, message: Bytes): void {
    if (this.#calls.get(key) !== call) return;
    call.isAnswering = false;
    this.#host.send(message);
  }

  #refuse(call: OpenCall, type: number, error: unknown): void {
    const payload = failure(type, call.state.call.txId, messageOf(error));
    this.#host.send(shimMessage(ShimType.ERROR, payload, call.state.tail));
  }

  #complete(key: string, call: OpenCall, message: ShimMessage): void {
    this.#forget(key, call);
    const size = message.event?.length ?? 0;
    if (size > this.#limits.maxEventBytes) {
      call.reject(
        new ChaincodeError("LIMIT", `the chaincode event of ${size} bytes exceeds ${this.#limits.maxEventBytes}`),
      );
      return;
    }
    call.resolve({ type: message.type, payload: message.payload, event: message.event });
  }

  #forget(key: string, call: OpenCall): void {
    const wasThere = this.#calls.delete(key);
    assert(wasThere, `call ${key} ended twice`);
    call.state.end();
  }
}

/** Transaction ids of one channel cannot collide with another's: channel ids hold no control characters. */
function callKey(channelId: string, txId: string): string {
  return `${txId}\n${channelId}`;
}

function registeredName(payload: Bytes): string {
  let name: string;
  try {
    name = protos.ChaincodeID.decode(payload).name;
  } catch (cause) {
    throw new ChaincodeError("PROTOCOL", "Error in received REGISTER, could NOT unmarshal registration info", {
      cause,
    });
  }
  if (name === "") {
    throw new ChaincodeError("WRONG_PACKAGE_ID", "error in handling register chaincode, chaincodeID name is empty");
  }
  return name;
}

function failure(type: number, txId: string, why: string): Bytes {
  return fromUtf8(`${shimTypeName(type)} failed: transaction ID: ${txId}: ${why}`);
}

function terminated(reason?: string): ChaincodeError {
  const text = "chaincode stream terminated";
  return new ChaincodeError("STREAM_TERMINATED", reason === undefined ? text : `${text}: ${reason}`);
}

/** Text of an ERROR outcome. */
export function outcomeText(outcome: CallOutcome): string {
  return toUtf8(outcome.payload);
}
