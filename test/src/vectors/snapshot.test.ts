/** The snapshot that our ledger writes of a real channel is the one that a real peer wrote, and each is as good as the other. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { collectionBlockToLive } from "@hansa/endorsement/validation";
import { type BlockStore, CONFIG_KEY, CONFIG_NAMESPACE, Ledger, type StateStore } from "@hansa/ledger";
import { toHex } from "@hansa/primitives";
import {
  FileBlockStore,
  importBlocks,
  importState,
  LevelStateStore,
  MemoryBlockStore,
  MemoryStateStore,
  verifySnapshot,
  writeSnapshot,
} from "@hansa/storage";
import { common, decode, splitBlock } from "@hansa/wire";
import { temporaryFolder } from "../support/folder.js";
import { asDelivered, openLedger, Replay } from "./replay.js";
import { readBlock, readExpected, snapshotFolder, vectorsMissing } from "./vectors.js";

function assertSameFiles(folder: string): void {
  const names = readdirSync(snapshotFolder).sort();
  assert.deepEqual(readdirSync(folder).sort(), names);
  for (const name of names) {
    const [actual, expected] = [folder, snapshotFolder].map((each) => readFileSync(path.join(each, name)));
    assert.ok(actual!.equals(expected!), `${name} differs`);
  }
}

function flip(file: string): void {
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes[middle] = bytes[middle]! ^ 1;
  chmodSync(file, 0o600);
  writeFileSync(file, bytes);
}

function configInForce({ channelId, state }: Ledger): ChannelConfig {
  const stored = state.get(CONFIG_NAMESPACE, CONFIG_KEY)!.value;
  return ChannelConfig.load(channelId, decode(common.ConfigEnvelope, stored, "ConfigEnvelope").config!);
}

describe("a snapshot of the recorded channel", { skip: vectorsMissing }, () => {
  const { folder, remove } = temporaryFolder();
  const at = (name: string) => path.join(folder, name);
  let replay: Replay;
  before(async () => {
    const stores = { blocks: await FileBlockStore.open(at("blocks")), state: await LevelStateStore.open(at("state")) };
    replay = new Replay(await openLedger(readExpected().channel, stores));
  });
  after(async () => {
    await replay.ledger.close();
    remove();
  });

  it("is the real peer's, byte for byte, though blocks are committed while it is written", async () => {
    const { height } = readExpected();
    for (let number = 0; number < 100; number++) await replay.take(asDelivered(splitBlock(readBlock(number))));
    const early = replay.ledger.freeze();
    for (let number = 100; number < height; number++) await replay.take(asDelivered(splitBlock(readBlock(number))));
    const [first, last] = await Promise.all([
      writeSnapshot(at("snapshots"), await early),
      writeSnapshot(at("snapshots"), await replay.ledger.freeze()),
    ]);
    assertSameFiles(last);
    assert.equal(last, at(`snapshots/completed/mychannel/${height - 1}`));

    // The early one is what a ledger has that stopped there.
    const stopped = new Replay(
      await openLedger("mychannel", { blocks: new MemoryBlockStore(), state: new MemoryStateStore() }),
    );
    for (let number = 0; number < 100; number++) await stopped.take(asDelivered(splitBlock(readBlock(number))));
    const again = await writeSnapshot(at("stopped"), await stopped.ledger.freeze());
    for (const name of readdirSync(first))
      assert.ok(readFileSync(path.join(first, name)).equals(readFileSync(path.join(again, name))), `${name} differs`);
  });

  it("makes a ledger that writes it again", async () => {
    const { blocks, state } = await imported(snapshotFolder, "joined");
    const ledger = await Ledger.open({ channelId: "mychannel", blocks, state });
    assertSameFiles(await writeSnapshot(at("again"), await ledger.freeze()));
    await ledger.close();
  });

  it("makes a ledger that goes on to the same commit hashes and knows the ids of old transactions", async () => {
    const { height, blocks: expected } = readExpected();
    const { blocks, state } = await imported(at("snapshots/completed/mychannel/99"), "going");
    const ledger = await openLedger("mychannel", { blocks, state });
    assert.equal(ledger.height, 100);
    const going = new Replay(ledger, configInForce(ledger));
    for (let number = 100; number < height; number++) {
      const taken = await going.take(asDelivered(splitBlock(readBlock(number))));
      assert.equal(toHex(taken.commitHash), expected[number]!.commitHash, `block ${number}`);
    }
    const old = expected[50]!.transactions[0]!.txid;
    assert.equal(ledger.hasId(old), true);
    assert.equal(ledger.find(old), undefined);
    assert.equal(await ledger.block(50), undefined);
    assertSameFiles(await writeSnapshot(at("gone-on"), await ledger.freeze()));
    await ledger.close();
  });

  it("is refused when a byte of it is another", async () => {
    for (const name of readdirSync(snapshotFolder).filter((each) => !each.startsWith("_snapshot_add"))) {
      const copy = at(`flipped-${name}`);
      cpSync(snapshotFolder, copy, { recursive: true });
      flip(path.join(copy, name));
      await assert.rejects(verifySnapshot(copy), /hash mismatch for file|unmarshalling/);
    }
  });

  async function imported(snapshot: string, name: string): Promise<{ blocks: BlockStore; state: StateStore }> {
    const metadata = await verifySnapshot(snapshot);
    const blocks = await importBlocks(snapshot, metadata, at(`${name}-blocks`));
    const state = await LevelStateStore.open(at(`${name}-state`));
    await importState(snapshot, metadata, state, { blockToLive: collectionBlockToLive });
    return { blocks, state };
  }
});
