import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { HansaError } from "@hansa/primitives";
import { readSpecificationFile } from "./specification-file.js";

const folder = mkdtempSync(path.join(tmpdir(), "hansa-node-file-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const example = (kind: string) =>
  readFileSync(path.join(import.meta.dirname, `../../../../deploy/nodes/${kind}.json`), "utf8");

async function reasonOf(kind: "orderer" | "peer", text: string): Promise<string> {
  const name = path.join(folder, "node.json");
  writeFileSync(name, text);
  const error = await readSpecificationFile(kind, name).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(error instanceof HansaError, "it was taken");
  assert.match(error.nextStep ?? "", new RegExp(`deploy/nodes/${kind}.json`));
  return error.message.replaceAll(name, "FILE");
}

describe("a node's file", () => {
  for (const kind of ["orderer", "peer"] as const) {
    it(`of the example of ${kind === "peer" ? "a peer" : "an orderer"} is taken as it is`, async () => {
      const name = path.join(import.meta.dirname, `../../../../deploy/nodes/${kind}.json`);
      assert.deepEqual(await readSpecificationFile(kind, name), JSON.parse(example(kind)));
    });

    it(`of ${kind === "peer" ? "a peer" : "an orderer"} without any one required part is refused by name`, async () => {
      const whole = JSON.parse(example(kind)) as Record<string, unknown>;
      for (const part of Object.keys(whole)) {
        if (["adminAddress", "batching", "jetstream"].includes(part)) continue;
        const { [part]: _, ...rest } = whole;
        assert.match(await reasonOf(kind, JSON.stringify(rest)), new RegExp(`\\b${part}\\b`), part);
      }
    });
  }

  it("is refused with everything that is wrong with it", async () => {
    const changed = { ...JSON.parse(example("orderer")), address: 7050, batching: "often", genesisBlock: [] };
    const reason = await reasonOf("orderer", JSON.stringify(changed));
    assert.match(reason, /address is 7050; expected an address like/);
    assert.match(await reasonOf("orderer", "{}"), /mspId is nothing; expected its organisation's MSP id\./);
    assert.match(reason, /batching is "often"; expected/);
    assert.match(reason, /genesisBlock/);
    assert.match(await reasonOf("peer", "{"), /FILE is no JSON/);
    assert.match(await reasonOf("peer", "[]"), /FILE/);
    await assert.rejects(readSpecificationFile("peer", path.join(folder, "none")), /cannot be read/);
  });
});
