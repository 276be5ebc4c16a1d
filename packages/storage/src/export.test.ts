/** Exports in a folder and in a bucket of a real S3 server, and their way back into a journal. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type ExportFormat, JournalError, openExport, verifyExport, writeExport } from "@hansa/journal";
import { authority, person, sampleStrand } from "@hansa/journal/testing";
import { formatReceipt, verifyReceipt } from "@hansa/journal/verify";
import { HansaError } from "@hansa/primitives";
import { type ExportTarget, exportTarget } from "./export-target.js";
import { FolderLock } from "./folder-lock.js";
import { FileJournalStore } from "./journal-file.js";
import { importStrand } from "./journal-import.js";

const root = mkdtempSync(path.join(tmpdir(), "hansa-export-"));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => path.join(root, `${folders++}`);

const ca = authority("ca.orderer");
const orderer = person(ca, "orderer.example.com", "orderer");
const strand = sampleStrand("deliveries", 30, person(ca, "User1", "client"), 5 * 60_000);
const roots = [ca.certificate.pem];
const exportId = "EXPORT0000000000000001";

async function exportTo({ store, prefix, bucket }: ExportTarget, format: ExportFormat): Promise<void> {
  const tip = strand.blocks.length - 1;
  const { digest, signatures } = strand.receipt(tip, 1, tip, [orderer]);
  await writeExport({
    records: (async function* () {
      yield* strand.records;
    })(),
    ...{ digest, signatures, intermediateCertificates: [], store, prefix, bucket, exportId, format },
    ledgerName: "beer",
    objectBytes: 10_000,
  });
}

describe("an export in a folder", () => {
  it("goes into a fresh journal, and old receipts still verify", async () => {
    const target = exportTarget("out", root);
    await exportTo(target, "ION_BINARY");
    assert.equal(target.bucket, "out");
    const journal = path.join(newFolder(), "journal");
    const imported = await importStrand(journal, await openExport(target, roots));
    const { strandId } = strand.blocks[0]!.address;
    assert.deepEqual(imported, { strandId, name: "deliveries", blocks: 30 });
    assert.deepEqual(readdirSync(journal), [imported.strandId]);
    const store = new FileJournalStore(journal);
    const opened = await store.open(imported.strandId);
    for (const [i, { content }] of strand.records.entries()) {
      assert.deepEqual(Buffer.from(await opened.content(i)), Buffer.from(content));
    }
    assert.ok(verifyReceipt(formatReceipt(strand.receipt(7, 2, 20, [orderer])), roots).valid);
    await store.close();
    await assert.rejects(
      importStrand(journal, await openExport(target, roots)),
      (error) => error instanceof JournalError && error.code === "STRAND_EXISTS",
    );
  });

  it("leaves nothing behind when it does not verify", async () => {
    const folder = newFolder();
    const target = exportTarget(folder, root);
    await exportTo(target, "JSON");
    const [file = ""] = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      /-29\.json$/.test(name),
    );
    const bytes = readFileSync(path.join(folder, file));
    bytes[bytes.length - 100] = bytes.readUInt8(bytes.length - 100) ^ 1;
    writeFileSync(path.join(folder, file), bytes);
    const journal = path.join(newFolder(), "journal");
    await assert.rejects(importStrand(journal, await openExport(target, roots)), /-29\.json/);
    assert.deepEqual(readdirSync(journal), []);
  });

  it("is not taken into a journal that is open", async () => {
    const target = exportTarget(newFolder(), root);
    await exportTo(target, "JSON");
    const journal = path.join(newFolder(), "journal");
    mkdirSync(journal, { recursive: true });
    const lock = FolderLock.acquire(journal);
    await assert.rejects(
      importStrand(journal, await openExport(target, roots)),
      (error) => error instanceof HansaError && error.code === "STORE_IN_USE",
    );
    lock.release();
    assert.deepEqual(readdirSync(journal), []);
  });

  it("leads to no file outside", async () => {
    const { store } = exportTarget(newFolder(), root);
    await assert.rejects(store.get("../../etc/passwd"), /lies outside/);
    assert.equal(await store.get("nothing"), undefined);
    assert.deepEqual(await store.names(""), []);
  });

  const skip = process.platform !== "linux" && "only Linux has /proc";
  it("is refused at once where the system makes no folder", { skip }, async () => {
    const { store } = exportTarget("/proc/hansa", root);
    await assert.rejects(store.put("a/file", Buffer.of(1)), { code: "FILE_ACCESS" });
  });

  it("says what cannot be written", async () => {
    const file = path.join(root, "a-file");
    writeFileSync(file, "");
    const { store } = exportTarget(file, root);
    await assert.rejects(
      store.put("key", Buffer.of(1)),
      (error) => error instanceof HansaError && error.code === "EXPORT_STORE" && error.nextStep !== undefined,
    );
  });

  it("is not written to what is no bucket's name", () => {
    for (const place of ["s3://", "s3:bucket", "s3://Bucket/x"]) {
      assert.throws(() => exportTarget(place, root), /names no bucket/);
    }
  });
});

describe("an export in a bucket", () => {
  const environment = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" };
  const saved = Object.fromEntries(Object.keys(environment).map((name) => [name, process.env[name]]));
  let server: ChildProcess;
  let endpoint: string;

  before(async () => {
    Object.assign(process.env, environment);
    const port = await freePort();
    const folder = newFolder();
    mkdirSync(folder);
    const program = createRequire(import.meta.url).resolve("s3rver/bin/s3rver.js");
    const flags = ["-d", folder, "-p", String(port), "-a", "127.0.0.1", "--configure-bucket", "backup"];
    server = spawn(process.execPath, [program, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    endpoint = `http://127.0.0.1:${port}`;
    await new Promise<void>((resolve, reject) => {
      let said = "";
      const listen = (chunk: Buffer) => {
        said += chunk.toString();
        if (/listening/i.test(said)) resolve();
      };
      server.stdout?.on("data", listen);
      server.stderr?.on("data", listen);
      server.once("exit", () => reject(new Error(said)));
    });
  });
  after(() => {
    server.kill();
    for (const [name, value] of Object.entries(saved)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  it("is written, verified and read back", async () => {
    const target = exportTarget("s3://backup/ledgers/beer/", root, { endpoint });
    assert.equal(target.prefix, "ledgers/beer/");
    await exportTo(target, "ION_TEXT");
    const names = await target.store.names("ledgers/beer/");
    assert.equal(names.length, 3, names.join());
    const verdict = await verifyExport(target, roots);
    assert.ok(verdict.valid && verdict.blocks === 30, JSON.stringify(verdict));
    const journal = path.join(newFolder(), "journal");
    assert.equal((await importStrand(journal, await openExport(target, roots))).blocks, 30);
    await target.close();
  });

  it("says what is wrong with a bucket that is not there", async () => {
    const target = exportTarget("s3://elsewhere/x", root, { endpoint });
    await assert.rejects(
      target.store.put("key", Buffer.of(1)),
      (error) => error instanceof HansaError && /s3:\/\/elsewhere\/key cannot be written/.test(error.message),
    );
    assert.equal(await exportTarget("s3://backup", root, { endpoint }).store.get("nothing"), undefined);
    await target.close();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
