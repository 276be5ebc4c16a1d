import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import type { JournalRecord } from "@hansa/journal";
import { authority, person, sampleStrand } from "@hansa/journal/testing";
import { HansaError } from "@hansa/primitives";
import { streamJournal } from "./stream-journal.js";
import { streamTarget } from "./stream-places.js";
import { readPosition, type StreamPosition, writePosition } from "./stream-position.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-stream-"));
after(() => rmSync(root, { recursive: true, force: true }));

const strand = sampleStrand("deliveries", 230, person(authority("ca.pub"), "User1@pub", "client"));
const strandId = strand.blocks[0]!.address.strandId;
const streamId = "0123456789012345678901";
const arn = `arn:aws:qldb:local:000000000000:stream/beer/${streamId}`;
const start: StreamPosition = { streamId, strandId, channel: "deliveries", nextSequenceNo: 0 };

async function* from(first: number, last = strand.records.length - 1): AsyncGenerator<JournalRecord> {
  for (const record of strand.records.slice(first, last + 1)) yield record;
}

type Line = { recordType: string; payload: { blockAddress?: { sequenceNo: number }; controlRecordType?: string } };
const linesOf = (text: string): Line[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
const summariesOf = (lines: readonly Line[]) =>
  lines.flatMap(({ recordType, payload }) =>
    recordType === "BLOCK_SUMMARY" ? [payload.blockAddress!.sequenceNo] : [],
  );
const upTo = (count: number, first = 0) => Array.from({ length: count }, (_, i) => first + i);

describe("a journal streamed to a file", () => {
  it("holds every block once, however often the run ends and begins again", async () => {
    const file = path.join(root, "all.ndjson");
    const positionFile = `${file}.position`;
    const run = async (until: number, isNew = false) => {
      const position = (await readPosition(positionFile)) ?? start;
      const mark = position.mark === undefined ? {} : { mark: position.mark };
      const target = await streamTarget(file, { arn, format: "JSON", cwd: root, ...mark });
      const options = { position, positionFile, arn, isNew, target, follow: false };
      const summary = await streamJournal({ ...options, blocks: (first) => from(first, until) });
      await target.close();
      return summary;
    };
    assert.equal((await run(99, true)).blocks, 100);
    // A run that died after it had written, and before it kept its position.
    appendFileSync(file, '{"recordType":"BLOCK_SUMMARY","payload":{"blockAddress":{"sequenceNo":100}}}\n{"torn');
    assert.deepEqual(await run(229).then(({ blocks, nextSequenceNo }) => [blocks, nextSequenceNo]), [130, 230]);
    const lines = linesOf(readFileSync(file, "utf8"));
    assert.equal(lines[0]?.payload.controlRecordType, "CREATED");
    assert.deepEqual(summariesOf(lines), upTo(230));
    const details = lines.filter(({ recordType }) => recordType === "REVISION_DETAILS").length;
    assert.equal(
      details,
      strand.envelopes.reduce((sum, each) => sum + each.length, 0),
    );
    assert.equal((await run(229)).blocks, 0);
  });

  it("begins at any block, and is complete after the one it was told", async () => {
    const file = path.join(root, "part.ndjson");
    const target = await streamTarget(file, { arn, format: "JSON", cwd: root });
    const position = { ...start, nextSequenceNo: 41 };
    const common = { position, positionFile: `${file}.position`, arn, isNew: true, target, follow: true, until: 44 };
    await streamJournal({ ...common, blocks: (first) => from(first) });
    await target.close();
    const lines = linesOf(readFileSync(file, "utf8"));
    assert.deepEqual(summariesOf(lines), upTo(4, 41));
    assert.equal(lines.at(-1)?.payload.controlRecordType, "COMPLETED");
  });

  it("waits for blocks that are not there yet", async () => {
    const file = path.join(root, "follow.ndjson");
    const target = await streamTarget(file, { arn, format: "ION_TEXT", cwd: root });
    let height = 3;
    const stop = new AbortController();
    const options = { position: start, positionFile: `${file}.position`, arn, isNew: true, target, follow: true };
    const running = streamJournal({
      ...options,
      signal: stop.signal,
      blocks: (first) => from(first, height - 1),
      onProgress: ({ nextSequenceNo }) => {
        if (nextSequenceNo === 3) height = 5;
        if (nextSequenceNo === 5) stop.abort();
      },
    });
    assert.equal((await running).nextSequenceNo, 5);
    await target.close();
  });

  it("stops at blocks of another strand or with other hashes, and at a position file that does not read", async () => {
    const file = path.join(root, "broken.ndjson");
    const target = await streamTarget(file, { arn, format: "JSON", cwd: root });
    const options = { positionFile: `${file}.position`, arn, isNew: true, target, follow: false };
    const fails = (position: StreamPosition, records: readonly JournalRecord[], reason: RegExp) =>
      assert.rejects(
        streamJournal({
          ...options,
          position,
          blocks: async function* () {
            yield* records;
          },
        }),
        reason,
      );
    await fails({ ...start, strandId: "x" }, strand.records, /came where block 0 of strand x belongs/);
    await fails(start, strand.records.slice(1), /block 1 of strand/);
    const [first, second] = strand.records as [JournalRecord, JournalRecord];
    await fails(start, [first, { ...second, block: { ...second.block, previousBlockHash: Buffer.alloc(32) } }], /Hash/);
    await target.close();
    writeFileSync(options.positionFile, "{}");
    await assert.rejects(readPosition(options.positionFile), /position file .* does not read/);
    await writePosition(options.positionFile, start);
    assert.deepEqual(await readPosition(options.positionFile), start);
  });
});

describe("a journal streamed to a webhook", () => {
  it("is handed over again until the receiver takes it, and given up when it never will", async () => {
    const bodies: string[] = [];
    const answers = [503, 200, 429, 200, 200];
    const tokens = new Set<string | undefined>();
    const server: Server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const status = answers.shift() ?? 400;
        tokens.add(request.headers.authorization);
        if (status === 200) bodies.push(Buffer.concat(chunks).toString());
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?secret=1`;
    const target = await streamTarget(url, { arn, format: "JSON", cwd: root, token: "t" });
    const positionFile = path.join(root, "webhook.position");
    const options = { positionFile, arn, isNew: true, target, follow: false, firstRetryMs: 1 };
    await streamJournal({ ...options, position: start, blocks: (first) => from(first) });
    assert.deepEqual(summariesOf(linesOf(bodies.join(""))), upTo(230));
    assert.deepEqual([...tokens], ["Bearer t"]);
    const refused = streamJournal({ ...options, position: start, blocks: (first) => from(first) });
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof HansaError);
      assert.match(error.message, /hook answered 400/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    await new Promise((resolve) => server.close(resolve));
    await assert.rejects(
      streamJournal({ ...options, retries: 2, position: start, blocks: (first) => from(first) }),
      /does not answer/,
    );
  });
});

describe("a journal streamed to Kinesis", () => {
  let child: ChildProcess | undefined;
  after(() => child?.kill());

  it("arrives in its order, in a server of somebody else's", async () => {
    const cli = createRequire(import.meta.url).resolve("kinesalite/cli.js");
    const port = await freePort();
    child = spawn(process.execPath, [cli, "--port", String(port), "--createStreamMs", "10"], { stdio: "ignore" });
    const endpoint = `http://127.0.0.1:${port}`;
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" });
    const sdk = await import("@aws-sdk/client-kinesis");
    const { NodeHttpHandler } = await import("@smithy/node-http-handler");
    const client = new sdk.KinesisClient({ endpoint, region: "us-east-1", requestHandler: new NodeHttpHandler() });
    const StreamName = "journal";
    await eventually(() => client.send(new sdk.CreateStreamCommand({ StreamName, ShardCount: 2 })));
    await eventually(async () => {
      const { StreamDescription } = await client.send(new sdk.DescribeStreamCommand({ StreamName }));
      assert.equal(StreamDescription?.StreamStatus, "ACTIVE");
    });
    const target = await streamTarget("kinesis://journal", { arn, format: "JSON", cwd: root, endpoint });
    const positionFile = path.join(root, "kinesis.position");
    const options = { position: start, positionFile, arn, isNew: true, target, follow: false };
    await streamJournal({ ...options, blocks: (first) => from(first) });
    await target.close();

    const { StreamDescription } = await client.send(new sdk.DescribeStreamCommand({ StreamName }));
    const lines: Line[] = [];
    for (const { ShardId } of StreamDescription?.Shards ?? []) {
      const request = { StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" as const };
      let iterator = (await client.send(new sdk.GetShardIteratorCommand(request))).ShardIterator;
      for (let empty = 0; empty < 3; ) {
        const { Records = [], NextShardIterator } = await client.send(
          new sdk.GetRecordsCommand({ ShardIterator: iterator }),
        );
        for (const { Data } of Records) lines.push(...linesOf(Buffer.from(Data ?? []).toString()));
        empty = Records.length === 0 ? empty + 1 : 0;
        iterator = NextShardIterator;
      }
    }
    assert.deepEqual(summariesOf(lines), upTo(230));

    const unknown = await streamTarget("kinesis://nowhere", { arn, format: "JSON", cwd: root, endpoint });
    await assert.rejects(
      streamJournal({ ...options, target: unknown, blocks: (first) => from(first) }),
      /kinesis:\/\/nowhere cannot be written/,
    );
    await unknown.close();
    client.destroy();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
