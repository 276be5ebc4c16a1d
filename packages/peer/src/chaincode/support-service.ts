/** protos.ChaincodeSupport/Register: the stream of a chaincode that dialled the peer. */
import { ChaincodeError, type ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import type { BidiHandler, CallContext } from "@hansa/transport";
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
  return (incoming, context, send) =>
    new Promise<void>((resolve, reject) => {
      const development = developed?.(context.authority);
      const expected = development?.packageId ?? packageOf(context.authority);
      if (expected === undefined && !(allowAttach && isLocal(context))) {
        reject(
          new RpcStatus(
            GrpcStatus.PERMISSION_DENIED,
            "peer will not accept external chaincode connection (except in dev mode)",
          ),
        );
        return;
      }
      const connection = registry.connect(
        {
          send: (message) => void send(message),
          close: (reason) => (reason === undefined ? resolve() : reject(toStatus(reason))),
        },
        expected,
        development === undefined ? {} : { ...development, replaces: true },
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
