/** Places that a journal is streamed to, as people name them: a file, a webhook, a Kinesis stream. */
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { type ExportFormat, type StreamRecord, streamRecordBytes } from "@hansa/journal";
import { type Bytes, HansaError, messageOf } from "@hansa/primitives";
import { KinesisTarget } from "./stream-kinesis.js";
import { StreamRefused, type StreamTarget, type StreamTargetOptions } from "./stream-target.js";

/** @param place a file, http(s)://…, or kinesis://STREAM @throws HansaError USAGE, StreamRefused */
export async function streamTarget(place: string, options: StreamTargetOptions): Promise<StreamTarget> {
  if (/^https?:\/\//.test(place)) return new WebhookTarget(urlOf(place), options);
  if (place.startsWith("kinesis:")) {
    const found = /^kinesis:\/\/([A-Za-z0-9_.-]{1,128})$/.exec(place);
    if (found?.[1] === undefined) {
      throw new HansaError("USAGE", `"${place}" names no stream.`, { nextStep: "Write it like kinesis://STREAM." });
    }
    return new KinesisTarget(found[1], options);
  }
  if (/^[a-z0-9]+:\/\//i.test(place)) {
    throw new HansaError("USAGE", `"${place}" is no place that a journal can be streamed to.`, {
      nextStep: "Name a file, an address with http:// or https://, or kinesis://STREAM.",
    });
  }
  return FileTarget.open(path.resolve(options.cwd, place), options);
}

function urlOf(place: string): URL {
  try {
    return new URL(place);
  } catch (cause) {
    throw new HansaError("USAGE", `"${place}" is no address.`, { cause });
  }
}

/** Appends; what is handed over is durable. */
class FileTarget implements StreamTarget {
  readonly name: string;
  readonly #options: StreamTargetOptions;
  readonly #file: FileHandle;
  #length: number;

  private constructor(name: string, options: StreamTargetOptions, file: FileHandle, length: number) {
    this.name = name;
    this.#options = options;
    this.#file = file;
    this.#length = length;
  }

  static async open(name: string, options: StreamTargetOptions): Promise<FileTarget> {
    try {
      const file = await open(name, "a", 0o600);
      const { size } = await file.stat();
      const length = Math.min(size, options.mark ?? size);
      if (length < size) await file.truncate(length);
      return new FileTarget(name, options, file, length);
    } catch (cause) {
      throw new StreamRefused(`${name} cannot be opened: ${messageOf(cause)}.`, false, { cause });
    }
  }

  get mark(): number {
    return this.#length;
  }

  async send(records: readonly StreamRecord[]): Promise<void> {
    const { arn, format } = this.#options;
    const bytes = Buffer.concat(records.map((record) => streamRecordBytes(arn, record, format)));
    try {
      await this.#file.truncate(this.#length);
      await this.#file.writeFile(bytes);
      await this.#file.datasync();
      this.#length += bytes.length;
    } catch (cause) {
      throw new StreamRefused(`${this.name} cannot be written: ${messageOf(cause)}.`, true, { cause });
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

const WEBHOOK_MS = 30_000;
/** A batch is sent in several requests rather than in a larger one. */
const WEBHOOK_BYTES = 4 * 1024 * 1024;
const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  JSON: "application/x-ndjson",
  ION_TEXT: "text/x-ion",
  ION_BINARY: "application/x-ion",
};

/** POSTs records, one after another in the body; any 2xx says that the receiver has them. */
class WebhookTarget implements StreamTarget {
  readonly name: string;
  readonly mark = undefined;
  readonly #url: URL;
  readonly #options: StreamTargetOptions;

  constructor(url: URL, options: StreamTargetOptions) {
    // Addresses carry secrets now and then.
    this.name = `${url.origin}${url.pathname}`;
    this.#url = url;
    this.#options = options;
  }

  async send(records: readonly StreamRecord[]): Promise<void> {
    const { arn, format } = this.#options;
    let body: Bytes[] = [];
    let size = 0;
    for (const record of records) {
      const bytes = streamRecordBytes(arn, record, format);
      if (size + bytes.length > WEBHOOK_BYTES && body.length > 0) {
        await this.#post(Buffer.concat(body));
        body = [];
        size = 0;
      }
      body.push(bytes);
      size += bytes.length;
    }
    if (body.length > 0) await this.#post(Buffer.concat(body));
  }

  async #post(body: Buffer): Promise<void> {
    const { format, token } = this.#options;
    let status: number;
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        body: new Uint8Array(body),
        redirect: "error",
        signal: AbortSignal.timeout(WEBHOOK_MS),
        headers: {
          "content-type": CONTENT_TYPES[format],
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
      await response.body?.cancel();
      status = response.status;
    } catch (cause) {
      // fetch says only that it failed, and has the reason as its cause.
      const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
      throw new StreamRefused(`${this.name} does not answer: ${messageOf(reason)}.`, true, { cause });
    }
    if (status >= 200 && status < 300) return;
    const isPassing = status >= 500 || status === 429 || status === 408;
    throw new StreamRefused(`${this.name} answered ${status}.`, isPassing, {
      nextStep: "See the receiver's log; the stream goes on from its position file",
    });
  }

  async close(): Promise<void> {}
}
