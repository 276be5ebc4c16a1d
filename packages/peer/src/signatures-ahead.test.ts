import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChannelConfig } from "@hansa/channel-config";
import { common, encode } from "@hansa/wire";
import type { IncomingBlock } from "./committer/intake.js";
import { SignaturesAhead } from "./signatures-ahead.js";

/** A configuration in which verifying takes until it is allowed. */
function slowConfig() {
  const open: (() => void)[] = [];
  let most = 0;
  const verifyAhead = () => {
    const done = new Promise<void>((resolve) => open.push(resolve));
    most = Math.max(most, open.length);
    return done;
  };
  const identity = (serialized: Uint8Array) => {
    if (Buffer.from(serialized).toString() === "nobody") throw new Error("no such member");
    return { verifyAhead };
  };
  const config = { msps: { identity } } as unknown as ChannelConfig;
  return {
    config,
    open,
    most: () => most,
    async finish(): Promise<number> {
      let finished = 0;
      for (let idle = 0; idle < 5; ) {
        await new Promise((resolve) => setImmediate(resolve));
        const some = open.splice(0);
        idle = some.length === 0 ? idle + 1 : 0;
        finished += some.length;
        for (const done of some) done();
      }
      return finished;
    },
  };
}

function blockOf(number: number, count: number, creator = "somebody"): IncomingBlock {
  const signatureHeader = encode(common.SignatureHeader, { creator: Buffer.from(creator), nonce: Buffer.of(1) });
  const payload = encode(common.Payload, { header: { channelHeader: Buffer.alloc(0), signatureHeader } });
  const envelopes = Array.from({ length: count }, () => encode(common.Envelope, { payload, signature: Buffer.of(1) }));
  return { number, envelopes } as unknown as IncomingBlock;
}

const cores = { areThere: () => true, handOver: () => {} };

describe("signatures verified ahead", () => {
  it("are verified before their block is judged, so many at a time", async () => {
    const { config, finish, most } = slowConfig();
    const ahead = new SignaturesAhead(cores);
    let isVerified = false;
    const verified = ahead.verified(blockOf(1, 200), config).then(() => {
      isVerified = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isVerified, false);
    assert.equal(await finish(), 200);
    await verified;
    assert.ok(most() <= 32, `${most()} at a time`);
  });

  it("are begun once for each block, and for a few blocks at a time", async () => {
    const { config, finish } = slowConfig();
    const ahead = new SignaturesAhead(cores);
    for (let number = 1; number <= 10; number++) ahead.begin(blockOf(number, 10), config);
    assert.equal(await finish(), 30);
    const judgeAll = async () => {
      for (let number = 1; number <= 10; number++) await ahead.verified(blockOf(number, 10), config);
    };
    const [finished] = await Promise.all([finish(), judgeAll()]);
    assert.equal(finished, 70);
  });

  it("are left to the judge where blocks are small and signers unknown", async () => {
    const { config, open } = slowConfig();
    const ahead = new SignaturesAhead(cores);
    await ahead.verified(blockOf(1, 1), config);
    ahead.begin(blockOf(2, 50, "nobody"), config);
    await ahead.verified(blockOf(2, 50, "nobody"), config);
    assert.equal(open.length, 0);
  });

  it("of blocks that were given up do not keep later ones from it", async () => {
    const { config, finish } = slowConfig();
    const ahead = new SignaturesAhead(cores);
    for (let number = 1; number <= 3; number++) ahead.begin(blockOf(number, 10), config);
    assert.equal(await finish(), 30);
    // Another chain of blocks has come in their place.
    await ahead.verified(blockOf(3, 10), config);
    ahead.begin(blockOf(4, 10), config);
    assert.equal(await finish(), 10);
  });

  it("are left to the judge where all cores are busy", async () => {
    const { config, open, finish } = slowConfig();
    let handedOver = 0;
    let areThere = false;
    const ahead = new SignaturesAhead({ areThere: () => areThere, handOver: () => handedOver++ });
    ahead.begin(blockOf(1, 10), config);
    await ahead.verified(blockOf(1, 10), config);
    assert.equal(open.length, 0);
    areThere = true;
    ahead.begin(blockOf(2, 10), config);
    areThere = false;
    const verified = ahead.verified(blockOf(2, 10), config);
    assert.equal(await finish(), 10);
    await verified;
    assert.equal(handedOver, 10);
  });
});
