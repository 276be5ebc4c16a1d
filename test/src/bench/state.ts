/**
 * The bench of queries. Prints one JSON document on stdout, progress on stderr.
 *
 *     npm run bench -- state [--documents 1000000] [--rounds 20]
 *
 * One state on disk with so many documents of about 150 bytes, asked as a peer asks it for a contract: a rich query that
 * an index serves and returns 100 documents, the same where there is no index (and what says so), and ranges of 10,000
 * keys. What a contract's process adds to each entry is in the network bench's `evaluate`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { parseRichQuery, StateBatch, TxSimulator } from "@hansa/ledger";
import { LevelStateStore } from "@hansa/storage";

const NAMESPACE = "assets";
const FOUND = 100;
const RANGE = 10_000;
const A_BATCH = 5_000;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: { documents: { type: "string", default: "1000000" }, rounds: { type: "string", default: "20" } },
});
const settings = { documents: Number(values.documents), rounds: Number(values.rounds) };
const owners = Math.max(1, Math.floor(settings.documents / FOUND));

const say = (text: string) => process.stderr.write(`${text}\n`);
const round = (value: number, digits = 2) => Number(value.toFixed(digits));
const keyOf = (number: number) => `asset${String(number).padStart(9, "0")}`;

function documentOf(number: number): Uint8Array {
  const document = {
    docType: "asset",
    owner: `owner${number % owners}`,
    size: number % 97,
    color: ["blue", "red", "green"][number % 3],
    appraisedValue: (number * 7919) % 100_000,
    note: "x".repeat(40),
  };
  return Buffer.from(JSON.stringify(document), "utf8");
}

async function timed(rounds: number, run: (round: number) => Promise<number>) {
  const times: number[] = [];
  let found = 0;
  for (let i = 0; i < rounds; i++) {
    const startedAt = performance.now();
    found = await run(i);
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  return { found, p50Ms: round(times[times.length >> 1]!), longestMs: round(times.at(-1)!) };
}

async function count(results: { next(): Promise<unknown> }): Promise<number> {
  let found = 0;
  while ((await results.next()) !== undefined) found++;
  return found;
}

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-bench-state-"));
try {
  const state = await LevelStateStore.open(path.join(folder, "state"));
  const filledAt = performance.now();
  for (let from = 0; from < settings.documents; from += A_BATCH) {
    const batch = new StateBatch();
    for (let number = from; number < Math.min(from + A_BATCH, settings.documents); number++) {
      const version = { blockNumber: 0, txIndex: number };
      batch.set(NAMESPACE, keyOf(number), { value: documentOf(number), metadata: undefined, version });
    }
    await state.apply(batch, 0);
  }
  const filledMs = performance.now() - filledAt;
  say(`${settings.documents} documents in ${Math.round(filledMs)} ms`);

  const query = (owner: number) => JSON.stringify({ selector: { docType: "asset", owner: `owner${owner % owners}` } });
  const ask = async (number: number) => {
    const simulator = new TxSimulator(state, `tx${number}`);
    try {
      return await count(simulator.queryState(NAMESPACE, parseRichQuery(query(number * 31))));
    } finally {
      simulator.done();
    }
  };
  const withoutIndex = await timed(1, ask);
  say(`without an index ${JSON.stringify(withoutIndex)}`);
  const definedAt = performance.now();
  const index = { designDocument: "indexOwnerDoc", name: "indexOwner", fields: ["docType", "owner"] };
  await state.defineIndexes(NAMESPACE, [index]);
  const indexedMs = performance.now() - definedAt;
  say(`indexed in ${Math.round(indexedMs)} ms`);
  const withIndex = await timed(settings.rounds, ask);
  say(`with an index ${JSON.stringify(withIndex)}`);

  const range = await timed(settings.rounds, async (i) => {
    const simulator = new TxSimulator(state, `range${i}`);
    try {
      const from = (i * 37_123) % Math.max(1, settings.documents - RANGE);
      const found = await count(simulator.getStateRange(NAMESPACE, keyOf(from), keyOf(from + RANGE)));
      simulator.results();
      return found;
    } finally {
      simulator.done();
    }
  });
  const keysPerSecond = Math.round(range.found / (range.p50Ms / 1000));
  const machine = { node: process.version, cpus: os.cpus().length, model: os.cpus()[0]?.model, load: os.loadavg()[0] };
  const figures = {
    filledMs: Math.round(filledMs),
    indexedMs: Math.round(indexedMs),
    withoutIndex,
    withIndex,
    range: { ...range, keysPerSecond },
    rssMb: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
  process.stdout.write(`${JSON.stringify({ bench: "state", machine, settings, ...figures }, null, 2)}\n`);
  await state.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
