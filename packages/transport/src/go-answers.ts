/**
 * What Go's gRPC library says by itself, before any service is asked. Fabric's clients and scripts know these texts.
 * Source: grpc/grpc-go, server.go and rpc_util.go; golang/protobuf, proto/decode.go.
 */
import { CANNOT_PARSE, isWireFormat } from "@hansa/wire";
import { GrpcStatus, RpcStatus } from "./status.js";
import type { Incoming } from "./stream.js";

/** Fabric's services. Chaincodes are not among them: their conversations are read, and ended, message by message. */
export function answersAsGo(path: string): boolean {
  return /^\/(protos\.(?!Chaincode)|gateway\.|orderer\.|discovery\.|gossip\.)/.test(path);
}

/** @throws RpcStatus INTERNAL when the request of a unary call is no protobuf message */
export function checkRequest(request: Uint8Array): void {
  if (!isWireFormat(request))
    throw new RpcStatus(GrpcStatus.INTERNAL, `grpc: error unmarshalling request: ${CANNOT_PARSE}`);
}

/** @throws RpcStatus INTERNAL when a message of a stream is no protobuf message */
export function checkMessage(message: Uint8Array): void {
  if (!isWireFormat(message))
    throw new RpcStatus(GrpcStatus.INTERNAL, `grpc: failed to unmarshal the received message: ${CANNOT_PARSE}`);
}

/** The same messages; the first that is none ends the stream. */
export function checkedIncoming(incoming: Incoming): Incoming {
  return {
    subscribe(onMessage, onEnd) {
      incoming.subscribe((bytes) => {
        checkMessage(bytes);
        return onMessage(bytes);
      }, onEnd);
    },
    async *[Symbol.asyncIterator]() {
      for await (const bytes of incoming) {
        checkMessage(bytes);
        yield bytes;
      }
    },
  };
}

/** @param services methods by the name of their service. @returns undefined when the path is served */
export function unimplemented(path: string, services: ReadonlyMap<string, ReadonlySet<string>>): RpcStatus | undefined {
  const slash = path.lastIndexOf("/");
  const [service, method] = [path.slice(1, slash), path.slice(slash + 1)];
  const methods = services.get(service);
  if (methods?.has(method)) return undefined;
  const text = methods === undefined ? `unknown service ${service}` : `unknown method ${method} for service ${service}`;
  return new RpcStatus(GrpcStatus.UNIMPLEMENTED, text);
}

/** Source: golang.org, syscall/zerrors_linux_amd64.go. */
const DIAL_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

/**
 * Go's words for a connection that could not be made.
 * @param text what Node or grpc-js says of it @returns undefined for all other failures
 */
export function dialFailure(text: string): string | undefined {
  const unknown = /\bgetaddrinfo ENOTFOUND (\S+)/.exec(text)?.[1];
  if (unknown !== undefined) return `dial tcp: lookup ${unknown}: no such host`;
  const [, code = "", host, port] = /\bconnect (E[A-Z]+) (\S+):(\d+)/.exec(text) ?? [];
  const reason = DIAL_ERRORS[code];
  if (host === undefined || reason === undefined) return undefined;
  return `dial tcp ${host.includes(":") ? `[${host}]` : host}:${port}: connect: ${reason}`;
}
