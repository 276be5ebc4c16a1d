/** Blocks with real envelopes for the crash test: each transaction counts a key up and writes a key of its own. */
import { RwSetBuilder, readTransaction, type ValidatedTransaction, type Version } from "@hansa/ledger";
import { concatBytes, sha256, sha256Hex } from "@hansa/primitives";
import {
  type BlockParts,
  blockDataHash,
  encode,
  HeaderType,
  protos,
  signedEnvelope,
  TxValidationCode,
} from "@hansa/wire";

export const TRANSACTIONS = 3;

function sampleTransaction(number: number, txIndex: number, read: Version | undefined): Uint8Array {
  const builder = new RwSetBuilder();
  if (txIndex === 0) {
    builder.read("goods", "count", read);
    builder.write("goods", "count", Buffer.from(String(number + 1)));
  }
  builder.write("goods", `k${number}.${txIndex}`, Buffer.alloc(200, number));
  const extension = encode(protos.ChaincodeAction, { results: builder.encode().publicBytes });
  const proposalResponsePayload = encode(protos.ProposalResponsePayload, { extension });
  const payload = encode(protos.ChaincodeActionPayload, { action: { proposalResponsePayload } });
  const nonce = sha256(Buffer.from(`${number}.${txIndex}`));
  const creator = Buffer.from("creator");
  return signedEnvelope({
    type: HeaderType.ENDORSER_TRANSACTION,
    channelId: "crash",
    txId: sha256Hex(concatBytes(nonce, creator)),
    creator,
    nonce,
    timestampMs: number,
    data: encode(protos.Transaction, { actions: [{ payload }] }),
    sign: () => Buffer.from("signature"),
  });
}

export function crashBlock(
  number: number,
  previousHash: Uint8Array,
): { block: BlockParts; transactions: ValidatedTransaction[] } {
  const read = number === 0 ? undefined : { blockNumber: number - 1, txIndex: 0 };
  const envelopes = Array.from({ length: TRANSACTIONS }, (_, txIndex) => sampleTransaction(number, txIndex, read));
  const header = { number: BigInt(number), previousHash, dataHash: blockDataHash(envelopes) };
  const transactions = envelopes.map((envelope) => readTransaction(envelope, TxValidationCode.VALID));
  return { block: { header, envelopes, metadata: [] }, transactions };
}
