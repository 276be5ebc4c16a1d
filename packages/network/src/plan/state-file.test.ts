import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { Layout } from "./layout.js";
import { NEW_STATE, readState, updateState, writeState } from "./state-file.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-state-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const layout = new Layout(path.join(folder, "trade"));
mkdirSync(layout.root);

describe("a network's state file", () => {
  it("loses no change of several writers", async () => {
    await writeState(layout, NEW_STATE);
    const ids = Array.from({ length: 12 }, (_, index) => `peer${index}.pub`);
    await Promise.all(
      ids.map((id) => updateState(layout, (state) => ({ ...state, unfinished: [...(state.unfinished ?? []), id] }))),
    );
    assert.deepEqual([...((await readState(layout))!.unfinished ?? [])].sort(), [...ids].sort());
    assert.equal(existsSync(`${layout.stateFile}.lock`), false);
  });

  it("is missed where a network is, and not where one is being made", async () => {
    const other = new Layout(path.join(folder, "other"));
    mkdirSync(other.root);
    assert.equal(await readState(other), undefined);
    writeFileSync(other.networkFile, "{}");
    await assert.rejects(readState(other), { code: "CORRUPT_STORE", message: /state\.json cannot be read/ });
    writeFileSync(other.unmadeMarker, "");
    assert.equal(await readState(other), undefined);
  });

  it("is not held up by a writer that died", async () => {
    const lock = `${layout.stateFile}.lock`;
    writeFileSync(lock, "");
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(lock, longAgo, longAgo);
    await updateState(layout, (state) => ({ ...state, enrolled: ["PubMSP"] }));
    assert.deepEqual((await readState(layout))!.enrolled, ["PubMSP"]);
  });
});
