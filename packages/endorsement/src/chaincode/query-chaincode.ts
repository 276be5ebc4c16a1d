/**
 * `qscc`: blocks and transactions of a channel. Arguments: function, channel, and what it is about.
 * Source: hyperledger/fabric, core/scc/qscc/query.go and common/ledger/blkstorage/blockindex.go; texts alike.
 */
import { firstBlock } from "@hansa/ledger";
import { type Bytes, concatBytes, messageOf, toHex, toUtf8 } from "@hansa/primitives";
import { common, encode, protos, splitBlock } from "@hansa/wire";
import type { AccessControl } from "./access.js";
import type { EndorserChannel, EndorserLedger } from "./channel.js";
import { type ChaincodeResponse, failed, type SystemCall, type SystemChaincode, success } from "./system-chaincode.js";

export type QueryChaincodeOptions = {
  readonly access: AccessControl;
  readonly channel: (channelId: string) => EndorserChannel | undefined;
};

const NEWEST = (1n << 64n) - 1n;

export class QueryChaincode implements SystemChaincode {
  readonly name = "qscc";
  readonly #options: QueryChaincodeOptions;

  constructor(options: QueryChaincodeOptions) {
    this.#options = options;
  }

  async invoke({ args, proposal }: SystemCall): Promise<ChaincodeResponse> {
    const [first, second, about] = args;
    if (first === undefined || second === undefined) return failed(`Incorrect number of arguments, ${args.length}`);
    const method = toUtf8(first);
    const channelId = toUtf8(second);
    if (proposal.chaincodeName !== this.name) {
      return failed(
        `Rejecting invoke of QSCC from another chaincode because of potential for deadlocks, original invocation for '${proposal.chaincodeName}'`,
      );
    }
    if (method !== "GetChainInfo" && about === undefined) return failed(`missing 3rd argument for ${method}`);
    const ledger = this.#options.channel(channelId)?.ledger;
    if (ledger === undefined) return failed(`Invalid chain ID, ${channelId}`);
    const verdict = this.#options.access.check(`qscc/${method}`, channelId, proposal);
    if (!verdict.ok) return failed(`access denied for [${method}][${channelId}]: [${verdict.reason}]`);
    return this.#query(method, ledger, about ?? new Uint8Array(0));
  }

  async #query(method: string, ledger: EndorserLedger, about: Bytes): Promise<ChaincodeResponse> {
    switch (method) {
      case "GetChainInfo":
        return success(encode(common.BlockchainInfo, ledger.info()));
      case "GetBlockByNumber":
        return getBlockByNumber(ledger, toUtf8(about));
      case "GetBlockByHash":
        return answer("Failed to get block hash ", toUtf8(about), async () => {
          const number = ledger.blocks.findByHash(about);
          if (number === undefined) throw new Error(`no such block hash [${toHex(about)}] in index`);
          return readBlock(ledger, number);
        });
      case "GetTransactionByID":
        return answer("Failed to get transaction with id ", toUtf8(about), () =>
          readTransaction(ledger, toUtf8(about)),
        );
      case "GetBlockByTxID":
        return answer("Failed to get block for txID ", toUtf8(about), () =>
          readBlock(ledger, locate(ledger, toUtf8(about)).blockNumber),
        );
      default:
        return failed(`Requested function ${method} not found.`);
    }
  }
}

async function getBlockByNumber(ledger: EndorserLedger, text: string): Promise<ChaincodeResponse> {
  const isNumber = /^\d{1,20}$/.test(text);
  const number = isNumber ? BigInt(text) : 0n;
  if (!isNumber || number > NEWEST) {
    const why = isNumber ? "value out of range" : "invalid syntax";
    return failed(`Failed to parse block number with error strconv.ParseUint: parsing "${text}": ${why}`);
  }
  const wanted = number === NEWEST ? ledger.height - 1 : Number(number);
  return answer("Failed to get block number ", String(number), () => readBlock(ledger, wanted));
}

async function answer(failure: string, about: string, query: () => Promise<Bytes>): Promise<ChaincodeResponse> {
  try {
    return success(await query());
  } catch (error) {
    return failed(`${failure}${about}, error ${messageOf(error)}`);
  }
}

/** Bytes of a block. @throws Error in Fabric's words when it is not here */
export async function readBlock(ledger: EndorserLedger, number: number): Promise<Bytes> {
  const first = firstBlock(ledger.blocks);
  if (number < first)
    throw new Error(
      `cannot serve block [${number}]. The ledger is bootstrapped from a snapshot. First available block = [${first}]`,
    );
  const bytes = number < ledger.height ? await ledger.blocks.read(number) : undefined;
  if (bytes === undefined) throw new Error(`no such block number [${number}] in index`);
  return bytes;
}

function locate(ledger: EndorserLedger, txId: string) {
  const found = ledger.find(txId);
  if (found === undefined && ledger.hasId(txId)) {
    const first = firstBlock(ledger.blocks);
    throw new Error(
      `details for the TXID [${txId}] not available. Ledger bootstrapped from a snapshot. First available block = [${first}]`,
    );
  }
  if (found === undefined) throw new Error(`no such transaction ID [${txId}] in index`);
  return found;
}

/** protos.ProcessedTransaction around the envelope as it is in the block. */
async function readTransaction(ledger: EndorserLedger, txId: string): Promise<Bytes> {
  const { blockNumber, txIndex, code } = locate(ledger, txId);
  const { envelopes } = splitBlock(await readBlock(ledger, blockNumber));
  const envelope = envelopes[txIndex];
  if (envelope === undefined)
    throw new Error(`no such blockNumber, transactionNumber <${blockNumber}, ${txIndex}> in index`);
  return processedTransaction(envelope, code);
}

export function processedTransaction(envelope: Bytes, validationCode: number): Bytes {
  const code = encode(protos.ProcessedTransaction, { validationCode });
  return concatBytes(embedded(1, envelope), code);
}

/** A length-delimited field whose bytes are not encoded again. */
function embedded(field: number, bytes: Bytes): Bytes {
  const head: number[] = [(field << 3) | 2];
  let length = bytes.length;
  while (length >= 0x80) {
    head.push((length & 0x7f) | 0x80);
    length >>>= 7;
  }
  head.push(length);
  return concatBytes(Uint8Array.from(head), bytes);
}
