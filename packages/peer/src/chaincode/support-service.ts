/** protos.ChaincodeSupport/Register: the stream of a chaincode that dialled the peer. */
import { ChaincodeError, type ChaincodeRegistry, type ConnectOptions } from "@hansa/endorsement/chaincode";
import type { BidiHandler, CallContext, Incoming, Send } from "@hansa/transport";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import type { DevelopedStream } from "./development.js";

export type SupportOptions = {
  readonly registry: ChaincodeRegistry;
  /** The package that the stream was launched for, by its authority. */
  readonly packageOf: (authority: string) => string | undefined;
  /** The stream of a contract that is being developed, by its authority. */
  readonly developed?: (authority: string) => DevelopedStream | undefined;
  /** Whether chaincodes that the peer did not start may register, from this machine only. */
  readonly allowAttach: boolean;
};

export function registerHandler({ registry, packageOf, developed, allowAttach }: SupportOptions): BidiHandler {
  return (incoming, context, send) => {
    const development = developed?.(context.authority);
    const expected = development?.packageId ?? packageOf(context.authority);
    if (expected === undefined && !(allowAttach && isLocal(context)))
      return Promise.reject(
        new RpcStatus(
          GrpcStatus.PERMISSION_DENIED,
          "peer will not accept external chaincode connection (except in dev mode)",
        ),
      );
    const options = development === undefined ? {} : { ...development, replaces: true };
    return serveChaincode(registry, expected, incoming, send, options);
  };
}

/** Carries one chaincode's stream. @param expected the package that it must register for; any installed one if absent */
export function serveChaincode(
  registry: ChaincodeRegistry,
  expected: string | undefined,
  incoming: Incoming,
  send: Send,
  options: ConnectOptions = {},
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const connection = registry.connect(
      {
        send: (message) => void send(message),
        close: (reason) => (reason === undefined ? resolve() : reject(toStatus(reason))),
      },
      expected,
      options,
    );
    incoming.subscribe(
      (message) => connection.receive(message),
      () => {
        connection.closed();
        resolve();
      },
    );
  });
}

function toStatus(reason: Error): RpcStatus {
  const isKnown = reason instanceof ChaincodeError;
  return new RpcStatus(isKnown ? GrpcStatus.UNKNOWN : GrpcStatus.INTERNAL, isKnown ? reason.message : "internal error");
}

function isLocal({ peerAddress }: CallContext): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[?::1\]?|\[?::ffff:127\.\d+\.\d+\.\d+\]?)(:\d+)?$/.test(peerAddress);
}
