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
import type { DeliverMetrics } from "@hansa/operations";
import { planSeek, readSeek, readSeekEnvelope } from "@hansa/ordering";
import { type Clock, type Logger, messageOf, sha256 } from "@hansa/primitives";
import type { StreamContext } from "@hansa/transport";
import { type common, holdsConfig, type ReadEnvelope, Status, splitBlock } from "@hansa/wire";
import { blockResponse, filteredBlockResponse, headersOnlyResponse, statusResponse } from "./deliver-responses.js";
import { filteredBlock } from "./filtered-block.js";
import { ResponseCache } from "./response-cache.js";

/** What the service needs of a channel. */
export interface DeliverChannel {
  readonly channelId: string;
  /** Count of committed blocks. */
  height(): number;
  /** Of the blocks that are here: not 0 where a snapshot stands for earlier ones. */
  firstBlock(): number;
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
  readonly meter?: DeliverMetrics;
};

export type DeliverKind = "block" | "filtered" | "private";

type Send = (bytes: Uint8Array) => Promise<void> | void;

const DATA_TYPES = { block: "block", filtered: "filtered_block", private: "block_and_pvtdata" } as const;

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
    context: StreamContext,
    send: Send,
  ): Promise<void> {
    const { meter } = this.#options;
    meter?.streamOpened();
    try {
      for await (const bytes of incoming) {
        const status = await this.#answer(kind, bytes, context, send);
        if (status === undefined) return;
        await send(statusResponse(status));
        if (status !== Status.SUCCESS) return;
      }
    } finally {
      meter?.streamClosed();
    }
  }

  /** The status that ends this request; undefined when the caller has gone. */
  async #answer(
    kind: DeliverKind,
    bytes: Uint8Array,
    context: StreamContext,
    send: Send,
  ): Promise<common.Status | undefined> {
    const request = this.#readRequest(bytes, context);
    if (request === undefined) return Status.BAD_REQUEST;

    const channel = this.#options.channel(request.channelHeader.channelId);
    if (channel === undefined) return Status.NOT_FOUND;
    const { meter } = this.#options;
    meter?.received(channel.channelId, DATA_TYPES[kind]);
    const status = await this.#deliver(kind, request, channel, context, send);
    meter?.completed(channel.channelId, DATA_TYPES[kind], status === Status.SUCCESS);
    return status;
  }

  async #deliver(
    kind: DeliverKind,
    request: ReadEnvelope,
    channel: DeliverChannel,
    context: StreamContext,
    send: Send,
  ): Promise<common.Status | undefined> {
    const { logger, meter } = this.#options;
    const seek = readSeek(request);
    if ("kind" in seek) return seek.status;

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
    const plan = planSeek(seek, channel.height());
    if (plan.kind === "refused") return plan.status;
    if (plan.start < channel.firstBlock()) return Status.NOT_FOUND;
    const headersOnly = kind === "block" && plan.headersOnly;
    for (let number = plan.start; ; number++) {
      if (plan.failIfNotReady && number >= channel.height()) return Status.NOT_FOUND;
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
      meter?.sent(channel.channelId, DATA_TYPES[kind]);
      if (context.signal.aborted) return undefined;
      if (number === plan.stop) return Status.SUCCESS;
    }
  }

  #readRequest(bytes: Uint8Array, context: StreamContext): ReadEnvelope | undefined {
    if (bytes.length > MAX_ENVELOPE_BYTES) return undefined;
    const { clock, logger, timeWindowMs, mutualTls } = this.#options;
    const tlsCertHash = context.tlsClientCert && sha256(context.tlsClientCert);
    const request = readSeekEnvelope(bytes, { now: clock.now(), timeWindowMs, mutualTls, tlsCertHash });
    if (!("kind" in request)) return request;
    logger.warn("deliver request is malformed", { from: context.peerAddress, reason: request.reason });
    return undefined;
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
        return headersOnly && !holdsConfig(splitBlock(block).envelopes)
          ? headersOnlyResponse(block)
          : blockResponse(block);
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
