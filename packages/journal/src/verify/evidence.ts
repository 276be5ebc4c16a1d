/** Verifies evidence of a fork offline: whether the statements contradict each other, and who made them. */
import type { Bytes } from "@hansa/primitives";
import { sha256 } from "@noble/hashes/sha2.js";
import { type Certificate, chainTo, isSignedBy, readCertificate } from "./certificate.js";
import { certificatesIn, concat, equal, toHex } from "./encoding.js";
import { type BlockStatement, type EvidenceParts, parseEvidence } from "./evidence-file.js";
import { Message } from "./protobuf.js";
import { readingField, WrongField } from "./receipt-file.js";
import { checkSignatures, Intermediates, readDigest, readRoots, roleOf, type Signer } from "./signed-digest.js";

export type EvidenceVerdict =
  | {
      readonly valid: true;
      readonly channel: string;
      /** The block up to which, or at which, the statements differ. */
      readonly block: number;
      /** Those who made both statements. */
      readonly liars: readonly Signer[];
      /** One sentence for each thing that was proved. */
      readonly proved: readonly string[];
      readonly notProved: readonly string[];
    }
  | { readonly valid: false; readonly field: string; readonly reason: string };

type Judged = { readonly block: number; readonly what: string; readonly signers: readonly [Signer[], Signer[]] };

/**
 * @param text the file's
 * @param roots PEM texts with the root certificates of the organisations that the reader trusts
 */
export function verifyEvidence(text: string, roots: readonly string[]): EvidenceVerdict {
  try {
    const evidence = parseEvidence(text);
    const trusted = readRoots(roots);
    const intermediates = new Intermediates(evidence.intermediateCertificates);
    const judged =
      evidence.kind === "digests"
        ? judgeDigests(evidence, intermediates, trusted)
        : judgeBlocks(evidence, intermediates, trusted);
    intermediates.allNeeded();
    return verdict(evidence, judged);
  } catch (error) {
    if (error instanceof WrongField) return { valid: false, field: error.field, reason: error.reason };
    throw error;
  }
}

function verdict({ kind, channel, found }: EvidenceParts, { block, what, signers }: Judged): EvidenceVerdict {
  const [first, second] = signers;
  const liars = first.filter(({ name, rootIndex }) =>
    second.some((other) => other.name === name && other.rootIndex === rootIndex),
  );
  const names = (list: readonly Signer[]) =>
    list.map(({ name, role, root }) => `${name} (${role}, certified by ${root})`).join(", ");
  return {
    valid: true,
    channel,
    block,
    liars,
    proved: [
      `Channel ${channel} has been given two histories: ${what}.`,
      ...(liars.length > 0
        ? [`${names(liars)} signed both.`]
        : [`${names(first)} signed the first, ${names(second)} the second: one of them is false.`]),
    ],
    notProved: [
      ...(liars.length > 0 ? [] : ["Which of the two is the false one."]),
      ...(kind === "digests" ? [] : [`That both blocks are of channel ${channel}: a block's header does not name it.`]),
      `That ${found.by} noticed it at ${found.at} and had the second statement from ${found.source}: the file says so.`,
    ],
  };
}

function judgeDigests(
  { channel, statements }: Extract<EvidenceParts, { kind: "digests" }>,
  intermediates: Intermediates,
  roots: readonly Certificate[],
): Judged {
  const read = statements.map(({ digest, signatures }, i) => {
    const where = `statements[${i}].`;
    const parts = within(where, () => readDigest(digest));
    const { signers } = checkSignatures(
      digest,
      parts.tipTimestampMs,
      signatures,
      intermediates,
      roots,
      `${where}signatures`,
    );
    if (signers.length === 0) throw new WrongField(`${where}signatures`, "hold none of anybody whom the roots certify");
    return { ...parts, signers: [...signers] };
  });
  const [first, second] = read as [(typeof read)[0], (typeof read)[0]];
  for (const [i, each] of read.entries()) {
    if (each.channel !== channel) throw new WrongField(`statements[${i}].digest`, `is of channel "${each.channel}"`);
  }
  if (first.strandId !== second.strandId) {
    throw new WrongField("statements", `are of strands ${first.strandId} and ${second.strandId}: no contradiction`);
  }
  if (first.tip !== second.tip) {
    throw new WrongField("statements", `end with blocks ${first.tip} and ${second.tip}: one may extend the other`);
  }
  if (equal(statements[0].digest, statements[1].digest)) throw new WrongField("statements", "say the same");
  if (![...first.signers, ...second.signers].some(({ role }) => role === "orderer")) {
    throw new WrongField("statements", "are signed by no ordering node");
  }
  const what = `two different digests of blocks 0 to ${first.tip} of strand ${first.strandId} are signed`;
  return { block: first.tip, what, signers: [first.signers, second.signers] };
}

function judgeBlocks(
  { statements }: Extract<EvidenceParts, { kind: "blocks" }>,
  intermediates: Intermediates,
  roots: readonly Certificate[],
): Judged {
  const read = statements.map((statement, i) => readBlock(statement, intermediates, roots, `statements[${i}].`));
  const [first, second] = read as [(typeof read)[0], (typeof read)[0]];
  const signers = [[first.signer], [second.signer]] as const;
  if (second.number === first.number) {
    if (equal(first.der, second.der)) throw new WrongField("statements", "say the same");
    const what = `two different headers of block ${first.number} are signed`;
    return { block: first.number, what, signers: [[...signers[0]], [...signers[1]]] };
  }
  if (second.number !== first.number + 1) {
    throw new WrongField(
      "statements",
      `are blocks ${first.number} and ${second.number}: neither the same nor consecutive`,
    );
  }
  if (equal(second.previousHash, sha256(first.der))) throw new WrongField("statements", "fit each other");
  const what = `block ${second.number} is signed on top of another block ${first.number} than the one that is signed`;
  return { block: first.number, what, signers: [[...signers[0]], [...signers[1]]] };
}

function readBlock(
  { header, signatures }: BlockStatement,
  intermediates: Intermediates,
  roots: readonly Certificate[],
  where: string,
) {
  const { number, previousHash, dataHash } = readingField(`${where}header`, () => {
    const message = new Message(header);
    return { number: message.number(1), previousHash: message.bytes(2), dataHash: message.bytes(3) };
  });
  const signed = readingField(`${where}signatures`, () => {
    const metadata = new Message(signatures);
    const one = metadata.message(2);
    const identity = one.message(1).message(1);
    const [der] = certificatesIn(identity.text(2));
    return { value: metadata.bytes(1), signatureHeader: one.bytes(1), signature: one.bytes(2), der };
  });
  if (signed.der === undefined) throw new WrongField(`${where}signatures`, "hold no certificate");
  const certificate = readingField(`${where}signatures`, () => readCertificate(signed.der as Bytes));
  const chain = chainTo(certificate, intermediates.list, roots);
  if (typeof chain === "string") throw new WrongField(`${where}signatures`, `the certificate ${chain}`);
  intermediates.use(chain);
  if (roleOf(certificate) !== "orderer") throw new WrongField(`${where}signatures`, "are not an ordering node's");
  const der = headerBytes(number, previousHash, dataHash);
  const message = concat(signed.value, signed.signatureHeader, der);
  if (!isSignedBy(certificate.publicKey, message, signed.signature, false)) {
    throw new WrongField(`${where}signatures`, `hold no signature of "${certificate.commonName}" over the header`);
  }
  const root = chain.at(-1) as Certificate;
  const signer: Signer = {
    name: certificate.commonName,
    role: "orderer",
    root: root.commonName,
    rootIndex: roots.indexOf(root),
  };
  return { number, previousHash, der, signer };
}

/** What an ordering node signs of a header, and whose hash the next one carries. Source: hyperledger/fabric, protoutil/blockutils.go. */
function headerBytes(number: number, previousHash: Bytes, dataHash: Bytes): Bytes {
  const digits: number[] = [];
  for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  if (digits.length === 0 || (digits[0] as number) >= 0x80) digits.unshift(0);
  const body = concat(tagged(0x02, Uint8Array.from(digits)), tagged(0x04, previousHash), tagged(0x04, dataHash));
  return tagged(0x30, body);
}

function tagged(tag: number, content: Bytes): Bytes {
  // A header's parts are hashes and a number: a length of one byte does for all that is one.
  if (content.length > 127) throw new WrongField("statements", `hold a header with ${toHex(content).length / 2} bytes`);
  return concat(Uint8Array.of(tag, content.length), content);
}

/** Names the field within the statement that it belongs to. */
function within<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WrongField) throw new WrongField(`${where}${error.field}`, error.reason);
    throw error;
  }
}
