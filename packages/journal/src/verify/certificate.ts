/**
 * X.509 certificates and their chains, as far as Fabric's identities use them: ECDSA over P-256 with SHA-256.
 * Source: RFC 5280; hyperledger/fabric, msp/mspimplvalidate.go (chains are judged one second after the leaf began).
 */

import type { Bytes } from "@hansa/primitives";
import { p256 } from "@noble/curves/nist.js";
import { equal, Malformed, toHex, toText } from "./encoding.js";

const ECDSA_SHA256 = "2a8648ce3d040302";
/** SEQUENCE { id-ecPublicKey, prime256v1 }, then the head of a BIT STRING that holds an uncompressed point. */
const P256_KEY_HEAD = "301306072a8648ce3d020106082a8648ce3d030107034200";
const POINT_BYTES = 65;
const COMMON_NAME = "550403";
const ORGANIZATIONAL_UNIT = "55040b";
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
const SUBJECT_KEY_ID = "551d0e";
const AUTHORITY_KEY_ID = "551d23";
/** Besides those: alternative names, which restrict nothing here, and extended key usage. */
const HARMLESS = new Set(["551d11", "551d25"]);
const LONGEST_CHAIN = 5;
const SECOND_MS = 1000;
/** How `chainTo` ends when nobody is known whose name the last certificate carries. */
export const NO_ROOT = "does not chain to any of the given roots";

const Tag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BITS: 0x03,
  OCTETS: 0x04,
  OID: 0x06,
  SEQUENCE: 0x30,
  SET: 0x31,
  UTC_TIME: 0x17,
  KEY_ID: 0x80,
  VERSION: 0xa0,
  EXTENSIONS: 0xa3,
} as const;

type Element = { readonly tag: number; readonly raw: Bytes; readonly content: Bytes };

/** The elements of a DER value, one after another. */
class Der {
  readonly #bytes: Bytes;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  next(wanted?: number): Element {
    const start = this.#at;
    const [tag, short] = this.#bytes.subarray(start, start + 2);
    if (tag === undefined || short === undefined) throw new Malformed("is no certificate: it ends too early");
    let length = short;
    let head = 2;
    if (short >= 0x80) {
      const digits = this.#bytes.subarray(start + 2, start + 2 + (short & 0x7f));
      length = digits.reduce((value, digit) => value * 256 + digit, 0);
      head += digits.length;
      const shortest = length >= 0x80 && digits[0] !== 0;
      if (digits.length === 0 || digits.length > 3 || !shortest) throw new Malformed("is no certificate: not DER");
    }
    const end = start + head + length;
    if (end > this.#bytes.length) throw new Malformed("is no certificate: it ends too early");
    if (wanted !== undefined && tag !== wanted)
      throw new Malformed(`is no certificate: tag ${tag} where ${wanted} belongs`);
    this.#at = end;
    return { tag, raw: this.#bytes.subarray(start, end), content: this.#bytes.subarray(start + head, end) };
  }

  enter(tag: number = Tag.SEQUENCE): Der {
    return new Der(this.next(tag).content);
  }
}

export type Certificate = {
  readonly der: Bytes;
  readonly signedBytes: Bytes;
  readonly signature: Bytes;
  readonly issuer: Bytes;
  readonly subject: Bytes;
  readonly commonName: string;
  readonly units: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Uncompressed point on P-256. */
  readonly publicKey: Bytes;
  readonly isCa: boolean;
  /** How many authorities may follow below; undefined for any number. */
  readonly maxPathLength: number | undefined;
  readonly mayCertify: boolean;
  /** The names of its own key and of its issuer's. */
  readonly keyId: Bytes | undefined;
  readonly issuerKeyId: Bytes | undefined;
};

/** @throws Malformed also for what this verifier does not know: other keys, other signatures, critical extensions */
export function readCertificate(der: Bytes): Certificate {
  const whole = new Der(der);
  const outer = whole.enter();
  if (!whole.done) throw new Malformed("has bytes after its end");
  const signed = outer.next(Tag.SEQUENCE);
  const algorithm = outer.next(Tag.SEQUENCE);
  const signature = wholeBytes(outer.next(Tag.BITS).content);
  if (!outer.done) throw new Malformed("has something after its signature");

  const body = new Der(signed.content);
  if (body.nextTag === Tag.VERSION) body.next();
  body.next(Tag.INTEGER);
  const innerAlgorithm = body.next(Tag.SEQUENCE);
  if (!equal(algorithm.raw, innerAlgorithm.raw)) throw new Malformed("names two different signature algorithms");
  if (toHex(new Der(algorithm.content).next(Tag.OID).content) !== ECDSA_SHA256) {
    throw new Malformed("is not signed with ECDSA and SHA-256, the only kind that this verifier knows");
  }
  const issuer = body.next(Tag.SEQUENCE).raw;
  const validity = body.enter();
  const [notBeforeMs, notAfterMs] = [timeMs(validity.next()), timeMs(validity.next())];
  const subject = body.next(Tag.SEQUENCE);
  const key = body.next(Tag.SEQUENCE).content;
  if (key.length <= POINT_BYTES || toHex(key.subarray(0, -POINT_BYTES)) !== P256_KEY_HEAD) {
    throw new Malformed("has a key that is not on P-256, the only curve that this verifier knows");
  }
  let isCa = false;
  let maxPathLength: number | undefined;
  let mayCertify = true;
  let keyId: Bytes | undefined;
  let issuerKeyId: Bytes | undefined;
  while (!body.done) {
    const extra = body.next();
    if (extra.tag !== Tag.EXTENSIONS) continue;
    const list = new Der(extra.content).enter();
    while (!list.done) {
      const extension = list.enter();
      const oid = toHex(extension.next(Tag.OID).content);
      const critical = extension.nextTag === Tag.BOOLEAN && extension.next().content[0] !== 0;
      const value = new Der(extension.next(Tag.OCTETS).content);
      if (oid === BASIC_CONSTRAINTS) {
        const constraints = value.enter();
        isCa = constraints.nextTag === Tag.BOOLEAN && constraints.next().content[0] !== 0;
        if (constraints.nextTag === Tag.INTEGER) maxPathLength = constraints.next().content.at(-1);
      } else if (oid === KEY_USAGE) {
        mayCertify = ((value.next(Tag.BITS).content[1] ?? 0) & 0x04) !== 0;
      } else if (oid === SUBJECT_KEY_ID) {
        keyId = value.next(Tag.OCTETS).content;
      } else if (oid === AUTHORITY_KEY_ID) {
        const names = value.enter();
        if (names.nextTag === Tag.KEY_ID) issuerKeyId = names.next().content;
      } else if (critical && !HARMLESS.has(oid)) {
        throw new Malformed(`has a critical extension that this verifier does not know (${oid})`);
      }
    }
  }
  return {
    der,
    signedBytes: signed.raw,
    signature,
    issuer,
    subject: subject.raw,
    commonName: nameParts(subject.content, COMMON_NAME).at(-1) ?? "",
    units: nameParts(subject.content, ORGANIZATIONAL_UNIT),
    notBeforeMs,
    notAfterMs,
    publicKey: key.subarray(-POINT_BYTES),
    isCa,
    maxPathLength,
    mayCertify,
    keyId,
    issuerKeyId,
  };
}

/** Whether the key signed the message: ECDSA over SHA-256, DER. */
export function isSignedBy(publicKey: Bytes, message: Bytes, signature: Bytes, lowS: boolean): boolean {
  try {
    return p256.verify(signature, message, publicKey, { format: "der", lowS });
  } catch {
    return false;
  }
}

/**
 * The certificates from the leaf to one of the roots, leaf first, or why there is no such chain.
 * Issuing certificates may be signed with a high S, as Fabric allows there.
 */
export function chainTo(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  roots: readonly Certificate[],
): readonly Certificate[] | string {
  const judgedAtMs = leaf.notBeforeMs + SECOND_MS;
  const chain = [leaf];
  for (let depth = 0; depth < LONGEST_CHAIN; depth++) {
    const child = chain.at(-1) as Certificate;
    const named = (list: readonly Certificate[]) => list.filter(({ subject }) => equal(subject, child.issuer));
    const candidates = [...named(roots), ...named(intermediates)];
    const issuer = candidates.find(({ publicKey }) => isSignedBy(publicKey, child.signedBytes, child.signature, false));
    if (issuer === undefined) {
      if (candidates.length === 0) return withoutIssuer(child, [...roots, ...intermediates]);
      return `of "${child.commonName}" is not signed by "${candidates[0]?.commonName}", whose name it carries`;
    }
    if (!issuer.isCa || !issuer.mayCertify) return `of "${issuer.commonName}" may not certify others`;
    if (issuer.maxPathLength !== undefined && chain.length - 1 > issuer.maxPathLength) {
      return `of "${issuer.commonName}" may not certify authorities`;
    }
    if (judgedAtMs < issuer.notBeforeMs || judgedAtMs > issuer.notAfterMs) {
      return `of "${issuer.commonName}" was not in force when it certified "${leaf.commonName}"`;
    }
    chain.push(issuer);
    if (roots.includes(issuer)) return chain;
  }
  return `of "${leaf.commonName}" has a chain of more than ${LONGEST_CHAIN} certificates`;
}

/** Of a stranger, or changed on the way: its issuer's key is that of somebody who is known under another name. */
function withoutIssuer(child: Certificate, known: readonly Certificate[]): string {
  const { commonName, issuerKeyId } = child;
  const meant = known.find(({ keyId }) => keyId && issuerKeyId && equal(keyId, issuerKeyId));
  if (meant === undefined) return `of "${commonName}" ${NO_ROOT}`;
  return `of "${commonName}" names the key of "${meant.commonName}", and not its name`;
}

function wholeBytes(bits: Bytes): Bytes {
  if (bits[0] !== 0) throw new Malformed("has a signature that is not whole bytes");
  return bits.subarray(1);
}

function nameParts(name: Bytes, oid: string): string[] {
  const parts: string[] = [];
  for (const sets = new Der(name); !sets.done; ) {
    for (const set = sets.enter(Tag.SET); !set.done; ) {
      const pair = set.enter();
      const kind = toHex(pair.next(Tag.OID).content);
      const value = pair.next().content;
      if (kind === oid) parts.push(toText(value));
    }
  }
  return parts;
}

function timeMs({ tag, content }: Element): number {
  const text = toText(content);
  const [year, rest] =
    tag === Tag.UTC_TIME
      ? [Number(text.slice(0, 2)) + (Number(text.slice(0, 2)) < 50 ? 2000 : 1900), text.slice(2)]
      : [Number(text.slice(0, 4)), text.slice(4)];
  const found = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(rest);
  if (found === null || !Number.isInteger(year)) throw new Malformed(`has a time that cannot be read: ${text}`);
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
