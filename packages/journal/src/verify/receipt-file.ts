/**
 * A receipt as a file: one JSON object with exactly these fields. Bytes are base64, certificates PEM.
 *
 *     format           "hansa.journal.receipt/1"
 *     channel, transaction, block, entry, time
 *                      what the bytes below say, for people to read; checked against them
 *     envelope         common.Envelope as it was ordered: entry `entry` of the block, counted from 0
 *     binding          hansa.journal.BlockBinding: entry 0 of the block
 *     path             QLDB's proof, from the envelope's SHA-256 to the digest's hash
 *     log              { entryCount, entryPath, blockPath }: the proof that is bound to the place, see `log.ts`
 *     digest           hansa.journal.Digest, the bytes that are signed
 *     signatures       [{ certificate, signature }]
 *     intermediateCertificates
 *                      those between the signers' certificates and the roots
 */
import type { Bytes } from "@hansa/primitives";
import { certificatesIn, fromBase64, Malformed, toBase64, toPem } from "./encoding.js";

export const RECEIPT_FORMAT = "hansa.journal.receipt/1";

export type SignatureParts = { readonly certificate: Bytes; readonly signature: Bytes };

/** What stands in the file, decoded. Certificates are DER. */
export type ReceiptParts = {
  readonly channel: string;
  /** Hex; empty for what has no id. */
  readonly transaction: string;
  readonly block: number;
  readonly entry: number;
  /** ISO 8601, milliseconds, UTC. */
  readonly time: string;
  readonly envelope: Bytes;
  readonly binding: Bytes;
  readonly path: readonly Bytes[];
  readonly log: {
    readonly entryCount: number;
    readonly entryPath: readonly Bytes[];
    readonly blockPath: readonly Bytes[];
  };
  readonly digest: Bytes;
  readonly signatures: readonly SignatureParts[];
  readonly intermediateCertificates: readonly Bytes[];
};

/** Where a file is wrong, and how. `field` is a path such as "signatures[0].certificate". */
export class WrongField extends Error {
  override readonly name = "WrongField";

  constructor(
    readonly field: string,
    readonly reason: string,
  ) {
    super(`${field} ${reason}`);
  }
}

const HASH_BYTES = 32;
/** A path is never longer than a tree is high, twice; a block has at most 2^32 entries. */
const LONGEST_LIST = 256;

/** The file's text. */
export function formatReceipt(parts: ReceiptParts): string {
  const { envelope, binding, path, log, digest, signatures, intermediateCertificates, ...readable } = parts;
  const list = (items: readonly Bytes[]) => items.map(toBase64);
  const file = {
    format: RECEIPT_FORMAT,
    ...readable,
    envelope: toBase64(envelope),
    binding: toBase64(binding),
    path: list(path),
    log: { entryCount: log.entryCount, entryPath: list(log.entryPath), blockPath: list(log.blockPath) },
    digest: toBase64(digest),
    signatures: signatures.map(({ certificate, signature }) => ({
      certificate: toPem(certificate),
      signature: toBase64(signature),
    })),
    intermediateCertificates: intermediateCertificates.map(toPem),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** @throws WrongField for anything else than formatReceipt writes, white space aside */
export function parseReceipt(text: string): ReceiptParts {
  const file = new Fields("", parseJson(text));
  const format = file.text("format");
  if (format !== RECEIPT_FORMAT) {
    throw new WrongField("format", `is ${JSON.stringify(format)}; this verifier reads "${RECEIPT_FORMAT}"`);
  }
  const log = file.object("log");
  const parts: ReceiptParts = {
    channel: file.text("channel"),
    transaction: file.text("transaction"),
    block: file.number("block"),
    entry: file.number("entry"),
    time: file.text("time"),
    envelope: file.bytes("envelope"),
    binding: file.bytes("binding"),
    path: file.hashes("path"),
    log: {
      entryCount: log.number("entryCount"),
      entryPath: log.hashes("entryPath"),
      blockPath: log.hashes("blockPath"),
    },
    digest: file.bytes("digest"),
    signatures: readSignatures(file),
    intermediateCertificates: file
      .list("intermediateCertificates")
      .map(([field, value]) => certificateAt(field, value)),
  };
  log.end();
  file.end();
  return parts;
}

/** The `signatures` of a receipt, or of the digest that comes with an export. */
export function readSignatures(file: Fields): SignatureParts[] {
  return file.list("signatures").map(([field, value]) => {
    const one = new Fields(`${field}.`, value);
    const parts = {
      certificate: certificateAt(`${field}.certificate`, one.take("certificate")),
      signature: one.bytes("signature"),
    };
    one.end();
    return parts;
  });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WrongField("the file", `is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The fields of one object, each to be taken once. */
export class Fields {
  readonly #prefix: string;
  readonly #values: Map<string, unknown>;

  constructor(prefix: string, value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new WrongField(prefix === "" ? "the file" : prefix.replace(/\.$/, ""), "is no JSON object");
    }
    this.#prefix = prefix;
    this.#values = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  take(name: string): unknown {
    if (!this.#values.has(name)) throw new WrongField(`${this.#prefix}${name}`, "is missing");
    const value = this.#values.get(name);
    this.#values.delete(name);
    return value;
  }

  text(name: string): string {
    const value = this.take(name);
    if (typeof value !== "string") throw new WrongField(`${this.#prefix}${name}`, "is no text");
    return value;
  }

  number(name: string): number {
    const value = this.take(name);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw new WrongField(`${this.#prefix}${name}`, "is no whole number from 0 up");
    }
    return value;
  }

  bytes(name: string): Bytes {
    return bytesAt(`${this.#prefix}${name}`, this.take(name));
  }

  /** Each item with its path. */
  list(name: string): [field: string, value: unknown][] {
    const value = this.take(name);
    const field = `${this.#prefix}${name}`;
    if (!Array.isArray(value)) throw new WrongField(field, "is no list");
    if (value.length > LONGEST_LIST)
      throw new WrongField(field, `has ${value.length} items, more than ${LONGEST_LIST}`);
    return value.map((item, i) => [`${field}[${i}]`, item]);
  }

  hashes(name: string): Bytes[] {
    return this.list(name).map(([field, value]) => {
      const bytes = bytesAt(field, value);
      if (bytes.length !== HASH_BYTES)
        throw new WrongField(field, `has ${bytes.length} bytes; a hash has ${HASH_BYTES}`);
      return bytes;
    });
  }

  object(name: string): Fields {
    return new Fields(`${this.#prefix}${name}.`, this.take(name));
  }

  /** @throws WrongField when a field was not taken */
  end(): void {
    const [unknown] = this.#values.keys();
    if (unknown !== undefined) throw new WrongField(`${this.#prefix}${unknown}`, "does not belong here");
  }
}

/** Runs a reader and says which field it was reading when it fails. */
export function readingField<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) throw new WrongField(field, error.message);
    throw error;
  }
}

function bytesAt(field: string, value: unknown): Bytes {
  if (typeof value !== "string") throw new WrongField(field, "is no text");
  return readingField(field, () => fromBase64(value));
}

/** One certificate as PEM, to DER. @throws WrongField */
export function certificateAt(field: string, value: unknown): Bytes {
  if (typeof value !== "string") throw new WrongField(field, "is no text");
  const [der, second] = readingField(field, () => certificatesIn(value));
  if (der === undefined || second !== undefined || toPem(der) !== value) {
    throw new WrongField(field, "is not one certificate as PEM with lines of 64 characters");
  }
  return der;
}
