/** How far a stream has come: a small JSON file, replaced after every batch that has arrived. */
import { readFile } from "node:fs/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { replaceFileDurably } from "./durable-file.js";

export type StreamPosition = {
  /** 22 characters, the last part of the stream's ARN. */
  readonly streamId: string;
  readonly strandId: string;
  readonly channel: string;
  /** The first block that is not sure to have arrived. */
  readonly nextSequenceNo: number;
  /** How long a file was then. */
  readonly mark?: number;
};

const FORMAT = "hansa.journal.position/1";

/** Undefined when there is no such file. @throws HansaError STREAM_POSITION */
export async function readPosition(file: string): Promise<StreamPosition | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(file, messageOf(error), error);
  }
  try {
    const { format, ...position } = JSON.parse(text) as StreamPosition & { format: string };
    const { streamId, strandId, channel, nextSequenceNo, mark } = position;
    const isWhole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
    const isPosition =
      format === FORMAT &&
      [streamId, strandId, channel].every((part) => typeof part === "string") &&
      isWhole(nextSequenceNo) &&
      (mark === undefined || isWhole(mark));
    if (!isPosition) throw unreadable(file, `it is no "${FORMAT}"`);
    return position;
  } catch (error) {
    if (error instanceof SyntaxError) throw unreadable(file, error.message, error);
    throw error;
  }
}

export async function writePosition(file: string, position: StreamPosition): Promise<void> {
  await replaceFileDurably(file, `${JSON.stringify({ format: FORMAT, ...position })}\n`, 0o600);
}

function unreadable(file: string, reason: string, cause?: unknown): HansaError {
  return new HansaError("STREAM_POSITION", `The position file ${file} does not read: ${reason}.`, {
    cause,
    nextStep: "Restore it, or remove it and say where to begin with --from",
  });
}
