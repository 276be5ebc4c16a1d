import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { sha256 } from "@hansa/primitives";
import {
  approvalName,
  chaincodeDefinition,
  definitionStructure,
  fieldKey,
  listDefinitions,
  localPackageStructure,
  metadataBytes,
  metadataKey,
  parametersStructure,
  readApproval,
} from "./index.js";

const folder = resolve(
  process.env.HANSA_VECTORS ?? join(import.meta.dirname, "../../../../../shared/vectors"),
  "fabric-2.5",
);
const skip = existsSync(folder) ? false : "no vectors: set HANSA_VECTORS to the folder that holds fabric-2.5";

type Entry = { key: string; value: string };

describe("reading definitions of a real channel", { skip }, () => {
  const json = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const entries = (): Entry[] => json("expected.json").state.public._lifecycle;
  const state = () => {
    const map = new Map(entries().map((e) => [e.key, Buffer.from(e.value, "base64")]));
    return {
      get: (_namespace: string, key: string) => {
        const value = map.get(key);
        return value && { value };
      },
      range: (_namespace: string, start: string, end: string) => {
        const found = [...map].filter(([key]) => key >= start && key < end).sort(([a], [b]) => (a < b ? -1 : 1));
        return { next: async (max: number) => found.splice(0, max).map(([key, value]) => ({ key, value })) };
      },
    };
  };

  it("finds each definition and nothing else", async () => {
    const found = await listDefinitions(state());
    assert.deepEqual(
      found.map((d) => [d.name, d.sequence, d.version, d.initRequired, d.collections.map((c) => c.name)]),
      [
        ["vecinit", 1, "1.0", true, []],
        ["vecor", 1, "1.0", false, []],
        ["vectors", 4, "2.1", false, ["keep", "brief", "solo", "org1only", "late"]],
      ],
    );
    assert.equal(chaincodeDefinition(state(), "absent"), undefined);
  });

  it("encodes a definition to the very bytes that were stored", () => {
    const stored = new Map(entries().map((e) => [e.key, e.value]));
    for (const name of ["vecinit", "vecor", "vectors"]) {
      const definition = chaincodeDefinition(state(), name);
      assert(definition);
      const structure = definitionStructure(definition);
      const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
      assert.equal(base64(metadataBytes(structure)), stored.get(metadataKey("namespaces", name)));
      for (const [field, bytes] of structure.fields) {
        assert.equal(base64(bytes), stored.get(fieldKey("namespaces", name, field)), `${name} ${field}`);
      }
    }
  });

  it("reads approvals and encodes them to the bytes whose hashes the channel holds", () => {
    type Approval = Entry & { collection: string };
    const approvals: Approval[] = json("messages/lifecycle-approvals.json");
    const hashes: { keyHash: string; valueHash: string }[] =
      json("expected.json").state.privateHashed._lifecycle._implicit_org_Org1MSP;
    const org1 = new Map(
      approvals
        .filter((a) => a.collection === "_implicit_org_Org1MSP")
        .map((a) => [a.key, Buffer.from(a.value, "base64")]),
    );
    const read = (key: string) => org1.get(key);
    const approval = readApproval(read, "vectors", 1);
    assert(approval?.packageId);
    assert.match(approval.packageId, /^vectors_1\.0:[0-9a-f]{64}$/);
    assert.equal(readApproval(read, "vectors", 99), undefined);

    const name = approvalName("vectors", 1);
    const parameters = parametersStructure(approval);
    const source = localPackageStructure(approval.packageId);
    const expected: [string, Uint8Array][] = [
      [metadataKey("namespaces", name), metadataBytes(parameters)],
      ...parameters.fields.map(([f, b]): [string, Uint8Array] => [fieldKey("namespaces", name, f), b]),
      [metadataKey("chaincode-sources", name), metadataBytes(source)],
      ...source.fields.map(([f, b]): [string, Uint8Array] => [fieldKey("chaincode-sources", name, f), b]),
    ];
    for (const [key, value] of expected) {
      assert.deepEqual(org1.get(key), Buffer.from(value), key);
      const keyHash = Buffer.from(sha256(Buffer.from(key))).toString("hex");
      const row = hashes.find(
        (h) => h.keyHash === keyHash || Buffer.from(h.keyHash, "base64").toString("hex") === keyHash,
      );
      assert(row, `no hash of ${key}`);
    }
  });
});
