/**
 * protos.Snapshot: asks for snapshots of a channel's ledger. For administrators of the peer's own organisation.
 * Source: hyperledger/fabric, core/ledger/snapshotgrpc/snapshot_service.go; texts alike.
 */
import type { AccessControl } from "@hansa/endorsement/chaincode";
import type { MspManager } from "@hansa/msp";
import { type Clock, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { CANNOT_PARSE, decode, encode, google, protos, toLong } from "@hansa/wire";
import type { SnapshotRequests } from "./requests.js";

export type SnapshotServiceOptions = {
  readonly access: Pick<AccessControl, "checkMessage">;
  /** Knows the certificates of the peer's own organisation. */
  readonly localMsp: MspManager;
  readonly requests: (channelId: string) => SnapshotRequests | undefined;
  readonly clock: Clock;
};

export type SnapshotHandlers = Readonly<Record<"Generate" | "Cancel" | "QueryPendings", UnaryHandler>>;

export function snapshotHandlers(options: SnapshotServiceOptions): SnapshotHandlers {
  return {
    Generate: (bytes) =>
      answering(async () => {
        const { channel, request } = admitted(bytes, "submitrequest", protos.SnapshotRequest, options);
        await channel.submit(blockNumber(request.blockNumber));
        return encode(google.protobuf.Empty, {});
      }),
    Cancel: (bytes) =>
      answering(async () => {
        const { channel, request } = admitted(bytes, "cancelrequest", protos.SnapshotRequest, options);
        await channel.cancel(blockNumber(request.blockNumber));
        return encode(google.protobuf.Empty, {});
      }),
    QueryPendings: (bytes) =>
      answering(async () => {
        const { channel } = admitted(bytes, "listpending", protos.SnapshotQuery, options);
        return encode(protos.QueryPendingSnapshotsResponse, { blockNumbers: channel.pending().map(toLong) });
      }),
  };
}

type Request = Pick<protos.SnapshotQuery, "signatureHeader" | "channelId">;

function admitted<T extends Request>(
  bytes: Uint8Array,
  action: "submitrequest" | "cancelrequest" | "listpending",
  type: { decode(bytes: Uint8Array): T },
  { access, localMsp, requests, clock }: SnapshotServiceOptions,
): { readonly channel: SnapshotRequests; readonly request: T } {
  const signed = decode(protos.SignedSnapshotRequest, bytes, "protos.SignedSnapshotRequest");
  let request: T;
  try {
    request = type.decode(signed.request);
  } catch (error) {
    throw new Error(`failed to unmarshal snapshot request: ${CANNOT_PARSE}`, { cause: error });
  }
  const creator = request.signatureHeader?.creator;
  if (!request.signatureHeader) throw new Error("missing signature header");
  if (isExpired(localMsp, creator ?? new Uint8Array(0), clock)) throw new Error("client identity expired");
  const verdict = access.checkMessage(`snapshot/${action}`, {
    creator: creator ?? new Uint8Array(0),
    message: signed.request,
    signature: signed.signature,
  });
  if (!verdict.ok) throw new Error(verdict.reason);
  if (request.channelId === "") throw new Error("missing channel ID");
  const channel = requests(request.channelId);
  if (channel === undefined) throw new Error(`cannot find ledger for channel ${request.channelId}`);
  return { channel, request };
}

function isExpired(localMsp: MspManager, creator: Uint8Array, clock: Clock): boolean {
  try {
    return localMsp.identity(creator).certificate.notAfterMs < clock.now();
  } catch {
    // Whatever else is wrong with it, the access rule says so.
    return false;
  }
}

function blockNumber(number: Parameters<typeof BigInt>[0] | { toString(): string } | null | undefined): number {
  const value = BigInt(String(number ?? 0));
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`block number ${value} is out of range`);
  return Number(value);
}

/** Go sends errors that name no code as UNKNOWN, and clients match on the text. */
async function answering(answer: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await answer();
  } catch (error) {
    throw new RpcStatus(GrpcStatus.UNKNOWN, messageOf(error));
  }
}
