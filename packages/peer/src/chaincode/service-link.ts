/**
 * The peer's connection to one chaincode that runs as a service: dialled, kept, dialled again when it breaks.
 *
 * A server that cannot be reached, that announces another package id, or that says nothing, is reported at once to whoever waits for it;
 * trying goes on with growing pauses, and without a pause as soon as somebody asks again.
 */
import { ChaincodeError, type ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import { type Logger, messageOf } from "@hansa/primitives";
import { dialFailure, RpcClient } from "@hansa/transport";
import { services } from "@hansa/wire";
import type { ServiceConnection } from "./connection.js";

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;
/** How long a server may take that has accepted the connection. Shims register at once, but not on a cold JVM. */
const REGISTER_WITHIN_MS = 10_000;
/** A refusal comes at once, or it is none. */
const REFUSED_WITHIN_MS = 1_000;
/** What Go does not call temporary. Source: golang.org, syscall/syscall_unix.go (Errno.Temporary) and net/net.go. */
const FINAL: ReadonlySet<string> = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND"]);

export class ServiceLink {
  readonly #packageId: string;
  readonly #connection: ServiceConnection;
  readonly #registry: ChaincodeRegistry;
  readonly #logger: Logger;
  readonly #registerWithinMs: number;
  readonly #stop = new AbortController();
  #failures = 0;
  #reported: string | undefined;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(
    packageId: string,
    connection: ServiceConnection,
    registry: ChaincodeRegistry,
    logger: Logger,
    registerWithinMs = REGISTER_WITHIN_MS,
  ) {
    this.#registerWithinMs = registerWithinMs;
    this.#packageId = packageId;
    this.#connection = connection;
    this.#registry = registry;
    this.#logger = logger;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Somebody is waiting: tries now. */
  hurry(): void {
    this.#wake?.();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const reason = await this.#converse().catch((error: unknown) => new Error(messageOf(error), { cause: error }));
      if (signal.aborted) return;
      const pauseMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10), LAST_RETRY_MS);
      this.#failures += 1;
      // The first failure of a kind is news; that it goes on is not.
      const level = reason.message === this.#reported ? "debug" : "warn";
      this.#reported = reason.message;
      this.#logger[level]("chaincode server is not connected", {
        packageId: this.#packageId,
        address: this.#connection.address,
        reason: reason.message,
        retryInMs: pauseMs,
      });
      this.#registry.fail(this.#packageId, reason);
      await this.#pause(pauseMs);
    }
  }

  /** One connection from dial to end; returns why it ended. */
  async #converse(): Promise<Error> {
    const { address, dialTimeoutMs, tls } = this.#connection;
    const client = new RpcClient(
      address,
      tls && { rootPems: [tls.rootPem], certPem: tls.certPem, keyPem: tls.keyPem, serverName: tls.serverName },
    );
    const refusal = await refusalOf(client);
    const unreachable = (reason: string, cause: unknown) => {
      client.close();
      const text = `error creating grpc connection to ${address}: failed to create new connection: ${reason}`;
      return new ChaincodeError(
        "NOT_RUNNING",
        `connection to ${this.#packageId} failed: error cannot create connection for ${this.#packageId}: ${text}`,
        { cause, nextStep: "Start the chaincode server, or correct the address in the package's connection.json." },
      );
    };
    if (refusal !== undefined) {
      const dialled = dialFailure(refusal.message) ?? `dial tcp: ${refusal.message}`;
      return unreachable(`connection error: desc = "transport: error while dialing: ${dialled}"`, refusal);
    }
    try {
      await client.waitReady(dialTimeoutMs);
    } catch (cause) {
      return unreachable(messageOf(cause), cause);
    }
    const stream = client.bidi(services.Chaincode.methods.Connect, { signal: this.#stop.signal });
    return new Promise((resolve) => {
      const end = (reason: Error) => {
        clearTimeout(silence);
        link.closed();
        stream.close();
        client.close();
        resolve(reason);
      };
      const silence = setTimeout(() => {
        const took = `${address} takes connections, but did not register within ${this.#registerWithinMs} ms`;
        end(
          new ChaincodeError("NOT_RUNNING", `the chaincode server at ${took}`, {
            nextStep: "Look into what the server prints: it runs, but not as a chaincode.",
          }),
        );
      }, this.#registerWithinMs).unref();
      const link = this.#registry.connect(
        {
          send: (message) => void stream.send(message),
          close: (reason) => end(reason ?? terminated(this.#packageId)),
        },
        this.#packageId,
      );
      stream.incoming.subscribe(
        (message) => {
          clearTimeout(silence);
          this.#failures = 0;
          this.#reported = undefined;
          link.receive(message);
        },
        (error) =>
          end(
            error === undefined
              ? terminated(this.#packageId)
              : new ChaincodeError("STREAM_TERMINATED", `connection to ${address} broke: ${messageOf(error)}`),
          ),
      );
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#wake = end;
    });
  }
}

/** Why nobody is to be reached at an address for sure: Fabric does not wait then, only where it hears nothing. */
async function refusalOf(client: RpcClient): Promise<Error | undefined> {
  const outcome = await client.dial(REFUSED_WITHIN_MS);
  const isFinal = outcome instanceof Error && FINAL.has((outcome as NodeJS.ErrnoException).code ?? "");
  return isFinal ? outcome : undefined;
}

function terminated(packageId: string): ChaincodeError {
  return new ChaincodeError("STREAM_TERMINATED", `connection to ${packageId} terminated`);
}
