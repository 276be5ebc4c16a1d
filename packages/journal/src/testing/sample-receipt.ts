/** A small strand with real certificates, and receipts over it, for tests. */
import { createHash, type KeyObject } from "node:crypto";
import {
  Certificate,
  createSigner,
  generatePrivateKey,
  type KeyAlgorithm,
  privateKeyFromPem,
  publicPart,
} from "@hansa/crypto";
import { createIntermediateCa, createRootCa, type Issuer, issueCertificate } from "@hansa/crypto/issuing";
import { type Bytes, sha256, unixMs } from "@hansa/primitives";
import {
  blockDataHash,
  blockHeaderHash,
  encode,
  HeaderType,
  joinBlock,
  msp,
  signedEnvelope,
  transactionId,
} from "@hansa/wire";
import { emptyTip, type JournalBlock, nextBlock, tipAfter } from "../block.js";
import { joinLog, logLeaf, logProof } from "../log.js";
import { digestAt, digestBytes, entryPath } from "../proof.js";
import type { JournalRecord } from "../store.js";
import { channelStrandId } from "../strand-id.js";
import { completedNodes, NodeList } from "../tree.js";
import type { ReceiptParts } from "../verify/receipt-file.js";

export const NOW_MS = Date.UTC(2026, 5, 1);
const times = { nowMs: NOW_MS, validityMs: 365 * 24 * 3_600_000 };

export type Person = { readonly certificate: Certificate; readonly key: KeyObject; sign(bytes: Bytes): Bytes };

export function authority(name: string, above?: Issuer, algorithm: KeyAlgorithm = "P-256"): Issuer {
  const request = { commonName: name, organization: "example", algorithm, ...times };
  const made = above === undefined ? createRootCa(request) : createIntermediateCa({ ...request, issuer: above });
  return { certificate: Certificate.parse(made.certPem), key: privateKeyFromPem(made.keyPem) };
}

export function person(issuer: Issuer, name: string, unit: string, validityMs = times.validityMs): Person {
  const key = generatePrivateKey("P-256");
  const certPem = issueCertificate({
    issuer,
    publicKey: publicPart(key),
    subject: { commonName: name, organizationalUnits: [unit] },
    profile: "identity",
    nowMs: times.nowMs,
    validityMs,
  });
  const signer = createSigner(key);
  return { certificate: Certificate.parse(certPem), key, sign: (bytes) => signer.sign(bytes) };
}

export type SampleStrand = {
  readonly channel: string;
  readonly blocks: readonly JournalBlock[];
  readonly records: readonly JournalRecord[];
  readonly envelopes: readonly (readonly Bytes[])[];
  /** Unsigned digest bytes with this tip. */
  digest(tip: number): Bytes;
  receipt(block: number, entry: number, tip: number, signers: readonly Person[], intermediates?: Bytes[]): ReceiptParts;
};

/** Blocks of one to four transactions each, sent by the given person; by nobody they are small, and not signed. */
export function sampleStrand(channel: string, length: number, sender?: Person, stepMs = 1_000): SampleStrand {
  const strandId = channelStrandId(channel, sha256(Buffer.from("genesis")));
  const [nodes, logNodes] = [new NodeList(), new NodeList()];
  const blocks: JournalBlock[] = [];
  const envelopes: Bytes[][] = [];
  const ids: string[][] = [];
  const records: JournalRecord[] = [];
  let previousHash: Bytes = Buffer.alloc(0);
  let tip = emptyTip(strandId);
  for (let n = 0; n < length; n++) {
    const made = Array.from({ length: 1 + (n % 4) }, (_, i) => transaction(channel, `${n}.${i}`, sender));
    ids.push(made.map(({ txId }) => txId));
    envelopes.push(made.map(({ envelope }) => envelope));
    const header = { number: BigInt(n), previousHash, dataHash: blockDataHash(envelopes[n]!) };
    const headerHash = blockHeaderHash(header);
    previousHash = headerHash;
    const contents = {
      channelId: channel,
      timestampMs: unixMs(NOW_MS + stepMs * n),
      headerHash,
      envelopes: envelopes[n]!,
    };
    const block = nextBlock(tip, contents);
    blocks.push(block);
    const metadata = [Buffer.from(`signature ${n}`), Buffer.alloc(0), Buffer.of(0)];
    records.push({ block, content: joinBlock({ header, envelopes: envelopes[n]!, metadata }) });
    nodes.append(completedNodes(n, block.blockHash, nodes.read));
    logNodes.append(completedNodes(n, logLeaf(block), logNodes.read, joinLog));
    tip = tipAfter(block);
  }
  const trees = { node: nodes.read, logNode: logNodes.read };
  const digest = (at: number) => digestBytes(digestAt(blocks[at]!, trees), channel);
  return {
    channel,
    blocks,
    records,
    envelopes,
    digest,
    receipt(number, entry, at, signers, intermediates = []) {
      const block = blocks[number]!;
      const { binding, ...log } = logProof(block, entry, at, trees.logNode);
      const signed = digest(at);
      return {
        channel,
        transaction: ids[number]![entry - 1]!,
        block: number,
        entry,
        time: new Date(block.timestampMs).toISOString(),
        envelope: envelopes[number]![entry - 1]!,
        binding,
        path: entryPath(block, entry, at, trees.node),
        log,
        digest: signed,
        signatures: signers.map(({ certificate, sign }) => ({ certificate: certificate.raw, signature: sign(signed) })),
        intermediateCertificates: intermediates,
      };
    },
  };
}

function transaction(channel: string, text: string, sender: Person | undefined): { envelope: Bytes; txId: string } {
  const creator = encode(msp.SerializedIdentity, {
    mspid: "PubMSP",
    idBytes: Buffer.from(sender?.certificate.pem ?? ""),
  });
  const nonce = createHash("sha256").update(text).digest().subarray(0, 24);
  const txId = transactionId(nonce, creator);
  const envelope = signedEnvelope({
    type: HeaderType.ENDORSER_TRANSACTION,
    channelId: channel,
    txId,
    creator,
    nonce,
    timestampMs: NOW_MS,
    data: Buffer.from(text),
    sign: sender?.sign ?? (() => Buffer.of(1)),
  });
  return { envelope, txId };
}
