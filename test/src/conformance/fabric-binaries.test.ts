/**
 * Fabric's own command line tools against a network of ours. They are no part of this repository: HANSA_FABRIC_BIN names
 * a folder with peer, osnadmin, configtxgen and configtxlator (2.5 or later); without it nothing here runs.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { configtx } from "./fabric-binaries/configtx.js";
import { done, FabricTools, refused, toolsAreMissing } from "./fabric-binaries/tools.js";

describe("Fabric's command line tools", { skip: toolsAreMissing }, () => {
  const { folder, remove } = temporaryFolder();
  const at = (name: string) => path.join(folder, name);
  let network: Network;
  let tools: FabricTools;

  before(async () => {
    network = await startNetwork(
      {
        network: "tools",
        mode: "inline",
        members: [{ name: "Org1" }, { name: "Org2" }],
        channels: [{ name: "trade" }],
      },
      { dataFolder: at("data") },
    );
    tools = new FabricTools(network, folder);
  });
  after(async () => {
    await network?.stop();
    remove();
  });

  const run = (tool: string, args: readonly string[], env: Record<string, string>) => tools.run(tool, args, env);
  const envOf = (member: string) => tools.envOf(member);
  const peer = (member: string, ...args: string[]) => tools.peer(member, ...args);
  const osnadmin = (...args: string[]) => tools.osnadmin(...args);
  const orderer = () => tools.orderer;
  const bothPeers = () => tools.peersOf("Org1", "Org2");
  /** Packages, installs, approves and commits as an operator does. */
  const deploy = async (channel: string, name: string, ...definition: string[]) => {
    const file = at(`${name}.tgz`);
    const source = path.join(repositoryRoot, "test/contracts/conformance");
    const label = ["--label", `${name}_1`];
    await done(peer("Org1", "lifecycle", "chaincode", "package", file, "--path", source, "--lang", "node", ...label));
    const packageId = (await done(peer("Org1", "lifecycle", "chaincode", "calculatepackageid", file))).trim();
    const terms = ["-C", channel, "-n", name, "--version", "1", "--sequence", "1", ...definition];
    for (const member of ["Org1", "Org2"]) {
      await done(peer(member, "lifecycle", "chaincode", "install", file));
      const approval = [...orderer(), ...terms, "--package-id", packageId];
      await done(peer(member, "lifecycle", "chaincode", "approveformyorg", ...approval));
    }
    const readiness = await done(peer("Org1", "lifecycle", "chaincode", "checkcommitreadiness", ...terms));
    assert.match(readiness, /Org1MSP: true\nOrg2MSP: true/);
    await done(peer("Org1", "lifecycle", "chaincode", "commit", ...orderer(), ...terms, ...bothPeers()));
    return packageId;
  };
  const invoke = (channel: string, name: string, args: string[], ...more: string[]) =>
    peer(
      "Org1",
      ...["chaincode", "invoke", ...orderer(), ...bothPeers(), "--waitForEvent"],
      ...["-C", channel, "-n", name, "-c", JSON.stringify({ Args: args }), ...more],
    );
  const query = (member: string, channel: string, name: string, ...args: string[]) =>
    peer(member, "chaincode", "query", "-C", channel, "-n", name, "-c", JSON.stringify({ Args: args }));

  it("deploy, invoke and query a contract", async () => {
    const packageId = await deploy("trade", "basic");
    assert.match(
      await done(peer("Org2", "lifecycle", "chaincode", "queryinstalled")),
      new RegExp(`Package ID: ${packageId}, Label: basic_1`),
    );
    assert.match(
      await done(peer("Org2", "lifecycle", "chaincode", "querycommitted", "-C", "trade", "-n", "basic")),
      /Version: 1, Sequence: 1, Endorsement Plugin: escc, Validation Plugin: vscc, Approvals: \[Org1MSP: true, Org2MSP: true\]/,
    );
    await done(invoke("trade", "basic", ["put", "k", "by the command line"]));
    assert.equal((await done(query("Org2", "trade", "basic", "get", "k"))).trim(), "by the command line");
  });

  it("say what went wrong in Fabric's words", async () => {
    const missing = peer("Org1", "lifecycle", "chaincode", "querycommitted", "-C", "trade", "-n", "nosuch");
    assert.match(await refused(missing), /query failed with status: 404 - namespace nosuch is not defined/);
    assert.match(
      await refused(query("Org1", "trade", "nosuch", "get", "k")),
      /status:500 {1,2}message:"make sure the chaincode nosuch has been successfully defined on channel trade and try again: chaincode nosuch not found"/,
    );
    assert.match(await refused(query("Org1", "elsewhere", "basic", "get", "k")), /channel 'elsewhere' not found/);
    assert.match(
      await refused(query("Org1", "trade", "basic", "fail", "no beer")),
      /status:500 {1,2}message:"no beer"/,
    );
  });

  it("initialise a contract that asks for it", async () => {
    await deploy("trade", "guarded", "--init-required");
    assert.match(await refused(query("Org1", "trade", "guarded", "get", "k")), /must call as init first/);
    await done(invoke("trade", "guarded", ["put", "k", "v"], "--isInit"));
    assert.equal((await done(query("Org1", "trade", "guarded", "get", "k"))).trim(), "v");
    assert.match(
      await refused(invoke("trade", "guarded", ["put", "k", "v"], "--isInit")),
      /is already initialized but called as init/,
    );
  });

  it("fetch blocks and change a channel's configuration", async () => {
    const decode = async (file: string, type: string) => {
      const files = ["--input", file, "--output", `${file}.json`];
      await done(run("configtxlator", ["proto_decode", "--type", type, ...files], {}));
      return JSON.parse(readFileSync(at(`${file}.json`), "utf8"));
    };
    const config = async () => {
      await done(peer("Org1", "channel", "fetch", "config", "config.pb", "-c", "trade", ...orderer()));
      const block = await decode("config.pb", "common.Block");
      return block.data.data[0].payload.data.config;
    };
    const encode = async (value: unknown, type: string, file: string) => {
      writeFileSync(at(`${file}.json`), JSON.stringify(value));
      await done(
        run("configtxlator", ["proto_encode", "--input", `${file}.json`, "--type", type, "--output", file], {}),
      );
    };
    const before = await config();
    const changed = structuredClone(before);
    changed.channel_group.groups.Application.groups.Org1MSP.values.AnchorPeers = {
      mod_policy: "Admins",
      value: { anchor_peers: [{ host: "localhost", port: 7051 }] },
      version: "0",
    };
    await encode(before, "common.Config", "before.pb");
    await encode(changed, "common.Config", "changed.pb");
    const difference = ["--channel_id", "trade", "--original", "before.pb", "--updated", "changed.pb"];
    await done(run("configtxlator", ["compute_update", ...difference, "--output", "update.pb"], {}));
    const update = await decode("update.pb", "common.ConfigUpdate");
    const header = { channel_header: { channel_id: "trade", type: 2 } };
    await encode({ payload: { header, data: { config_update: update } } }, "common.Envelope", "envelope.pb");

    const submit = (member: string) =>
      peer(member, "channel", "update", "-f", "envelope.pb", "-c", "trade", ...orderer());
    assert.match(
      await refused(submit("Org2")),
      /BAD_REQUEST -- error applying config update to existing channel 'trade': error authorizing update: error validating DeltaSet: policy for \[Value\] {2}\/Channel\/Application\/Org1MSP\/AnchorPeers not satisfied: signature set did not satisfy policy/,
    );
    await done(submit("Org1"));
    const now = await config();
    assert.equal(Number(now.sequence), Number(before.sequence) + 1);
    assert.deepEqual(now.channel_group.groups.Application.groups.Org1MSP.values.AnchorPeers.value.anchor_peers, [
      { host: "localhost", port: 7051 },
    ]);
    await done(invoke("trade", "basic", ["put", "k", "after the change"]));
    await done(peer("Org2", "channel", "fetch", "newest", "newest.pb", "-c", "trade"));
    assert.ok(readFileSync(at("newest.pb")).length > 0);
  });

  it("create a channel, work on it, and remove it", async () => {
    mkdirSync(at("profile"), { recursive: true });
    const orderers = [{ name: "orderer.example.com", address: envOf("Org1").ORDERER_ADDRESS! }];
    writeFileSync(at("profile/configtx.yaml"), configtx(path.join(at("data"), "tools/organizations"), orderers));
    const genesis = ["-profile", "Handmade", "-channelID", "handmade", "-outputBlock", "handmade.block"];
    await done(run("configtxgen", ["-configPath", at("profile"), ...genesis], {}));

    assert.match(
      await done(osnadmin("join", "--channelID", "handmade", "--config-block", "handmade.block")),
      /Status: 201[\s\S]*"consensusRelation": "consenter",\s*"status": "active",\s*"height": 1/,
    );
    assert.match(
      await done(osnadmin("join", "--channelID", "handmade", "--config-block", "handmade.block")),
      /Status: 405[\s\S]*"cannot join: channel already exists"/,
    );
    assert.match(await done(osnadmin("list")), /Status: 200[\s\S]*"handmade"[\s\S]*"trade"/);
    for (const member of ["Org1", "Org2"]) {
      await done(peer(member, "channel", "join", "-b", "handmade.block"));
      assert.match(await done(peer(member, "channel", "list")), /handmade\ntrade/);
    }
    assert.match(
      await refused(peer("Org1", "channel", "join", "-b", "handmade.block")),
      /cannot create ledger from genesis block: ledger \[handmade\] already exists with state \[ACTIVE\]/,
    );

    await deploy("handmade", "over");
    await done(invoke("handmade", "over", ["put", "k", "on a new channel"]));
    assert.equal((await done(query("Org2", "handmade", "over", "get", "k"))).trim(), "on a new channel");
    const contract = network.member("Org1").gateway().getNetwork("handmade").getContract("over");
    await contract.submitTransaction("put", "k", "through the gateway");
    assert.equal((await done(query("Org2", "handmade", "over", "get", "k"))).trim(), "through the gateway");

    assert.match(await done(osnadmin("remove", "--channelID", "handmade")), /Status: 204/);
    assert.match(await done(osnadmin("list", "--channelID", "handmade")), /Status: 404[\s\S]*"channel does not exist"/);
  });
});
