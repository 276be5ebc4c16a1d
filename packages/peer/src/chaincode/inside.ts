/**
 * A Node contract inside the peer's own process: the same fabric-shim, without process, socket and gRPC between.
 *
 * About half the cost of a call in a process of its own, and the debugger that is attached to the process stops
 * in the contract. The price is isolation: a contract that blocks or ends the process takes the peer with it, and it
 * sees the peer's environment. So it is for tests and for trusted code, and asked for by name.
 *
 * fabric-shim has no public way in, so this uses three of its inner modules, of the version that the package brings;
 * where they are not as expected the launch fails with a sentence.
 * Source: hyperledger/fabric-chaincode-node, libraries/fabric-shim/lib/handler.js and lib/contract-spi/bootstrap.js.
 */
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ChaincodeError, type ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import { type Logger, messageOf } from "@hansa/primitives";
import type { NodeBuild } from "./build.js";
import type { ChaincodeLogLevel } from "./child.js";
import { keepParsedCertificates, skipDroppedLines } from "./shim-shortcuts.js";

export type InsideOptions = {
  readonly packageId: string;
  readonly build: NodeBuild;
  /** Of the peer, as contracts ask for it. */
  readonly mspId: string;
  readonly registry: ChaincodeRegistry;
  readonly logLevel: ChaincodeLogLevel;
  readonly logger: Logger;
};

/** What of fabric-shim is used. Messages are google-protobuf objects. */
type ShimMessage = { serializeBinary(): Uint8Array };
type ShimMessageClass = {
  new (): ShimMessage & { setType(type: number): void; setPayload(payload: Uint8Array): void };
  deserializeBinary(bytes: Uint8Array): ShimMessage;
  Type: { REGISTER: number };
};
type ShimStub = { getMspID(): string };
type ShimChaincode = { Init(stub: ShimStub): unknown; Invoke(stub: ShimStub): unknown };
type Shim = {
  readonly handler: {
    ChaincodeMessageHandler: new (stream: ShimStream, chaincode: unknown) => { chat(first: ShimMessage): void };
  };
  readonly bootstrap: {
    getInfoFromContract(path: string): { contracts: unknown[]; serializers: unknown; title: unknown; version: unknown };
    getMetadata(path: string): Promise<unknown>;
  };
  readonly ChaincodeFromContract: new (...parts: unknown[]) => ShimChaincode;
  readonly protos: {
    ChaincodeMessage: ShimMessageClass;
    ChaincodeID: new () => ShimMessage & { setName(name: string): void };
  };
};

const LOG_LEVEL_VARIABLE = "CORE_CHAINCODE_LOGGING_LEVEL";

/** The chaincode's end of its stream, as fabric-shim uses it. */
class ShimStream extends EventEmitter {
  constructor(
    readonly write: (message: ShimMessage) => void,
    readonly end: () => void,
  ) {
    super();
  }
}

export class InsideChaincode {
  readonly #options: InsideOptions;
  #end: (() => void) | undefined;

  constructor(options: InsideOptions) {
    this.#options = options;
  }

  /** @throws ChaincodeError NOT_RUNNING when the contract cannot be loaded */
  async start(): Promise<void> {
    const { packageId, build, mspId, registry, logger } = this.#options;
    let shim: Shim;
    let chaincode: ShimChaincode;
    try {
      shim = this.#load();
      const { contracts, serializers, title, version } = shim.bootstrap.getInfoFromContract(build.directory);
      const metadata = await shim.bootstrap.getMetadata(build.directory);
      // A copy: fabric-shim adds a contract of its own to the list, and the module with the list stays loaded.
      chaincode = new shim.ChaincodeFromContract([...contracts], serializers, metadata, title, version);
    } catch (cause) {
      throw new ChaincodeError("NOT_RUNNING", `chaincode ${packageId} cannot be loaded: ${messageOf(cause)}`, {
        cause,
        nextStep: "Run the contract as a process of its own to see all that it prints.",
      });
    }
    const { ChaincodeMessage, ChaincodeID } = shim.protos;
    const connection = registry.connect(
      {
        // Later in the same turn: fabric-shim expects an answer only after it has sent its question.
        send: (bytes) => queueMicrotask(() => receive(bytes)),
        close: () => stream.emit("end"),
      },
      packageId,
    );
    const stream = new ShimStream(
      (message) => connection.receive(message.serializeBinary()),
      () => connection.closed(),
    );
    const receive = (bytes: Uint8Array) => {
      try {
        stream.emit("data", ChaincodeMessage.deserializeBinary(bytes));
      } catch (error) {
        logger.error("chaincode inside the peer failed", { packageId, reason: messageOf(error) });
        connection.closed();
      }
    };
    this.#end = () => connection.closed();
    const id = new ChaincodeID();
    id.setName(packageId);
    const register = new ChaincodeMessage();
    register.setType(ChaincodeMessage.Type.REGISTER);
    register.setPayload(id.serializeBinary());
    new shim.handler.ChaincodeMessageHandler(stream, atMember(mspId, chaincode)).chat(register);
    logger.info("chaincode runs inside the peer", { packageId });
  }

  hurry(): void {}

  async stop(): Promise<void> {
    this.#end?.();
  }

  /** Loading fabric-shim changes two variables of the process; they are set back. */
  #load(): Shim {
    const require = createRequire(join(this.#options.build.directory, "package.json"));
    const before = { ...process.env };
    process.env[LOG_LEVEL_VARIABLE] = this.#options.logLevel;
    try {
      const inner = createRequire(require.resolve("fabric-shim/package.json"));
      const root = dirname(require.resolve("fabric-shim/package.json"));
      shorten(inner);
      return {
        handler: inner(join(root, "lib/handler.js")) as Shim["handler"],
        bootstrap: inner(join(root, "lib/contract-spi/bootstrap.js")) as Shim["bootstrap"],
        ChaincodeFromContract: inner(
          join(root, "lib/contract-spi/chaincodefromcontract.js"),
        ) as Shim["ChaincodeFromContract"],
        protos: (inner("@hyperledger/fabric-protos") as { peer: Shim["protos"] }).peer,
      };
    } finally {
      process.env.GRPC_SSL_CIPHER_SUITES = before.GRPC_SSL_CIPHER_SUITES;
      if (before.GRPC_SSL_CIPHER_SUITES === undefined) delete process.env.GRPC_SSL_CIPHER_SUITES;
      if (before[LOG_LEVEL_VARIABLE] === undefined) delete process.env[LOG_LEVEL_VARIABLE];
      else process.env[LOG_LEVEL_VARIABLE] = before[LOG_LEVEL_VARIABLE];
    }
  }
}

/** fabric-shim takes the member's name from the environment, which several peers of one process share. */
function atMember(mspId: string, chaincode: ShimChaincode): ShimChaincode {
  const named = (stub: ShimStub) => Object.assign(stub, { getMspID: () => mspId });
  return {
    Init: (stub) => chaincode.Init(named(stub)),
    Invoke: (stub) => chaincode.Invoke(named(stub)),
  };
}

const shortened = new WeakSet<object>();

/** Before fabric-shim's own modules are loaded: they make their loggers at once. */
function shorten(require: NodeJS.Require): void {
  const winston = require("winston") as Parameters<typeof skipDroppedLines>[0];
  if (shortened.has(winston)) return;
  shortened.add(winston);
  skipDroppedLines(winston);
  keepParsedCertificates(require("@fidm/x509") as Parameters<typeof keepParsedCertificates>[0]);
}
