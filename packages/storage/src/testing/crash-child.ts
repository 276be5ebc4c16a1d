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
for (;;) {
  const { number } = await ledger.commit(crashBlock(ledger.height, ledger.info().currentBlockHash));
  writeSync(1, `${number}\n`);
}
