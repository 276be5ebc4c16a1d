/**
 * What operators do with Fabric's command line tools beside the everyday: updates that several members sign, upgrades,
 * questions answered as JSON, exit codes that scripts look at. HANSA_FABRIC_BIN names a folder with the tools of
 * Fabric 2.5 or later; without it nothing here runs.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { computeConfigUpdate, configOfBlock } from "@hansa/channel-config";
import { configToJson } from "@hansa/channel-config/editing";
import { type Network, startNetwork } from "@hansa/network";
import { common, encode } from "@hansa/wire";
import { fromJson, toJson } from "@hansa/wire/json";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { done, FabricTools, refused, toolsAreMissing } from "./fabric-binaries/tools.js";

const LIFECYCLE = ["lifecycle", "chaincode"] as const;

describe("operators with Fabric's command line tools", { skip: toolsAreMissing }, () => {
  const { folder, remove } = temporaryFolder();
  const at = (name: string) => path.join(folder, name);
  let network: Network;
  let tools: FabricTools;
  let packageId: string;

  before(async () => {
    network = await startNetwork(
      {
        network: "operators",
        mode: "inline",
        members: [{ name: "Org1" }, { name: "Org2" }, { name: "Org3" }],
        channels: [{ name: "trade", members: ["Org1", "Org2"] }],
      },
      { dataFolder: at("data") },
    );
    tools = new FabricTools(network, folder);
  });
  after(async () => {
    await network?.stop();
    remove();
  });

  const peer = (member: string, ...args: string[]) => tools.peer(member, ...args);
  const json = async (work: ReturnType<typeof peer>) => JSON.parse(await done(work));
  const decoded = async (type: string, file: string) => {
    const files = ["--input", file, "--output", `${file}.json`];
    await done(tools.run("configtxlator", ["proto_decode", "--type", type, ...files]));
    return JSON.parse(readFileSync(at(`${file}.json`), "utf8"));
  };
  const encoded = async (type: string, value: unknown, file: string) => {
    writeFileSync(at(`${file}.json`), JSON.stringify(value));
    const files = ["--input", `${file}.json`, "--output", file];
    await done(tools.run("configtxlator", ["proto_encode", "--type", type, ...files]));
    return readFileSync(at(file));
  };

  describe("configtxlator", () => {
    it("reads blocks and configurations as we do, and writes the same bytes", async () => {
      for (const which of ["config", "newest", "oldest"]) {
        await done(peer("Org1", "channel", "fetch", which, `${which}.block`, "-c", "trade", ...tools.orderer));
        const block = readFileSync(at(`${which}.block`));
        const theirs = await decoded("common.Block", `${which}.block`);
        assert.deepEqual(plain(toJson("common.Block", block)), plain(theirs));
        assert.deepEqual(
          fromJson("common.Block", theirs),
          await encoded("common.Block", theirs, `${which}-again.block`),
        );
      }
      const { config } = configOfBlock(readFileSync(at("config.block"))).configEnvelope;
      writeFileSync(at("config.pb"), encode(common.Config, config!));
      assert.deepEqual(plain(configToJson(config!)), plain(await decoded("common.Config", "config.pb")));
    });

    it("works out the same update", async () => {
      const { config } = configOfBlock(readFileSync(at("config.block"))).configEnvelope;
      const edited = structuredClone(configToJson(config!)) as never as Tree;
      edited.channel_group!.groups!.Orderer!.values!.BatchSize!.value!.max_message_count = 7 as never;
      delete edited.channel_group!.groups!.Application!.groups!.Org2MSP;
      const updated = await encoded("common.Config", edited, "updated.pb");
      const files = ["--original", "config.pb", "--updated", "updated.pb", "--output", "update.pb"];
      await done(tools.run("configtxlator", ["compute_update", "--channel_id", "trade", ...files]));
      const ours = computeConfigUpdate("trade", config!, common.Config.decode(updated));
      const bytes = encode(common.ConfigUpdate, ours);
      assert.deepEqual(
        plain(toJson("common.ConfigUpdate", bytes)),
        plain(await decoded("common.ConfigUpdate", "update.pb")),
      );
    });

    it("is read back by hansa's own commands and by configtxgen", async () => {
      const shown = await (await network.settings("trade")).show();
      await encoded("common.Config", shown, "shown.pb");
      assert.deepEqual(plain(await decoded("common.Config", "shown.pb")), plain(shown));
      const inspected = await done(tools.run("configtxgen", ["-inspectBlock", "config.block"]));
      assert.deepEqual(plain(JSON.parse(inspected)), plain(toJson("common.Block", readFileSync(at("config.block")))));
    });
  });

  describe("peer channel", () => {
    /** An update that all members' administrators must sign, as fabric-samples' scripts make it. */
    const unsigned = async (edit: (config: Tree) => void) => {
      await done(peer("Org1", "channel", "fetch", "config", "now.block", "-c", "trade", ...tools.orderer));
      const block = await decoded("common.Block", "now.block");
      const { config } = block.data.data[0].payload.data;
      const edited = structuredClone(config);
      edit(edited);
      await encoded("common.Config", config, "now.pb");
      await encoded("common.Config", edited, "then.pb");
      const files = ["--original", "now.pb", "--updated", "then.pb", "--output", "diff.pb"];
      await done(tools.run("configtxlator", ["compute_update", "--channel_id", "trade", ...files]));
      const update = await decoded("common.ConfigUpdate", "diff.pb");
      const header = { channel_header: { channel_id: "trade", type: 2 } };
      await encoded("common.Envelope", { payload: { header, data: { config_update: update } } }, "envelope.pb");
    };
    const update = (member: string) =>
      peer(member, "channel", "update", "-f", "envelope.pb", "-c", "trade", ...tools.orderer);

    before(() => {
      const rule = (role: string) => ({ Type: "Signature", Rule: `OR('Org3MSP.${role}')` });
      const Policies = {
        Readers: rule("member"),
        Writers: rule("member"),
        Admins: rule("admin"),
        Endorsement: rule("peer"),
      };
      const organizations = path.join(at("data"), "operators/organizations/peerOrganizations");
      const Org3 = { Name: "Org3MSP", ID: "Org3MSP", MSPDir: `${organizations}/org3.example.com/msp`, Policies };
      mkdirSync(at("org3"));
      // YAML reads JSON.
      writeFileSync(at("org3/configtx.yaml"), JSON.stringify({ Organizations: [Org3] }));
    });

    it("signconfigtx and update collect the signatures of several members", async () => {
      const printed = await done(tools.run("configtxgen", ["-configPath", at("org3"), "-printOrg", "Org3MSP"]));
      await unsigned((config) => {
        config.channel_group!.groups!.Application!.groups!.Org3MSP = JSON.parse(printed);
      });
      assert.match(
        await refused(update("Org1")),
        /BAD_REQUEST -- error applying config update to existing channel 'trade': error authorizing update: error validating DeltaSet: policy for \[Group\] {2}\/Channel\/Application not satisfied: signature set did not satisfy policy/,
      );
      await done(peer("Org1", "channel", "signconfigtx", "-f", "envelope.pb"));
      assert.match((await update("Org2")).stderr, /Successfully submitted channel update/);
      await done(peer("Org1", "channel", "fetch", "0", "genesis.block", "-c", "trade", ...tools.orderer));
      assert.match(
        (await peer("Org3", "channel", "join", "-b", "genesis.block")).stderr,
        /Successfully submitted proposal to join channel/,
      );
      assert.match(await done(peer("Org3", "channel", "list")), /Channels peers has joined: \ntrade/);
      assert.match(
        await refused(update("Org2")),
        /BAD_REQUEST -- .*error validating ReadSet: proposed update requires that key \[Group\] {2}\/Channel\/Application be at version 0, but it is currently at version 1/,
      );
    });

    it("update of the batch size takes the orderers' administrator, and no member's", async () => {
      await unsigned((config) => {
        config.channel_group!.groups!.Orderer!.values!.BatchSize!.value!.max_message_count = 33 as never;
      });
      assert.match(
        await refused(update("Org1")),
        /BAD_REQUEST -- .*policy for \[Value\] {2}\/Channel\/Orderer\/BatchSize not satisfied/,
      );
      const orderers = at("data/operators/organizations/ordererOrganizations");
      const domain = path.join(orderers, readdirSync(orderers)[0]!);
      const env = {
        ...tools.envOf("Org1"),
        CORE_PEER_LOCALMSPID: "OrdererMSP",
        CORE_PEER_MSPCONFIGPATH: path.join(domain, "users", `Admin@${path.basename(domain)}`, "msp"),
      };
      const args = ["channel", "update", "-f", "envelope.pb", "-c", "trade", ...tools.orderer];
      assert.match((await tools.run("peer", args, env)).stderr, /Successfully submitted channel update/);
      const shown = (await (await network.settings("trade")).show()) as never as Tree;
      assert.equal(shown.channel_group!.groups!.Orderer!.values!.BatchSize!.value!.max_message_count, 33);
    });

    it("getinfo and fetch answer and fail as scripts expect", async () => {
      const info = await done(peer("Org1", "channel", "getinfo", "-c", "trade"));
      const { height, currentBlockHash } = JSON.parse(info.replace("Blockchain info: ", ""));
      assert.ok(height >= 2 && currentBlockHash.length === 44, info);
      assert.match(
        await refused(peer("Org1", "channel", "getinfo", "-c", "nowhere")),
        /received bad response, status 500: Invalid chain ID, nowhere/,
      );
      await done(peer("Org2", "channel", "fetch", String(height - 1), "one.block", "-c", "trade"));
      assert.match(
        await refused(peer("Org1", "channel", "fetch", "newest", "x.block", "-c", "nowhere", ...tools.orderer)),
        /NOT_FOUND/,
      );
      assert.match(
        await refused(peer("Org1", "channel", "fetch", "wrong", "x.block", "-c", "trade", ...tools.orderer)),
        /fetch target illegal: wrong/,
      );
      assert.match(await refused(peer("Org1", "channel", "join", "-b", "now.pb")), /proposal failed/);
    });
  });

  describe("peer lifecycle chaincode", () => {
    const source = path.join(repositoryRoot, "test/contracts/conformance");
    const collections = ["--collections-config", path.join(source, "collections.json")];
    const lifecycle = (member: string, ...args: string[]) => peer(member, ...LIFECYCLE, ...args);
    const terms = (sequence: number, version: string, ...more: string[]) => [
      ...["-C", "trade", "-n", "basic", "--version", version, "--sequence", String(sequence)],
      ...more,
    ];
    const approve = (member: string, ...args: string[]) =>
      lifecycle(member, "approveformyorg", ...tools.orderer, "--package-id", packageId, ...args);
    const commit = (...args: string[]) =>
      lifecycle("Org1", "commit", ...tools.orderer, ...args, ...tools.peersOf("Org1", "Org2"));
    const query = (...args: string[]) =>
      peer("Org2", "chaincode", "query", "-C", "trade", "-n", "basic", "-c", JSON.stringify({ Args: args }));
    const invoke = (members: string[], args: string[], ...more: string[]) =>
      peer(
        "Org1",
        ...["chaincode", "invoke", ...tools.orderer, ...tools.peersOf(...members), "--waitForEvent"],
        ...["-C", "trade", "-n", "basic", "-c", JSON.stringify({ Args: args }), ...more],
      );

    it("package, calculatepackageid, install, queryinstalled and getinstalledpackage agree", async () => {
      await done(lifecycle("Org1", "package", "basic.tgz", "--path", source, "--lang", "node", "--label", "basic_1"));
      packageId = (await done(lifecycle("Org1", "calculatepackageid", "basic.tgz"))).trim();
      for (const member of ["Org1", "Org2"]) await done(lifecycle(member, "install", "basic.tgz"));
      assert.match(
        await refused(lifecycle("Org1", "install", "basic.tgz")),
        /chaincode already successfully installed/,
      );
      const { installed_chaincodes } = await json(lifecycle("Org2", "queryinstalled", "--output", "json"));
      assert.deepEqual(installed_chaincodes, [{ package_id: packageId, label: "basic_1" }]);
      await done(lifecycle("Org2", "getinstalledpackage", "--package-id", packageId, "--output-directory", "."));
      assert.deepEqual(readFileSync(at(`${packageId}.tar.gz`)), readFileSync(at("basic.tgz")));
      assert.match(
        await refused(lifecycle("Org2", "getinstalledpackage", "--package-id", "nosuch:00")),
        /could not load cc install package|chaincode install package 'nosuch:00' not found/,
      );
    });

    it("approvals are asked for, and a commit without them is refused", async () => {
      await done(approve("Org1", ...terms(1, "1")));
      const ready = await json(lifecycle("Org1", "checkcommitreadiness", ...terms(1, "1"), "--output", "json"));
      assert.deepEqual(ready, { approvals: { Org1MSP: true, Org2MSP: false, Org3MSP: false } });
      assert.match(
        await refused(commit(...terms(1, "1"))),
        /failed to invoke backing implementation of 'CommitChaincodeDefinition': chaincode definition not agreed to by this org \(Org2MSP\)/,
      );
      assert.match(
        await refused(approve("Org1", ...terms(1, "1"))),
        /attempted to redefine uncommitted sequence \(1\) for namespace basic with unchanged content/,
      );
      assert.match(
        await refused(approve("Org1", ...terms(3, "1"))),
        /requested sequence 3 is larger than the next available sequence number 1/,
      );
      await done(approve("Org2", ...terms(1, "1")));
      await done(commit(...terms(1, "1")));
      await done(invoke(["Org1", "Org2"], ["put", "k", "v"]));
      const approved = await json(lifecycle("Org1", "queryapproved", "-C", "trade", "-n", "basic", "--output", "json"));
      assert.equal(approved.sequence, 1);
      assert.equal(approved.source.Type.LocalPackage.package_id, packageId);
      assert.match(
        await refused(lifecycle("Org3", "queryapproved", "-C", "trade", "-n", "basic")),
        /could not fetch approved chaincode definition \(name: 'basic', sequence: '1'\) on channel 'trade'/,
      );
    });

    it("an upgrade brings another policy and collections", async () => {
      const upgrade = terms(2, "2", "--signature-policy", "OR('Org1MSP.peer','Org2MSP.peer')", ...collections);
      await done(approve("Org1", ...upgrade));
      await done(approve("Org2", ...upgrade));
      const asked = await json(lifecycle("Org1", "checkcommitreadiness", ...terms(2, "2"), "--output", "json"));
      assert.deepEqual(asked.approvals, { Org1MSP: false, Org2MSP: false, Org3MSP: false });
      await done(commit(...upgrade));
      const committed = await json(
        lifecycle("Org1", "querycommitted", "-C", "trade", "-n", "basic", "--output", "json"),
      );
      assert.equal(committed.sequence, 2);
      assert.equal(committed.version, "2");
      assert.equal(committed.collections.config.length, 3);
      assert.match(
        await done(lifecycle("Org1", "querycommitted", "-C", "trade")),
        /Name: basic, Version: 2, Sequence: 2, Endorsement Plugin: escc, Validation Plugin: vscc/,
      );
      await done(invoke(["Org1"], ["put", "k", "one endorsement is enough now"]));
      assert.equal((await done(query("get", "k"))).trim(), "one endorsement is enough now");
    });

    it("an invocation that too few endorsed is invalid, and the command says so", async () => {
      const both = terms(3, "3", "--signature-policy", "AND('Org1MSP.peer','Org2MSP.peer')", ...collections);
      for (const member of ["Org1", "Org2"]) await done(approve(member, ...both));
      await done(commit(...both));
      assert.match(
        await refused(invoke(["Org1"], ["put", "k", "w"])),
        /transaction invalidated with status \(ENDORSEMENT_POLICY_FAILURE\)/,
      );
      assert.match(
        await refused(invoke(["Org1", "Org2"], ["fail", "no beer"])),
        /endorsement failure during invoke\. response: status:500 {1,2}message:"no beer"/,
      );
      assert.match(await refused(query("nosuch")), /status:500/);
    });
  });

  describe("osnadmin and its REST API", () => {
    /** What osnadmin of 3.1.2 and later does with `channel update` and `channel fetch`. */
    const rest = (method: string, target: string, form?: FormData) => {
      const env = tools.envOf("Org1");
      const read = (name: string) => readFileSync(env[name]!);
      const [host, port] = env.ORDERER_ADMIN_ADDRESS!.split(":");
      return new Promise<{ status: number; body: Buffer }>((resolve, reject) => {
        const tls = {
          ca: read("ORDERER_CA"),
          cert: read("ORDERER_ADMIN_TLS_SIGN_CERT"),
          key: read("ORDERER_ADMIN_TLS_PRIVATE_KEY"),
        };
        const content = form === undefined ? undefined : new Response(form);
        const headers = content === undefined ? {} : { "Content-Type": content.headers.get("content-type")! };
        const options = {
          host,
          port,
          method,
          path: `/participation/v1/${target}`,
          servername: env.ORDERER_HOST!,
          agent: false,
        };
        const call = request({ ...options, ...tls, headers }, (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
        });
        call.on("error", reject);
        if (content === undefined) call.end();
        else void content.arrayBuffer().then((bytes) => call.end(Buffer.from(bytes)));
      });
    };

    it("list, join and remove end with 0 and tell the status, whatever it is", async () => {
      assert.match(
        await done(tools.osnadmin("list", "--channelID", "trade")),
        /Status: 200[\s\S]*"consensusRelation": "consenter"/,
      );
      assert.match(
        await done(tools.osnadmin("list", "--channelID", "nosuch")),
        /Status: 404[\s\S]*"channel does not exist"/,
      );
      assert.match(
        await done(tools.osnadmin("remove", "--channelID", "nosuch")),
        /Status: 404[\s\S]*"cannot remove: channel does not exist"/,
      );
      assert.match(
        await done(tools.osnadmin("join", "--channelID", "trade", "--config-block", "genesis.block")),
        /Status: 405/,
      );
    });

    it("blocks are fetched, and a signed update is put", async () => {
      const newest = await rest("GET", "channels/trade/blocks/newest");
      assert.equal(newest.status, 200);
      await done(peer("Org1", "channel", "fetch", "newest", "same.block", "-c", "trade", ...tools.orderer));
      assert.deepEqual(newest.body, readFileSync(at("same.block")));
      for (const which of ["oldest", "config", "0"])
        assert.equal((await rest("GET", `channels/trade/blocks/${which}`)).status, 200, which);
      assert.equal((await rest("GET", "channels/trade/blocks/99999")).status, 404);
      assert.equal((await rest("GET", "channels/trade/blocks/wrong")).status, 400);
      assert.equal((await rest("GET", "channels/nosuch/blocks/newest")).status, 404);

      const settings = await network.settings("trade");
      const edited = structuredClone(await settings.show()) as never as Tree;
      edited.channel_group!.groups!.Orderer!.values!.BatchSize!.value!.max_message_count = 77 as never;
      const draft = await settings.draft(edited);
      const put = (bytes: Uint8Array) => {
        const form = new FormData();
        form.append("config-update-envelope", new Blob([new Uint8Array(bytes)]), "update.pb");
        return rest("PUT", "channels", form);
      };
      const [org1] = settings.holders.filter(({ name }) => name === "Org1");
      const refusedUpdate = await put(settings.envelope(draft, org1!.admin));
      assert.equal(refusedUpdate.status, 400);
      assert.match(
        refusedUpdate.body.toString(),
        /policy for \[Value\] {2}\/Channel\/Orderer\/BatchSize not satisfied/,
      );
      const signed = settings.sign(draft, settings.signersFor(draft));
      const accepted = await put(settings.envelope(signed, org1!.admin));
      assert.equal(accepted.status, 201, accepted.body.toString());
      const { config } = await settings.config();
      assert.equal(
        (configToJson(config) as never as Tree).channel_group!.groups!.Orderer!.values!.BatchSize!.value!
          .max_message_count,
        77,
      );
    });
  });
});

type Tree = { [key: string]: Tree } & { [key: string]: unknown };

/** Empty bytes are null in the JSON of Fabric 2.5, which ours is, and an empty text in that of 3.0. */
function plain(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (_, value) => (value === "" ? null : value));
}
