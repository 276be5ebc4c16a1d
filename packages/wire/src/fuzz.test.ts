/** Bytes from outside may be anything: reading them ends with a value or a WireError, soon and in little memory. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import * as wire from "./index.js";
import {
  blockHeaderHash,
  decode,
  encode,
  joinBlock,
  readEnvelope,
  signedEnvelope,
  splitBlock,
  WireError,
} from "./index.js";

type MessageType = { decode(bytes: Uint8Array): object; encode(message: object): { finish(): Uint8Array } };

/** Every generated message class by its full name. */
function messageTypes(): Map<string, MessageType> {
  const found = new Map<string, MessageType>();
  const visit = (node: unknown, name: string) => {
    if ((typeof node !== "object" && typeof node !== "function") || node === null) return;
    if (typeof (node as Partial<MessageType>).decode === "function") found.set(name, node as MessageType);
    for (const [key, value] of Object.entries(node)) if (/^[A-Za-z]/.test(key)) visit(value, `${name}.${key}`);
  };
  const { common, discovery, etcdraft, gateway, gossip, hansa, kvrwset, lifecycle, msp, orderer, protos } = wire;
  const namespaces = { common, discovery, etcdraft, gateway, gossip, hansa, kvrwset, lifecycle, msp, orderer, protos };
  for (const [name, namespace] of Object.entries(namespaces)) visit(namespace, name);
  return found;
}

function survives(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof WireError, error instanceof Error ? error.stack : String(error));
  }
}

const envelope = signedEnvelope({
  type: wire.HeaderType.ENDORSER_TRANSACTION,
  channelId: "deliveries",
  txId: "ab".repeat(32),
  creator: Buffer.alloc(700, 1),
  nonce: Buffer.alloc(24, 2),
  timestampMs: 1_700_000_000_123,
  extension: Buffer.alloc(20, 3),
  data: encode(wire.protos.Transaction, { actions: [{ header: Buffer.alloc(40), payload: Buffer.alloc(400, 4) }] }),
  sign: () => Buffer.alloc(71, 5),
});
const block = joinBlock({
  header: { number: 7n, previousHash: Buffer.alloc(32, 6), dataHash: Buffer.alloc(32, 7) },
  envelopes: [envelope, envelope],
  metadata: [Buffer.alloc(90, 8), Buffer.alloc(0), Buffer.of(0, 0)],
});

const readers: ((bytes: Uint8Array) => unknown)[] = [
  splitBlock,
  readEnvelope,
  (bytes) => decode(wire.common.Block, bytes, "common.Block"),
  (bytes) => decode(wire.common.Envelope, bytes, "common.Envelope"),
  (bytes) => decode(wire.common.ConfigUpdateEnvelope, bytes, "common.ConfigUpdateEnvelope"),
];

describe("malformed bytes", () => {
  it("cut anywhere, end in a WireError or a value", () => {
    for (const bytes of [envelope, block])
      for (let length = 0; length < bytes.length; length++)
        for (const read of readers) survives(() => read(bytes.subarray(0, length)));
  });

  it("changed anywhere, end in a WireError or a value", () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.boolean() });
    fc.assert(
      fc.property(
        fc.constantFrom(envelope, block),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        (bytes, changes) => {
          let mutated = Buffer.from(bytes);
          for (const { at, to, cut } of changes) {
            if (mutated.length > 0) mutated[at % mutated.length] = to;
            if (cut) mutated = mutated.subarray(0, at % (mutated.length + 1));
          }
          for (const read of readers) survives(() => read(mutated));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("random, end in a WireError or a value that can be encoded, for every message type", () => {
    const types = [...messageTypes()];
    assert.ok(types.length > 250, `${types.length} message types`);
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 120 }), ([name, type], bytes) => {
        survives(() => encode(type as never, decode(type, bytes, name)));
      }),
      { numRuns: 5_000 },
    );
  });

  it("with a length far past the end, take no memory", () => {
    const lying = Buffer.from("0affffffff07", "hex");
    const before = process.memoryUsage().arrayBuffers;
    for (const read of readers) assert.throws(() => read(lying), WireError);
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
  });

  it("nested thousands of times, neither overflow the stack nor take long", () => {
    const parts: Buffer[] = [];
    let size = 0;
    for (let depth = 0; depth < 20_000; depth++) {
      const head = Buffer.concat([Buffer.of(0x12), wire.varintBytes(size)]); // SignaturePolicy.n_out_of / rules
      parts.push(head);
      size += head.length;
    }
    const nested = Buffer.concat(parts.reverse());
    assert.throws(() => decode(wire.common.SignaturePolicy, nested, "common.SignaturePolicy"), WireError);
    const groups = Buffer.alloc(100_000, 0x0b);
    assert.throws(() => splitBlock(groups), WireError);
    assert.throws(() => decode(wire.common.Block, groups, "common.Block"), WireError);
  });

  it("that are not UTF-8 where text belongs, are refused as Go refuses them", () => {
    const name = Buffer.concat([Buffer.from("2204", "hex"), Buffer.from([0x61, 0xff, 0xfe, 0x62])]);
    assert.throws(() => decode(wire.common.ChannelHeader, name, "common.ChannelHeader"), WireError);
  });
});

describe("unusual but well-formed bytes", () => {
  const strange = Buffer.from([0x98, 0x06, 0x01, 0x93, 0x06, 0x08, 0x01, 0x94, 0x06, 0x9d, 0x06, 1, 2, 3, 4]);

  it("with unknown fields, keep them through decoding and encoding", () => {
    const bytes = Buffer.concat([encode(wire.common.LastConfig, { index: 3 }), strange]);
    const again = encode(wire.common.LastConfig, decode(wire.common.LastConfig, bytes, "common.LastConfig"));
    assert.deepEqual(Buffer.from(again), bytes);
  });

  it("with unknown fields, are scanned as they are decoded", () => {
    const read = readEnvelope(Buffer.concat([envelope, strange]));
    assert.equal(read.channelHeader.channelId, "deliveries");
    assert.equal(splitBlock(Buffer.concat([strange, block])).envelopes.length, 2);
  });

  it("with an embedded message in two pieces, are read as their merge", () => {
    const header = (fields: object) => {
      const bytes = encode(wire.common.BlockHeader, fields as wire.common.IBlockHeader);
      return Buffer.concat([wire.fieldHead(1, bytes.length), bytes]);
    };
    const pieces = Buffer.concat([
      header({ number: 9, dataHash: Buffer.of(1) }),
      header({ previousHash: Buffer.of(2) }),
    ]);
    const scanned = splitBlock(pieces);
    const decoded = decode(wire.common.Block, pieces, "common.Block").header;
    assert.equal(scanned.header.number, 9n);
    assert.deepEqual(scanned.header.dataHash, decoded?.dataHash);
    assert.deepEqual(scanned.header.previousHash, decoded?.previousHash);
    assert.equal(blockHeaderHash(scanned.header).length, 32);
  });
});

describe("encoding", () => {
  it("is not led astray by an encoding that failed half way", () => {
    const broken = { actions: [null] } as unknown as wire.protos.ITransaction;
    assert.throws(() => encode(wire.protos.Transaction, broken));
    assert.deepEqual([...encode(wire.common.LastConfig, { index: 1 })], [8, 1]);
  });

  it("gives each result its own memory", () => {
    const first = encode(wire.common.LastConfig, { index: 1 });
    encode(wire.common.LastConfig, { index: 2 });
    assert.deepEqual([...first], [8, 1]);
  });
});
