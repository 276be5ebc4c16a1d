import { randomBytes } from "node:crypto";
import path from "node:path";
import { idFromBytes, type JournalRecord } from "@hansa/journal";
import { HansaError } from "@hansa/primitives";
import { readPosition, type StreamPosition, streamJournal, streamTarget } from "@hansa/storage";
import type { Call, Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { wholeNumber } from "../options.js";
import { theChannel } from "./channel-option.js";
import { formatOf } from "./journal-format.js";

export const journalStream: Command = {
  name: "journal stream",
  summary: "send a channel's journal, in QLDB's stream records, to a file, a webhook or Kinesis",
  usage: "<target>",
  details:
    "A target is a file, http(s)://…, or kinesis://STREAM. Every record arrives at least once: how far the stream has\n" +
    "come stands in the position file, and the same command again goes on from there. A webhook is sent the token in\n" +
    "HANSA_WEBHOOK_TOKEN, if there is one. Credentials for Kinesis are found as Amazon's own tools find them.",
  options: {
    channel: { type: "string", short: "c", value: "name", about: "the channel; the network's only one unless given" },
    position: { type: "string", value: "file", about: "the position file; <target>.position for files unless given" },
    from: { type: "string", value: "number", about: "begin at this block, whatever the position file says" },
    until: { type: "string", value: "number", about: "the stream is complete after this block" },
    follow: { type: "boolean", short: "f", about: "wait for blocks that are not there yet" },
    format: {
      type: "string",
      value: "format",
      about: "ion, ion-binary or json; json unless given, ion-binary to Kinesis",
    },
    endpoint: { type: "string", value: "url", about: "of a Kinesis service that is not Amazon's" },
    region: { type: "string", value: "name", about: "of the Kinesis stream" },
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "hansa journal stream journal.ndjson --follow",
    "hansa journal stream https://example.com/hook --position hook.position --follow",
    "hansa journal stream kinesis://beer --position beer.position --endpoint http://127.0.0.1:4567",
  ],
  async run(call) {
    const place = call.options.positionals[0]!;
    const isKinesis = place.startsWith("kinesis:");
    const isFile = !/^[a-z0-9]+:\/\//i.test(place) && !isKinesis;
    const format = formatOf(call.options.text("format") ?? (isKinesis ? "ion-binary" : "json"));
    const positionFile = positionFileOf(call, place, isFile);
    const number = (name: string) =>
      call.options.text(name) === undefined ? undefined : wholeNumber(call.options, name, 0);
    const [from, until] = [number("from"), number("until")];
    if (from !== undefined && until !== undefined && from > until) {
      throw new HansaError("USAGE", `--from ${from} comes after --until ${until}.`, {
        nextStep: "Give the first and the last block of the stream, in that order",
      });
    }
    const view = await locateNetwork(call);
    const channel = theChannel(call, view);
    await runningSupervisor(view);
    const stop = new AbortController();
    const onSignal = () => stop.abort();
    process.once("SIGINT", onSignal);
    process.once("SIGTERM", onSignal);
    try {
      const journal = await view.journal(channel);
      const known = await readPosition(positionFile);
      const position = await beginStream(known, from, (first) => journal.records(first), channel);
      const arn = `arn:aws:qldb:local:000000000000:stream/${view.name}/${position.streamId}`;
      const [endpoint, region] = [call.options.text("endpoint"), call.options.text("region")];
      const token = call.io.env.HANSA_WEBHOOK_TOKEN;
      const target = await streamTarget(place, {
        arn,
        format,
        cwd: call.io.cwd,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(region === undefined ? {} : { region }),
        ...(token === undefined || token === "" ? {} : { token }),
        ...(position.mark === undefined ? {} : { mark: position.mark }),
      });
      try {
        const summary = await streamJournal({
          position,
          positionFile,
          arn,
          isNew: known === undefined,
          blocks: (first) => journal.records(first),
          target,
          follow: call.options.flag("follow"),
          signal: stop.signal,
          ...(until === undefined ? {} : { until }),
          onRetry: ({ message }, pauseMs) =>
            call.progress(`${message.replace(/\.$/, "")}; trying again in ${pauseMs / 1000} s`),
          onProgress: ({ nextSequenceNo }) => call.progress(`everything before block ${nextSequenceNo} has arrived`),
        });
        const data = { channel, target: target.name, streamArn: arn, positionFile, ...summary };
        const text = `Streamed ${summary.blocks} blocks of channel ${channel} in ${summary.records} records to ${target.name}; the next is block ${summary.nextSequenceNo}.\n`;
        return { data, text };
      } finally {
        await target.close();
      }
    } finally {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      view.closeConnections();
    }
  },
};

function positionFileOf(call: Call, place: string, isFile: boolean): string {
  const given = call.options.text("position") ?? (isFile ? `${place}.position` : undefined);
  if (given !== undefined) return path.resolve(call.io.cwd, given);
  throw new HansaError("USAGE", "Without --position nobody would know how far the stream has come.", {
    nextStep: "Name a file for it, e.g. --position beer.position",
  });
}

/** Where an earlier run ended, or a new stream. @throws HansaError USAGE */
export async function beginStream(
  known: StreamPosition | undefined,
  from: number | undefined,
  blocks: (first: number) => AsyncIterable<JournalRecord>,
  channel: string,
): Promise<StreamPosition> {
  if (known !== undefined && known.channel !== channel) {
    throw new HansaError("USAGE", `The position file is of channel ${known.channel}.`, {
      nextStep: "Name another position file for this channel",
    });
  }
  // Further on it would leave out blocks that are still to come, and say that they arrived.
  if (from !== undefined && from > 0 && (await firstOf(blocks(from - 1))) === undefined) {
    throw new HansaError("USAGE", `Channel ${channel} has no block ${from - 1} yet: a stream cannot begin after it.`, {
      nextStep: "Begin at a block that there is, or at the one that comes next",
    });
  }
  if (known !== undefined) return from === undefined ? known : { ...known, nextSequenceNo: from };
  const strandId = (await firstOf(blocks(0)))?.block.address.strandId ?? "";
  return { streamId: idFromBytes(randomBytes(16)), strandId, channel, nextSequenceNo: from ?? 0 };
}

async function firstOf(blocks: AsyncIterable<JournalRecord>): Promise<JournalRecord | undefined> {
  for await (const record of blocks) return record;
  return undefined;
}
