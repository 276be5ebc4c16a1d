/** What a user gets wrong, and what the hansa command says to it: one fact, one next step, an exit code of its own. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { NetworkStatus } from "@hansa/network";
import { isAlive } from "../faults/processes.js";
import { temporaryFolder } from "../support/folder.js";
import { hansa, type Outcome } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const shipment = path.join(repositoryRoot, "network-configs/contracts/shipment");
const { folder, remove } = temporaryFolder();
after(remove);

const here = (...parts: string[]) => path.join(folder, ...parts);

function networkFile(name: string, ...lines: string[]): string {
  const file = here(`${name}.yaml`);
  writeFileSync(file, [`network: ${name}`, ...lines, ""].join("\n"));
  return file;
}

/** Nothing of a program's inside may show: no stack, no class names, one or two sentences. */
function expectReadable({ stdout, stderr }: Outcome): void {
  assert.equal(stdout, "");
  assert.doesNotMatch(stderr, /^\s+at |Error:|undefined|\[object/m);
}

async function expectFailure(exit: number, fact: RegExp, ...args: string[]): Promise<void> {
  const outcome = await hansa(folder, ...args);
  assert.equal(outcome.exit, exit, outcome.stderr);
  assert.match(outcome.stderr, fact);
  expectReadable(outcome);
}

describe("the hansa command, without a network", () => {
  it("says what it does not know", async () => {
    await expectFailure(2, /hansa has no command "staus"\. Did you mean "status"\?\nSee: hansa help/, "staus");
    await expectFailure(2, /hansa up has no option --mdoe\. Did you mean "--mode"\?/, "up", "--mdoe", "inline");
    await expectFailure(2, /--mode is "inlin"; expected processes or inline/, "up", "--mode", "inlin");
    await expectFailure(2, /hansa env takes <member>; 0 given/, "env");
    await expectFailure(5, /There is no network in .*\.hansa\.\nStart one with: hansa up/, "status");
    await expectFailure(5, /There is no network "nowhere"/, "down", "--network", "nowhere");
  });

  it("explains itself", async () => {
    for (const args of [["help"], ["--help"], [], ["up", "--help"], ["contract", "deploy", "-h"], ["help", "invoke"]]) {
      const { exit, stdout, stderr } = await hansa(folder, ...args);
      assert.equal(exit, 0);
      assert.match(stdout, /hansa /);
      assert.equal(stderr, "");
    }
  });

  it("names file, line, value and what is allowed in a wrong network file", async () => {
    const file = networkFile("wrong", "mode: proceses", "members:", "  - name: Pub");
    await expectFailure(
      3,
      /^wrong\.yaml:2:7: mode is "proceses"; expected one of processes, inline\. Did you mean "processes"\?\nCorrect the network file/,
      "up",
      file,
    );
    await expectFailure(4, /There is no network file .*nothing\.yaml/, "up", "nothing.yaml");
    assert.equal(existsSync(here(".hansa")), false);
  });

  it("gives errors as JSON too", async () => {
    const { exit, stdout } = await hansa(folder, "status", "--json");
    assert.equal(exit, 5);
    const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
    assert.deepEqual(Object.keys(error), ["code", "exit", "message", "nextStep"]);
    assert.equal(error.code, "NO_NETWORK");
  });

  it("says which port is taken, and leaves nothing behind", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    const file = networkFile("ports", "members:", "  - name: Pub", `    peers: [{ port: ${port} }]`);
    await expectFailure(
      7,
      new RegExp(`Port ${port}, which peer0\\.pub needs, is in use by another process\\.\nStop that`),
      "up",
      file,
    );
    server.close();
    assert.equal(existsSync(here(".hansa/ports")), false);
  });

  it("ends every process of a network whose folder was deleted", async () => {
    const file = networkFile("deleted", "members: [{ name: Pub }]");
    assert.equal((await hansa(folder, "up", file)).exit, 0);
    const { supervisorPid, nodes } = JSON.parse((await hansa(folder, "status", "--json")).stdout) as NetworkStatus;
    rmSync(here(".hansa"), { recursive: true, force: true });
    const pids = [supervisorPid, ...nodes.map((node) => node.pid!)];
    await until("every process to end", async () => (pids.some(isAlive) ? undefined : true));
    rmSync(here(".hansa"), { recursive: true, force: true });
  });

  it("says why a contract does not build, and leaves nothing behind", async () => {
    mkdirSync(here("broken/node_modules"), { recursive: true });
    writeFileSync(
      here("broken/package.json"),
      JSON.stringify({ name: "broken", main: "dist/index.js", scripts: { build: "node broken.js" } }),
    );
    writeFileSync(here("broken/broken.js"), "console.error('src/index.ts(3,7): no such type'); process.exit(2);");
    const file = networkFile(
      "unbuilt",
      "mode: inline",
      "members: [{ name: Pub }]",
      "channels: [{ name: trade }]",
      "contracts: [{ name: broken, channel: trade, path: broken }]",
    );
    await expectFailure(
      17,
      /does not build:\nsrc\/index\.ts\(3,7\): no such type\nCorrect it and try: npm run build/,
      "up",
      file,
    );
    assert.equal(existsSync(here(".hansa/unbuilt")), false);
  });
});

describe("the hansa command, with a network", () => {
  const file = networkFile(
    "trade",
    "mode: inline",
    "members: [{ name: Pub }, { name: Brewery }]",
    "channels: [{ name: deliveries }]",
    `contracts: [{ name: shipment, channel: deliveries, path: ${shipment}, endorsement: any }]`,
  );
  before(async () => {
    const { exit, stderr } = await hansa(folder, "up", file);
    assert.equal(exit, 0, stderr);
  });
  after(async () => {
    await hansa(folder, "down", "--wipe");
  });

  it("says what is unknown", async () => {
    await expectFailure(
      11,
      /Network trade has no member "Pib"\. Did you mean "Pub"\?\nUse one of: Pub, Brewery/,
      "env",
      "Pib",
    );
    await expectFailure(12, /no channel "delivery"/, "query", "shipment", "ReadOrder", "B-1", "--channel", "delivery");
    await expectFailure(
      13,
      /Channel deliveries has no contract "shipmnt"\.\nUse one of: shipment/,
      "query",
      "shipmnt",
      "ReadOrder",
      "B-1",
    );
    await expectFailure(14, /Contract shipment has no function "ReadOder"/, "query", "shipment", "ReadOder", "B-1");
    await expectFailure(
      15,
      /Network trade has no node "peer1\.pub"\. Did you mean "peer0\.pub"\?/,
      "logs",
      "peer1.pub",
    );
    await expectFailure(10, /Pub has no user "Usr1"\. Did you mean "User1"\?/, "env", "Pub", "--user", "Usr1");
    await expectFailure(16, /There is no contract at .*nowhere/, "contract", "deploy", "nowhere", "--name", "x");
    await expectFailure(
      2,
      /The endorsement policy is "Majority/,
      "contract",
      "deploy",
      shipment,
      "--endorsement",
      "Majority!",
    );
  });

  it("says what the contract refuses", async () => {
    await expectFailure(
      18,
      /^Only the pub may place an order; this came from BreweryMSP\.\n/m,
      "invoke",
      "shipment",
      "PlaceOrder",
      "B-1",
      "Pils",
      "1",
      "8",
      "--as",
      "Brewery",
    );
    await expectFailure(18, /There is no order "B-9"\./, "query", "shipment", "ReadOrder", "B-9");
    await expectFailure(
      2,
      /--transient is not a JSON object of texts/,
      "query",
      "shipment",
      "ReadOrder",
      "B-1",
      "--transient",
      "[1]",
    );
  });

  it("prints JSON where it is asked to", async () => {
    for (const args of [
      ["invoke", "shipment", "PlaceOrder", "B-1", "Pils", "1", "8", "--as", "Pub"],
      ["query", "shipment", "ReadOrder", "B-1"],
      ["status"],
      ["env", "Pub"],
      ["connection", "Pub"],
      ["up", file],
      ["contract", "deploy", shipment, "--endorsement", "any"],
    ]) {
      const { exit, stdout, stderr } = await hansa(folder, ...args, "--json");
      assert.equal(exit, 0, stderr);
      assert.equal(typeof JSON.parse(stdout), "object", args[0]);
      assert.equal(stderr, "");
    }
  });

  it("deploys a contract once, and again only when it changed", async () => {
    const deployed = async () => {
      const { stdout } = await hansa(folder, "contract", "deploy", here("mine"), "--name", "mine", "--json");
      return JSON.parse(stdout) as { sequence: number; changed: boolean };
    };
    mkdirSync(here("mine"));
    const source = (answer: string) =>
      `const { Contract } = require("fabric-contract-api");\nclass C extends Contract { async Ask(ctx) { return "${answer}"; } }\nexports.contracts = [C];\n`;
    writeFileSync(
      here("mine/package.json"),
      JSON.stringify({
        name: "mine",
        main: "index.js",
        scripts: { start: "fabric-chaincode-node start" },
        dependencies: { "fabric-contract-api": "~2.5", "fabric-shim": "~2.5" },
      }),
    );
    writeFileSync(here("mine/index.js"), source("one"));
    assert.deepEqual(await deployed().then(({ sequence, changed }) => [sequence, changed]), [1, true]);
    assert.deepEqual(await deployed().then(({ sequence, changed }) => [sequence, changed]), [1, false]);
    assert.match((await hansa(folder, "query", "mine", "Ask")).stdout, /one/);
    writeFileSync(here("mine/index.js"), source("two"));
    assert.deepEqual(await deployed().then(({ sequence, changed }) => [sequence, changed]), [2, true]);
    assert.match((await hansa(folder, "query", "mine", "Ask")).stdout, /two/);
  });

  it("keeps private keys to their owner", async () => {
    const files = readdirSync(here(".hansa/trade"), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const secrets = files.filter(
      ({ name }) => name === "priv_sk" || name.endsWith(".key") || /secret|passphrase|keys\.json/.test(name),
    );
    assert.ok(secrets.length > 10);
    const { statSync } = await import("node:fs");
    for (const entry of secrets) {
      const at = path.join(entry.parentPath, entry.name);
      assert.equal(statSync(at).mode & 0o077, 0, at);
    }
    for (const entry of files.filter(({ name }) => name.endsWith(".log")))
      assert.doesNotMatch(readFileSync(path.join(entry.parentPath, entry.name), "utf8"), /PRIVATE KEY/);
  });

  it("says that it is stopped, and what is damaged", async () => {
    assert.equal((await hansa(folder, "down")).exit, 0);
    await expectFailure(
      6,
      /Network trade is not running\.\nStart it with: hansa up/,
      "query",
      "shipment",
      "ReadOrder",
      "B-1",
    );

    const key = readdirSync(
      here(".hansa/trade/organizations/peerOrganizations/pub.example.com/peers/peer0.pub.example.com/msp/keystore"),
    )[0]!;
    const keyFile = here(
      ".hansa/trade/organizations/peerOrganizations/pub.example.com/peers/peer0.pub.example.com/msp/keystore",
      key,
    );
    renameSync(keyFile, `${keyFile}.away`);
    await expectFailure(10, /The identity file .*priv_sk cannot be read/, "up", file);
    renameSync(`${keyFile}.away`, keyFile);

    const state = here(".hansa/trade/state.json");
    const whole = readFileSync(state, "utf8");
    writeFileSync(state, whole.slice(0, 40));
    await expectFailure(9, /state\.json cannot be read/, "up", file);
    writeFileSync(state, whole);

    const changed = networkFile(
      "trade",
      "mode: inline",
      "members: [{ name: Pub }]",
      "channels: [{ name: deliveries }]",
    );
    await expectFailure(
      23,
      /was made with other members \(Pub, Brewery\) than its file has now \(Pub\)/,
      "up",
      changed,
    );

    const keys = here(".hansa/trade/nodes/ca.pub/keys.json");
    chmodSync(keys, 0o600);
    const sealed = readFileSync(keys, "utf8");
    writeFileSync(keys, sealed.slice(0, 50));
    networkFile(
      "trade",
      "mode: inline",
      "members: [{ name: Pub }, { name: Brewery }]",
      "channels: [{ name: deliveries }]",
      `contracts: [{ name: shipment, channel: deliveries, path: ${shipment}, endorsement: any }]`,
    );
    await expectFailure(9, /Node ca\.pub did not start/, "up", file);
    writeFileSync(keys, sealed);
    assert.equal((await hansa(folder, "up", file)).exit, 0);
    assert.equal((await hansa(folder, "query", "shipment", "ReadOrder", "B-1")).exit, 0);
  });
});
