/** Puts a journal's records into a Kinesis stream. The AWS SDK is loaded on first use. */
import type { KinesisClient, PutRecordsRequestEntry } from "@aws-sdk/client-kinesis";
import { type StreamRecord, streamRecordBytes } from "@hansa/journal";
import { messageOf } from "@hansa/primitives";
import { StreamRefused, type StreamTarget, type StreamTargetOptions } from "./stream-target.js";

type Sdk = typeof import("@aws-sdk/client-kinesis");
type Handlers = typeof import("@smithy/node-http-handler");

/** Source: the service's limits for PutRecords. */
const MOST_RECORDS = 500;
const MOST_BYTES = 5 * 1024 * 1024;
const LARGEST_RECORD = 1024 * 1024;
/** Records that a shard throttled are put again this often before the whole batch counts as refused. */
const ROUNDS = 6;
const FIRST_PAUSE_MS = 100;
const ANY_REGION = "us-east-1";

/**
 * Credentials are found as the AWS SDK finds them. All records go to one shard, so that they are in order there; a
 * record that a shard throttles holds back those behind it.
 */
export class KinesisTarget implements StreamTarget {
  readonly name: string;
  readonly mark = undefined;
  readonly #stream: string;
  readonly #options: StreamTargetOptions;
  #loaded: Promise<{ sdk: Sdk; client: KinesisClient }> | undefined;

  constructor(stream: string, options: StreamTargetOptions) {
    this.name = `kinesis://${stream}`;
    this.#stream = stream;
    this.#options = options;
  }

  async send(records: readonly StreamRecord[]): Promise<void> {
    const { arn, format } = this.#options;
    let entries: PutRecordsRequestEntry[] = [];
    let size = 0;
    for (const record of records) {
      const Data = streamRecordBytes(arn, record, format);
      if (Data.length > LARGEST_RECORD) {
        throw new StreamRefused(`A record of ${Data.length} bytes is more than Kinesis takes.`, false, {
          nextStep: "Stream to a file or a webhook; no batch of the channel can be made to fit",
        });
      }
      if (entries.length === MOST_RECORDS || size + Data.length + arn.length > MOST_BYTES) {
        await this.#put(entries);
        entries = [];
        size = 0;
      }
      entries.push({ Data, PartitionKey: arn });
      size += Data.length + arn.length;
    }
    if (entries.length > 0) await this.#put(entries);
  }

  async close(): Promise<void> {
    (await this.#loaded)?.client.destroy();
  }

  async #put(entries: readonly PutRecordsRequestEntry[]): Promise<void> {
    try {
      this.#loaded ??= this.#load();
      const { sdk, client } = await this.#loaded;
      let left = entries;
      for (let round = 0; ; round++) {
        const { Records = [] } = await client.send(
          new sdk.PutRecordsCommand({ StreamName: this.#stream, Records: [...left] }),
        );
        const first = Records.findIndex(({ ErrorCode }) => ErrorCode !== undefined);
        if (first < 0) return;
        if (round === ROUNDS) throw new Error(`${Records[first]?.ErrorCode}: ${Records[first]?.ErrorMessage}`);
        // From the first one that was refused, so that none overtakes it for good.
        left = left.slice(first);
        await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** round));
      }
    } catch (cause) {
      const isLasting = /ResourceNotFound|AccessDenied|Validation|InvalidArgument|Credentials/.test(nameOf(cause));
      throw new StreamRefused(`${this.name} cannot be written: ${messageOf(cause).replace(/\.$/, "")}.`, !isLasting, {
        cause,
        nextStep: "Check the stream's name, the region or endpoint, and the credentials",
      });
    }
  }

  async #load(): Promise<{ sdk: Sdk; client: KinesisClient }> {
    const loaded: Sdk & { readonly default?: Sdk } = await import("@aws-sdk/client-kinesis");
    // A bundler that finds the SDK's CommonJS form gives it as the default export alone.
    const sdk = loaded.KinesisClient === undefined && loaded.default !== undefined ? loaded.default : loaded;
    const { endpoint, region } = this.#options;
    // Amazon's own endpoints speak HTTP/2, which others seldom do.
    const handlers: Handlers & { readonly default?: Handlers } = await import("@smithy/node-http-handler");
    const { NodeHttpHandler } =
      handlers.NodeHttpHandler === undefined && handlers.default !== undefined ? handlers.default : handlers;
    const client = new sdk.KinesisClient({
      ...(endpoint === undefined
        ? {}
        : { endpoint, region: region ?? ANY_REGION, requestHandler: new NodeHttpHandler() }),
      ...(region === undefined ? {} : { region }),
    });
    return { sdk, client };
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}
