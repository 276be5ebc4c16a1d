/** `EXPORTID.STRANDID.digest.json`: the signed digest of an export, and the checksums of its files. */
import type { Bytes } from "@hansa/primitives";
import { toBase64, toPem } from "../verify/encoding.js";
import { certificateAt, Fields, parseJson, readSignatures, WrongField } from "../verify/receipt-file.js";
import type { ExportedFile, ExportSeal } from "./layout.js";

const FORMAT = "hansa.journal.export/1";

export function writeSeal({ digest, signatures, intermediateCertificates, files }: ExportSeal): Bytes {
  const value = {
    format: FORMAT,
    digest: toBase64(digest),
    signatures: signatures.map(({ certificate, signature }) => ({
      certificate: toPem(certificate),
      signature: toBase64(signature),
    })),
    intermediateCertificates: intermediateCertificates.map(toPem),
    files,
  };
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** @throws WrongField */
export function readSeal(bytes: Bytes): ExportSeal {
  const file = new Fields("", parseJson(Buffer.from(bytes).toString("utf8")));
  const format = file.text("format");
  if (format !== FORMAT) throw new WrongField("format", `is ${JSON.stringify(format)}; expected "${FORMAT}"`);
  const digest = file.bytes("digest");
  const signatures = readSignatures(file);
  const intermediateCertificates = file.list("intermediateCertificates").map(([at, value]) => certificateAt(at, value));
  const files = file.take("files");
  if (!Array.isArray(files)) throw new WrongField("files", "is no list");
  file.end();
  return {
    digest,
    signatures,
    intermediateCertificates,
    files: files.map((value, i) => readFile(`files[${i}].`, value)),
  };
}

function readFile(prefix: string, value: unknown): ExportedFile {
  const fields = new Fields(prefix, value);
  const file = { key: fields.text("key"), bytes: fields.number("bytes"), sha256: fields.text("sha256") };
  const blocks = fields.has("firstBlock")
    ? { firstBlock: fields.number("firstBlock"), lastBlock: fields.number("lastBlock") }
    : {};
  fields.end();
  return { ...file, ...blocks };
}
