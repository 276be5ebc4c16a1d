/** Commits blocks as fast as it can and says which are committed, until it is killed. Started by ../crash.test.ts. */
import { writeSync } from "node:fs";
import path from "node:path";
import { Ledger } from "@hansa/ledger";
import { FileBlockStore } from "../blocks-file.js";
import { LevelStateStore } from "../state-level.js";
import { crashBlock } from "./crash-sample.js";

const folder = process.argv[2] ?? "";
const ledger = await Ledger.open({
  channelId: "crash",
  blocks: await FileBlockStore.open(path.join(folder, "blocks"), { segmentBytes: 20_000 }),
  state: await LevelStateStore.open(path.join(folder, "state")),
});
// As a peer that catches up: the next block is begun while those before it are on their way to the disk.
const AHEAD = 4;
const told: Promise<void>[] = [];
for (let next = ledger.height, previousHash = ledger.info().currentBlockHash; ; next++) {
  const { committed, stored } = await ledger.begin(crashBlock(next, previousHash));
  previousHash = committed.headerHash;
  told.push(stored.then(() => void writeSync(1, `${committed.number}\n`)));
  if (told.length > AHEAD) await told.shift();
}
