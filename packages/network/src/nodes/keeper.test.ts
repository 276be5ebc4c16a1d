import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "@hansa/primitives";
import type { PlannedNode } from "../plan/plan.js";
import type { NodeHandle, NodeHost } from "./host.js";
import { NodeKeeper } from "./keeper.js";

const node = { id: "peer0.pub", kind: "peer" } as PlannedNode;

class FakeHost implements NodeHost {
  readonly starts: string[] = [];
  readonly stops: string[] = [];
  failing = 0;
  end: (reason: string) => void = () => {};

  prepare(): void {}

  async start(id: string): Promise<NodeHandle> {
    this.starts.push(id);
    if (this.failing-- > 0) throw new Error("port taken");
    let end: (reason: string) => void = () => {};
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    this.end = end;
    return {
      pid: this.starts.length,
      ended,
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
});
