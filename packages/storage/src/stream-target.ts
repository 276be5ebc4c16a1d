/** What a journal is streamed to. */
import type { ExportFormat, StreamRecord } from "@hansa/journal";
import { HansaError } from "@hansa/primitives";

export interface StreamTarget {
  /** For messages. */
  readonly name: string;
  /**
   * Hands over records in their order. When it resolves, the other side has them.
   * @throws StreamRefused
   */
  send(records: readonly StreamRecord[]): Promise<void>;
  /** What a position has to remember; a file's length in bytes. */
  readonly mark: number | undefined;
  close(): Promise<void>;
}

/** What did not arrive, and whether trying again may help. */
export class StreamRefused extends HansaError {
  override readonly name = "StreamRefused";
  readonly isPassing: boolean;

  constructor(message: string, isPassing: boolean, options: { cause?: unknown; nextStep?: string } = {}) {
    super("STREAM_TARGET", message, options);
    this.isPassing = isPassing;
  }
}

export type StreamTargetOptions = {
  readonly arn: string;
  readonly format: ExportFormat;
  /** Relative files begin here. */
  readonly cwd: string;
  /** Of a Kinesis service that is not Amazon's. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Sent to a webhook as a bearer token. */
  readonly token?: string;
  /** Bytes that a file keeps: what it has beyond is of a run that ended before it kept its position. */
  readonly mark?: number;
};
