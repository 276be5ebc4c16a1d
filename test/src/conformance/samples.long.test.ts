/**
 * The contracts and applications of fabric-samples that run on Node, unchanged, on a network with the names and ports of
 * Fabric's test network. HANSA_SAMPLES_DIR names a clone; without it nothing here runs. Modules that the clone has
 * installed are used, others are fetched, which takes minutes. Contracts in Go need a Go toolchain that finds their
 * modules. The ports of the test network must be free.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createPublicKey } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { type Application, Samples, samplesAreMissing } from "./samples/clone.js";
import { runRestServer } from "./samples/rest-server.js";

const EITHER = ["--endorsement", "any"];

describe("fabric-samples", { skip: samplesAreMissing }, () => {
  const { folder, remove } = temporaryFolder();
  let samples: Samples;

  before(async () => {
    samples = new Samples(folder);
    await samples.start();
  });
  after(async () => {
    await samples?.stop();
    remove();
  });

  /** How often the applications say that something went wrong which they had not expected. */
  const complaints = (printed: string) => printed.match(/FAILED|^\*\*\* Failed|Unexpected application error/gm) ?? [];
  const signcerts = (number: 1 | 2, user: string) =>
    samples.organization(number, `users/${user}@org${number}.example.com/msp/signcerts`);

  it("asset-transfer-basic: both contracts, both gateway applications", async () => {
    await samples.deploy("asset-transfer-basic/chaincode-typescript", "basic");
    for (const [language, program] of [
      ["typescript", "dist/app.js"],
      ["javascript", "src/app.js"],
    ] as const) {
      const app = await samples.application(`asset-transfer-basic/application-gateway-${language}`);
      const printed = await app.run(program);
      assert.deepEqual(complaints(printed), []);
      assert.match(printed, /Owner: 'Saptha'/);
      assert.match(printed, /Successfully caught the error[\s\S]*The asset asset70 does not exist/);
      if (language === "typescript") await samples.deploy("asset-transfer-basic/chaincode-javascript", "basic");
    }
  });

  it("asset-transfer-basic/rest-api-typescript, with Redis", async (t) => {
    await samples.deploy("asset-transfer-basic/chaincode-javascript", "basic");
    const app = await samples.application("asset-transfer-basic/rest-api-typescript");
    const skipped = await runRestServer(samples, app);
    if (skipped !== undefined) t.skip(skipped);
  });

  it("off_chain_data/application-typescript: blocks read to a store, resumed after failures", async () => {
    await samples.deploy("asset-transfer-basic/chaincode-javascript", "basic");
    const app = await samples.application("off_chain_data/application-typescript");
    const env = { CERT_PATH: path.join(signcerts(1, "User1"), "User1@org1.example.com-cert.pem") };
    assert.deepEqual(complaints(await app.run("dist/app.js", ["transact"], env)), []);
    assert.match(await app.run("dist/app.js", ["getAllAssets"], env), /"Owner"/);
    const failing = await app.run("dist/app.js", ["listen"], { ...env, SIMULATED_FAILURE_COUNT: "5" });
    assert.match(failing, /Simulated write failure|simulated/i);
    const newest = Number(
      /Received block (\d+)/.exec(await app.until("Received block", "dist/app.js", ["listen"], env))![1],
    );
    assert.ok(newest > 1, "goes on where it stopped");
    const store = () => readFileSync(path.join(app.folder, "store.log"), "utf8").trim().split("\n");
    assert.ok(store().every((line) => line === "" || JSON.parse(line).namespace === "basic"));
  });

  it("asset-transfer-events: events while they happen, and replayed", async () => {
    await samples.deploy("asset-transfer-events/chaincode-javascript", "events", ...EITHER);
    const app = await samples.application("asset-transfer-events/application-gateway-typescript");
    const printed = await app.run("dist/app.js");
    for (const event of ["CreateAsset", "UpdateAsset", "TransferAsset", "DeleteAsset"])
      for (const how of ["received", "replayed"])
        assert.match(printed, new RegExp(`Chaincode event ${how}: ${event} -`));
  });

  it("asset-transfer-ledger-queries: both contracts, the application of the 2.2 SDK", async () => {
    const app = await samples.application("asset-transfer-ledger-queries/application-javascript");
    for (const language of ["javascript", "typescript"]) {
      await samples.deploy(`asset-transfer-ledger-queries/chaincode-${language}`, "ledger");
      const printed = await app.run("app.js", language === "typescript" ? ["skipInit"] : []);
      assert.deepEqual(complaints(printed), []);
      assert.match(printed, /\*\*\* all tests completed/);
      assert.match(printed, /"fetchedRecordsCount": 2,\s+"bookmark": "asset4"/);
    }
  });

  it("asset-transfer-private-data: collections, agreement to buy, purge", async () => {
    const contract = "asset-transfer-private-data/chaincode-typescript";
    const collections = samples.at(contract, "collections_config.json");
    await samples.deploy(contract, "private", ...EITHER, "--collections", collections);
    const printed = await (await samples.application("asset-transfer-private-data/application-gateway-typescript")).run(
      "dist/app.js",
    );
    assert.deepEqual(complaints(printed), []);
    assert.equal(printed.match(/Received expected error/g)?.length, 2);
    assert.match(printed, /ReadAssetPrivateDetails from Org1MSPPrivateCollection, .*\n\*\*\* No result/);
    assert.match(printed, /PurgeAsset, .*\n\*\*\* Transaction committed successfully\s*$/);
  });

  it("asset-transfer-sbe: its contract deploys with what its compiler finds, its application runs", async () => {
    const said = await samples.deploy("asset-transfer-sbe/chaincode-typescript", "sbe");
    assert.match(said, /the compiler wrote its output, but finds errors:\n.* error TS6133/);
    const app = await samples.application("asset-transfer-sbe/application-javascript");
    const refusals =
      /\*\*\* Successfully caught the error: \n +TransactionError: .* with status ENDORSEMENT_POLICY_FAILURE/g;
    const printed = await app.patiently("app.js", (text) => complaints(text).length === 0);
    assert.equal(printed.match(refusals)?.length, 3);
    assert.match(printed, /TransferAsset asset-\d+, as Org1 - endorse by Org1\n\*\*\* Result: committed/);
  });

  it("token-erc-20: minting, transfers and allowances, as its README has them", async () => {
    await samples.deploy("token-erc-20/chaincode-javascript", "token_erc20");
    await samples.hansa("enrol", "Org1", "minter");
    await samples.hansa("enrol", "Org2", "recipient");
    const minter = ["--as", "Org1", "--user", "minter"];
    const recipient = ["--as", "Org2", "--user", "recipient"];
    const call = (...args: string[]) => samples.hansa("invoke", "token_erc20", ...args);
    const ask = async (...args: string[]) => (await samples.hansa("query", "token_erc20", ...args)).trim();
    assert.match(
      await samples.refused("invoke", "token_erc20", "Mint", "5000", ...minter),
      /contract options need to be set before calling any function/i,
    );
    await call("Initialize", "some name", "some symbol", "2", ...minter);
    await call("Mint", "5000", ...minter);
    const [from, to] = [await ask("ClientAccountID", ...minter), await ask("ClientAccountID", ...recipient)];
    await call("Transfer", to, "100", ...minter);
    await call("Approve", to, "500", ...minter);
    await call("TransferFrom", from, to, "200", ...recipient);
    assert.equal(await ask("ClientAccountBalance", ...minter), "4700");
    assert.equal(await ask("ClientAccountBalance", ...recipient), "300");
    assert.equal(await ask("Allowance", from, to, ...minter), "300");
    assert.equal(await ask("TotalSupply", ...minter), "5000");
    assert.match(await samples.refused("invoke", "token_erc20", "Mint", "1", ...recipient), /client is not authorized/);
  });

  it("token-erc-721: minting, approval and transfer of a token, as its README has them", async () => {
    await samples.deploy("token-erc-721/chaincode-javascript", "token_erc721");
    await samples.hansa("enrol", "Org1", "artist");
    await samples.hansa("enrol", "Org2", "collector");
    const artist = ["--as", "Org1", "--user", "artist"];
    const collector = ["--as", "Org2", "--user", "collector"];
    const call = (...args: string[]) => samples.hansa("invoke", "token_erc721", ...args);
    const ask = async (...args: string[]) => (await samples.hansa("query", "token_erc721", ...args)).trim();
    await call("Initialize", "some name", "some symbol", ...artist);
    await call("MintWithTokenURI", "101", "https://example.com/nft101.json", ...artist);
    const [from, to] = [await ask("ClientAccountID", ...artist), await ask("ClientAccountID", ...collector)];
    assert.match(
      await samples.refused("invoke", "token_erc721", "TransferFrom", from, to, "101", ...collector),
      /not allowed to transfer|sender is/i,
    );
    await call("Approve", to, "101", ...artist);
    await call("TransferFrom", from, to, "101", ...collector);
    assert.equal(await ask("OwnerOf", "101", ...artist), to);
    assert.equal(await ask("BalanceOf", to, ...artist), "1");
    await call("Burn", "101", ...collector);
    assert.equal(await ask("TotalSupply", ...artist), "0");
  });

  it("full-stack-asset-transfer-guide: contract, trader and ping applications", async () => {
    const guide = "full-stack-asset-transfer-guide";
    await samples.deploy(`${guide}/contracts/asset-transfer-typescript`, "asset-transfer");
    const peer = "peers/peer0.org1.example.com/tls/ca.crt";
    const env = {
      ENDPOINT: "localhost:7051",
      MSP_ID: "Org1MSP",
      CERTIFICATE: path.join(signcerts(1, "User1"), "User1@org1.example.com-cert.pem"),
      PRIVATE_KEY: path.join(signcerts(1, "User1"), "../keystore/priv_sk"),
      TLS_CERT: samples.organization(1, peer),
      HOST_ALIAS: "peer0.org1.example.com",
    };
    const trader = await samples.application(`${guide}/applications/trader-typescript`);
    await trader.run("dist/app.js", ["create", "banana", "bananaman", "yellow"], env);
    assert.match(await trader.run("dist/app.js", ["read", "banana"], env), /bananaman/);
    await trader.run("dist/app.js", ["transact"], env);
    await trader.run("dist/app.js", ["delete", "banana"], env);
    // That is how the contract spells it.
    assert.match(await trader.until("DeletaAsset", "dist/app.js", ["listen"], env), /CreateAsset/);
    // Its profile's address is one that the peer's certificate holds.
    const ping = await samples.application(`${guide}/applications/ping-chaincode`);
    const user = samples.organization(1, "users/User1@org1.example.com");
    const read = (file: string) => readFileSync(path.join(user, "msp", file), "utf8");
    const identity = {
      credentials: {
        certificate: read("signcerts/User1@org1.example.com-cert.pem"),
        privateKey: read("keystore/priv_sk"),
      },
      mspId: "Org1MSP",
      type: "X.509",
      version: 1,
    };
    writeFileSync(path.join(ping.folder, "User1.id"), JSON.stringify(identity));
    const settings = {
      CHAINCODE_NAME: "asset-transfer",
      CONN_PROFILE_FILE: samples.organization(1, "connection-org1.json"),
      ID_DIR: ping.folder,
      ID_FILE: "User1.id",
      MSPID: "Org1MSP",
      TLS_ENABLED: "true",
    };
    assert.match(await ping.run("dist/app.js", [], settings), /AssetTransferContract|asset-transfer/);
  });

  it("hardware-security-module/application-typescript, with SoftHSM", async (t) => {
    const library = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"].find(
      existsSync,
    );
    if (library === undefined) return t.skip("SoftHSM is not installed");
    await samples.deploy("asset-transfer-basic/chaincode-javascript", "basic");
    const app = await samples.application("hardware-security-module/application-typescript");
    await samples.hansa("enrol", "Org1", "HSMUser");
    const certificate = path.join(signcerts(1, "HSMUser"), "HSMUser@org1.example.com-cert.pem");
    samples.copy(certificate, "hardware-security-module/crypto-material/hsm/HSMUser/signcerts/cert.pem");
    const env = { SOFTHSM2_CONF: path.join(folder, "softhsm2.conf"), CHAINCODE_NAME: "basic" };
    importKey(env.SOFTHSM2_CONF, path.join(folder, "tokens"), certificate);
    const printed = await app.run("dist/hsm-sample.js", [], env);
    assert.match(printed, /\*\*\* Transaction committed successfully/);
    assert.match(printed, /\*\*\* Result: \{/);
  });

  describe("with contracts in Go, as services", () => {
    it("asset-transfer-secured-agreement/application-gateway-typescript", async (t) => {
      const skipped = await samples.goService("asset-transfer-secured-agreement/chaincode-go", "secured", ...EITHER);
      if (skipped !== undefined) return t.skip(skipped);
      const app = await samples.application("asset-transfer-secured-agreement/application-gateway-typescript");
      const printed = await app.run("dist/app.js");
      // The application expects an object where the contract answers true.
      assert.deepEqual(complaints(printed), ["*** Failed"]);
      assert.match(printed, /\*\*\* Failed: VerifyAssetProperties/);
      assert.equal(printed.match(/Successfully caught the failure/g)?.length, 7);
      assert.match(printed, /Org1MSP has transfered the asset \w+ to Org2MSP/);
    });

    it("auction-simple/application-javascript", async (t) => {
      const skipped = await samples.goService("auction-simple/chaincode-go", "auction", ...EITHER);
      if (skipped !== undefined) return t.skip(skipped);
      const app = await samples.application("auction-simple/application-javascript");
      const people = await bidders(app, [
        "org1 seller",
        "org1 bidder1",
        "org1 bidder2",
        "org2 bidder3",
        "org2 bidder4",
      ]);
      await app.run("createAuction.js", ["org1", "seller", "PaintingAuction", "painting"]);
      const bids = await people.bid("PaintingAuction", {
        bidder1: ["800"],
        bidder2: ["500"],
        bidder3: ["700"],
        bidder4: ["900"],
      });
      await app.run("closeAuction.js", ["org1", "seller", "PaintingAuction"]);
      await people.reveal("PaintingAuction", bids, ["bidder1", "bidder3"]);
      const early = await app.tried("endAuction.js", ["org1", "seller", "PaintingAuction"]);
      assert.match(early.stdout + early.stderr, /FAILED to submit bid: .*\n? *.*Peer endorsements do not match/);
      await people.reveal("PaintingAuction", bids, ["bidder4"]);
      const ended = await app.run("endAuction.js", ["org1", "seller", "PaintingAuction"]);
      assert.match(ended, /"winner": "x509::CN=bidder4,[^"]*",\s+"price": 900,\s+"status": "ended"/);
    });

    it("auction-dutch/application-javascript, without its auditor", async (t) => {
      const skipped = await samples.goService("auction-dutch/chaincode-go", "auction", ...EITHER);
      if (skipped !== undefined) return t.skip(skipped);
      const app = await samples.application("auction-dutch/application-javascript");
      const people = await bidders(app, ["org1 auctioneer", "org1 bidder5", "org1 bidder6", "org2 bidder7"]);
      await app.run("createAuction.js", ["org1", "auctioneer", "auction1", "tickets", "100", "noAuditor"]);
      const bids = await people.bid("auction1", {
        bidder5: ["50", "80"],
        bidder6: ["40", "50"],
        bidder7: ["30", "70"],
      });
      await app.run("closeAuction.js", ["org1", "auctioneer", "auction1"]);
      await people.reveal("auction1", bids, ["bidder5", "bidder6", "bidder7"]);
      const ended = await app.run("endAuction.js", ["org1", "auctioneer", "auction1"]);
      assert.match(ended, /"status": "ended"/);
    });

    it("the contracts in Go of samples above, under the same applications", async (t) => {
      const collections = samples.at("asset-transfer-private-data/chaincode-go/collections_config.json");
      for (const [sample, name, program, ...options] of [
        ["asset-transfer-basic/application-gateway-typescript", "basic", "dist/app.js"],
        ["asset-transfer-events/application-gateway-typescript", "events", "dist/app.js", ...EITHER],
        ["asset-transfer-private-data/application-gateway-typescript", "private", "dist/app.js", ...EITHER],
      ] as const) {
        const contract = path.join(path.dirname(sample), "chaincode-go");
        const extra = name === "private" ? ["--collections", collections] : [];
        const skipped = await samples.goService(contract, name, ...options, ...extra);
        if (skipped !== undefined) return t.skip(skipped);
        const printed = await (await samples.application(sample)).patiently(program);
        assert.deepEqual(complaints(printed), [], printed);
      }
    });

    it("asset-transfer-abac: who may create is said by an attribute of the certificate", async (t) => {
      const skipped = await samples.goService("asset-transfer-abac/chaincode-go", "abac");
      if (skipped !== undefined) return t.skip(skipped);
      await samples.hansa("enrol", "Org1", "creator1", "abac.creator=true");
      const asset = ["CreateAsset", "Asset1", "blue", "20", "100"];
      assert.match(await samples.refused("invoke", "abac", ...asset, "--as", "Org1"), /not authorized to create asset/);
      await samples.hansa("invoke", "abac", ...asset, "--as", "Org1", "--user", "creator1");
      assert.match(await samples.hansa("query", "abac", "ReadAsset", "Asset1"), /"owner":\s*"x509::CN=creator1/);
    });

    it("token-erc-1155, token-utxo and high-throughput: their contracts", async (t) => {
      for (const [contract, name, ...options] of [
        ["token-erc-1155/chaincode-go", "erc1155"],
        ["token-utxo/chaincode-go", "token_utxo"],
        ["high-throughput/chaincode-go", "bigdatacc", ...EITHER],
      ] as const) {
        const skipped = await samples.goService(contract, name, ...options);
        if (skipped !== undefined) return t.skip(skipped);
      }
      const ask = async (...args: string[]) => (await samples.hansa("query", ...args)).trim();
      await samples.hansa("invoke", "erc1155", "Initialize", "some name", "some symbol");
      const account = await ask("erc1155", "ClientAccountID");
      await samples.hansa("invoke", "erc1155", "MintBatch", account, "[1,2,3]", "[100,200,300]");
      assert.equal(await ask("erc1155", "BalanceOf", account, "3"), "300");
      await samples.hansa("invoke", "token_utxo", "Initialize", "some name", "some symbol");
      await samples.hansa("invoke", "token_utxo", "Mint", "5000");
      assert.match(await ask("token_utxo", "ClientUTXOs"), /"amount":\s*5000/);
      for (const delta of ["100", "250"]) await samples.hansa("invoke", "bigdatacc", "Update", "myvar", delta, "+");
      assert.equal(await ask("bigdatacc", "Get", "myvar"), "350");
    });
  });
});

/** The people of the auctions, enrolled by the application's own programs. */
async function bidders(app: Application, people: readonly string[]) {
  for (const org of ["org1", "org2"]) await app.run("enrollAdmin.js", [org]);
  for (const person of people) await app.run("registerEnrollUser.js", person.split(" "));
  const [, ...names] = people.map((person) => person.split(" ") as [string, string]);
  const orgOf = new Map(names.map(([org, name]) => [name, org]));
  return {
    async bid(auction: string, offers: Record<string, string[]>): Promise<Map<string, string>> {
      const bids = new Map<string, string>();
      for (const [name, offer] of Object.entries(offers)) {
        const printed = await app.run("bid.js", [orgOf.get(name)!, name, auction, ...offer]);
        const id = /BidID: (\w+)/.exec(printed)![1]!;
        await app.run("submitBid.js", [orgOf.get(name)!, name, auction, id]);
        bids.set(name, id);
      }
      return bids;
    },
    async reveal(auction: string, bids: ReadonlyMap<string, string>, who: readonly string[]): Promise<void> {
      for (const name of who) await app.run("revealBid.js", [orgOf.get(name)!, name, auction, bids.get(name)!]);
    },
  };
}

/** Puts the key of a user's certificate where the sample looks for it: in a token, by the hash of its public key. */
function importKey(configuration: string, tokens: string, certificate: string): void {
  mkdirSync(tokens);
  writeFileSync(configuration, `directories.tokendir = ${tokens}\n`);
  const env = { ...process.env, SOFTHSM2_CONF: configuration };
  const softhsm = (...args: string[]) => execFileSync("softhsm2-util", args, { env, stdio: "pipe" });
  softhsm("--init-token", "--slot", "0", "--label", "ForFabric", "--pin", "98765432", "--so-pin", "1234");
  const { x, y } = createPublicKey(readFileSync(certificate)).export({ format: "jwk" });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x!, "base64url"), Buffer.from(y!, "base64url")]);
  const id = createHash("sha256").update(point).digest("hex");
  const key = path.join(path.dirname(certificate), "../keystore/priv_sk");
  softhsm("--import", key, "--token", "ForFabric", "--label", "HSMUser", "--id", id, "--pin", "98765432");
}
