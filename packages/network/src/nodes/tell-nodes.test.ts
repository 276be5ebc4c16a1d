import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HansaError, silentLogger } from "@hansa/primitives";
import { parseNetworkObject } from "../config/parse.js";
import { withIds } from "../plan/ids.js";
import { Layout } from "../plan/layout.js";
import { planNetwork } from "../plan/plan.js";
import { NEW_STATE } from "../plan/state-file.js";
import type { NodeHandle, NodeHost } from "./host.js";
import { NodeKeeper } from "./keeper.js";
import { serverSpec } from "./specs.js";
import { tellAnyOrderer, tellNodes } from "./tell-nodes.js";

const ORDERERS = ["orderer", "orderer2", "orderer3"];

type Behaviour = "follows" | "hangs" | "refuses";

/** Nodes that follow their settings, never answer, or refuse; those that end do not start again before it says so. */
class Host implements NodeHost {
  readonly behaviour = new Map<string, Behaviour>();
  readonly told: string[] = [];
  readonly ends = new Map<string, (reason: string) => void>();
  startsNothing = false;

  prepare(): void {}

  async start(id: string): Promise<NodeHandle> {
    if (this.startsNothing) throw new Error("it cannot start");
    const ended = new Promise<string>((resolve) => this.ends.set(id, resolve));
    return {
      pid: 1,
      ended,
      reconfigure: async () => {
        const behaviour = this.behaviour.get(id) ?? "follows";
        if (behaviour === "hangs") await new Promise(() => {});
        if (behaviour === "refuses") throw new HansaError("NODE_FAILED", "it does not like the block");
        this.told.push(id);
      },
      stop: async () => this.ends.get(id)?.("stopped"),
    };
  }

  async close(): Promise<void> {}
}

/** A network's orderers, running, and the network as it is once it has a channel that they have not heard of. */
async function runningOrderers() {
  const file = { network: "n", members: [{ name: "A" }], ordering: { engine: "jetstream", orderers: 3 } } as const;
  const parts = (channels: readonly string[]) => {
    const config = withIds(parseNetworkObject({ ...file, channels: channels.map((name) => ({ name })) }));
    const plan = planNetwork(config);
    const ports = Object.fromEntries(plan.nodes.map(({ id }, i) => [id, { port: 7000 + i }]));
    return { layout: new Layout("/nowhere"), plan, config, state: { ...NEW_STATE, ports } };
  };
  const before = parts(["old"]);
  const host = new Host();
  const keeper = new NodeKeeper(host, silentLogger);
  for (const id of ORDERERS) {
    const node = before.plan.nodes.find((each) => each.id === id)!;
    await keeper.start(node, serverSpec(node, before));
  }
  const after = parts(["old", "new"]);
  return { host, keeper, after };
}

describe("orderers that share the order, told of a channel", () => {
  it("need not all be there: one that runs is enough", async () => {
    const { host, keeper, after } = await runningOrderers();
    host.behaviour.set("orderer", "hangs");
    host.startsNothing = true;
    host.ends.get("orderer2")?.("it was ended by SIGKILL");
    await sleep(0);
    await tellAnyOrderer(keeper, after);
    assert.deepEqual(host.told, ["orderer3"]);
    await keeper.close(0);
  });

  it("are waited for while none runs", async () => {
    const { host, keeper, after } = await runningOrderers();
    host.startsNothing = true;
    for (const id of ORDERERS) host.ends.get(id)?.("it was ended by SIGKILL");
    await sleep(0);
    let isTold = false;
    const telling = tellAnyOrderer(keeper, after).then(() => {
      isTold = true;
    });
    await sleep(20);
    assert.equal(isTold, false);
    host.startsNothing = false;
    await telling;
    await keeper.close(0);
  });

  it("say why when none of them follows", async () => {
    const { host, keeper, after } = await runningOrderers();
    for (const id of ORDERERS) host.behaviour.set(id, "refuses");
    await assert.rejects(tellAnyOrderer(keeper, after), {
      code: "NODE_FAILED",
      message: /^Node orderer\d? does not follow its new settings: it does not like the block\.$/,
    });
    host.behaviour.delete("orderer2");
    await tellAnyOrderer(keeper, after);
    const refusals = await tellNodes(keeper, after);
    assert.equal(refusals.length, 2);
    await keeper.close(0);
  });
});
