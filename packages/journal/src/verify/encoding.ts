/** Base64, hex, PEM and UTF-8 without node, and strict: one value has one spelling, so a changed character is noticed. */
import type { Bytes } from "@hansa/primitives";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PEM_COLUMNS = 64;
const PEM_BEGIN = "-----BEGIN CERTIFICATE-----";
const PEM_END = "-----END CERTIFICATE-----";

/** Why some input is not what it should be: a sentence's end, e.g. "has no base64 at character 7". */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/** @throws Malformed unless the text is what `toBase64` would write */
export function fromBase64(text: string): Bytes {
  if (text.length % 4 !== 0) throw new Malformed(`has ${text.length} characters, which no base64 has`);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length - padding; i++) {
    const digit = DIGITS.indexOf(text.charAt(i));
    if (digit < 0) throw new Malformed(`has no base64 at character ${i + 1}`);
    held = ((held << 6) | digit) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (held >> bits) & 0xff;
  }
  if ((held & ((1 << bits) - 1)) !== 0) throw new Malformed("ends in base64 with bits that mean nothing");
  return bytes;
}

export function toBase64(bytes: Bytes): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = bytes.subarray(i, i + 3);
    const word = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += `${DIGITS[word >> 18]}${DIGITS[(word >> 12) & 63]}`;
    text += `${b === undefined ? "=" : DIGITS[(word >> 6) & 63]}${c === undefined ? "=" : DIGITS[word & 63]}`;
  }
  return text;
}

export function toHex(bytes: Bytes): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @throws Malformed */
export function toText(bytes: Bytes): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Malformed("holds text that is not UTF-8");
  }
}

export function equal(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function concat(...parts: readonly Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** One certificate as PEM, lines of 64 characters. */
export function toPem(der: Bytes): string {
  const body = toBase64(der);
  const lines = Array.from({ length: Math.ceil(body.length / PEM_COLUMNS) }, (_, i) =>
    body.slice(i * PEM_COLUMNS, (i + 1) * PEM_COLUMNS),
  );
  return `${[PEM_BEGIN, ...lines, PEM_END].join("\n")}\n`;
}

/** DER of every certificate in a text, as people keep them in files. @throws Malformed */
export function certificatesIn(text: string): Bytes[] {
  const found: Bytes[] = [];
  for (const [, body = ""] of text.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)) {
    found.push(fromBase64(body.replace(/\s+/g, "")));
  }
  return found;
}
