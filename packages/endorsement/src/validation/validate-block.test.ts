import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type ChannelConfig, computeConfigUpdate, judgeConfigUpdate, withBatchSettings } from "@hansa/channel-config";
import { signedUpdate, testOrganization } from "@hansa/channel-config/testing";
import type { RwSetBuilder } from "@hansa/ledger";
import { common, encode, HeaderType, TxValidationCode, transactionId, txValidationCodeName } from "@hansa/wire";
import { MapState } from "../chaincode/testing/map-state.js";
import {
  blockOf,
  brewery,
  CHAINCODE,
  CHANNEL,
  channelConfig,
  definition,
  endorsed,
  genesis,
  orderer,
  ordererAdmin,
  peers,
  pub,
  signed,
} from "./testing/endorsed.js";
import { BlockValidator } from "./validate-block.js";

const bytes = (text: string) => Buffer.from(text);
const onlyBrewery = [brewery.identity("peer")];

describe("judging a block", () => {
  let state: MapState;
  let config: ChannelConfig;
  let known: Set<string>;

  beforeEach(() => {
    state = new MapState();
    state.apply(definition(CHAINCODE));
    config = channelConfig();
    known = new Set();
  });

  const judge = (...envelopes: Uint8Array[]) =>
    new BlockValidator(CHANNEL).validate(blockOf(...envelopes), { config, state, isKnown: (txId) => known.has(txId) });
  const verdicts = async (...envelopes: Uint8Array[]) =>
    (await judge(...envelopes)).transactions.map(({ code }) => txValidationCodeName(code));

  it("takes block 0 as it is, with the configuration it brings", async () => {
    const verdict = await new BlockValidator(CHANNEL).validate(genesis, {
      config: undefined,
      state,
      isKnown: () => false,
    });
    assert.deepEqual(
      verdict.transactions.map(({ code, type }) => [code, type]),
      [[TxValidationCode.VALID, HeaderType.CONFIG]],
    );
    assert.deepEqual(
      verdict.config
        .applicationOrgs()
        .map(({ mspId }) => mspId)
        .sort(),
      ["BreweryMSP", "PubMSP"],
    );
  });

  it("lets a transaction through that both organisations endorsed", async () => {
    const { transactions } = await judge(endorsed({ nonce: "n" }));
    assert.deepEqual(
      transactions.map(({ code, type, txId }) => [code, type, txId.length]),
      [[TxValidationCode.VALID, HeaderType.ENDORSER_TRANSACTION, 64]],
    );
  });

  it("refuses what is no envelope, no payload, and what has no header", async () => {
    const notProtobuf = Buffer.from([0x0a, 0xff]);
    const noHeader = encode(common.Payload, { data: bytes("data") });
    assert.deepEqual(
      await verdicts(
        notProtobuf,
        new Uint8Array(0),
        encode(common.Envelope, { payload: notProtobuf, signature: bytes("s") }),
        signed(noHeader, brewery.identity("client")),
      ),
      ["INVALID_OTHER_REASON", "BAD_COMMON_HEADER", "BAD_PAYLOAD", "BAD_COMMON_HEADER"],
    );
  });

  it("refuses creators that are unknown, did not sign, or mean another channel", async () => {
    const stranger = testOrganization("StrangerMSP").identity("client");
    const good = common.Envelope.decode(endorsed());
    const otherSigner = encode(common.Envelope, {
      payload: good.payload,
      signature: pub.identity("client").sign(good.payload),
    });
    const unsigned = encode(common.Envelope, { payload: good.payload });
    assert.deepEqual(
      await verdicts(endorsed({ creator: stranger }), otherSigner, unsigned, endorsed({ channelId: "other" })),
      Array(4).fill("BAD_CREATOR_SIGNATURE"),
    );
  });

  it("refuses a configuration update that no orderer made a configuration of", async () => {
    assert.deepEqual(await verdicts(endorsed({ type: HeaderType.CONFIG_UPDATE })), ["UNSUPPORTED_TX_PAYLOAD"]);
  });

  it("refuses an id that the channel has, or the block", async () => {
    const envelope = endorsed({ nonce: "twice" });
    assert.deepEqual(await verdicts(envelope, endorsed(), envelope), ["VALID", "VALID", "DUPLICATE_TXID"]);
    const invalid = endorsed({ nonce: "once more", endorsers: onlyBrewery });
    const valid = endorsed({ nonce: "once more" });
    assert.deepEqual(await verdicts(invalid, valid), ["ENDORSEMENT_POLICY_FAILURE", "VALID"]);
    const [{ txId } = { txId: "" }] = (await judge(envelope)).transactions;
    known.add(txId);
    assert.deepEqual(await verdicts(envelope), ["DUPLICATE_TXID"]);
  });

  it("asks every chaincode that is written for its policy, and the one that was called", async () => {
    state.apply(definition("stock"));
    const results = (builder: RwSetBuilder) => {
      builder.read("stock", "k", undefined);
      builder.write(CHAINCODE, "k", bytes("x"));
    };
    const unknown = (builder: RwSetBuilder) => builder.write("nothing", "k", bytes("x"));
    assert.deepEqual(
      await verdicts(
        endorsed({ results }),
        endorsed({ results: unknown }),
        endorsed({ results: () => {}, endorsers: onlyBrewery }),
        endorsed({ chaincode: "nothing", results: () => {} }),
      ),
      ["VALID", "INVALID_CHAINCODE", "ENDORSEMENT_POLICY_FAILURE", "INVALID_CHAINCODE"],
    );
  });

  it("lets a key's own policy change in a block only once it counts, and nobody write the key until then", async () => {
    const guard = (builder: RwSetBuilder) =>
      builder.metadataWrite(CHAINCODE, "beer", new Map([["VALIDATION_PARAMETER", bytes("policy")]]));
    assert.deepEqual(await verdicts(endorsed({ results: guard }), endorsed(), endorsed({ results: guard })), [
      "VALID",
      "ENDORSEMENT_POLICY_FAILURE",
      "ENDORSEMENT_POLICY_FAILURE",
    ]);
    assert.deepEqual(await verdicts(endorsed({ results: guard, endorsers: onlyBrewery }), endorsed()), [
      "ENDORSEMENT_POLICY_FAILURE",
      "VALID",
    ]);
  });

  it("refuses writes to a collection that is not defined", async () => {
    const results = (builder: RwSetBuilder) => builder.privateWrite(CHAINCODE, "prices", "k", bytes("1"), false);
    assert.deepEqual(await verdicts(endorsed({ results })), ["ENDORSEMENT_POLICY_FAILURE"]);
  });

  it("asks an organisation for writes to its implicit collection", async () => {
    const results = (builder: RwSetBuilder) =>
      builder.privateWrite(CHAINCODE, "_implicit_org_BreweryMSP", "k", bytes("1"), false);
    assert.deepEqual(
      await verdicts(
        endorsed({ results, endorsers: onlyBrewery }),
        endorsed({ results, endorsers: [pub.identity("peer")] }),
      ),
      ["VALID", "ENDORSEMENT_POLICY_FAILURE"],
    );
  });

  it("stops at a chaincode that asks for a plugin that there is none of", async () => {
    state.apply(definition("odd", { validationPlugin: "mine" }));
    await assert.rejects(judge(endorsed({ results: (builder) => builder.write("odd", "k", bytes("x")) })), {
      code: "UNKNOWN_VALIDATION_PLUGIN",
    });
  });

  it("gives the same verdicts however many there are", async () => {
    const envelopes = Array.from({ length: 40 }, (_, i) => endorsed({ endorsers: i % 3 === 0 ? onlyBrewery : peers }));
    const expected = envelopes.map((_, i) => (i % 3 === 0 ? "ENDORSEMENT_POLICY_FAILURE" : "VALID"));
    assert.deepEqual(await verdicts(...envelopes), expected);
  });

  describe("with a configuration", () => {
    const configTransaction = (change: (envelope: common.IConfigEnvelope) => void = () => {}) => {
      const update = computeConfigUpdate(
        CHANNEL,
        config.config,
        withBatchSettings(config.config, { ...config.orderer, maxMessageCount: 77 }),
      );
      const signers = [brewery.identity("admin"), pub.identity("admin"), ordererAdmin];
      const { envelope } = judgeConfigUpdate(config, signedUpdate(update, signers));
      change(envelope);
      const nonce = bytes("nonce");
      const payload = encode(common.Payload, {
        header: {
          channelHeader: encode(common.ChannelHeader, { type: HeaderType.CONFIG, channelId: CHANNEL }),
          signatureHeader: encode(common.SignatureHeader, { creator: orderer.serialized, nonce }),
        },
        data: encode(common.ConfigEnvelope, envelope),
      });
      return { envelope: signed(payload, orderer), txId: transactionId(nonce, orderer.serialized) };
    };

    it("takes it over, and indexes it under the id that its header makes", async () => {
      const { envelope, txId } = configTransaction();
      const verdict = await judge(envelope);
      assert.equal(verdict.config.sequence, config.sequence + 1n);
      assert.equal(verdict.config.orderer.maxMessageCount, 77);
      assert.deepEqual(
        verdict.transactions.map((each) => [each.code, each.txId, each.configData !== undefined]),
        [[TxValidationCode.VALID, txId, true]],
      );
    });

    it("stops when it does not follow from the one in force", async () => {
      const { envelope } = configTransaction((change) => {
        change.config = { ...change.config, sequence: 9 };
      });
      await assert.rejects(judge(envelope), { name: "ConfigError" });
    });
  });
});
