/** A channel's settings change while it runs, as Fabric's tools change them: orderer and peers follow. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import {
  ChannelConfig,
  withAcls,
  withAnchorPeers,
  withApplicationPolicy,
  withBatchSettings,
  withOrganization,
  withoutOrganization,
} from "@hansa/channel-config";
import { Certificate, generatePrivateKey, privateKeyFromPem, publicPart } from "@hansa/crypto";
import { createRootCa, issueCertificate } from "@hansa/crypto/issuing";
import { mspConfigFromFiles, mspFolderFiles } from "@hansa/msp";
import { type Network, startNetwork } from "@hansa/network";
import { common, decode, METADATA, splitBlock } from "@hansa/wire";
import { type ConnectOptions, type Gateway, type GatewayError, hash, signers } from "@hyperledger/fabric-gateway";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const CHANNEL = "trade";
const DAY_MS = 86_400_000;

/** An organisation that no network file names. */
function outsider(mspId: string) {
  const nowMs = Date.now();
  const ca = createRootCa({ commonName: `ca.${mspId}`, organization: mspId, nowMs, validityMs: 90 * DAY_MS });
  const key = generatePrivateKey("P-256");
  const certPem = issueCertificate({
    issuer: { certificate: Certificate.parse(ca.certPem), key: privateKeyFromPem(ca.keyPem) },
    publicKey: publicPart(key),
    subject: { commonName: "visitor", organizationalUnits: ["client"] },
    profile: "identity",
    nowMs,
    validityMs: 30 * DAY_MS,
  });
  const files = mspFolderFiles({ domain: "farm.test", caCertPems: [ca.certPem], tlsCaCertPems: [ca.certPem] });
  const identity: Partial<ConnectOptions> = {
    identity: { mspId, credentials: Buffer.from(certPem) },
    hash: hash.sha256,
    signer: signers.newPrivateKeySigner(key),
  };
  return { mspConfig: mspConfigFromFiles(files, mspId), identity };
}

describe("a channel's settings", () => {
  let network: Network;
  let pubAtBrewery: Gateway;
  before(async () => {
    network = await startNetwork({
      network: "updates",
      mode: "inline",
      members: [{ name: "Brewery" }, { name: "Pub" }],
      channels: [{ name: CHANNEL, batch: { maxMessages: 10 } }],
      contracts: [
        {
          name: "bench",
          channel: CHANNEL,
          path: path.join(repositoryRoot, "test/contracts/bench"),
          endorsement: "any",
        },
      ],
    });
  });
  after(() => network?.stop());

  const benchAs = (gateway: Gateway) => gateway.getNetwork(CHANNEL).getContract("bench");
  const breweryPeer = (options: Partial<ConnectOptions>) => network.member("Brewery").gateway(options as object);
  const qscc = async (...args: string[]) =>
    network
      .member("Brewery")
      .gateway()
      .getNetwork(CHANNEL)
      .getContract("qscc")
      .evaluate(args[0]!, {
        arguments: args.slice(1),
      });
  const newestBlock = async () => {
    const info = decode(common.BlockchainInfo, await qscc("GetChainInfo", CHANNEL), "BlockchainInfo");
    return qscc("GetBlockByNumber", CHANNEL, String(Number(info.height) - 1));
  };
  const lastConfigOf = (block: Uint8Array) => {
    const signatures = decode(common.Metadata, splitBlock(block).metadata[METADATA.SIGNATURES]!, "Metadata");
    return Number(decode(common.OrdererBlockMetadata, signatures.value, "OrdererBlockMetadata").lastConfig?.index ?? 0);
  };
  const failureOf = async (work: Promise<unknown>): Promise<GatewayError> =>
    (await work.then(
      () => assert.fail("it was not refused"),
      (error: unknown) => error,
    )) as GatewayError;

  it("of batches take effect at the orderer, and blocks name the configuration that they follow", async () => {
    const settings = {
      batchTimeoutMs: 300,
      maxMessageCount: 1,
      absoluteMaxBytes: 64 * 1024,
      preferredMaxBytes: 32 * 1024,
    };
    const sequence = await network.updateChannel(CHANNEL, (config) => withBatchSettings(config, settings));
    assert.equal(sequence, 1);
    const configBlock = await newestBlock();
    const number = Number(splitBlock(configBlock).header.number);
    assert.equal(ChannelConfig.fromBlock(configBlock).orderer.maxMessageCount, 1);
    assert.equal(lastConfigOf(configBlock), number);

    const contract = benchAs(network.member("Pub").gateway());
    await Promise.all(Array.from({ length: 5 }, (_, index) => contract.submitTransaction("create", `k${index}`, "v")));
    const block = await newestBlock();
    assert.equal(splitBlock(block).envelopes.length, 1);
    assert.ok(Number(splitBlock(block).header.number) >= number + 5);
    assert.equal(lastConfigOf(block), number);
    const tooLarge = await failureOf(contract.submitTransaction("create", "large", "x".repeat(100_000)));
    assert.match(JSON.stringify([tooLarge.message, tooLarge.details]), /exceeds maximum allowed/);
  });

  it("are refused without the signatures that they need, and nothing changes", async () => {
    const height = Number(splitBlock(await newestBlock()).header.number);
    const settings = { batchTimeoutMs: 999, maxMessageCount: 7, absoluteMaxBytes: 1000, preferredMaxBytes: 1000 };
    await assert.rejects(
      network.updateChannel(CHANNEL, (config) => withBatchSettings(config, settings), ["Brewery", "Pub"]),
      {
        code: "ORDERING_REFUSED",
        message: /policy for \[Value\] {2}\/Channel\/Orderer\/BatchSize not satisfied/,
      },
    );
    assert.equal(Number(splitBlock(await newestBlock()).header.number), height);
  });

  it("of access close a resource to those who may not use it any more", async () => {
    const contract = benchAs(network.member("Pub").gateway());
    await contract.evaluateTransaction("read", "k1");
    const close = (policy: string) =>
      network.updateChannel(CHANNEL, (config) => withAcls(config, { "peer/Propose": policy }), ["Brewery", "Pub"]);
    await close("/Channel/Application/Admins");
    const refused = await failureOf(contract.evaluateTransaction("read", "k1"));
    assert.match(JSON.stringify([refused.message, refused.details]), /\/Channel\/Application\/Admins/);
    await close("/Channel/Application/Writers");
    await contract.evaluateTransaction("read", "k1");
  });

  it("of one member are that member's to change", async () => {
    const anchors = [{ host: "peer9.pub.example.com", port: 9999 }];
    await assert.rejects(
      network.updateChannel(CHANNEL, (config) => withAnchorPeers(config, "PubMSP", anchors), ["Brewery"]),
      { code: "ORDERING_REFUSED" },
    );
    await network.updateChannel(CHANNEL, (config) => withAnchorPeers(config, "PubMSP", anchors), ["Pub"]);
    const config = ChannelConfig.fromBlock(await newestBlock());
    assert.deepEqual(config.applicationOrgs().find((org) => org.mspId === "PubMSP")?.anchorPeers, anchors);
  });

  it("decide how many administrators the next change needs", async () => {
    const all = (config: common.IConfig) => withApplicationPolicy(config, "Admins", "ANY Admins");
    await network.updateChannel(CHANNEL, all, ["Brewery", "Pub"]);
    const edit = (config: common.IConfig) => withApplicationPolicy(config, "Admins", "MAJORITY Admins");
    await network.updateChannel(CHANNEL, edit, ["Pub"]);
  });

  it("let a member in that the network did not begin with", async () => {
    const farm = outsider("FarmMSP");
    const stranger = benchAs(breweryPeer(farm.identity));
    const before = await failureOf(stranger.evaluateTransaction("read", "k1"));
    assert.match(JSON.stringify([before.message, before.details]), /creator org unknown, creator is malformed/);
    const admit = (config: common.IConfig) => withOrganization(config, { mspId: "FarmMSP", mspConfig: farm.mspConfig });
    await network.updateChannel(CHANNEL, admit, ["Brewery", "Pub"]);
    assert.equal(Buffer.from(await stranger.evaluateTransaction("read", "k1")).toString(), "v");
    await stranger.submitTransaction("create", "from the farm", "eggs");
  });

  it("end the streams of a member that is shown the door", async () => {
    const pub = network.member("Pub");
    const user = path.join(pub.mspFolder("User1"));
    const { readFileSync } = await import("node:fs");
    pubAtBrewery = breweryPeer({
      identity: {
        mspId: "PubMSP",
        credentials: readFileSync(path.join(user, "signcerts", `User1@${pub.domain}-cert.pem`)),
      },
      hash: hash.sha256,
      signer: signers.newPrivateKeySigner(createPrivateKey(readFileSync(path.join(user, "keystore", "priv_sk")))),
    });
    const events = await pubAtBrewery.getNetwork(CHANNEL).getFilteredBlockEvents({ startBlock: 0n });
    let seen = -1;
    const ended = (async () => {
      for await (const block of events) seen = Number(block.getNumber());
    })().then(
      () => "ended",
      (error: unknown) => String(error),
    );
    const height = Number(splitBlock(await newestBlock()).header.number);
    await until("the blocks so far", async () => (seen >= height ? seen : undefined));
    await network.updateChannel(CHANNEL, (config) => withoutOrganization(config, "PubMSP"), ["Brewery", "Pub"]);
    await benchAs(network.member("Brewery").gateway()).submitTransaction("create", "after", "v");
    assert.match(await ended, /ended|FORBIDDEN|PERMISSION_DENIED|403/);
    assert.equal(seen, height);
    const [brewery, removed] = await Promise.all(
      network.members.map((member) =>
        member
          .gateway()
          .getNetwork(CHANNEL)
          .getContract("qscc")
          .evaluateTransaction("GetChainInfo", CHANNEL)
          .then((bytes) => Number(decode(common.BlockchainInfo, bytes, "BlockchainInfo").height)),
      ),
    );
    assert.ok(brewery! > removed!, `${brewery} blocks at the brewery, ${removed} at the member that left`);
  });
});
