/** The developer's stream to one peer: begun, kept, begun again when the peer comes back. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { DevelopmentRecord } from "@hansa/peer";
import { HansaError, messageOf } from "@hansa/primitives";
import { type ClientStream, GrpcStatus, RpcClient, RpcStatus } from "@hansa/transport";
import { decode, encode, hansa, services, toNumber } from "@hansa/wire";

export type PeerLinkOptions = {
  /** The peer's id, for messages. */
  readonly peer: string;
  /** Where the peer keeps its record. */
  readonly file: string;
  readonly channel: string;
  readonly contract: string;
  readonly onReady: (generation: number) => void;
  readonly onStuck: () => void;
  readonly onLost: (reason: string) => void;
};

export type Begun = {
  readonly address: string;
  readonly authority: string;
  readonly name: string;
  readonly version: string;
  readonly sequence: number;
  readonly mspId: string;
};

const BEGIN_WITHIN_MS = 10_000;
/** A session that has just ended may be there yet for its peer. */
const FREE_WITHIN_MS = 2_000;
const ASK_AGAIN_MS = 100;

export class PeerLink {
  readonly #options: PeerLinkOptions;
  #client: RpcClient | undefined;
  #stream: ClientStream | undefined;
  /** What the peer answered; undefined while there is no stream to it. */
  begun: Begun | undefined;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
  }

  get peer(): string {
    return this.#options.peer;
  }

  /**
   * Begins, trying for a while: a definition may have been committed a moment ago.
   * @throws HansaError NODE_UNREACHABLE, CONTRACT_NOT_RUNNING, IN_USE
   */
  async begin(signal: AbortSignal): Promise<Begun> {
    const startedAt = performance.now();
    for (;;) {
      try {
        return await this.#beginOnce();
      } catch (error) {
        this.close();
        const isInUse = error instanceof HansaError && error.code === "IN_USE";
        const giveUpAt = startedAt + (isInUse ? FREE_WITHIN_MS : BEGIN_WITHIN_MS);
        if (signal.aborted || performance.now() > giveUpAt) throw error;
        await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  debugging(attached: boolean): void {
    this.#send({ debugging: { attached } });
  }

  failed(reason: string): void {
    this.#send({ failure: { reason } });
  }

  /** Gives the contract back to its package. */
  close(): void {
    const stream = this.#stream;
    this.begun = undefined;
    this.#stream = undefined;
    stream?.end();
    stream?.close();
    this.#client?.close();
    this.#client = undefined;
  }

  #send(request: hansa.development.IDevelopRequest): void {
    void this.#stream?.send(encode(hansa.development.DevelopRequest, request));
  }

  async #beginOnce(): Promise<Begun> {
    const { peer, file, channel, contract } = this.#options;
    const text = await readFile(file, "utf8").catch(() => {
      throw new HansaError("NODE_UNREACHABLE", `Peer ${peer} is not running.`, { nextStep: "See: hansa status" });
    });
    const { address, secret } = JSON.parse(text) as DevelopmentRecord;
    const client = new RpcClient(address);
    this.#client = client;
    const stream = client.bidi(services.ContractDevelopment.methods.Develop);
    this.#stream = stream;
    return new Promise((resolve, reject) => {
      stream.incoming.subscribe(
        (bytes) => {
          const event = decode(hansa.development.DevelopEvent, bytes, "hansa.development.DevelopEvent");
          if (event.begun) {
            const { authority = "", name = "", version = "", sequence, mspId = "" } = event.begun;
            this.begun = {
              address,
              authority: authority ?? "",
              name: name ?? "",
              version: version ?? "",
              sequence: toNumber(sequence ?? 0),
              mspId: mspId ?? "",
            };
            resolve(this.begun);
          } else if (event.ready) this.#options.onReady(event.ready.generation ?? 0);
          else if (event.stuck) this.#options.onStuck();
        },
        (error) => {
          const reason = error === undefined ? "it ended the stream" : messageOf(error);
          reject(refused(peer, error));
          if (this.#stream !== stream || this.begun === undefined) return;
          this.close();
          this.#options.onLost(reason);
        },
      );
      void stream.send(encode(hansa.development.DevelopRequest, { begin: { secret, channel, contract } }));
    });
  }
}

function refused(peer: string, error: Error | undefined): HansaError {
  const reason = error === undefined ? "it ended the stream" : messageOf(error);
  const code = error instanceof RpcStatus ? error.code : undefined;
  if (code === GrpcStatus.ALREADY_EXISTS)
    return new HansaError("IN_USE", `Peer ${peer} refuses: ${reason}.`, {
      cause: error,
      nextStep: "End the other hansa contract dev first.",
    });
  if (code === GrpcStatus.FAILED_PRECONDITION)
    return new HansaError("CONTRACT_NOT_RUNNING", `Peer ${peer} cannot run the contract: ${reason}.`, {
      cause: error,
      nextStep: "Deploy it for all members with: hansa contract deploy <folder>",
    });
  return new HansaError("NODE_UNREACHABLE", `Peer ${peer} does not take the contract: ${reason}.`, {
    cause: error,
    nextStep: "See: hansa status",
  });
}
