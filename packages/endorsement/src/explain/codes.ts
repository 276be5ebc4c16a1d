/** What the validation codes mean that say nothing of keys and policies, and what helps then. */
import type { ChannelConfig } from "@hansa/channel-config";
import { MalformedMessage, viewChannelHeader, viewEnvelope, viewPayload, viewSignatureHeader } from "@hansa/ledger";
import { MspError } from "@hansa/msp";
import type { Bytes } from "@hansa/primitives";
import { TxValidationCode, transactionId } from "@hansa/wire";
import { readAction, readHeaders } from "../validation/structure.js";
import { cut } from "./shown.js";
import type { ReadParts } from "./transaction.js";

const MAX_NAME = 100;

export type CodeWords = { readonly fact: string; readonly nextStep: string };

const CLIENT = "Look at the client that made the transaction: official client libraries do not send such bytes.";

/** By validation code; `NOT_VALIDATED` and codes that no peer gives have words, too. */
const WORDS: ReadonlyMap<number, CodeWords> = new Map<number, CodeWords>([
  [TxValidationCode.NIL_ENVELOPE, { fact: "The block holds an empty envelope in its place.", nextStep: CLIENT }],
  [TxValidationCode.BAD_PAYLOAD, { fact: "The envelope's payload cannot be read.", nextStep: CLIENT }],
  [TxValidationCode.BAD_COMMON_HEADER, { fact: "The transaction's headers are wrong.", nextStep: CLIENT }],
  [
    TxValidationCode.BAD_CREATOR_SIGNATURE,
    {
      fact: "The signature of the one who sent it does not hold.",
      nextStep: "Sign with a certificate of a member of this channel, and with the key that belongs to it.",
    },
  ],
  [
    TxValidationCode.INVALID_ENDORSER_TRANSACTION,
    {
      fact: "The transaction's action does not fit its headers.",
      nextStep: "Send exactly one action, with the results of the very proposal whose header it carries.",
    },
  ],
  [
    TxValidationCode.INVALID_CONFIG_TRANSACTION,
    {
      fact: "It is a configuration transaction that holds no configuration that follows from the one in force.",
      nextStep: "Compute the update again from the channel's newest configuration.",
    },
  ],
  [
    TxValidationCode.UNSUPPORTED_TX_PAYLOAD,
    {
      fact: "Peers do not take this kind of message from a block.",
      nextStep: "Send configuration updates to the orderer by its Broadcast, which makes a configuration of them.",
    },
  ],
  [
    TxValidationCode.BAD_PROPOSAL_TXID,
    {
      fact: "Its id is not the one that its nonce and creator make.",
      nextStep: "Let the client library compute the id: SHA-256 of nonce and creator, in hexadecimal.",
    },
  ],
  [
    TxValidationCode.DUPLICATE_TXID,
    {
      fact: "The channel has a transaction with this id already.",
      nextStep: "Nothing needs to be done if the first one is valid; to repeat the call, propose it anew.",
    },
  ],
  [
    TxValidationCode.UNKNOWN_TX_TYPE,
    { fact: "Its type is none that peers know.", nextStep: "Send endorser transactions or configuration updates." },
  ],
  [
    TxValidationCode.TARGET_CHAIN_NOT_FOUND,
    { fact: "It names a channel that does not exist.", nextStep: "Send it to the channel that it was endorsed for." },
  ],
  [TxValidationCode.MARSHAL_TX_ERROR, { fact: "It could not be encoded again.", nextStep: CLIENT }],
  [TxValidationCode.NIL_TXACTION, { fact: "It holds no action.", nextStep: CLIENT }],
  [
    TxValidationCode.EXPIRED_CHAINCODE,
    {
      fact: "It was endorsed by a definition of the chaincode that was replaced before it was committed.",
      nextStep: "Submit it again: endorsers then run the definition in force.",
    },
  ],
  [
    TxValidationCode.CHAINCODE_VERSION_CONFLICT,
    {
      fact: "It was endorsed by another version of the chaincode than the channel has defined.",
      nextStep: "Submit it again once every endorser runs the version in force.",
    },
  ],
  [
    TxValidationCode.BAD_HEADER_EXTENSION,
    { fact: "Its header does not say which chaincode it is for.", nextStep: CLIENT },
  ],
  [TxValidationCode.BAD_CHANNEL_HEADER, { fact: "Its channel header cannot be read.", nextStep: CLIENT }],
  [
    TxValidationCode.BAD_RESPONSE_PAYLOAD,
    { fact: "What the endorsers signed holds no results that can be read.", nextStep: CLIENT },
  ],
  [TxValidationCode.BAD_RWSET, { fact: "Its read-write set cannot be read.", nextStep: CLIENT }],
  [
    TxValidationCode.ILLEGAL_WRITESET,
    {
      fact: "Its read-write set names a namespace twice.",
      nextStep: "Submit it again through the gateway; no peer endorses such a set.",
    },
  ],
  [
    TxValidationCode.INVALID_WRITESET,
    { fact: "It writes what no transaction may write.", nextStep: "Let the contract write its own keys only." },
  ],
  [
    TxValidationCode.INVALID_CHAINCODE,
    {
      fact: "It calls or writes to a chaincode that the channel does not have.",
      nextStep: "Commit a definition of the chaincode on the channel first.",
    },
  ],
  [
    TxValidationCode.NOT_VALIDATED,
    { fact: "No peer has judged it yet.", nextStep: "Ask again when the block is committed." },
  ],
  [
    TxValidationCode.INVALID_OTHER_REASON,
    { fact: "The envelope cannot be read, or names no chaincode, or carries another's event.", nextStep: CLIENT },
  ],
]);

export function wordsOf(code: number): CodeWords {
  return (
    WORDS.get(code) ?? {
      fact: `Peers gave it validation code ${code}, which this version does not know.`,
      nextStep: "Look the code up in Fabric's TxValidationCode.",
    }
  );
}

/** What exactly is wrong, where the envelope itself shows it. Never throws for malformed bytes. */
export function evidenceOf(code: number, envelopeBytes: Bytes, config: ChannelConfig | undefined): string | undefined {
  try {
    const envelope = viewEnvelope(envelopeBytes);
    const payload = viewPayload(envelope.payload);
    switch (code) {
      case TxValidationCode.BAD_COMMON_HEADER:
        readHeaders(payload);
        return undefined;
      case TxValidationCode.INVALID_ENDORSER_TRANSACTION:
        readAction(payload);
        return undefined;
    }
    if (payload.header === undefined) return undefined;
    const header = viewChannelHeader(payload.header.channelHeader);
    const { creator, nonce } = viewSignatureHeader(payload.header.signatureHeader);
    if (code === TxValidationCode.BAD_PROPOSAL_TXID) {
      return `It is called ${cut(header.txId, 64) || "nothing"}, its nonce and creator make ${transactionId(nonce, creator)}.`;
    }
    if (code === TxValidationCode.BAD_CREATOR_SIGNATURE && config !== undefined) {
      if (header.channelId !== config.channelId) {
        return `It is for channel "${cut(header.channelId, 100)}", but came on ${config.channelId}.`;
      }
      if (envelope.signature.length === 0) return "It is not signed at all.";
      const identity = config.msps.identity(creator);
      config.msps.check(identity);
      if (!identity.verify(envelope.payload, envelope.signature)) {
        return "The signature was not made over these bytes with the creator's key.";
      }
    }
    return undefined;
  } catch (error) {
    if (error instanceof MalformedMessage || error instanceof MspError) return sentence(error.message);
    throw error;
  }
}

/** How the names of a transaction's chaincode do not fit. */
export function nameFact({ chaincode, executed }: ReadParts): string {
  const { name = "", version = "" } = executed ?? {};
  if (chaincode === "") return "It does not name the chaincode that it calls.";
  if (name !== chaincode)
    return `It calls chaincode ${shownName(chaincode)}, but its results are of ${shownName(name)}.`;
  return version === ""
    ? "Its results do not name the chaincode's version."
    : wordsOf(TxValidationCode.INVALID_CHAINCODE).fact;
}

function shownName(name: string): string {
  return name === "" ? "none" : JSON.stringify(cut(name, MAX_NAME));
}

function sentence(text: string): string {
  const whole = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return whole.endsWith(".") ? whole : `${whole}.`;
}
