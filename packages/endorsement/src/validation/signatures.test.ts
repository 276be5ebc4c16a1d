import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { common, encode } from "@hansa/wire";
import fc from "fast-check";
import { signaturesIn } from "./signatures.js";
import { brewery, channelConfig, endorsed, peers, signed } from "./testing/endorsed.js";

describe("signatures that a verdict will ask for", () => {
  const { msps } = channelConfig();
  const isRight = ({ identity, message, signature }: ReturnType<typeof signaturesIn>[number]) =>
    msps.identity(identity).verify(message, signature);

  it("are the creator's and each endorser's", () => {
    const found = signaturesIn(endorsed());
    assert.equal(found.length, 3);
    assert.ok(found.every(isRight));
    assert.deepEqual(
      found.slice(1).map(({ identity }) => Buffer.from(identity)),
      peers.map(({ serialized }) => Buffer.from(serialized)),
    );
  });

  it("are those of the envelope alone where there are no endorsements", () => {
    const { payload } = common.Envelope.decode(endorsed());
    const { header } = common.Payload.decode(payload);
    const bare = signed(encode(common.Payload, { header, data: Buffer.of(1, 2, 3) }), brewery.identity("client"));
    assert.equal(signaturesIn(bare).length, 1);
  });

  it("count once for each endorser, and not without end", () => {
    const one = brewery.identity("peer");
    assert.equal(signaturesIn(endorsed({ endorsers: Array(1_000).fill(one) })).length, 2);
    const many = Array.from({ length: 40 }, () => brewery.identity("peer"));
    assert.ok(signaturesIn(endorsed({ endorsers: many })).length < 40);
  });

  it("are read from any bytes without an error", () => {
    const envelope = Buffer.from(endorsed());
    fc.assert(
      fc.property(fc.nat(envelope.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(envelope);
        damaged[at] = damaged[at]! ^ change;
        signaturesIn(damaged);
        signaturesIn(damaged.subarray(0, at));
      }),
    );
  });
});
