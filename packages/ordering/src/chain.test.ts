import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { testOrganization, testProfile } from "@hansa/channel-config/testing";
import { type UnixMs, unixMs } from "@hansa/primitives";
import { blockDataHash, blockHeaderHash, Status, splitBlock } from "@hansa/wire";
import fc from "fast-check";
import type { Admitted } from "./admit.js";
import {
  type Batching,
  type BlockDraft,
  backlog,
  type ChainInput,
  type ChainRules,
  type ChainState,
  startChain,
  step,
  wakeAt,
} from "./chain.js";
import { DEFAULT_PACE } from "./pace.js";
import { type BroadcastMessage, type Refusal, rejected } from "./route.js";

const member = testOrganization("BreweryMSP");
const ordererOrg = testOrganization("OrdererMSP");

function configWith(maxMessageCount: number, sequence = 0n, batchTimeoutMs = 2_000): ChannelConfig {
  const genesis = genesisBlock(
    testProfile([member], ordererOrg, {
      maxMessageCount,
      batchTimeoutMs,
      preferredMaxBytes: 1_000,
      absoluteMaxBytes: 5_000,
    }),
  );
  const config = ChannelConfig.fromBlock(genesis);
  return sequence === 0n ? config : ChannelConfig.load("trade", { ...config.config, sequence: Number(sequence) });
}

const small = configWith(4);
const genesis = splitBlock(genesisBlock(testProfile([member], ordererOrg))).header;
const start = { config: small, tip: { number: 0n, headerHash: blockHeaderHash(genesis) }, lastConfigNumber: 0n };

const nameOf = (envelope: Uint8Array) => Buffer.from(envelope).toString();

function normal(name: string, bytes = 10, sequence = 0n): Admitted {
  const envelope = Buffer.from(name);
  return { kind: "normal", message: { raw: envelope } as unknown as BroadcastMessage, envelope, bytes, sequence };
}

function configMessage(name: string, next: ChannelConfig): Admitted {
  const envelope = Buffer.from(name);
  return {
    kind: "config",
    message: { raw: envelope } as unknown as BroadcastMessage,
    envelope,
    bytes: 10,
    sequence: 0n,
    next,
  };
}

/** Runs a chain against a disk that takes `writeMs`, in virtual time. */
class Driver {
  now: UnixMs = unixMs(1_000_000);
  state: ChainState;
  readonly blocks: { at: number; draft: BlockDraft }[] = [];
  readonly durable: number[] = [];
  readonly refused: [number, Refusal][] = [];
  #writtenAt: UnixMs | undefined;
  readonly #rules: ChainRules;

  constructor(
    batching: Batching,
    readonly writeMs: () => number,
    initial = start,
    readmit: ChainRules["readmit"] = (message) => ({ ...normal(nameOf(message.raw)), sequence: 1n }),
  ) {
    this.#rules = { batching, readmit };
    this.state = startChain(initial);
  }

  submit(ticket: number, admitted: Admitted): void {
    this.#input({ kind: "submit", ticket, admitted });
  }

  /** Lets time pass, up to and including `until`. */
  run(until: number): void {
    for (;;) {
      const due = [wakeAt(this.state, this.now, this.#rules), this.#writtenAt].filter((at) => at !== undefined);
      const next = Math.max(Math.min(...due), this.now);
      if (due.length === 0 || next > until) break;
      this.now = unixMs(next);
      if (this.#writtenAt !== undefined && this.#writtenAt <= this.now) {
        this.#writtenAt = undefined;
        this.#input({ kind: "written" });
      } else this.#input({ kind: "time" });
    }
    this.now = unixMs(until);
  }

  get contents(): string[][] {
    return this.blocks.map(({ draft }) => draft.envelopes.map(nameOf));
  }

  #input(input: ChainInput): void {
    const { state, consequences } = step(this.state, input, this.now, this.#rules);
    this.state = state;
    for (const consequence of consequences) {
      if (consequence.kind === "write") {
        assert.equal(this.#writtenAt, undefined, "a write was handed out while another was under way");
        this.#writtenAt = unixMs(this.now + this.writeMs());
        for (const draft of consequence.blocks) this.blocks.push({ at: this.now - 1_000_000, draft });
      } else if (consequence.kind === "durable") this.durable.push(...consequence.tickets);
      else this.refused.push([consequence.ticket, consequence.refusal]);
    }
  }
}

const at = (ms: number) => 1_000_000 + ms;

describe("adaptive batching", () => {
  it("cuts at once when the chain is at rest", () => {
    const driver = new Driver("adaptive", () => 1);
    driver.submit(1, normal("a"));
    driver.run(at(5));
    assert.deepEqual(
      driver.blocks.map(({ at }) => at),
      [0],
    );
    assert.deepEqual(driver.durable, [1]);
  });

  it("puts what arrives at the same moment into one block", () => {
    const driver = new Driver("adaptive", () => 1);
    for (const name of ["a", "b", "c"]) driver.submit(1, normal(name));
    driver.run(at(50));
    assert.deepEqual(driver.contents, [["a", "b", "c"]]);
  });

  it("holds no block back that is full enough, however fast messages come", () => {
    const driver = new Driver("adaptive", () => 0, { ...start, config: configWith(500, 0n, 2_000) });
    for (let ms = 0; ms < 400; ms++) {
      driver.run(at(ms));
      for (const half of ["a", "b"]) driver.submit(2 * ms, normal(`${half}${ms}`, 1));
    }
    driver.run(at(500));
    const sizes = driver.contents.map((envelopes) => envelopes.length);
    assert.equal(
      sizes.reduce((sum, size) => sum + size),
      800,
    );
    assert.ok(
      sizes.slice(-10, -1).every((size) => size === DEFAULT_PACE.enoughMessages),
      sizes.join(),
    );
  });

  it("fills the next block while one is being written", () => {
    const driver = new Driver("adaptive", () => 100);
    driver.submit(1, normal("a"));
    driver.run(at(1));
    driver.submit(2, normal("b"));
    driver.run(at(50));
    driver.submit(3, normal("c"));
    driver.run(at(300));
    assert.deepEqual(driver.contents, [["a"], ["b", "c"]]);
    assert.deepEqual(
      driver.blocks.map(({ at }) => at),
      [0, 100],
    );
    assert.deepEqual(driver.durable, [1, 2, 3]);
  });

  it("keeps the channel's BatchSize, and writes full blocks together", () => {
    const driver = new Driver("adaptive", () => 100);
    driver.submit(0, normal("first"));
    driver.run(at(1));
    for (let i = 1; i <= 9; i++) driver.submit(i, normal(`m${i}`));
    driver.run(at(500));
    assert.deepEqual(
      driver.contents.map((names) => names.length),
      [1, 4, 4, 1],
    );
    assert.deepEqual(driver.blocks.map(({ at }) => at).slice(1, 3), [100, 100]);
  });

  it("leaves more time between blocks when messages come fast, never more than the longest gap", () => {
    const driver = new Driver("adaptive", () => 1, { ...start, config: configWith(1_000) });
    for (let i = 0; i < 2_000; i++) {
      driver.submit(i, normal(`m${i}`, 1));
      driver.run(at(i + 1));
    }
    driver.run(at(3_000));
    const gaps = driver.blocks.map(({ at }, i) => at - (driver.blocks[i - 1]?.at ?? 0));
    assert.ok(Math.max(...gaps) <= 52, `${Math.max(...gaps)} ms`);
    assert.ok(driver.blocks.length < 2_000 / 15, `${driver.blocks.length} blocks`);
    assert.equal(driver.durable.length, 2_000);
  });

  it("costs a client that waits for each answer nothing", () => {
    const driver = new Driver("adaptive", () => 1);
    for (let i = 0; i < 100; i++) {
      driver.submit(i, normal(`m${i}`));
      driver.run(at(i * 10 + 9));
      assert.equal(driver.durable.length, i + 1);
    }
    assert.equal(driver.blocks.length, 100);
  });
});

describe("batching as Fabric does it", () => {
  it("waits for BatchTimeout from the first message of a batch", () => {
    const driver = new Driver("fabric", () => 1);
    driver.submit(1, normal("a"));
    driver.run(at(1_500));
    driver.submit(2, normal("b"));
    driver.run(at(1_999));
    assert.deepEqual(driver.blocks, []);
    driver.run(at(2_000));
    assert.deepEqual(driver.contents, [["a", "b"]]);
  });

  it("cuts a full batch at once and stops the timer", () => {
    const driver = new Driver("fabric", () => 1);
    for (let i = 0; i < 4; i++) driver.submit(i, normal(`m${i}`));
    driver.run(at(100));
    driver.submit(5, normal("late"));
    driver.run(at(2_099));
    assert.equal(driver.blocks.length, 1);
    driver.run(at(2_100));
    assert.deepEqual(driver.contents[1], ["late"]);
  });

  it("lets the timer run on when a batch overflows", () => {
    const driver = new Driver("fabric", () => 1);
    driver.submit(1, normal("a", 600));
    driver.run(at(1_900));
    driver.submit(2, normal("b", 600));
    driver.run(at(1_999));
    assert.deepEqual(driver.contents, [["a"]]);
    driver.run(at(2_000));
    assert.deepEqual(driver.contents, [["a"], ["b"]]);
  });
});

describe("configurations", () => {
  const next = configWith(2, 1n);

  it("stand alone after what was pending, and rule from their own block on", () => {
    const driver = new Driver("fabric", () => 10);
    driver.submit(1, normal("a"));
    driver.submit(2, configMessage("config", next));
    driver.submit(3, normal("b"));
    driver.submit(4, normal("c"));
    driver.run(at(5));
    assert.deepEqual(driver.contents, [["a"], ["config"]]);
    assert.deepEqual(
      driver.blocks.map(({ draft }) => [draft.lastConfigNumber, draft.config.sequence]),
      [
        [0n, 0n],
        [2n, 1n],
      ],
    );
    driver.run(at(20));
    // The new configuration takes two messages a block.
    assert.deepEqual(driver.contents[2], ["b", "c"]);
    assert.equal(driver.blocks[2]?.draft.lastConfigNumber, 2n);
    driver.run(at(100));
    assert.deepEqual(driver.durable, [1, 2, 3, 4]);
  });

  it("have messages behind them judged again, and refused when they no longer fit", () => {
    const readmit: ChainRules["readmit"] = (message, config) => {
      assert.equal(config.sequence, 1n);
      if (nameOf(message.raw) === "bad") return rejected(Status.FORBIDDEN, "permission denied");
      return normal(nameOf(message.raw), 10, 1n);
    };
    const driver = new Driver("adaptive", () => 10, start, readmit);
    driver.submit(1, configMessage("config", next));
    driver.submit(2, normal("bad"));
    driver.submit(3, normal("good"));
    // Judged by the old configuration and arriving when the new one rules already.
    driver.run(at(30));
    driver.submit(4, normal("bad"));
    driver.run(at(60));
    assert.deepEqual(driver.contents, [["config"], ["good"]]);
    assert.deepEqual(
      driver.refused.map(([ticket, { info }]) => [ticket, info]),
      [
        [2, "permission denied"],
        [4, "permission denied"],
      ],
    );
    assert.deepEqual(driver.durable, [1, 3]);
  });
});

describe("any chain", () => {
  it("orders every message once, in order, in linked blocks within the limits", () => {
    const message = fc.record({
      afterMs: fc.integer({ min: 0, max: 40 }),
      bytes: fc.integer({ min: 1, max: 1_400 }),
      isConfig: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
    });
    const scenario = fc.record({
      batching: fc.constantFrom<Batching>("adaptive", "fabric"),
      messages: fc.array(message, { maxLength: 60 }),
      writes: fc.infiniteStream(fc.integer({ min: 0, max: 120 })),
    });
    const limits = configWith(4, 0n, 100);
    fc.assert(
      fc.property(scenario, ({ batching, messages, writes }) => {
        const readmit: ChainRules["readmit"] = (original, config) => normal(nameOf(original.raw), 10, config.sequence);
        const first = { ...start, config: limits };
        const driver = new Driver(batching, () => writes.next().value as number, first, readmit);
        let ms = 0;
        let sequence = 0n;
        messages.forEach(({ afterMs, bytes, isConfig }, i) => {
          ms += afterMs;
          driver.run(at(ms));
          const isNext = isConfig && sequence === 0n;
          if (isNext) sequence = 1n;
          driver.submit(i, isNext ? configMessage(`m${i}`, configWith(4, 1n, 100)) : normal(`m${i}`, bytes));
        });
        driver.run(at(ms + 60_000));
        assert.deepEqual(backlog(driver.state), { messages: 0, bytes: 0 });
        const everything = messages.map((_, i) => i);
        assert.deepEqual(driver.durable, everything);
        assert.deepEqual(
          driver.contents.flat(),
          everything.map((i) => `m${i}`),
        );
        let previous = start.tip;
        for (const { draft } of driver.blocks) {
          assert.equal(draft.number, previous.number + 1n);
          assert.deepEqual(draft.previousHash, previous.headerHash);
          assert.deepEqual(draft.dataHash, blockDataHash(draft.envelopes));
          assert.deepEqual(draft.headerHash, blockHeaderHash(draft));
          assert.ok(draft.envelopes.length <= 4);
          previous = draft;
        }
      }),
      { numRuns: 150 },
    );
  });
});
