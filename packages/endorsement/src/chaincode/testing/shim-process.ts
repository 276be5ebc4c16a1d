/**
 * A contract under the real fabric-shim, in this process: the shim's own message handler, with a stream in memory
 * where gRPC would be. What goes either way is the encoded message, as on the wire.
 */
import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import type { Bytes } from "@hansa/primitives";
import type { ChaincodeRegistry } from "../registry.js";

const require = createRequire(import.meta.url);
// The shim logs each transaction; a test's output is not the place for it.
process.env.CORE_CHAINCODE_LOGGING_LEVEL ??= "CRITICAL";

type ProtoMessage = { serializeBinary(): Uint8Array };
type Peer = {
  ChaincodeMessage: {
    deserializeBinary(bytes: Uint8Array): ProtoMessage;
    Type: { REGISTER: number };
  } & (new () => ProtoMessage & {
    setType(type: number): void;
    setPayload(bytes: Uint8Array): void;
  });
  ChaincodeID: new () => ProtoMessage & { setName(name: string): void };
};

/** Classes of contracts from the source of a CommonJS module. */
export function loadContracts(source: string): unknown[] {
  const module = { exports: {} as { contracts?: unknown[] } };
  new Function("require", "module", "exports", source)(require, module, module.exports);
  return module.exports.contracts ?? [];
}

export function startShim(registry: ChaincodeRegistry, packageId: string, contracts: unknown[]): void {
  const shimRequire = createRequire(require.resolve("fabric-shim"));
  const { peer } = shimRequire("@hyperledger/fabric-protos") as { peer: Peer };
  const FromContract = shimRequire("./lib/contract-spi/chaincodefromcontract.js");
  const { ChaincodeMessageHandler } = shimRequire("./lib/handler.js");
  const serializers = {
    transaction: "jsonSerializer",
    serializers: { jsonSerializer: (require("fabric-contract-api") as { JSONSerializer: unknown }).JSONSerializer },
  };
  const chaincode = new FromContract(contracts, serializers, {}, "contract", "1.0");

  const toChaincode = new EventEmitter() as EventEmitter & { write(message: ProtoMessage): void; end(): void };
  const connection = registry.connect({
    send: (message: Bytes) => {
      const received = peer.ChaincodeMessage.deserializeBinary(message);
      queueMicrotask(() => toChaincode.emit("data", received));
    },
    close: () => {},
  });
  toChaincode.write = (message) => connection.receive(Buffer.from(message.serializeBinary()));
  toChaincode.end = () => connection.closed();

  const id = new peer.ChaincodeID();
  id.setName(packageId);
  const register = new peer.ChaincodeMessage();
  register.setType(peer.ChaincodeMessage.Type.REGISTER);
  register.setPayload(id.serializeBinary());
  new ChaincodeMessageHandler(toChaincode, chaincode).chat(register);
}
