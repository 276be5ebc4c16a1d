/**
 * The journal bench. Prints one JSON document on stdout, progress on stderr.
 *
 *     npm run bench -- journal [--seconds 5] [--batch 100] [--envelope-bytes 4096]
 *                      [--blocks 1000000] [--block-envelope-bytes 256] [--export-blocks 100000]
 *                      [--export-envelope-bytes 4096] [--format ION_BINARY] [--folder <where>]
 *
 * `append`: batches of envelopes become blocks with both trees, each made durable before it is answered; "pipelined"
 * prepares the next block while the disk syncs, as an orderer does. `proofs`: a strand that grows to so many blocks of
 * one envelope, and what a receipt costs on the way. `export`: another strand, written as an export and verified alone.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Certificate, generatePrivateKey, privateKeyFromPem, publicPart } from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import {
  blockLeaf,
  channelStrandId,
  type Digest,
  digestAt,
  digestBytes,
  EXPORT_FORMATS,
  type ExportFormat,
  entryLeaf,
  entryPath,
  type JournalBlock,
  type JournalRecord,
  type JournalStrand,
  joinLog,
  logProof,
  nextBlock,
  receiptFile,
  rootFrom,
  type StrandTip,
  tipAfter,
  verifyExport,
  verifyPath,
  writeExport,
} from "@hansa/journal";
import { verifyReceipt } from "@hansa/journal/verify";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import { equalBytes, sha256, unixMs } from "@hansa/primitives";
import { exportTarget, FileJournalStore } from "@hansa/storage";
import {
  blockDataHash,
  blockHeaderHash,
  encode,
  HeaderType,
  joinBlock,
  msp,
  signedEnvelope,
  splitBlock,
  toLong,
  transactionId,
} from "@hansa/wire";

const { values } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  options: {
    seconds: { type: "string", default: "5" },
    batch: { type: "string", default: "100" },
    "envelope-bytes": { type: "string", default: "4096" },
    blocks: { type: "string", default: "1000000" },
    "block-envelope-bytes": { type: "string", default: "256" },
    "export-blocks": { type: "string", default: "100000" },
    "export-envelope-bytes": { type: "string", default: "4096" },
    format: { type: "string", default: "ION_BINARY" },
    folder: { type: "string", default: os.tmpdir() },
  },
});
const settings = {
  seconds: Number(values.seconds),
  batch: Number(values.batch),
  envelopeBytes: Number(values["envelope-bytes"]),
  blocks: Number(values.blocks),
  blockEnvelopeBytes: Number(values["block-envelope-bytes"]),
  exportBlocks: Number(values["export-blocks"]),
  exportEnvelopeBytes: Number(values["export-envelope-bytes"]),
  format: EXPORT_FORMATS.find((format) => format === values.format) ?? ("ION_BINARY" satisfies ExportFormat),
  folder: values.folder,
};

const CHANNEL = "bench";
const GROUP_BLOCKS = 500;
const PROOFS = 400;
const folder = mkdtempSync(path.join(settings.folder, "hansa-bench-journal-"));
const say = (text: string) => process.stderr.write(`${text}\n`);
const round = (value: number, digits = 1) => Number(value.toFixed(digits));
const info = { strandId: channelStrandId(CHANNEL, sha256(Buffer.from("genesis"))), name: CHANNEL };

/** Envelopes of this size, different in every byte of their data that matters to a hash. */
function envelopes(count: number, bytes: number): Uint8Array[] {
  const creator = encode(msp.SerializedIdentity, { mspid: "BenchMSP", idBytes: Buffer.from("no certificate") });
  const frame = (data: Uint8Array) => {
    const nonce = randomBytes(24);
    return signedEnvelope({
      type: HeaderType.ENDORSER_TRANSACTION,
      channelId: CHANNEL,
      txId: transactionId(nonce, creator),
      creator,
      nonce,
      timestampMs: Date.now(),
      data,
      sign: () => randomBytes(71),
    });
  };
  const overhead = frame(Buffer.alloc(256)).length - 256;
  return Array.from({ length: count }, () => frame(randomBytes(Math.max(16, bytes - overhead))));
}

let previousHash: Uint8Array = Buffer.alloc(0);
function recordAfter(tip: StrandTip, batch: readonly Uint8Array[]): JournalRecord {
  const header = { number: BigInt(tip.size), previousHash, dataHash: blockDataHash(batch) };
  const headerHash = blockHeaderHash(header);
  previousHash = headerHash;
  const contents = { channelId: CHANNEL, timestampMs: unixMs(Date.now()), headerHash, envelopes: batch };
  const content = joinBlock({ header, envelopes: batch, metadata: [] });
  return { block: nextBlock(tip, contents), content };
}

/** How fast the disk takes and syncs one block's bytes, with nothing else done. */
function diskSyncMs(bytes: number): number {
  const file = path.join(folder, "disk");
  const fd = openSync(file, "w");
  const content = randomBytes(bytes);
  const startedAt = performance.now();
  const rounds = 100;
  for (let i = 0; i < rounds; i++) {
    writeSync(fd, content, 0, bytes, i * bytes);
    fdatasyncSync(fd);
  }
  const ms = (performance.now() - startedAt) / rounds;
  closeSync(fd);
  rmSync(file);
  return ms;
}

async function benchAppend(inFlight: number, identity: SigningIdentity) {
  const store = new FileJournalStore(path.join(folder, `append-${inFlight}`));
  const strand = await store.create(info);
  previousHash = Buffer.alloc(0);
  const pool = envelopes(settings.batch * 8, settings.envelopeBytes);
  let tip = strand.tip;
  let blocks = 0;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const latencies: number[] = [];
  const worker = async () => {
    while (performance.now() - startedAt < settings.seconds * 1000) {
      const begun = performance.now();
      const first = (blocks % 8) * settings.batch;
      const record = recordAfter(tip, pool.slice(first, first + settings.batch));
      tip = tipAfter(record.block);
      blocks++;
      await strand.append([record]);
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const places = Array.from({ length: Math.min(blocks, 100) }, (_, i) => Math.floor((i * blocks) / 100));
  const receipting = performance.now();
  for (const place of places) await receiptOf(strand, place, identity);
  const receiptMs = (performance.now() - receipting) / places.length;
  await store.close();
  await store.remove(info.strandId);
  latencies.sort((a, b) => a - b);
  const perSecond = (blocks * settings.batch) / seconds;
  return {
    inFlight,
    envelopesPerSecond: Math.round(perSecond),
    mbPerSecond: round((perSecond * settings.envelopeBytes) / 1e6),
    blocksPerSecond: round(blocks / seconds),
    latencyMs: {
      p50: round(latencies[latencies.length >> 1] ?? 0, 2),
      p99: round(latencies[Math.floor(latencies.length * 0.99)] ?? 0, 2),
    },
    cores: round((user + system) / 1e6 / seconds, 2),
    /** Of one envelope of such a block. */
    receiptMs: round(receiptMs, 3),
  };
}

function signer(): { identity: SigningIdentity; roots: string[] } {
  const times = { nowMs: Date.now(), validityMs: 3_600_000 };
  const ca = createRootCa({ commonName: "ca.orderer", organization: "bench", ...times });
  const key = generatePrivateKey("P-256");
  const certPem = issueCertificate({
    issuer: { certificate: Certificate.parse(ca.certPem), key: privateKeyFromPem(ca.keyPem) },
    publicKey: publicPart(key),
    subject: { commonName: "orderer", organizationalUnits: ["orderer"] },
    profile: "identity",
    ...times,
  });
  return { identity: createSigningIdentity("OrdererMSP", certPem, key), roots: [ca.certPem] };
}

/** Everything an orderer does for one receipt, but for the call itself: it checks what it gives out. */
async function receiptOf(strand: JournalStrand, sequenceNo: number, identity: SigningIdentity) {
  const { size, strandId, lastTimestampMs } = strand.tip;
  const tip = size - 1;
  const digest = digestAt({ address: { strandId, sequenceNo: tip }, timestampMs: lastTimestampMs }, strand);
  const bytes = digestBytes(digest, CHANNEL);
  const { envelope, proof } = await strand.peek(sequenceNo, ({ block, content }) => {
    const envelope = Buffer.from(splitBlock(content).envelopes[0] as Uint8Array);
    return { envelope, proof: proofOf(strand, block, digest) };
  });
  if (!equalBytes(sha256(envelope), proof.leaf)) throw new Error(`the envelope of block ${sequenceNo} is another one`);
  return {
    envelope,
    sequenceNo: toLong(sequenceNo),
    entryIndex: 1,
    proof: {
      path: proof.path,
      digest: { digest: bytes, signatures: [{ identity: identity.serialized, signature: identity.sign(bytes) }] },
      log: { ...proof.log, entryPath: [...proof.log.entryPath], blockPath: [...proof.log.blockPath] },
    },
  };
}

/** Both proofs of a block's first envelope, checked. */
function proofOf(strand: JournalStrand, block: JournalBlock, { tip, hash, logRoot }: Digest) {
  const { sequenceNo } = block.address;
  const leaf = block.entryHashes[1] as Uint8Array;
  const path = entryPath(block, 1, tip.sequenceNo, strand.node);
  const log = logProof(block, 1, tip.sequenceNo, strand.logNode);
  const entries = rootFrom(entryLeaf(leaf), 1, log.entryCount, log.entryPath, joinLog) as Uint8Array;
  const blockAt = blockLeaf(sha256(log.binding), log.entryCount, entries);
  const root = rootFrom(blockAt, sequenceNo, tip.sequenceNo + 1, log.blockPath, joinLog) as Uint8Array;
  if (!verifyPath(leaf, path, hash) || !equalBytes(root, logRoot)) throw new Error(`no proof of block ${sequenceNo}`);
  return { leaf, path, log };
}

async function benchProofs(strand: JournalStrand, identity: SigningIdentity, roots: readonly string[]) {
  const size = strand.tip.size;
  const places = Array.from({ length: PROOFS }, (_, i) => Math.floor((i * (size - 1)) / PROOFS));
  for (const place of places.slice(0, 50)) await receiptOf(strand, place, identity);
  const { strandId, lastTimestampMs } = strand.tip;
  const digest = digestAt({ address: { strandId, sequenceNo: size - 1 }, timestampMs: lastTimestampMs }, strand);
  let startedAt = performance.now();
  for (const place of places) {
    await strand.peek(place, ({ block }) => proofOf(strand, block, digest));
  }
  const proofMs = (performance.now() - startedAt) / PROOFS;
  startedAt = performance.now();
  for (const place of places) await receiptOf(strand, place, identity);
  const receiptMs = (performance.now() - startedAt) / PROOFS;
  const text = receiptFile(await receiptOf(strand, Math.floor(size / 3), identity));
  const verdict = verifyReceipt(text, roots);
  if (!verdict.valid) throw new Error(`a receipt of the bench does not verify: ${verdict.field} ${verdict.reason}`);
  startedAt = performance.now();
  for (let i = 0; i < 20; i++) verifyReceipt(text, roots);
  const verifyMs = (performance.now() - startedAt) / 20;
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const figures = {
    blocks: size,
    proofMs: round(proofMs, 3),
    receiptMs: round(receiptMs, 3),
    verifyReceiptMs: round(verifyMs, 1),
    receiptBytes: text.length,
    rssMb: round(rss / 2 ** 20),
    heapMb: round((heapUsed + external) / 2 ** 20),
  };
  say(`  ${JSON.stringify(figures)}`);
  return figures;
}

/** Blocks of one envelope each, until the strand has so many. */
async function growTo(strand: JournalStrand, size: number, pool: readonly Uint8Array[]): Promise<void> {
  while (strand.tip.size < size) {
    let tip = strand.tip;
    const records: JournalRecord[] = [];
    for (let n = Math.min(GROUP_BLOCKS, size - tip.size); n > 0; n--) {
      const record = recordAfter(tip, [pool[tip.size % pool.length] as Uint8Array]);
      records.push(record);
      tip = tipAfter(record.block);
    }
    await strand.append(records);
  }
}

async function benchLarge({ identity, roots }: ReturnType<typeof signer>) {
  const place = path.join(folder, "large");
  const store = new FileJournalStore(place);
  const strand = await store.create(info);
  previousHash = Buffer.alloc(0);
  const pool = envelopes(1_000, settings.blockEnvelopeBytes);
  const stops = [1_000, 10_000, 100_000].filter((n) => n < settings.blocks);
  const proofs = [];
  let growMs = 0;
  for (const stop of [...stops, settings.blocks]) {
    const startedAt = performance.now();
    await growTo(strand, stop, pool);
    growMs += performance.now() - startedAt;
    proofs.push(await benchProofs(strand, identity, roots));
  }
  await store.close();
  const reopening = performance.now();
  const again = new FileJournalStore(place, { verifyBytes: 1024 * 2 ** 20 });
  await again.open(info.strandId);
  const reopenMs = Math.round(performance.now() - reopening);
  await again.remove(info.strandId);
  return { grown: { blocksPerSecond: Math.round(settings.blocks / (growMs / 1000)), reopenMs }, proofs };
}

async function benchExport({ identity, roots }: ReturnType<typeof signer>) {
  const store = new FileJournalStore(path.join(folder, "exported"));
  const strand = await store.create(info);
  previousHash = Buffer.alloc(0);
  await growTo(strand, settings.exportBlocks, envelopes(1_000, settings.exportEnvelopeBytes));
  const target = exportTarget(path.join(folder, "export"), folder);
  const last = strand.tip.size - 1;
  const digest = digestBytes(digestAt(await strand.block(last), strand), CHANNEL);
  const startedAt = performance.now();
  const summary = await writeExport({
    records: (async function* () {
      for (let n = 0; n <= last; n++) yield await strand.record(n);
    })(),
    digest,
    signatures: [{ certificate: identity.certificate.raw, signature: identity.sign(digest) }],
    intermediateCertificates: [],
    store: target.store,
    prefix: target.prefix,
    bucket: target.bucket,
    exportId: "0".repeat(22),
    format: settings.format,
    ledgerName: "bench",
  });
  await store.close();
  const writeSeconds = (performance.now() - startedAt) / 1000;
  say(`exported ${Math.round(summary.bytes / 1e6)} MB in ${round(writeSeconds)} s; verifying`);
  const verifying = performance.now();
  const cpu = process.cpuUsage();
  const verdict = await verifyExport(target, roots);
  if (!verdict.valid) throw new Error(`the bench's export does not verify: ${verdict.file}: ${verdict.reason}`);
  const seconds = (performance.now() - verifying) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    format: settings.format,
    blocks: verdict.blocks,
    mb: Math.round(verdict.bytes / 1e6),
    writeMbPerSecond: round(summary.bytes / 1e6 / writeSeconds),
    verifyMbPerSecond: round(verdict.bytes / 1e6 / seconds),
    verifyBlocksPerSecond: Math.round(verdict.blocks / seconds),
    cores: round((user + system) / 1e6 / seconds, 2),
    rssMb: round(process.memoryUsage().rss / 2 ** 20),
  };
}

try {
  const [load] = os.loadavg();
  const blockBytes = settings.batch * settings.envelopeBytes;
  const sync = diskSyncMs(blockBytes);
  say(`disk: ${round(sync, 2)} ms to write and sync ${blockBytes} bytes`);
  const authority = signer();
  const append = [];
  for (const inFlight of [1, 4, 16]) {
    append.push(await benchAppend(inFlight, authority.identity));
    say(`append: ${JSON.stringify(append.at(-1))}`);
  }
  const large = await benchLarge(authority);
  const exported = await benchExport(authority);
  const machine = {
    node: process.version,
    cpus: os.cpus().length,
    model: os.cpus()[0]?.model,
    memoryMb: Math.round(os.totalmem() / 2 ** 20),
    loadAtStart: round(load ?? 0, 2),
    diskWriteAndSyncMs: round(sync, 2),
  };
  process.stdout.write(
    `${JSON.stringify({ bench: "journal", machine, settings, append, ...large, export: exported }, null, 2)}\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
