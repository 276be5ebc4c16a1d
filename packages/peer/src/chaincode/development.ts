/**
 * Lets the one who develops a contract run it: calls of a committed contract go to a process that the developer
 * started, for as long as the developer's stream to the peer lasts. The package, the definition and its sequence stay
 * as they are, and calls go to the package again when the stream ends, in whatever way.
 *
 * Who may: whoever can read the secret that the peer writes into its own data folder at each start. That folder is
 * closed to other users, and the peer's private key is kept like it; so nobody gains anything by it who could not act
 * as the peer already. The processes show an authority that is made for the one stream, and nothing else is let in.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ChaincodeError, type ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import { type Logger, messageOf } from "@hansa/primitives";
import { type BidiHandler, GrpcStatus, RpcStatus, type Send } from "@hansa/transport";
import { decode, encode, hansa, toLong } from "@hansa/wire";

/** What the peer writes for whoever may develop contracts on it. */
export type DevelopmentRecord = { readonly address: string; readonly secret: string };

/** The committed definition of a contract, as far as this matters here. */
export type DevelopedDefinition = {
  readonly version: string;
  readonly sequence: number;
  readonly isApproved: boolean;
};

export type DevelopmentOptions = {
  readonly registry: ChaincodeRegistry;
  readonly mspId: string;
  /** Undefined when the peer is not on the channel, or nothing is committed there by that name. */
  readonly definition: (channelId: string, contract: string) => DevelopedDefinition | undefined;
  /** Where the record is written. */
  readonly file: string;
  readonly logger: Logger;
};

/** How a stream is let in that a developed contract's process opened. */
export type DevelopedStream = {
  readonly packageId: string;
  readonly onReady: () => void;
  readonly onClosed: () => void;
};

type Session = {
  /** What its processes announce; no package has an id like it. */
  readonly packageId: string;
  readonly key: string;
  readonly authority: string;
  readonly send: (event: hansa.development.IDevelopEvent) => void;
  isDebugging: boolean;
  failure: string | undefined;
};

/** How long a call waits for a process that is just being started. */
const READY_WITHIN_MS = 20_000;
const FIRST_REQUEST_WITHIN_MS = 5_000;
const MAX_REASON_CHARS = 4_096;

export class ContractDevelopment {
  readonly #options: DevelopmentOptions;
  readonly #secret = randomBytes(32).toString("hex");
  /** By channel and contract. */
  readonly #sessions = new Map<string, Session>();
  #address = "";

  constructor(options: DevelopmentOptions) {
    this.#options = options;
  }

  /** @param address "host:port" where chaincodes dial in */
  async open(address: string): Promise<void> {
    this.#address = address;
    const { file } = this.#options;
    const record: DevelopmentRecord = { address, secret: this.#secret };
    await mkdir(dirname(file), { recursive: true });
    await rm(file, { force: true });
    await writeFile(file, `${JSON.stringify(record)}\n`, { mode: 0o600 });
    await chmod(file, 0o600);
  }

  async close(): Promise<void> {
    if (this.#address !== "") await rm(this.#options.file, { force: true });
  }

  /** What a call of the contract is executed by while somebody develops it. */
  packageOf(channelId: string, contract: string): string | undefined {
    return this.#sessions.get(sessionKey(channelId, contract))?.packageId;
  }

  /** Resolves when the process of a developed contract can be called; undefined when the package is none. */
  launch(packageId: string): Promise<void> | undefined {
    const session = this.#byPackage(packageId);
    if (session === undefined) return undefined;
    if (session.failure !== undefined) return Promise.reject(notRunning(session));
    return this.#options.registry.whenReady(packageId, READY_WITHIN_MS);
  }

  /** Whether calls of the package may take as long as they like, because somebody steps through them. */
  isDebugged(packageId: string): boolean {
    return this.#byPackage(packageId)?.isDebugging ?? false;
  }

  /** Whether somebody steps through a contract on this peer. */
  get isDebugging(): boolean {
    for (const { isDebugging } of this.#sessions.values()) if (isDebugging) return true;
    return false;
  }

  /** Tells the developer that the process no longer answers. False when the package is not one of these. */
  reportStuck(packageId: string): boolean {
    const session = this.#byPackage(packageId);
    session?.send({ stuck: {} });
    return session !== undefined;
  }

  /** The stream with this `:authority`; undefined when it belongs to no contract that is being developed. */
  admit(authority: string | undefined): DevelopedStream | undefined {
    const dot = authority?.lastIndexOf(".") ?? -1;
    if (authority === undefined || dot < 0) return undefined;
    const [known, generation] = [authority.slice(0, dot), Number(authority.slice(dot + 1))];
    if (!Number.isInteger(generation) || generation < 0 || generation > 0xffffffff) return undefined;
    for (const session of this.#sessions.values()) {
      if (!isSame(session.authority, known)) continue;
      return {
        packageId: session.packageId,
        onReady: () => {
          session.failure = undefined;
          session.send({ ready: { generation } });
        },
        onClosed: () => session.send({ ended: { generation } }),
      };
    }
    return undefined;
  }

  /** ContractDevelopment.Develop */
  readonly develop: BidiHandler = (incoming, _context, send) =>
    new Promise<void>((resolve, reject) => {
      let session: Session | undefined;
      const silent = setTimeout(() => end(refusal("nothing was asked for")), FIRST_REQUEST_WITHIN_MS);
      const end = (error?: Error) => {
        clearTimeout(silent);
        if (session !== undefined) this.#end(session);
        session = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      incoming.subscribe(
        (bytes) => {
          try {
            const request = decode(hansa.development.DevelopRequest, bytes, "hansa.development.DevelopRequest");
            if (session === undefined) {
              session = this.#begin(request.begin, send);
              clearTimeout(silent);
            } else this.#take(session, request);
          } catch (error) {
            end(error instanceof RpcStatus ? error : refusal(messageOf(error)));
          }
        },
        () => end(),
      );
    });

  #begin(begin: hansa.development.IBegin | null | undefined, send: Send): Session {
    const { secret = "", channel, contract } = begin ?? {};
    if (!isSame(this.#secret, secret ?? "")) {
      this.#options.logger.warn("contract development refused", { reason: "wrong secret" });
      throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, "the secret is not this peer's");
    }
    if (!channel || !contract) throw refusal("it must be said which contract of which channel is meant");
    const definition = this.#options.definition(channel, contract);
    if (definition === undefined) throw refusal(`channel ${channel} has no contract ${contract} on this peer`);
    if (!definition.isApproved) throw refusal(`${this.#options.mspId} has not approved contract ${contract}`);
    const key = sessionKey(channel, contract);
    if (this.#sessions.has(key)) {
      const text = `contract ${contract} of channel ${channel} is being developed already`;
      throw new RpcStatus(GrpcStatus.ALREADY_EXISTS, text);
    }
    const session: Session = {
      packageId: `${contract}@${channel}:development`,
      key,
      authority: `development-${randomBytes(32).toString("hex")}`,
      send: (event) => void send(encode(hansa.development.DevelopEvent, event)),
      isDebugging: false,
      failure: undefined,
    };
    this.#sessions.set(key, session);
    this.#options.logger.info("contract is being developed", { channel, contract });
    const { version, sequence } = definition;
    const { authority, packageId: name } = session;
    session.send({ begun: { authority, name, version, sequence: toLong(sequence), mspId: this.#options.mspId } });
    return session;
  }

  #take(session: Session, { debugging, failure }: hansa.development.DevelopRequest): void {
    if (debugging) session.isDebugging = debugging.attached ?? false;
    if (failure) {
      session.failure = (failure.reason ?? "").slice(0, MAX_REASON_CHARS);
      this.#options.registry.fail(session.packageId, notRunning(session));
    }
  }

  #end(session: Session): void {
    this.#sessions.delete(session.key);
    this.#options.registry.fail(session.packageId, new ChaincodeError("NOT_RUNNING", "its development has ended"));
    this.#options.registry.disconnect(session.packageId);
    this.#options.logger.info("contract is developed no more", { contract: session.packageId });
  }

  #byPackage(packageId: string): Session | undefined {
    for (const session of this.#sessions.values()) if (session.packageId === packageId) return session;
    return undefined;
  }
}

function sessionKey(channelId: string, contract: string): string {
  return `${channelId}\n${contract}`;
}

function notRunning({ failure }: Session): ChaincodeError {
  return new ChaincodeError("NOT_RUNNING", `the contract is being developed and does not run: ${failure}`);
}

function refusal(text: string): RpcStatus {
  return new RpcStatus(GrpcStatus.FAILED_PRECONDITION, text);
}

/** In a time that says nothing about where two texts differ. */
function isSame(expected: string, given: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}
