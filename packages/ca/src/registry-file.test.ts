import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "@hansa/primitives";
import type { GovernanceRecord } from "./registry.js";
import { FileRegistryStore } from "./registry-file.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-registry-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const record = (what: string): GovernanceRecord => ({
  kind: "governance",
  networkId: "n-A",
  role: "operator",
  what,
  hashHex: "00",
  atMs: 1,
});

test("notes stand in order among appends, before anything is closed and after", async () => {
  const file = path.join(folder, "registry.jsonl");
  const store = await FileRegistryStore.open(file, silentLogger);
  assert.deepEqual(await store.load(), []);
  const wanted = ["a", "b", "c", "d", "e"];
  for (const what of wanted) {
    if (what === "c") await store.append([record(what)]);
    else await store.note([record(what)]);
    assert.ok(readFileSync(file, "utf8").includes(`"what":"${what}"`), "another process sees it at once");
  }
  await store.close();
  // A note that a crash cut off.
  appendFileSync(file, '[{"kind":"gover');
  const reopened = await FileRegistryStore.open(file, silentLogger);
  const found = (await reopened.load()) as readonly GovernanceRecord[];
  assert.deepEqual(
    found.map(({ what }) => what),
    wanted,
  );
  await reopened.note([record("f")]);
  await reopened.close();
  const last = await FileRegistryStore.open(file, silentLogger);
  assert.equal((await last.load()).length, 6);
  await last.close();
});
