/**
 * Another peer, as a gateway and an endorser use it: one connection that is kept and one stream for all proposals. A peer
 * that does not know the stream (a real Fabric peer) is asked by calls of their own instead.
 */
import type { CancelSignal } from "@hansa/primitives";
import { GrpcStatus, RpcClient, RpcStatus, type TlsClient } from "@hansa/transport";
import { decode, encode, hansa, services } from "@hansa/wire";

export type CallLimits = { timeoutMs: number; signal?: CancelSignal };

export interface PeerConnection {
  /**
   * @param signedProposal bytes of protos.SignedProposal
   * @returns bytes of protos.ProposalResponse
   * @throws RpcStatus
   */
  processProposal(signedProposal: Uint8Array, limits: CallLimits): Promise<Uint8Array>;
  /** @param signedWrites bytes of hansa.peer.SignedPrivateWrites @throws RpcStatus */
  pushPrivate(signedWrites: Uint8Array, limits: CallLimits): Promise<void>;
  /**
   * @param signedQuestion bytes of hansa.peer.SignedPrivateQuestion
   * @returns bytes of hansa.peer.PrivateBlock
   * @throws RpcStatus
   */
  pullPrivate(signedQuestion: Uint8Array, limits: CallLimits): Promise<Uint8Array>;
  /**
   * @param signedQuestion bytes of hansa.peer.SignedMembershipQuestion
   * @returns bytes of hansa.peer.SignedMembershipAnswer
   * @throws RpcStatus
   */
  exchangeMembership(signedQuestion: Uint8Array, limits: CallLimits): Promise<Uint8Array>;
  close(): void;
}

type Open = { readonly resolve: (response: Uint8Array) => void; readonly reject: (error: Error) => void };
type Stream = { readonly open: Map<number, Open>; send(request: Uint8Array): void; close(): void };

/**
 * Peers start at about the same time: one that was asked for before it listened is tried again this often, and a call
 * waits for that. It does not wait for one at whose address nobody listens.
 */
const RECONNECT_MS = 200;
const REACH_WITHIN_MS = 2_000;
const PROBE_MS = 200;
const LAST_ID = 2 ** 32 - 1;

export function connectPeer(address: string, tls: TlsClient | undefined): PeerConnection {
  const client = new RpcClient(address, tls, { reconnectLongestMs: RECONNECT_MS });
  let stream: Stream | undefined;
  let hasStreams = true;
  let lastId = 0;

  function connect(): Stream {
    const call = client.bidi(services.Endorsements.methods.Stream);
    const open = new Map<number, Open>();
    const mine: Stream = { open, send: (request) => void call.send(request), close: () => call.close() };
    call.incoming.subscribe(
      (bytes) => {
        const answer = decode(hansa.peer.EndorsementAnswer, bytes, "hansa.peer.EndorsementAnswer");
        const waiting = open.get(answer.id);
        open.delete(answer.id);
        const { error } = answer;
        if (error) waiting?.reject(new RpcStatus(error.code ?? GrpcStatus.UNKNOWN, error.message ?? ""));
        else waiting?.resolve(answer.response ?? new Uint8Array(0));
      },
      (error) => {
        if (stream === mine) stream = undefined;
        if (error instanceof RpcStatus && error.code === GrpcStatus.UNIMPLEMENTED) hasStreams = false;
        // However the stream ended, it says nothing about a single proposal but that this peer did not answer it.
        const why = error?.message ?? `${address} ended the stream`;
        for (const { reject } of open.values())
          reject(new RpcStatus(GrpcStatus.UNAVAILABLE, why, [], { cause: error }));
        open.clear();
        call.close();
      },
    );
    return mine;
  }

  function overStream(signedProposal: Uint8Array, { timeoutMs, signal }: CallLimits): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      stream ??= connect();
      const { open } = stream;
      lastId = lastId === LAST_ID ? 1 : lastId + 1;
      const id = lastId;
      const settle = <T>(then: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", cancel);
          then(value);
        };
      };
      const end = (code: number, message: string) => {
        open.delete(id);
        settle(reject)(new RpcStatus(code, message));
      };
      const cancel = () => end(GrpcStatus.CANCELLED, "cancelled by the caller");
      const timer = setTimeout(() => end(GrpcStatus.DEADLINE_EXCEEDED, "context deadline exceeded"), timeoutMs);
      open.set(id, { resolve: settle(resolve), reject: settle(reject) });
      signal?.addEventListener("abort", cancel, { once: true });
      if (signal?.aborted) cancel();
      else stream.send(encode(hansa.peer.EndorsementRequest, { id, signedProposal }));
    });
  }

  /** Calls fail at once between two attempts to connect; this waits for the next one. Being asked twice does no harm. */
  async function reaching<T>(limits: CallLimits, call: (limits: CallLimits) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await call(limits);
    } catch (error) {
      if (!isUnavailable(error) || client.isConnected()) throw error;
      if (!(await client.isListenedAt(PROBE_MS))) throw error;
      const left = () => limits.timeoutMs - (performance.now() - startedAt);
      await client.waitReady(Math.max(0, Math.min(left(), REACH_WITHIN_MS))).catch(() => {
        throw error;
      });
      return call({ ...limits, timeoutMs: left() });
    }
  }

  const byCall = (signedProposal: Uint8Array, limits: CallLimits) =>
    client.unary(services.Endorser.methods.ProcessProposal, signedProposal, limits);

  return {
    processProposal(signedProposal, limits) {
      return reaching(limits, async (within) => {
        if (!hasStreams) return byCall(signedProposal, within);
        try {
          return await overStream(signedProposal, within);
        } catch (error) {
          if (hasStreams) throw error;
          return byCall(signedProposal, within);
        }
      });
    },
    async pushPrivate(signedWrites, limits) {
      await reaching(limits, (within) => client.unary(services.PrivateData.methods.Push, signedWrites, within));
    },
    pullPrivate(signedQuestion, limits) {
      return client.unary(services.PrivateData.methods.Pull, signedQuestion, limits);
    },
    exchangeMembership(signedQuestion, limits) {
      return client.unary(services.Membership.methods.Exchange, signedQuestion, limits);
    },
    close() {
      stream?.close();
      client.close();
    },
  };
}

function isUnavailable(error: unknown): boolean {
  return error instanceof RpcStatus && error.code === GrpcStatus.UNAVAILABLE;
}
