import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Bytes, toHex } from "@hansa/primitives";
import { authority, NOW_MS, person, type SampleStrand, sampleStrand } from "../testing/sample-receipt.js";
import type { ExportStore } from "./layout.js";
import { type ExportVerdict, openExport, verifyExport } from "./read-export.js";
import { EXPORT_FORMATS, type ExportFormat } from "./value.js";
import { writeExport } from "./write-export.js";

const ca = authority("ca.orderer");
const orderer = person(ca, "orderer.example.com", "orderer");
const user = person(authority("ca.pub"), "User1@pub", "client");
const roots = [ca.certificate.pem];
const exportId = "0123456789ABCDEFGHIJKL";

class MemoryStore implements ExportStore {
  readonly name = "memory";
  readonly files = new Map<string, Bytes>();

  async put(key: string, bytes: Bytes): Promise<void> {
    this.files.set(key, Buffer.from(bytes));
  }

  async get(key: string): Promise<Bytes | undefined> {
    return this.files.get(key);
  }

  async names(prefix: string): Promise<string[]> {
    const below = [...this.files.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    return below.filter((name) => !name.includes("/"));
  }

  copy(): MemoryStore {
    const copy = new MemoryStore();
    for (const [key, bytes] of this.files) copy.files.set(key, Buffer.from(bytes));
    return copy;
  }

  keyLike(pattern: RegExp): string {
    const key = [...this.files.keys()].find((each) => pattern.test(each));
    assert.ok(key !== undefined, `${pattern} among ${[...this.files.keys()].join(", ")}`);
    return key;
  }
}

async function exported(
  strand: SampleStrand,
  format: ExportFormat,
  extras: { exportId?: string; store?: MemoryStore } = {},
): Promise<MemoryStore> {
  const { store = new MemoryStore() } = extras;
  const tip = strand.blocks.length - 1;
  const { digest, signatures } = strand.receipt(tip, 1, tip, [orderer]);
  await writeExport({
    records: (async function* () {
      yield* strand.records;
    })(),
    digest,
    signatures,
    intermediateCertificates: [],
    exportId,
    format,
    ledgerName: "beer",
    bucket: "backup",
    prefix: "journal",
    objectBytes: 9_000,
    ...extras,
    store,
  });
  return store;
}

function rejected(verdict: ExportVerdict, file: RegExp, reason: RegExp, block?: number): void {
  assert.ok(!verdict.valid, "it was accepted");
  assert.match(verdict.file, file, verdict.reason);
  assert.match(verdict.reason, reason);
  if (block !== undefined) assert.equal(verdict.block, block, verdict.reason);
}

const location = (store: MemoryStore) => ({ store, prefix: "journal" });
const strand = sampleStrand("deliveries", 12, user, 20 * 60_000);

describe("an export", () => {
  for (const format of EXPORT_FORMATS) {
    it(`is laid out as QLDB's and gives back every block (${format})`, async () => {
      const store = await exported(strand, format);
      const { strandId } = strand.blocks[0]!.address;
      const extension = format === "JSON" ? "json" : "ion";
      const keys = [...store.files.keys()];
      assert.equal(keys[0], `journal/${exportId}.started.manifest`);
      assert.match(keys[1]!, new RegExp(`^journal/2026/06/01/00/${strandId}\\.0-\\d+\\.${extension}$`));
      assert.match(keys.at(-3)!, new RegExp(`^journal/2026/06/01/03/${strandId}\\.\\d+-11\\.${extension}$`));
      assert.equal(keys.at(-2), `journal/${exportId}.${strandId}.completed.manifest`);
      assert.equal(keys.at(-1), `journal/${exportId}.${strandId}.digest.json`);

      const opened = await openExport(location(store), roots);
      assert.equal(opened.manifest.outputFormat, format);
      assert.equal(opened.manifest.inclusiveStartTime, NOW_MS);
      assert.deepEqual(
        opened.signers?.map(({ name }) => name),
        ["orderer.example.com"],
      );
      let n = 0;
      for await (const { block, content } of opened.records()) {
        const expected = strand.records[n++]!;
        assert.equal(toHex(content), toHex(expected.content));
        assert.equal(toHex(block.binding), toHex(expected.block.binding));
        assert.deepEqual(block.address, expected.block.address);
        assert.equal(toHex(block.blockHash), toHex(expected.block.blockHash));
      }
      assert.equal(n, 12);
      const verdict = await verifyExport(location(store), roots);
      assert.ok(verdict.valid && verdict.blocks === 12, JSON.stringify(verdict));
    });
  }

  it("is rejected when files are missing, exchanged or out of order, naming the file", async () => {
    const whole = await exported(strand, "ION_TEXT");
    const verdictAfter = (act: (store: MemoryStore) => void) => {
      const store = whole.copy();
      act(store);
      return verifyExport(location(store), roots);
    };
    const data = [...whole.files.keys()].filter((key) => key.endsWith(".ion"));
    assert.ok(data.length >= 4, data.join());
    for (const key of whole.files.keys()) {
      const verdict = await verdictAfter((store) => store.files.delete(key));
      if (key.endsWith("digest.json")) rejected(verdict, /journal/, /no finished export/);
      else rejected(verdict, new RegExp(key.replaceAll(".", "\\.")), /missing/);
    }
    const exchange = (store: MemoryStore, a: string, b: string) => {
      const [first, second] = [store.files.get(a)!, store.files.get(b)!];
      store.files.set(a, second);
      store.files.set(b, first);
    };
    rejected(await verdictAfter((store) => exchange(store, data[1]!, data[2]!)), /\.ion/, /number is \d+ where/);
    const shortened = (store: MemoryStore, key: string) =>
      store.files.set(key, store.files.get(key)!.subarray(0, store.files.get(key)!.length - 40));
    rejected(await verdictAfter((store) => shortened(store, data[1]!)), new RegExp(data[1]!), /./);
    const manifest = whole.keyLike(/completed/);
    const reorder = (store: MemoryStore) => {
      const text = Buffer.from(store.files.get(manifest)!).toString();
      store.files.set(
        manifest,
        Buffer.from(text.replace(data[0]!, "x").replace(data[1]!, data[0]!).replace('"x"', `"${data[1]}"`)),
      );
    };
    rejected(await verdictAfter(reorder), /completed\.manifest/, /checksum/);
    const second = sampleStrand("orders", 3, user);
    rejected(
      await verdictAfter((store) => {
        const seal = Buffer.from(store.files.get(whole.keyLike(/digest\.json/))!).toString();
        const other = Buffer.from(second.digest(2)).toString("base64");
        store.files.set(
          whole.keyLike(/digest\.json/),
          Buffer.from(seal.replace(/"digest": "[^"]*"/, `"digest": "${other}"`)),
        );
      }),
      /digest\.json/,
      /is of strand/,
    );
  });

  it("is rejected for its signature, and says when none was checked", async () => {
    const store = await exported(strand, "JSON");
    const stranger = authority("ca.orderer");
    rejected(
      await verifyExport(location(store), [stranger.certificate.pem]),
      /digest\.json/,
      /not signed by "ca\.orderer"/,
    );
    const verdict = await verifyExport(location(store));
    assert.ok(verdict.valid && verdict.export.signers === undefined);
  });

  it("leaves an earlier export in the same place whole", async () => {
    const store = await exported(strand, "ION_TEXT");
    const before = store.copy();
    // The data objects of both kinds of Ion have the same names.
    const again = exported(strand, "ION_BINARY", { store, exportId: "1".repeat(22) });
    await assert.rejects(again, {
      code: "EXPORT_STORE",
      message: /^memory\/journal\/2026\/\S+\.ion is there already and holds something else, /,
      nextStep: "Export to another folder or prefix, or remove that file if no export needs it.",
    });
    assert.deepEqual(store.files, before.files);
    for (const format of ["ION_TEXT", "JSON"] as const)
      await exported(strand, format, { store, exportId: format[0]!.repeat(22) });
    for (const each of [exportId, "I".repeat(22), "J".repeat(22)]) {
      const verdict = await verifyExport({ ...location(store), exportId: each }, roots);
      assert.ok(verdict.valid, JSON.stringify(verdict));
    }
  });

  it("names what there is when there are several", async () => {
    const store = await exported(strand, "JSON");
    await exported(strand, "JSON", { store, exportId: "1".repeat(22) });
    rejected(await verifyExport(location(store), roots), /memory/, /choose one: 0123.*, 1111/);
    const chosen = await verifyExport({ ...location(store), exportId }, roots);
    assert.ok(chosen.valid);
  });

  for (const format of EXPORT_FORMATS) {
    it(`is rejected whichever byte of any file is changed, naming file and block (${format})`, async () => {
      const small = sampleStrand("c", 3);
      const whole = await exported(small, format);
      const named: number[] = [];
      for (const [key, bytes] of whole.files) {
        const isSeal = key.endsWith("digest.json");
        // It is the same in every format, and its signature takes its time.
        if (isSeal && format !== "ION_BINARY") continue;
        const store = whole.copy();
        for (let at = 0; at < bytes.length; at++) {
          const damaged = Buffer.from(bytes);
          damaged[at] = damaged.readUInt8(at) ^ (1 << (at % 8));
          store.files.set(key, damaged);
          const verdict = await verifyExport(location(store), isSeal ? roots : undefined);
          assert.ok(!verdict.valid, `bit ${at % 8} of byte ${at} of ${key}`);
          if (!key.includes("/2026/")) continue;
          assert.equal(verdict.file, key);
          if (verdict.block !== undefined && at < bytes.length - 1) named.push(verdict.block);
        }
      }
      // Bytes were changed from the file's beginning to its end: so are the blocks that are named.
      assert.deepEqual(
        named,
        [...named].sort((a, b) => a - b),
      );
      assert.deepEqual([...new Set(named)], [0, 1, 2]);
    });
  }
});
