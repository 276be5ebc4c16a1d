/**
 * Gateway.Submit: the signed transaction goes to one orderer after another until one takes it.
 * Source: hyperledger/fabric, internal/pkg/gateway/submit.go.
 */
import { type CallContext, GrpcStatus } from "@hansa/transport";
import { FieldScanner, Status, statusName } from "@hansa/wire";
import { type BroadcastAnswer, BroadcastClient, type TlsIdentity } from "./broadcast.js";
import { type ErrorDetail, failure, rpcText, whileWanted } from "./failure.js";
import type { GatewayHost, GatewayOrderer } from "./host.js";
import { field } from "./proposal.js";

const SILENT_MS = 3_000;
const SUBMITTED = new Uint8Array(0);

export type SubmitterOptions = {
  readonly broadcastTimeoutMs: number;
  readonly random: () => number;
  readonly tlsIdentity: TlsIdentity | undefined;
  /** How long beyond a batch timeout an orderer may take to answer before others are preferred. Default 3 s. */
  readonly silentMs?: number;
};

export class Submitter {
  readonly #host: GatewayHost;
  readonly #options: SubmitterOptions;
  readonly #clients = new Map<string, BroadcastClient>();

  constructor(host: GatewayHost, options: SubmitterOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** @param request bytes of gateway.SubmitRequest @returns bytes of gateway.SubmitResponse @throws RpcStatus */
  async submit(request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    const { channelId, envelope } = readRequest(request);
    const config = this.#host.channel(channelId);
    if (config === undefined) {
      throw failure(
        GrpcStatus.FAILED_PRECONDITION,
        `failed to get config for channel [${channelId}]: could not get last config for channel ${channelId}`,
      );
    }
    const orderers = this.#host.orderers(channelId);
    if (orderers.length === 0) throw failure(GrpcStatus.UNAVAILABLE, "no orderer nodes available");
    const details: ErrorDetail[] = [];
    for (const target of this.#silentLast(this.#inRandomOrder(orderers), config.orderer.batchTimeoutMs)) {
      const tooLate = "submit timeout expired while broadcasting to ordering service";
      const refusal = await whileWanted(this.#offer(target, envelope), context.signal, tooLate);
      if (refusal === undefined) return SUBMITTED;
      details.push(refusal);
    }
    throw failure(GrpcStatus.UNAVAILABLE, "no orderers could successfully process transaction", details);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** @returns undefined when the orderer took it @throws RpcStatus ABORTED when none ever will */
  async #offer(target: GatewayOrderer, envelope: Uint8Array): Promise<ErrorDetail | undefined> {
    const { address, mspId } = target;
    let answer: BroadcastAnswer;
    try {
      answer = await this.#client(target).send(envelope, this.#options.broadcastTimeoutMs);
    } catch (error) {
      return { address, mspId, message: rpcText(error) };
    }
    const { status, info } = answer;
    if (status === Status.SUCCESS) return undefined;
    const message = `received unsuccessful response from orderer: status=${statusName(status)}, info=${info}`;
    if (status >= 400 && status < 500) throw failure(GrpcStatus.ABORTED, message);
    return { address, mspId, message };
  }

  #client(target: GatewayOrderer): BroadcastClient {
    const key = `${target.address} ${target.serverName ?? ""} ${target.tlsRootPems.length}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = new BroadcastClient(target, this.#options.tlsIdentity);
      this.#clients.set(key, client);
    }
    return client;
  }

  /** One that leaves envelopes unanswered for much longer than a batch takes may hang: it is asked when no other takes them. */
  #silentLast(orderers: readonly GatewayOrderer[], batchTimeoutMs: number): readonly GatewayOrderer[] {
    if (orderers.length === 1) return orderers;
    const limitMs = batchTimeoutMs + (this.#options.silentMs ?? SILENT_MS);
    const isSilent = (target: GatewayOrderer) => this.#client(target).silentMs > limitMs;
    const silent = orderers.filter(isSilent);
    return silent.length === 0 ? orderers : [...orderers.filter((target) => !silent.includes(target)), ...silent];
  }

  #inRandomOrder(orderers: readonly GatewayOrderer[]): GatewayOrderer[] {
    if (orderers.length === 1) return [...orderers];
    return orderers
      .map((target) => ({ target, rank: this.#options.random() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ target }) => target);
  }
}

function readRequest(request: Uint8Array): { channelId: string; envelope: Uint8Array } {
  let channelId = "";
  let envelope: Uint8Array | undefined;
  let isSigned = false;
  try {
    const scanner = new FieldScanner(request, "gateway.SubmitRequest");
    while (scanner.next()) {
      if (scanner.wireType !== 2) continue;
      if (scanner.number === 2) channelId = Buffer.from(scanner.bytes).toString("utf8");
      else if (scanner.number === 3) envelope = scanner.bytes;
    }
    if (envelope !== undefined) isSigned = field(envelope, 2, "common.Envelope").length > 0;
  } catch (error) {
    throw failure(GrpcStatus.INVALID_ARGUMENT, error instanceof Error ? error.message : String(error));
  }
  if (envelope === undefined) throw failure(GrpcStatus.INVALID_ARGUMENT, "a prepared transaction is required");
  if (!isSigned) throw failure(GrpcStatus.INVALID_ARGUMENT, "prepared transaction must be signed");
  return { channelId, envelope };
}
