/** `hansa config`, `hansa channel` and `hansa ca` as an operator uses them, with what they refuse and how they end. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import { temporaryFolder } from "../support/folder.js";
import { hansa } from "../support/hansa-command.js";

type Tree = { [key: string]: Tree } & { [key: string]: unknown };

describe("on the command line", () => {
  const { folder, remove } = temporaryFolder();
  const at = (name: string) => path.join(folder, name);
  let network: Network;
  before(async () => {
    network = await startNetwork(
      {
        network: "coffee",
        mode: "inline",
        members: [{ name: "Farm" }, { name: "Roaster" }, { name: "Shop" }],
        channels: [{ name: "beans", members: ["Farm", "Roaster"] }],
      },
      { dataFolder: at(".hansa") },
    );
  });
  after(async () => {
    await network?.stop();
    remove();
  });

  const run = (...args: string[]) => hansa(folder, ...args);
  const done = async (...args: string[]) => {
    const { exit, stdout, stderr } = await run(...args);
    assert.equal(exit, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const json = async (...args: string[]) => JSON.parse(await done(...args, "--json"));
  /** With --json an error is on stdout, with its exit code. */
  const failure = async (exit: number, ...args: string[]): Promise<string> => {
    const outcome = await run(...args, "--json");
    assert.equal(outcome.exit, exit, `${args.join(" ")}: ${outcome.stdout}${outcome.stderr}`);
    const { error } = JSON.parse(outcome.stdout);
    return `${error.code}: ${error.message} ${error.nextStep ?? ""}`;
  };
  const edited = async (file: string, edit: (config: Tree) => void) => {
    const config = await json("config", "show", "beans");
    edit(config);
    writeFileSync(at(file), JSON.stringify(config));
    return file;
  };
  const batch = (config: Tree) => config.channel_group!.groups!.Orderer!.values!.BatchSize!.value!;
  const application = (config: Tree) => config.channel_group!.groups!.Application!;

  describe("hansa config", () => {
    it("diff tells what changes, who must sign, and the update itself", async () => {
      const file = await edited("twenty.json", (config) => Object.assign(batch(config), { max_message_count: 20 }));
      const { changes, needs, findings, update } = await json("config", "diff", "beans", file);
      assert.deepEqual(changes, ["changes value /Channel/Orderer/BatchSize: max_message_count from 500 to 20"]);
      assert.deepEqual(
        needs.map(({ policy }: { policy: string }) => policy),
        ["/Channel/Orderer/Admins"],
      );
      assert.deepEqual(findings, []);
      assert.equal(update.write_set.groups.Orderer.values.BatchSize.value.max_message_count, 20);
    });

    it("update signs with those it takes, and the channel follows", async () => {
      const dry = await json("config", "update", "beans", "twenty.json", "--dry-run");
      assert.deepEqual([dry.sent, dry.signedBy, dry.missing], [false, ["Orderer"], []]);
      const { sent, sequence } = await json("config", "update", "beans", "twenty.json");
      assert.deepEqual([sent, sequence], [true, 1]);
      assert.equal(batch(await json("config", "show", "beans")).max_message_count, 20);
      assert.equal(batch(await json("config", "show", "beans", "--block", "0")).max_message_count, 500);
      assert.match(
        await failure(45, "config", "update", "beans", "twenty.json"),
        /^STALE_CONFIG: .* number 0 .* number 1 is in force/,
      );
    });

    it("update says whose signatures are missing, before it sends anything", async () => {
      await edited("acl.json", (config) => {
        const acls = { "peer/Propose": { policy_ref: "/Channel/Application/Writers" } };
        application(config).values!.ACLs = { mod_policy: "Admins", value: { acls } } as never;
      });
      assert.match(
        await failure(46, "config", "update", "beans", "acl.json", "--sign-by", "Farm"),
        /^SIGNATURES_MISSING: \/Channel\/Application\/Admins is not satisfied: 2 of 2 must sign; not yet signed: RoasterMSP\.admin/,
      );
      assert.match(
        await failure(11, "config", "update", "beans", "acl.json", "--sign-by", "Nobody"),
        /^UNKNOWN_MEMBER/,
      );
      assert.match(
        await failure(46, "config", "update", "beans", "acl.json", "--sign-by", "Farm,Shop"),
        /not yet signed: RoasterMSP\.admin/,
      );
    });

    it("sign passes an update from member to member", async () => {
      const begun = await json("config", "update", "beans", "acl.json", "--sign-by", "Farm", "--output", "update.pb");
      assert.deepEqual([begun.sent, begun.signedBy], [false, ["Farm"]]);
      const { changes, missing } = await json(
        "config",
        "sign",
        "update.pb",
        "--sign-by",
        "Roaster",
        "--output",
        "both.pb",
      );
      assert.deepEqual(changes, [
        "adds value /Channel/Application/ACLs: acls.peer/Propose.policy_ref /Channel/Application/Writers",
      ]);
      assert.deepEqual(missing, []);
      const sent = await json("config", "update", "beans", "both.pb");
      assert.deepEqual([sent.sequence, sent.signedBy], [2, []]);
      assert.match(
        await failure(45, "config", "update", "beans", "both.pb"),
        /^UPDATE_REFUSED: .*proposed update requires that key/,
      );
    });

    it("sign works with an administrator's folder alone, where there is no network", async () => {
      await edited("anchor.json", (config) => {
        const value = { anchor_peers: [{ host: "peer0.roaster.example.com", port: 7051 }] };
        application(config).groups!.RoasterMSP!.values!.AnchorPeers = { mod_policy: "Admins", value } as never;
      });
      await done("config", "update", "beans", "anchor.json", "--sign-by", "Farm", "--output", "anchor.pb");
      await done("channel", "fetch", "beans", "config", "--output", "config.block");
      const msp = network.member("Roaster").mspFolder("Admin");
      const sign = ["config", "sign", "anchor.pb", "--dir", "nowhere", "--msp", msp];
      assert.match(await failure(2, ...sign, "--mspid", "RoasterMSP"), /^USAGE: Without the configuration in force/);
      const { changes, missing, signedBy } = await json(...sign, "--mspid", "RoasterMSP", "--config", "config.block");
      assert.match(changes[0], /AnchorPeers: anchor_peers with peer0\.roaster\.example\.com:7051/);
      assert.deepEqual([missing, signedBy], [[], ["RoasterMSP"]]);
      assert.equal((await json("config", "update", "beans", "anchor.pb")).sequence, 3);
      assert.match(
        await failure(10, "config", "sign", "anchor.pb", "--msp", ".", "--mspid", "X", "--force"),
        /^MISSING_IDENTITY/,
      );
    });

    it("neither signs nor sends what would lock members out", async () => {
      await edited("locked.json", (config) => {
        delete application(config).groups!.RoasterMSP;
      });
      const told =
        /^LOCK_OUT: .*No set of signatures satisfies \/Channel\/Application\/Admins: nobody could admit, remove/;
      assert.match(await failure(47, "config", "update", "beans", "locked.json"), told);
      assert.match(await failure(47, "config", "update", "beans", "locked.json", "--output", "locked.pb"), told);
      assert.ok(!existsSync(at("locked.pb")));
      const findings: { severity: string }[] = (await json("config", "diff", "beans", "locked.json")).findings;
      assert.ok(findings.some(({ severity }) => severity === "locks"));

      await done("config", "update", "beans", "locked.json", "--sign-by", "Farm", "--output", "locked.pb", "--force");
      assert.match(await failure(47, "config", "sign", "locked.pb", "--sign-by", "Roaster"), told);
      const zero = await edited("zero.json", (config) => Object.assign(batch(config), { max_message_count: 0 }));
      assert.match(await failure(47, "config", "update", "beans", zero), /No orderer takes this: .*max message count/);
    });

    it("says what is wrong with a file", async () => {
      writeFileSync(at("none.json"), "{ this is no JSON");
      assert.match(await failure(45, "config", "diff", "beans", "none.json"), /^MALFORMED_JSON: none\.json is no JSON/);
      writeFileSync(at("other.json"), "{}");
      assert.match(await failure(45, "config", "diff", "beans", "other.json"), /^MALFORMED_JSON: .*no channel_group/);
      await edited("typo.json", (config) => Object.assign(batch(config), { max_mesage_count: 1 }));
      assert.match(
        await failure(45, "config", "diff", "beans", "typo.json"),
        /^MALFORMED_JSON: channel_group\.groups\.Orderer\.values\.BatchSize\.value: orderer\.BatchSize has no field "max_mesage_count"/,
      );
      writeFileSync(at("garbage.pb"), Buffer.alloc(200, 0xff));
      assert.match(
        await failure(45, "config", "sign", "garbage.pb"),
        /^MALFORMED: The file is no update of a configuration/,
      );
      assert.match(await failure(2, "config", "diff", "beans", "missing.json"), /^USAGE: missing\.json cannot be read/);
      assert.match(await failure(12, "config", "show", "nowhere"), /^UNKNOWN_CHANNEL/);
      await edited("same.json", () => {});
      assert.match(await failure(45, "config", "update", "beans", "same.json"), /no differences detected/);
      assert.deepEqual((await json("config", "diff", "beans", "same.json")).changes, []);
    });
  });

  describe("hansa channel", () => {
    it("info shows rules and every node's height, fetch its blocks", async () => {
      const { members, nodes, batch, sequence } = await json("channel", "info", "beans");
      assert.deepEqual(
        members.map(({ mspId }: { mspId: string }) => mspId),
        ["FarmMSP", "RoasterMSP"],
      );
      assert.deepEqual([sequence, batch.maxMessageCount], [3, 20]);
      assert.deepEqual(
        nodes.map(({ node, height }: { node: string; height: number }) => [node, height]),
        [
          ["orderer", 4],
          ["peer0.farm", 4],
          ["peer0.roaster", 4],
        ],
      );
      const newest = await json("channel", "fetch", "beans");
      assert.equal(newest.header.number, "3");
      assert.equal((await json("channel", "fetch", "beans", "1")).header.number, "1");
      await done("channel", "fetch", "beans", "oldest", "--output", "genesis.block");
      assert.ok(statSync(at("genesis.block")).size > 1000);
      assert.match(await failure(2, "channel", "fetch", "beans", "last"), /^USAGE: "last" is no block/);
    });

    it("join and leave tell what the node says", async () => {
      assert.match(
        await failure(18, "channel", "join", "beans", "--node", "peer0.farm"),
        /ledger \[beans\] already exists/,
      );
      assert.match(
        await failure(20, "channel", "join", "genesis.block", "--node", "orderer"),
        /channel already exists/,
      );
      assert.match(
        await failure(15, "channel", "join", "beans", "--node", "peer7.farm"),
        /^UNKNOWN_NODE: .*Did you mean "peer0\.farm"/,
      );
      assert.match(await failure(2, "channel", "leave", "beans", "--node", "peer0.farm"), /^USAGE/);
      assert.match(
        await failure(12, "channel", "leave", "nowhere", "--node", "orderer"),
        /^UNKNOWN_CHANNEL: .*channel does not exist/,
      );
      const { channels } = await json("channel", "join", "beans", "--node", "peer0.shop");
      assert.deepEqual(channels, ["beans"]);
    });
  });

  describe("hansa ca", () => {
    it("registers, enrols, renews, changes, revokes and removes an identity", async () => {
      const { secret } = await json("ca", "register", "Farm", "alice", "office=field:ecert", "--max-enrollments", "1");
      const { user, mspFolder } = await json("ca", "enroll", "Farm", "alice", "--secret", secret);
      assert.equal(user, "alice");
      assert.equal(statSync(path.join(mspFolder, "keystore/priv_sk")).mode & 0o077, 0);
      const before = readFileSync(path.join(mspFolder, `signcerts/alice@farm.example.com-cert.pem`), "utf8");
      await done("ca", "reenroll", "Farm", "alice");
      assert.notEqual(readFileSync(path.join(mspFolder, `signcerts/alice@farm.example.com-cert.pem`), "utf8"), before);
      assert.match(
        await failure(37, "ca", "enroll", "Farm", "alice", "--secret", secret),
        /Authentication failure \(20\)/,
      );

      const [identity] = await json("ca", "identities", "Farm", "alice", "office=barn:ecert");
      assert.equal(identity.attrs.find(({ name }: { name: string }) => name === "office").value, "barn");
      assert.ok((await json("ca", "certificates", "Farm", "alice", "--not-revoked")).length >= 2);
      assert.match(await failure(37, "ca", "register", "Farm", "bob", "--as", "alice"), /Authorization failure \(71\)/);
      const { revoked } = await json("ca", "revoke", "Farm", "alice", "--reason", "keycompromise");
      assert.ok(revoked.length >= 2);
      assert.match(await done("ca", "gencrl", "Farm"), /^-----BEGIN X509 CRL-----/);
      assert.match(await failure(37, "ca", "identities", "Farm", "--as", "alice"), /Authentication failure/);
      await done("ca", "identities", "Farm", "alice", "--remove");
      assert.match(await failure(37, "ca", "identities", "Farm", "alice"), /Failed to get User/);
    });

    it("keeps affiliations, and says who the authority is", async () => {
      assert.deepEqual((await json("ca", "affiliations", "Farm", "north.fields", "--add", "--force")).affiliations, [
        "north.fields",
      ]);
      assert.ok((await json("ca", "affiliations", "Farm")).affiliations.includes("north.fields"));
      await done("ca", "affiliations", "Farm", "north.fields", "--rename", "north.meadows");
      await done("ca", "affiliations", "Farm", "north", "--remove", "--force");
      assert.ok(!(await json("ca", "affiliations", "Farm")).affiliations.includes("north"));
      assert.match(await failure(2, "ca", "affiliations", "Farm", "--add"), /^USAGE/);
      assert.equal((await json("ca", "info", "Farm")).name, "ca.farm.example.com");
    });
  });
});
