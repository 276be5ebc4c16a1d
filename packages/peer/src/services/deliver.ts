/**
 * The peer's Deliver service: blocks, filtered blocks, blocks with private data.
 *
 * One stream takes one SeekInfo after another. Each is a signed envelope, checked when it comes, again at every
 * change of the channel's configuration, and until the signer's certificate expires. A stream ends at the first
 * status other than SUCCESS.
 *
 * What is sent for a block is encoded once and shared by all streams.
 * Source: hyperledger/fabric, common/deliver/deliver.go and acl.go, core/peer/deliverevents.go,
 * common/ledger/blockledger/fileledger/impl.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { type Clock, equalBytes, type Logger, messageOf, NO_BYTES, sha256 } from "@hansa/primitives";
import type { CallContext } from "@hansa/transport";
import {
  type common,
  decode,
  HeaderType,
  orderer,
  type ReadEnvelope,
  readEnvelope,
  Status,
  splitBlock,
  toBigInt,
} from "@hansa/wire";
import { blockResponse, filteredBlockResponse, headersOnlyResponse, statusResponse } from "./deliver-responses.js";
import { filteredBlock } from "./filtered-block.js";
import { ResponseCache } from "./response-cache.js";

/** What the service needs of a channel. */
export interface DeliverChannel {
  readonly channelId: string;
  /** Count of committed blocks. */
  height(): number;
  config(): ChannelConfig;
  /** Bytes of a committed block with the peer's metadata. */
  block(number: number): Promise<Uint8Array>;
  /** Resolves true once block `number` is committed, false when the signal fires or the channel closes. */
  waitFor(number: number, signal: AbortSignal): Promise<boolean>;
  /** An encoded `protos.DeliverResponse` with the private data that the signer may see. */
  blockWithPrivateData(number: number, request: ReadEnvelope): Promise<Uint8Array>;
}

export type DeliverOptions = {
  readonly channel: (channelId: string) => DeliverChannel | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How far a request's timestamp may be from the clock. Fabric: 15 minutes. */
  readonly timeWindowMs: number;
  /** Whether requests must carry the hash of their TLS client certificate. */
  readonly mutualTls: boolean;
};

export type DeliverKind = "block" | "filtered" | "private";

type Send = (bytes: Uint8Array) => Promise<void> | void;

const MAX_ENVELOPE_BYTES = 1024 * 1024;

export class DeliverService {
  readonly #options: DeliverOptions;
  readonly #responses = new ResponseCache();

  constructor(options: DeliverOptions) {
    this.#options = options;
  }

  async handle(
    kind: DeliverKind,
    incoming: AsyncIterable<Uint8Array>,
    context: CallContext,
    send: Send,
  ): Promise<void> {
    for await (const bytes of incoming) {
      const status = await this.#answer(kind, bytes, context, send);
      if (status === undefined) return;
      await send(statusResponse(status));
      if (status !== Status.SUCCESS) return;
    }
  }

  /** The status that ends this request; undefined when the caller has gone. */
  async #answer(
    kind: DeliverKind,
    bytes: Uint8Array,
    context: CallContext,
    send: Send,
  ): Promise<common.Status | undefined> {
    const { logger } = this.#options;
    const request = this.#readRequest(bytes, context);
    if (request === undefined) return Status.BAD_REQUEST;

    const channel = this.#options.channel(request.channelHeader.channelId);
    if (channel === undefined) return Status.NOT_FOUND;
    const seek = readSeek(request.data);
    if (seek === undefined) return Status.BAD_REQUEST;

    const access = new SessionAccess(
      channel,
      request,
      kind === "filtered" ? "event/FilteredBlock" : "event/Block",
      this.#options.clock,
    );
    const refused = access.refusal();
    if (refused !== undefined) {
      logger.warn("deliver request refused", {
        channel: channel.channelId,
        from: context.peerAddress,
        reason: refused,
      });
      return Status.FORBIDDEN;
    }
    if (!seek.start || !seek.stop) return Status.BAD_REQUEST;

    const range = resolveSeek(seek.start, seek.stop, channel.height());
    if (range === undefined) return Status.BAD_REQUEST;
    const failIfNotReady = seek.behavior === orderer.SeekInfo.SeekBehavior.FAIL_IF_NOT_READY;
    const headersOnly = kind === "block" && seek.contentType === orderer.SeekInfo.SeekContentType.HEADER_WITH_SIG;

    if (!range.exists) return Status.NOT_FOUND;
    for (let number = range.start; ; number++) {
      if (failIfNotReady && number >= channel.height()) return Status.NOT_FOUND;
      if (number >= channel.height() && !(await channel.waitFor(number, context.signal))) {
        return context.signal.aborted ? undefined : Status.SERVICE_UNAVAILABLE;
      }
      const revoked = access.refusal();
      if (revoked !== undefined) {
        logger.warn("deliver access revoked", {
          channel: channel.channelId,
          from: context.peerAddress,
          reason: revoked,
        });
        return Status.FORBIDDEN;
      }
      await send(await this.#response(kind, headersOnly, channel, number, request));
      if (context.signal.aborted) return undefined;
      if (number === range.stop) return Status.SUCCESS;
    }
  }

  #readRequest(bytes: Uint8Array, context: CallContext): ReadEnvelope | undefined {
    if (bytes.length > MAX_ENVELOPE_BYTES) return undefined;
    try {
      const request = readEnvelope(bytes);
      const problem = this.#headerProblem(request, context);
      if (problem === undefined) return request;
      this.#options.logger.warn("deliver request is malformed", { from: context.peerAddress, reason: problem });
    } catch (error) {
      this.#options.logger.warn("deliver request is malformed", {
        from: context.peerAddress,
        reason: messageOf(error),
      });
    }
    return undefined;
  }

  #headerProblem({ channelHeader }: ReadEnvelope, context: CallContext): string | undefined {
    const { timestamp } = channelHeader;
    if (!timestamp) return "channel header in envelope must contain timestamp";
    const sentAtMs = Number(timestamp.seconds ?? 0) * 1_000 + (timestamp.nanos ?? 0) / 1e6;
    const apartMs = Math.abs(this.#options.clock.now() - sentAtMs);
    if (!(apartMs <= this.#options.timeWindowMs)) {
      return `envelope timestamp is ${Math.round(apartMs)} ms apart from current server time`;
    }
    if (!this.#options.mutualTls) return undefined;
    const claimed = channelHeader.tlsCertHash ?? NO_BYTES;
    if (claimed.length === 0) return "client didn't include its TLS cert hash";
    if (context.tlsClientCert === undefined) return "client didn't send a TLS certificate";
    return equalBytes(claimed, sha256(context.tlsClientCert)) ? undefined : "claimed TLS cert hash differs from actual";
  }

  #response(
    kind: DeliverKind,
    headersOnly: boolean,
    channel: DeliverChannel,
    number: number,
    request: ReadEnvelope,
  ): Promise<Uint8Array> {
    if (kind === "private") return channel.blockWithPrivateData(number, request);
    return this.#responses.get(`${kind}/${headersOnly}/${number}/${channel.channelId}`, async () => {
      const block = await channel.block(number);
      if (kind === "block")
        return headersOnly && !isConfigBlock(block) ? headersOnlyResponse(block) : blockResponse(block);
      const filtered = filteredBlock(block);
      // Fabric sends this status in the block's place and goes on with the next one; clients stop reading.
      return filtered === undefined ? statusResponse(Status.BAD_REQUEST) : filteredBlockResponse(filtered);
    });
  }
}

/** May this signer go on reading? Asked at every block, answered afresh only when something could have changed. */
class SessionAccess {
  readonly #channel: DeliverChannel;
  readonly #request: ReadEnvelope;
  readonly #resource: string;
  readonly #clock: Clock;
  #expiresAtMs: number | undefined;
  #checked: ChannelConfig | undefined;

  constructor(channel: DeliverChannel, request: ReadEnvelope, resource: string, clock: Clock) {
    this.#channel = channel;
    this.#request = request;
    this.#resource = resource;
    this.#clock = clock;
  }

  /** Why not, or undefined when access is granted. */
  refusal(): string | undefined {
    const config = this.#channel.config();
    if (config === this.#checked) return this.#expiry();
    const { payloadBytes, signature, signatureHeader } = this.#request;
    try {
      this.#expiresAtMs = config.msps.identity(signatureHeader.creator).certificate.notAfterMs;
    } catch (error) {
      return messageOf(error);
    }
    const expired = this.#expiry();
    if (expired !== undefined) return expired;
    const verdict = config
      .aclPolicy(this.#resource)
      .evaluateSigned([{ identity: signatureHeader.creator, message: payloadBytes, signature }]);
    if (!verdict.ok) return verdict.reason;
    this.#checked = config;
    return undefined;
  }

  #expiry(): string | undefined {
    const overdueMs = this.#clock.now() - (this.#expiresAtMs ?? 0);
    return overdueMs > 0 ? `deliver client identity expired ${Math.round(overdueMs)} ms before` : undefined;
  }
}

function readSeek(data: Uint8Array): orderer.SeekInfo | undefined {
  try {
    return decode(orderer.SeekInfo, data, "seek information");
  } catch {
    return undefined;
  }
}

/**
 * Numbers of the first and the last block; a missing kind of position stands for what Fabric's zero values do.
 * Undefined when the stop lies before the start.
 */
export function resolveSeek(
  start: orderer.SeekPosition.$Properties,
  stop: orderer.SeekPosition.$Properties,
  height: number,
): { start: number; stop: number; exists: boolean } | undefined {
  const first = resolveStart(start, height);
  const from = first ?? 0;
  const last = resolveStop(start, stop, from, height);
  if (last < from && stop.specified) return undefined;
  return { start: from, stop: last, exists: first !== undefined };
}

function resolveStart(start: orderer.SeekPosition.$Properties, height: number): number | undefined {
  if (start.oldest) return 0;
  if (start.newest) return Math.max(0, height - 1);
  if (start.nextCommit) return height;
  if (!start.specified) return undefined;
  const number = toBigInt(start.specified.number);
  return number > BigInt(height) ? undefined : Number(number);
}

function resolveStop(
  start: orderer.SeekPosition.$Properties,
  stop: orderer.SeekPosition.$Properties,
  from: number,
  height: number,
): number {
  if (stop.oldest) return from;
  if (stop.newest) return start.newest ? from : height - 1;
  // Numbers beyond 2^53 mean "without end", and the largest of all is what clients write for it.
  return stop.specified ? Number(toBigInt(stop.specified.number)) : 0;
}

function isConfigBlock(block: Uint8Array): boolean {
  const [envelope] = splitBlock(block).envelopes;
  if (envelope === undefined) return false;
  try {
    return readEnvelope(envelope).channelHeader.type === HeaderType.CONFIG;
  } catch {
    return false;
  }
}
