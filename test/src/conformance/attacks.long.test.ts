/**
 * Attacks by somebody who holds keys, or copies messages, on a network that goes on with its work: each is sent over
 * the wire, each is refused in Fabric's words, and after each an honest client's transaction is valid.
 * What a stranger may try without keys, and damage by chance, is in ../faults/bad-messages.long.test.ts.
 */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { startNetwork } from "@hansa/network";
import { identityOf } from "../faults/forge.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";
import { attackAuthorities } from "./attacks/authorities.js";
import { attackConfiguration } from "./attacks/configuration.js";
import { attackDoors } from "./attacks/identities.js";
import { attackTransactions } from "./attacks/transactions.js";
import { basic, CHANNEL, world } from "./attacks/world.js";

let honest = 0;

before(async () => {
  const contract = path.join(repositoryRoot, "test/contracts/conformance");
  world.network = await startNetwork(
    {
      network: "attacks",
      members: [{ name: "Org1", peers: [{}, {}] }, { name: "Org2" }, { name: "Org3" }],
      channels: [{ name: CHANNEL, members: ["Org1", "Org2"] }],
      contracts: [{ name: "basic", channel: CHANNEL, path: contract }],
    },
    { mode: "inline" },
  );
  world.user = identityOf(world.network.member("Org1"), "User1");
});
after(() => world.network?.stop());

/** The honest channel goes on. */
afterEach(async () => {
  const value = String(honest++);
  await basic("Org2").submitTransaction("put", "honest", value);
  assert.equal(Buffer.from(await basic("Org2").evaluateTransaction("get", "honest")).toString(), value);
});

attackTransactions();
attackConfiguration();
attackDoors();
attackAuthorities();

describe("what rules a network from its machine", () => {
  it("is open to the machine's user alone", () => {
    assert.equal(statSync(path.join(world.network.layout.root, "control.sock")).mode & 0o077, 0);
  });
});

it("all this leaves every ledger equal", async () => {
  await until("ledgers to be equal", async () => {
    const [first, ...others] = await world.network.ledgers(CHANNEL);
    return others.every(
      ({ blockHash, commitHash }) => blockHash === first?.blockHash && commitHash === first.commitHash,
    )
      ? true
      : undefined;
  });
  assert.equal(Buffer.from(await basic().evaluateTransaction("get", "attacked")).toString(), "as endorsed");
});
