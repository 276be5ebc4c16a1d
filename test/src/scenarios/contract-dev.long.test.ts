/** A contract under development: from its folder in place of its package, anew at each save, with a debugger. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type DevelopmentEvent, develop, type Network, startNetwork } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Contract } from "@hyperledger/fabric-gateway";
import { Debugger } from "../support/debugger.js";
import { repositoryRoot } from "../support/paths.js";

const EXECUTE_MS = 1_500;
const original = path.join(repositoryRoot, "test/contracts/workshop");
let network: Network;
let folder: string;
let contract: Contract;

before(async () => {
  folder = path.join(mkdtempSync(path.join(os.tmpdir(), "hansa-workshop-")), "workshop");
  cpSync(original, folder, { recursive: true });
  network = await startNetwork(
    {
      network: "workshop",
      contractTimeouts: { execute: `${EXECUTE_MS}ms` },
      members: [{ name: "Alpha" }, { name: "Beta" }],
      channels: [{ name: "trade" }],
    },
    { mode: "inline" },
  );
  contract = network.member("Alpha").gateway().getNetwork("trade").getContract("workshop");
});
after(async () => {
  await network?.stop();
  rmSync(path.dirname(folder), { recursive: true, force: true });
});

/** A session, its events so far, and a way to wait for the next one of a kind. */
class Session {
  readonly events: DevelopmentEvent[] = [];
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();
  #seen = 0;
  #wake: () => void = () => {};

  constructor(inspectPort?: number) {
    this.ended = develop(network, {
      name: "workshop",
      channel: "trade",
      path: folder,
      endorsement: "all",
      inspectPort,
      signal: this.#stop.signal,
      onEvent: (event) => {
        this.events.push(event);
        this.#wake();
      },
    });
    this.ended.catch(() => this.#wake());
  }

  async next<K extends DevelopmentEvent["event"]>(kind: K): Promise<Extract<DevelopmentEvent, { event: K }>> {
    for (;;) {
      while (this.#seen < this.events.length) {
        const event = this.events[this.#seen++]!;
        if (event.event === kind) return event as Extract<DevelopmentEvent, { event: K }>;
      }
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
        this.ended,
      ]);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }
}

const save = (text: string, file = "index.js") => writeFileSync(path.join(folder, file), text);
const source = (version: string) =>
  readFileSync(path.join(original, "index.js"), "utf8").replace('"deployed"', JSON.stringify(version));
const ask = async (...call: string[]) =>
  Buffer.from(await contract.evaluateTransaction(call[0]!, ...call.slice(1))).toString();
const deployed = () => network.state.contracts.find(({ name }) => name === "workshop");

describe("contract dev", () => {
  it("deploys once, then runs what is saved at every peer, without a new package or sequence", async () => {
    const session = new Session();
    const attached = await session.next("attached");
    assert.deepEqual([attached.sequence, attached.peers], [1, ["peer0.alpha", "peer0.beta"]]);
    await session.next("ready");
    const before = deployed();
    assert.equal(await ask("version"), "deployed");

    save(source("saved"));
    const { generation } = await session.next("ready");
    assert.equal(generation, 2);
    // Both members' peers must endorse, so both run the saved version.
    assert.equal(Buffer.from(await contract.submitTransaction("put", "a", "1")).toString(), "saved");
    await session.next("log");
    assert(session.events.some((event) => event.event === "log" && event.line === "putting a"));
    assert.deepEqual(deployed(), before);

    await session.stop();
    assert.equal(session.events.at(-1)?.event, "restored");
    assert.equal(await ask("version"), "deployed");
  });

  it("keeps the last version that runs when the next one does not, and says where it is wrong", async () => {
    save(source("good"));
    const session = new Session();
    await session.next("ready");
    save(`${source("bad")}\nconst missing = require("./nowhere");\n`);
    const failed = await session.next("failed");
    assert.match(failed.reason, /Error: Cannot find module '\.\/nowhere'/);
    assert.equal(failed.serves, true);
    assert.equal(await ask("version"), "good");
    save(`${source("worse")}\nthrow new TypeError("no such beer");\n`);
    assert.match((await session.next("failed")).reason, /TypeError: no such beer \(index\.js:\d+\)/);
    save(source("mended"));
    await session.next("ready");
    assert.equal(await ask("version"), "mended");
    await session.stop();
  });

  it("tells callers why it does not run, and runs again after the next save", async () => {
    save("}");
    const session = new Session();
    assert.match((await session.next("failed")).reason, /SyntaxError: Unexpected token '}' \(index\.js:1\)/);
    await assert.rejects(ask("version"), (error: { details?: { message: string }[] }) =>
      /is being developed and does not run: it ended with 1: SyntaxError/.test(JSON.stringify(error.details)),
    );
    save(source("running"));
    await session.next("ready");
    await assert.rejects(ask("exit"));
    assert.match((await session.next("failed")).reason, /ended with 3/);
    save(source("after"));
    await session.next("ready");
    assert.equal(await ask("version"), "after");

    const second = new Session();
    await assert.rejects(
      second.ended,
      (error) => error instanceof HansaError && /is being developed already/.test(error.message),
    );
    assert.equal(await ask("version"), "after");
    await session.stop();
  });

  it("stops at a breakpoint, and calls take as long as they take meanwhile", async () => {
    save(source("stopping"));
    const session = new Session(0);
    const { port } = await session.next("debugger");
    await session.next("ready");
    await assert.rejects(ask("take", String(EXECUTE_MS + 1_000)));

    const attached = await Debugger.attach(port);
    assert.equal((await session.next("debugger-attached")).attached, true);
    attached.send("Debugger.enable");
    attached.send("Runtime.runIfWaitingForDebugger");
    const call = ask("stop");
    await attached.hear('"method":"Debugger.paused"');
    await sleep(EXECUTE_MS + 500);
    attached.send("Debugger.resume");
    assert.equal(await call, "stopping");
    attached.detach();
    assert.equal((await session.next("debugger-attached")).attached, false);
    await session.stop();
  });

  it("is for those only who may read what the peer keeps", async () => {
    for (const peer of ["peer0.alpha", "peer0.beta"]) {
      const chaincodes = path.join(network.layout.node(peer), "chaincodes");
      assert.equal(statSync(path.join(chaincodes, "development.json")).mode & 0o777, 0o600);
      assert.equal(statSync(network.layout.node(peer)).mode & 0o077, 0);
    }
  });
});
