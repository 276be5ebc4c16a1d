/**
 * PEM armour (RFC 7468), read as leniently as Go's encoding/pem does: text around blocks is skipped, header lines
 * inside a block are allowed, line lengths do not matter.
 */
import { type Bytes, toUtf8 } from "@hansa/primitives";
import { CryptoError } from "./error.js";

/** `label` is what stands between BEGIN and the dashes, e.g. "CERTIFICATE". `end` is the offset after the block. */
export type PemBlock = { label: string; bytes: Bytes; end: number };

const BLOCK = /-----BEGIN ([^-\r\n]{0,64})-----[ \t]*\r?\n([^-]*)-----END \1-----[ \t]*(?:\r?\n|$)/g;
const HEADERS = /^(?:[^:\n]+:[^\n]*\n)+\r?\n?/;

/** The first block at or after `from`, or undefined when there is none. */
export function readPem(text: string, from = 0): PemBlock | undefined {
  BLOCK.lastIndex = from;
  for (let match = BLOCK.exec(text); match !== null; match = BLOCK.exec(text)) {
    const body = (match[2] ?? "").replace(HEADERS, "").replace(/\s+/g, "");
    const end = match.index + match[0].length;
    if (/^[A-Za-z0-9+/]*={0,2}$/.test(body) && body.length % 4 === 0) {
      return { label: match[1] ?? "", bytes: Buffer.from(body, "base64"), end };
    }
    BLOCK.lastIndex = end;
  }
  return undefined;
}

/** All blocks with this label, in order. */
export function readPemBlocks(text: string, label: string): Bytes[] {
  const found: Bytes[] = [];
  for (let block = readPem(text); block !== undefined; block = readPem(text, block.end)) {
    if (block.label === label) found.push(block.bytes);
  }
  return found;
}

/** 64 characters a line and a final newline: the same text that Go's encoder writes. */
export function toPem(label: string, der: Bytes): string {
  const lines =
    Buffer.from(der.buffer, der.byteOffset, der.length)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join("")}-----END ${label}-----\n`;
}

const SEQUENCE_TAG = 0x30;

/**
 * DER out of PEM text, PEM bytes or DER bytes. The label is not looked at: Fabric accepts any.
 * @throws CryptoError MALFORMED_PEM
 */
export function derFrom(pemOrDer: string | Bytes, what: string): Bytes {
  if (typeof pemOrDer !== "string" && pemOrDer[0] === SEQUENCE_TAG) return pemOrDer;
  const block = readPem(typeof pemOrDer === "string" ? pemOrDer : toUtf8(pemOrDer));
  if (block === undefined) throw new CryptoError("MALFORMED_PEM", `${what} is not PEM: no complete BEGIN/END block`);
  return block.bytes;
}
