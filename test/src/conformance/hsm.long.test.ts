/**
 * Applications whose keys are in a hardware security module: the official gateway client with its HSM signers, and a
 * certificate that a member's authority gives for a key which never leaves the token.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { Certificate } from "@hansa/crypto";
import { type Network, startNetwork } from "@hansa/network";
import {
  connect,
  EndorseError,
  type Gateway,
  type HSMSigner,
  type HSMSignerFactory,
  hash,
  StatusCode,
  signers,
} from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { caServices, enrol } from "./ca/client.js";
import { failureOf, take, text } from "./gateway/fixture.js";
import { hsmIsMissing, LABEL, makeToken, PIN, requestFor, softHsmLibrary } from "./hsm/token.js";

describe("a client whose key is in an HSM", { skip: hsmIsMissing }, () => {
  const { folder, remove } = temporaryFolder();
  let network: Network;
  let factory: HSMSignerFactory;
  let certificatePem: string;
  const closers: (() => void)[] = [];

  before(async () => {
    const [contract, channel] = [path.join(repositoryRoot, "test/contracts/conformance"), "trade"];
    network = await startNetwork(
      {
        network: "tokens",
        // In processes: in one process with a whole network SoftHSM ended it by SIGSEGV in two of twenty runs.
        mode: "processes",
        members: [{ name: "Org1" }, { name: "Org2" }],
        channels: [{ name: channel }],
        contracts: [{ name: "basic", channel, path: contract }],
      },
      { dataFolder: path.join(folder, "data") },
    );
    const [key] = makeToken(folder, ["ours", "another"]);
    factory = signers.newHSMSignerFactory(softHsmLibrary!);

    const member = network.member("Org1");
    const ca = caServices(member.caAddress, readFileSync(member.tlsRootFile, "utf8"));
    const { id, secretFile } = member.caRegistrar;
    const enrollmentSecret = readFileSync(secretFile, "utf8").trim();
    const registrar = await enrol(ca, member.mspId, { enrollmentID: id, enrollmentSecret });
    const registration = { enrollmentID: "teller", affiliation: "org1.department1", role: "client" };
    const secret = await ca.register(registration, registrar.user);
    const csr = await requestFor("teller", key!, signerOf("ours").signer);
    const enrolled = await ca.enroll({ enrollmentID: "teller", enrollmentSecret: secret, csr });
    certificatePem = enrolled.certificate;
    const certified = Certificate.parse(certificatePem);
    assert.deepEqual(
      certified.publicKey.export({ type: "spki", format: "der" }),
      key!.export({ type: "spki", format: "der" }),
    );
    assert.ok(certified.isIssuedBy(Certificate.parse(enrolled.rootCertificate)));
  });
  after(async () => {
    for (const close of closers.reverse()) close();
    factory?.dispose();
    await network?.stop();
    remove();
  });

  function signerOf(id: string): HSMSigner {
    const made = factory.newSigner({ label: LABEL, pin: PIN, identifier: Buffer.from(id) });
    closers.push(made.close);
    return made;
  }
  function gatewayOf(id: string): Gateway {
    const member = network.member("Org1");
    const [peer] = member.peers;
    const client = new Client(peer!.address, credentials.createSsl(readFileSync(member.tlsRootFile)), {
      "grpc.ssl_target_name_override": peer!.host,
    });
    const gateway = connect({
      client,
      identity: { mspId: member.mspId, credentials: Buffer.from(certificatePem) },
      signer: signerOf(id).signer,
      hash: hash.sha256,
    });
    closers.push(() => {
      gateway.close();
      client.close();
    });
    return gateway;
  }

  it("submits and evaluates, each message signed in the token", async () => {
    const contract = gatewayOf("ours").getNetwork("trade").getContract("basic");
    assert.equal(text(await contract.submitTransaction("put", "vault", "gold")), "gold");
    assert.equal(text(await contract.evaluateTransaction("get", "vault")), "gold");
    const commit = await contract.submitAsync("put", { arguments: ["vault", "silver"] });
    assert.equal((await commit.getStatus()).code, StatusCode.VALID);
    const others = network.member("Org2").gateway().getNetwork("trade").getContract("basic");
    assert.equal(text(await others.evaluateTransaction("get", "vault")), "silver");
  });

  it("signs often enough for every shape of signature to have come", async () => {
    // Half of what a token signs has a high S, and one in 128 numbers a leading zero. A session of the token, which is
    // what the library gives a signer, makes one signature at a time.
    const read = async () => {
      const contract = gatewayOf("ours").getNetwork("trade").getContract("basic");
      for (let round = 0; round < 60; round++)
        assert.equal(text(await contract.evaluateTransaction("get", "vault")), "silver");
    };
    await Promise.all([read(), read(), read(), read()]);
  });

  it("hears events, whose requests it signs as well", async () => {
    const channel = gatewayOf("ours").getNetwork("trade");
    const contract = channel.getContract("basic");
    const events = await channel.getChaincodeEvents("basic");
    const blocks = await channel.getFilteredBlockEvents();
    await contract.submitTransaction("announce", "opened", "at nine");
    const [event] = await take(events, 1);
    assert.deepEqual([event?.eventName, text(event!.payload)], ["opened", "at nine"]);
    const [block] = await take(blocks, 1);
    assert.equal(BigInt(block!.getNumber()), event?.blockNumber);
  });

  it("is refused when another key of the token signs", async () => {
    const contract = gatewayOf("another").getNetwork("trade").getContract("basic");
    const error = await failureOf(contract.submitTransaction("put", "vault", "lead"), EndorseError);
    assert.match(error.cause.details, /failed to endorse transaction|creator/);
    assert.equal(
      text(await gatewayOf("ours").getNetwork("trade").getContract("basic").evaluateTransaction("get", "vault")),
      "silver",
    );
  });
});
