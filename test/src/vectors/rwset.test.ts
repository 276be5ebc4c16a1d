/** Read-write sets of real endorsers: parsed and built again, they are the same bytes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  chaincodeActionOf,
  type NamespaceRwSet,
  type ParsedRwSet,
  parseTxRwSet,
  RwSetBuilder,
  viewActionPayload,
  viewActions,
  viewEnvelope,
  viewPayload,
} from "@hansa/ledger";
import { toHex } from "@hansa/primitives";
import { splitBlock } from "@hansa/wire";
import { readBlock, readExpected, vectorsMissing } from "./vectors.js";

const ENDORSER_TRANSACTION = 3;
const READABLE = new Set([0, 9, 10, 11, 12]);
/** Made by hand with its namespaces out of order. */
const OUT_OF_ORDER = "118/0";

function rebuilt({ namespaces }: ParsedRwSet): Uint8Array {
  const builder = new RwSetBuilder();
  // Backwards: the order of the bytes must not come from the order of the calls.
  for (const set of [...namespaces].reverse()) addTo(builder, set);
  return builder.encode().publicBytes;
}

function addTo(builder: RwSetBuilder, set: NamespaceRwSet): void {
  const { namespace } = set;
  for (const { key, version } of [...set.reads].reverse()) builder.read(namespace, key, version);
  for (const { key, value } of [...set.writes].reverse()) builder.write(namespace, key, value);
  for (const query of set.rangeQueries) builder.rangeQuery(namespace, query);
  for (const { key, entries } of [...set.metadataWrites].reverse()) {
    builder.metadataWrite(namespace, key, new Map(entries.map(({ name, value }) => [name, value])));
  }
}

describe("read-write sets of a Fabric 2.5 channel", { skip: vectorsMissing }, () => {
  it("are built to the same bytes", () => {
    let ranges = 0;
    let merkle = 0;
    let metadata = 0;
    let count = 0;
    for (const { number, transactions } of readExpected().blocks) {
      const { envelopes } = splitBlock(readBlock(number));
      for (const [index, { code, type }] of transactions.entries()) {
        const envelope = envelopes[index];
        if (type !== ENDORSER_TRANSACTION || !READABLE.has(code) || envelope === undefined) continue;
        const [action] = viewActions(viewPayload(viewEnvelope(envelope).payload).data);
        const { results } = chaincodeActionOf(viewActionPayload(action?.payload ?? new Uint8Array(0)));
        const parsed = parseTxRwSet(results);
        if (parsed.namespaces.some(({ collections }) => collections.length > 0)) continue;
        const queries = parsed.namespaces.flatMap(({ rangeQueries }) => rangeQueries);
        ranges += queries.length;
        merkle += queries.filter((query) => query.merkle !== undefined).length;
        metadata += parsed.namespaces.flatMap(({ metadataWrites }) => metadataWrites).length;
        count++;
        const where = `${number}/${index}`;
        if (where !== OUT_OF_ORDER) assert.equal(toHex(rebuilt(parsed)), toHex(results), where);
      }
    }
    assert.ok(count > 100 && ranges > 5 && merkle > 0 && metadata > 3, `${count} ${ranges} ${merkle} ${metadata}`);
  });
});
