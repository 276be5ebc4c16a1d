/**
 * The verdict on each transaction of a block before the ledger's own checks: structure, creator, id, policies.
 *
 * The state is the one before the block. Verdicts do not depend on how fast they are reached, so the work pauses
 * between transactions to let the process answer others.
 *
 * Source: hyperledger/fabric, core/committer/txvalidator/v20/validator.go and plugindispatcher/dispatcher.go.
 */
import { ChannelConfig, validateConfigEnvelope } from "@hansa/channel-config";
import { readTransaction, type StateReader, type ValidatedTransaction, writesTo } from "@hansa/ledger";
import { type SignedData, verifiedSigners } from "@hansa/msp";
import { assert, concatBytes } from "@hansa/primitives";
import { type BlockParts, HeaderType, joinBlock, TxValidationCode } from "@hansa/wire";
import { Definitions } from "./definitions.js";
import { ChangedPolicies, isEndorsed } from "./key-level.js";
import { PolicyEvaluator } from "./policy-evaluator.js";
import {
  type EndorsedResults,
  indexedTxId,
  isRefused,
  type ReadTransaction,
  readResults,
  readStructure,
} from "./structure.js";

export type BlockContext = {
  /** In force for this block. Undefined for block 0, which brings the first one. */
  readonly config: ChannelConfig | undefined;
  /** As it was after the block before. */
  readonly state: StateReader;
  /** Whether a block before holds a transaction with this id, valid or not. */
  isKnown(txId: string): boolean;
};

export type BlockVerdicts = {
  /** One for each envelope, for `Ledger.commit`. */
  readonly transactions: readonly ValidatedTransaction[];
  /** In force after this block. */
  readonly config: ChannelConfig;
};

/** Transactions judged before others in this process get their turn. */
const TURN = 8;

export class BlockValidator {
  readonly #channelId: string;
  #policies: PolicyEvaluator | undefined;

  constructor(channelId: string) {
    this.#channelId = channelId;
  }

  /**
   * @throws ConfigError when a configuration does not follow from the one in force. Fabric's peers stop there, too:
   *   an orderer that sends such a block cannot be followed.
   * @throws HansaError when a chaincode asks for a validation plugin that there is none of
   */
  async validate(block: BlockParts, context: BlockContext): Promise<BlockVerdicts> {
    if (context.config === undefined) return this.#genesis(block);
    const run = new BlockRun(context, this.#policiesUnder(context.config));
    const transactions: ValidatedTransaction[] = [];
    for (const [index, envelope] of block.envelopes.entries()) {
      if (index > 0 && index % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      transactions.push(run.judge(envelope));
    }
    return { transactions: withoutDuplicates(transactions), config: run.config };
  }

  #genesis(block: BlockParts): BlockVerdicts {
    assert(block.header.number === 0n, `block ${block.header.number} without a configuration`);
    const config = ChannelConfig.fromBlock(joinBlock(block));
    assert(config.channelId === this.#channelId, `block 0 of ${config.channelId} given to ${this.#channelId}`);
    // Nobody vouches for block 0: whoever joins a channel chose it.
    const transactions = block.envelopes.map((envelope) => readTransaction(envelope, TxValidationCode.VALID));
    return { transactions, config };
  }

  #policiesUnder(config: ChannelConfig): PolicyEvaluator {
    if (this.#policies?.config !== config) this.#policies = new PolicyEvaluator(config);
    return this.#policies;
  }
}

class BlockRun {
  readonly #context: BlockContext;
  readonly #policies: PolicyEvaluator;
  readonly #definitions: Definitions;
  readonly #changed = new ChangedPolicies();
  config: ChannelConfig;

  constructor(context: BlockContext, policies: PolicyEvaluator) {
    this.#context = context;
    this.#policies = policies;
    this.config = policies.config;
    this.#definitions = new Definitions(context.state, policies.config);
  }

  judge(envelope: Uint8Array): ValidatedTransaction {
    const read = readStructure(envelope, this.config);
    if (isRefused(read)) return { txId: indexedTxId(envelope), type: undefined, code: read.code };
    const { header, payload } = read;
    const txId = header.txId === "" ? read.txId : header.txId;
    if (header.type === HeaderType.CONFIG) {
      this.config = validateConfigEnvelope(this.config, payload.data);
      return { txId, type: header.type, code: TxValidationCode.VALID, configData: payload.data };
    }
    if (this.#context.isKnown(txId)) return { txId, type: header.type, code: TxValidationCode.DUPLICATE_TXID };
    return this.#judgeResults(read, txId);
  }

  #judgeResults(read: ReadTransaction, txId: string): ValidatedTransaction {
    const results = readResults(read);
    const { type } = read.header;
    if (isRefused(results)) return { txId, type, code: results.code };
    const { chaincodeId: chaincode, rwset } = results;
    return { txId, type, code: this.#judgePolicies(results), chaincode, rwset };
  }

  /** Each namespace that is written, and that of the chaincode that was asked, by its own policies. */
  #judgePolicies({ chaincode, rwset, responsePayload, endorsements }: EndorsedResults): number {
    const written = new Set([chaincode]);
    for (const set of rwset.namespaces) if (writesTo(set)) written.add(set.namespace);

    const signed: SignedData[] = endorsements.map(({ endorser, signature }) => ({
      identity: endorser,
      message: concatBytes(responsePayload, endorser),
      signature,
    }));
    const signers = verifiedSigners(signed, this.#policies.config.msps);
    for (const namespace of written) {
      const chaincodePolicy = this.#definitions.policyOf(namespace);
      if (chaincodePolicy === undefined) return TxValidationCode.INVALID_CHAINCODE;
      const { state } = this.#context;
      const definitions = this.#definitions;
      const policies = this.#policies;
      const changed = this.#changed;
      if (!isEndorsed({ namespace, chaincodePolicy, rwset, signers, state, definitions, policies, changed })) {
        return TxValidationCode.ENDORSEMENT_POLICY_FAILURE;
      }
      for (const set of rwset.namespaces) if (set.namespace === namespace) changed.add(set);
    }
    return TxValidationCode.VALID;
  }
}

/** Of the transactions of one block with the same id that are valid so far, the first stands. */
function withoutDuplicates(transactions: readonly ValidatedTransaction[]): ValidatedTransaction[] {
  const seen = new Set<string>();
  return transactions.map((transaction) => {
    if (transaction.code !== TxValidationCode.VALID || transaction.type === HeaderType.CONFIG) return transaction;
    if (seen.has(transaction.txId)) return { ...transaction, code: TxValidationCode.DUPLICATE_TXID };
    seen.add(transaction.txId);
    return transaction;
  });
}
