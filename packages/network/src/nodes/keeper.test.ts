import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError, silentLogger } from "@hansa/primitives";
import type { PlannedNode } from "../plan/plan.js";
import type { NodeHandle, NodeHost } from "./host.js";
import { NodeKeeper } from "./keeper.js";

const node = { id: "peer0.pub", kind: "peer" } as PlannedNode;

class FakeHost implements NodeHost {
  readonly starts: string[] = [];
  readonly stops: string[] = [];
  readonly told: unknown[] = [];
  /** Given at a start or later, in that order. */
  readonly configs: unknown[] = [];
  refusing: string | undefined;
  failing = 0;
  end: (reason: string) => void = () => {};

  prepare(): void {}

  async start(id: string, _kind: string, config: unknown): Promise<NodeHandle> {
    this.starts.push(id);
    this.configs.push(config);
    if (this.failing-- > 0) throw new Error("port taken");
    let end: (reason: string) => void = () => {};
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    this.end = end;
    return {
      pid: this.starts.length,
      ended,
      reconfigure: async (config) => {
        if (this.refusing !== undefined) throw new HansaError("NODE_FAILED", this.refusing);
        this.told.push(config);
        this.configs.push(config);
      },
      stop: async () => {
        this.stops.push(id);
        end("stopped");
      },
    };
  }

  async close(): Promise<void> {}
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    assert.ok(round < 400, "waited too long");
    await sleep(5);
  }
}

describe("node keeper", () => {
  it("starts a node again when it ends, and says so", async () => {
    const host = new FakeHost();
    const keeper = new NodeKeeper(host, silentLogger);
    await keeper.start(node, {});
    host.end("it was ended by SIGKILL");
    await until(() => keeper.reports()[0]!.state === "running" && host.starts.length === 2);
    const [report] = keeper.reports();
    assert.equal(report!.restarts, 1);
    assert.equal(report!.lastFailure, "it was ended by SIGKILL");
    await keeper.close(100);
    assert.deepEqual(host.stops, ["peer0.pub"]);
  });

  it("keeps trying while a restart fails", async () => {
    const host = new FakeHost();
    const keeper = new NodeKeeper(host, silentLogger);
    await keeper.start(node, {});
    host.failing = 2;
    host.end("crashed");
    await until(() => keeper.reports()[0]!.state === "running" && host.starts.length === 4);
    assert.equal(keeper.reports()[0]!.lastFailure, "port taken");
    await keeper.close(100);
  });

  it("does not keep a node whose first start fails, nor one that was stopped", async () => {
    const host = new FakeHost();
    host.failing = 1;
    const keeper = new NodeKeeper(host, silentLogger);
    await assert.rejects(keeper.start(node, {}), /port taken/);
    assert.deepEqual(keeper.reports(), []);
    await keeper.start(node, {});
    await keeper.stop([node.id], 100);
    await sleep(20);
    assert.equal(host.starts.length, 2);
    assert.equal(keeper.reports()[0]!.state, "stopped");
    await keeper.close(100);
  });

  it("gives a node its new configuration, and whoever starts it again, too", async () => {
    const host = new FakeHost();
    const keeper = new NodeKeeper(host, silentLogger);
    await keeper.start(node, { n: 1 });
    await keeper.reconfigure(node.id, { n: 1 });
    assert.deepEqual(host.told, []);
    await keeper.reconfigure(node.id, { n: 2 });
    assert.deepEqual(host.told, [{ n: 2 }]);
    const restarting = new Promise<void>((resolve) => {
      keeper.onChange = () => keeper.reports()[0]!.state === "restarting" && resolve();
    });
    host.end("it was ended by SIGKILL");
    await restarting;
    await keeper.reconfigure(node.id, { n: 3 });
    assert.equal(keeper.reports()[0]!.state, "running");
    // Given at the start, or right after it: the node serves by it when the promise is kept.
    assert.deepEqual(host.configs.at(-1), { n: 3 });
    await keeper.close(100);
  });

  it("says why a node does not follow its new configuration, and asks again", async () => {
    const host = new FakeHost();
    const keeper = new NodeKeeper(host, silentLogger);
    await keeper.start(node, { n: 1 });
    host.refusing = "no such block";
    await assert.rejects(keeper.reconfigure(node.id, { n: 2 }), {
      message: "Node peer0.pub does not follow its new settings: no such block.",
    });
    host.refusing = undefined;
    await keeper.reconfigure(node.id, { n: 2 });
    assert.deepEqual(host.told, [{ n: 2 }]);
    await keeper.close(100);
  });

  it("forgets a node that was taken out", async () => {
    const host = new FakeHost();
    const keeper = new NodeKeeper(host, silentLogger);
    let changes = 0;
    keeper.onChange = () => changes++;
    await keeper.start(node, {});
    await keeper.remove([node.id], 0);
    assert.deepEqual([keeper.reports(), host.stops, keeper.has(node.id)], [[], [node.id], false]);
    assert.ok(changes >= 2);
    await keeper.reconfigure(node.id, { n: 2 });
    await keeper.close(100);
  });
});
