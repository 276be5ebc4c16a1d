import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HansaError } from "@hansa/primitives";
import { TestWorld, testMember } from "./testing/world.js";

const [ana, ben, cem, dora] = ["Ana", "Ben", "Cem", "Dora"].map(testMember) as [
  ReturnType<typeof testMember>,
  ReturnType<typeof testMember>,
  ReturnType<typeof testMember>,
  ReturnType<typeof testMember>,
];
const CHANNELS = ["alpha", "beta", "gamma"];

/** Three channels of Ana and Ben. */
function pair(): TestWorld {
  const world = new TestWorld([ana, ben]);
  for (const name of CHANNELS) world.addChannel(name, [ana, ben]);
  return world;
}

async function whileEnacting(world: TestWorld, work: () => Promise<void>): Promise<void> {
  const enactor = world.enactor();
  enactor.start();
  try {
    await work();
  } finally {
    await enactor.stop();
  }
}

describe("the enactor", () => {
  it("admits a member to every channel, and says in which blocks", async () => {
    const world = pair();
    const proposal = world.join(cem, [ana, ben]);
    await whileEnacting(world, () => world.enacted());
    for (const name of CHANNELS) assert.deepEqual(world.channel(name).mspIds, ["AnaMSP", "BenMSP", "CemMSP"]);
    assert.deepEqual(world.acts.at(-1), {
      kind: "enacted",
      enactmentId: "join:m-Cem",
      channels: CHANNELS.map((channelId) => ({ channelId, blockNumber: 1 })),
    });
    assert.equal(world.state.members.get("m-Cem")?.status, "active");
    assert.equal(world.state.proposals.get(proposal)?.status, "APPROVED");
  });

  it("admits to the channels that were chosen, or to none", async () => {
    const world = pair();
    await whileEnacting(world, async () => {
      world.join(cem, [ana, ben], { kind: "listed", names: ["beta"] });
      await world.enacted();
      world.join(dora, [ana, ben], { kind: "none" });
      await world.enacted();
    });
    const members = CHANNELS.map((name) => world.channel(name).mspIds.length);
    assert.deepEqual(members, [2, 3, 2]);
    assert.deepEqual(world.acts.at(-1), { kind: "enacted", enactmentId: "join:m-Dora", channels: [] });
  });

  it("takes out whom a vote removes, whoever it is, from the channels that have it", async () => {
    const world = new TestWorld([ana, ben, cem]);
    world.addChannel("alpha", [ana, ben, cem]);
    world.addChannel("beta", [ben, cem]);
    const proposal = world.propose(ben, { removals: ["m-Ana"] });
    world.vote(proposal, ben, cem);
    const calls: string[] = [];
    world.before = (call) => {
      calls.push(call);
      if (call.startsWith("committed")) assert.equal(world.state.members.get("m-Ana")?.status, "leaving");
    };
    await whileEnacting(world, () => world.enacted());
    assert.deepEqual(calls.slice(-2), ["committed alpha/1", "submit"], "told when the others' peers know");
    assert.deepEqual(world.channel("alpha").mspIds, ["BenMSP", "CemMSP"]);
    assert.deepEqual(world.channel("beta").sequence, 0);
    assert.equal(world.state.members.get("m-Ana")?.status, "left");
  });

  it("lets a member leave without a vote", async () => {
    const world = new TestWorld([ana, ben, cem]);
    world.addChannel("alpha", [ana, ben, cem]);
    world.submit({ kind: "left", memberId: "m-Ben" });
    await whileEnacting(world, () => world.enacted());
    assert.deepEqual(world.channel("alpha").mspIds, ["AnaMSP", "CemMSP"]);
  });

  it("says why when a channel asks for more than the votes, and changes no other", async () => {
    const world = new TestWorld([ana, ben, cem]);
    world.addChannel("lax", [ana, ben, cem]);
    world.addChannel("strict", [ana, ben, cem], "ALL Admins");
    const proposal = world.join(dora, [ana, ben]);
    await whileEnacting(world, () => world.enacted());
    const { status, failure } = world.state.proposals.get(proposal)!;
    assert.equal(status, "ACTION_FAILED");
    assert.match(failure!, /^channel strict cannot be changed: .*policy .* not satisfied/);
    assert.equal(world.channel("lax").sequence, 0);
    assert.equal(world.state.members.get("m-Dora")?.status, "failed");
  });

  it("says so when a chosen channel does not exist", async () => {
    const world = pair();
    const proposal = world.join(cem, [ana, ben], { kind: "listed", names: ["alpha", "delta"] });
    await whileEnacting(world, () => world.enacted());
    assert.equal(
      world.state.proposals.get(proposal)?.failure,
      "channel delta cannot be changed: there is no such channel",
    );
    assert.equal(world.channel("alpha").sequence, 0);
  });

  it("starts from where others left a channel that they changed meanwhile", async () => {
    const world = pair();
    world.join(cem, [ana, ben]);
    let raced = 0;
    world.before = (call) => {
      if (call === "order beta" && raced++ < 3) world.touchMembers("beta");
    };
    await whileEnacting(world, () => world.enacted());
    assert.deepEqual(world.channel("beta").mspIds, ["AnaMSP", "BenMSP", "CemMSP"]);
    assert.equal(world.changes.get("beta"), 1);
  });

  it("waits for nodes that are down, and asks no authority in vain", async () => {
    const world = new TestWorld([ana, ben, cem, dora]);
    for (const name of CHANNELS) world.addChannel(name, [ana, ben, cem, dora]);
    world.submit({ kind: "left", memberId: "m-Dora" });
    const down = new HansaError("NODE_UNREACHABLE", "it does not answer");
    let refused = 0;
    world.before = (call) => {
      // Three of four signatures suffice; the orderer is needed.
      if (call.startsWith("sign CemMSP")) throw down;
      if (call === "order gamma" && refused++ < 2) throw down;
    };
    await whileEnacting(world, () => world.enacted());
    assert.equal(world.state.members.get("m-Dora")?.status, "left");
    assert.deepEqual(Object.fromEntries(world.changes), { alpha: 1, beta: 1, gamma: 1 });
  });

  it("waits for an authority without which it cannot be done", async () => {
    const world = pair();
    world.join(cem, [ana, ben]);
    let asked = 0;
    world.before = (call) => {
      if (call.startsWith("sign BenMSP") && asked++ < 5) throw new HansaError("TIMED_OUT", "it does not answer");
    };
    await whileEnacting(world, () => world.enacted());
    assert.equal(world.state.members.get("m-Cem")?.status, "active");
  });

  it("finishes exactly once wherever its predecessor died", async () => {
    for (const moment of ["before", "after"] as const) {
      for (let death = 1; ; death++) {
        const world = pair();
        world.join(cem, [ana, ben]);
        let calls = 0;
        world[moment] = () => {
          calls += 1;
          // Whoever waits for an answer that never comes is as good as dead.
          return calls >= death ? new Promise<void>(() => {}) : undefined;
        };
        world.enactor().start();
        await settled(() => calls >= death || world.state.enactments.length === 0);
        const died = calls >= death;
        world[moment] = () => {};
        await whileEnacting(world, () => world.enacted());
        assert.deepEqual(Object.fromEntries(world.changes), { alpha: 1, beta: 1, gamma: 1 }, `${moment} ${death}`);
        assert.equal(world.acts.filter(({ kind }) => kind === "enacted").length, 1, `${moment} ${death}`);
        assert.equal(world.state.members.get("m-Cem")?.status, "active");
        if (!died) break;
      }
    }
  });
});

async function settled(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    assert.ok(round < 2_000, "waited too long");
    await new Promise((done) => setTimeout(done, 1));
  }
  await new Promise((done) => setImmediate(done));
}
