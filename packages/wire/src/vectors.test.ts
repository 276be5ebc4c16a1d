/** Blocks of a real channel: every hash and every byte comes out as it went in. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import {
  blockDataHash,
  blockHeaderHash,
  common,
  decode,
  encode,
  joinBlock,
  METADATA,
  proposalHash,
  protos,
  readEnvelope,
  splitBlock,
  transactionId,
  txValidationCodeName,
  WireError,
} from "./index.js";

const folder = path.join(
  process.env.HANSA_VECTORS ?? path.resolve(import.meta.dirname, "../../../../shared/vectors"),
  "fabric-2.5",
);
const skip = existsSync(folder) ? false : "no vectors: set HANSA_VECTORS to the folder that holds fabric-2.5";

type ExpectedBlock = {
  number: number;
  headerHash: string;
  previousHash: string;
  dataHash: string;
  transactions: { txid: string; type: number; code: number; codeName: string; unreadable?: unknown }[];
};

const read = (file: string) => readFileSync(path.join(folder, file));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("blocks of a real channel", { skip }, () => {
  const blocks = skip ? [] : (JSON.parse(read("expected.json").toString()).blocks as ExpectedBlock[]);

  it("have the hashes that we compute", () => {
    assert.ok(blocks.length > 0);
    for (const expected of blocks) {
      const { header, envelopes } = splitBlock(read(`${expected.number}.block`));
      assert.equal(Number(header.number), expected.number);
      assert.equal(hex(blockHeaderHash(header)), expected.headerHash);
      assert.equal(hex(header.previousHash), expected.previousHash ?? "");
      assert.equal(hex(blockDataHash(envelopes)), expected.dataHash);
      assert.equal(hex(header.dataHash), expected.dataHash);
    }
  });

  it("come out of decoding and of splitting with the same bytes", () => {
    for (const { number } of blocks) {
      const bytes = read(`${number}.block`);
      assert.ok(bytes.equals(encode(common.Block, decode(common.Block, bytes, "common.Block"))), `block ${number}`);
      assert.ok(bytes.equals(joinBlock(splitBlock(bytes))), `block ${number} in parts`);
    }
  });

  it("hold envelopes whose scan equals their decoding", () => {
    for (const { number, transactions } of blocks) {
      const { envelopes, metadata } = splitBlock(read(`${number}.block`));
      assert.equal(envelopes.length, transactions.length);
      for (const [index, bytes] of envelopes.entries()) {
        const expected = transactions[index];
        assert.equal(txValidationCodeName(metadata[METADATA.TRANSACTIONS_FILTER]?.[index] ?? -1), expected?.codeName);
        let scanned: ReturnType<typeof readEnvelope>;
        try {
          scanned = readEnvelope(bytes);
        } catch (error) {
          assert.ok(error instanceof WireError && expected?.code !== 0, `block ${number}, ${index}`);
          continue;
        }
        const payload = decode(
          common.Payload,
          decode(common.Envelope, bytes, "common.Envelope").payload,
          "common.Payload",
        );
        assert.deepEqual(scanned.data, payload.data);
        assert.deepEqual(scanned.channelHeaderBytes, payload.header?.channelHeader);
        assert.deepEqual(scanned.signatureHeaderBytes, payload.header?.signatureHeader);
        assert.equal(scanned.channelHeader.type, expected?.type);
        assert.equal(scanned.channelHeader.txId, expected?.txid ?? "");
      }
    }
  });

  it("tell the transaction id and the proposal hash of a followed transaction", () => {
    const proposal = decode(protos.SignedProposal, read("messages/signed-proposal.pb"), "protos.SignedProposal");
    const inner = decode(protos.Proposal, proposal.proposalBytes, "protos.Proposal");
    const header = decode(common.Header, inner.header, "common.Header");
    const channelHeader = decode(common.ChannelHeader, header.channelHeader, "common.ChannelHeader");
    const { creator, nonce } = decode(common.SignatureHeader, header.signatureHeader, "common.SignatureHeader");
    assert.equal(transactionId(nonce, creator), channelHeader.txId);

    const followed = JSON.parse(read("messages/messages.json").toString()) as {
      transaction: { proposalHash: string };
    };
    const { input } = decode(protos.ChaincodeProposalPayload, inner.payload, "protos.ChaincodeProposalPayload");
    const visible = encode(protos.ChaincodeProposalPayload, { input });
    const computed = hex(proposalHash(header.channelHeader, header.signatureHeader, visible));
    const endorsed = endorsedProposalHash(read("messages/envelope.pb"));
    assert.equal(computed, endorsed);
    assert.equal(computed, followed.transaction.proposalHash);
  });

  it("are noticed when a byte of an envelope changes", () => {
    const bytes = read("100.block");
    const { header, envelopes } = splitBlock(bytes);
    const changed = envelopes.map((envelope) => Buffer.from(envelope));
    (changed[0] as Buffer)[100]! ^= 1;
    assert.notEqual(hex(blockDataHash(changed)), hex(header.dataHash));
    assert.equal(hex(header.dataHash), createHash("sha256").update(Buffer.concat(envelopes)).digest("hex"));
  });
});

/** The proposal hash that the endorsers of a recorded transaction signed. */
function endorsedProposalHash(envelopeBytes: Uint8Array): string {
  const { data } = readEnvelope(envelopeBytes);
  const action = decode(protos.Transaction, data, "protos.Transaction").actions[0];
  const payload = decode(protos.ChaincodeActionPayload, action?.payload ?? Buffer.alloc(0), "ChaincodeActionPayload");
  const response = payload.action?.proposalResponsePayload ?? Buffer.alloc(0);
  return hex(decode(protos.ProposalResponsePayload, response, "ProposalResponsePayload").proposalHash);
}
