/**
 * Reads gzipped tar archives from outside: chaincode packages and the code inside them.
 *
 * Only regular files and folders are known. Links and devices are refused rather than skipped, because a package that
 * relies on them would run differently here than elsewhere. Sizes and counts are bounded before anything is kept, so a
 * small hostile archive cannot fill memory or disk.
 * Source of the formats: POSIX.1-2001 ustar and pax, GNU long names.
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { HansaError, toUtf8 } from "@hansa/primitives";

export type ArchiveEntry = { readonly path: string; readonly content: Uint8Array; readonly executable: boolean };

export type ArchiveLimits = { readonly maxBytes: number; readonly maxEntries: number };

const BLOCK_BYTES = 512;
const inflate = promisify(gunzip);

export class ArchiveError extends HansaError {
  override readonly name = "ArchiveError";
}

/** @throws ArchiveError when it is no gzip stream, no tar, holds anything but files and folders, or exceeds the limits */
export async function readArchive(gzipped: Uint8Array, limits: ArchiveLimits): Promise<ArchiveEntry[]> {
  return readTar(await unzip(gzipped, limits.maxBytes), limits.maxEntries);
}

async function unzip(gzipped: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (gzipped.length === 0) throw new ArchiveError("ARCHIVE_MALFORMED", "error reading as gzip stream: EOF");
  try {
    return await inflate(gzipped, { maxOutputLength: maxBytes });
  } catch (cause) {
    const tooLarge = (cause as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    throw tooLarge
      ? new ArchiveError("ARCHIVE_TOO_LARGE", `archive unpacks to more than ${maxBytes} bytes`, { cause })
      : new ArchiveError("ARCHIVE_MALFORMED", "error reading as gzip stream: gzip: invalid header", { cause });
  }
}

function readTar(tar: Uint8Array, maxEntries: number): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  let seen = 0;
  let longName: string | undefined;
  for (let at = 0; at + BLOCK_BYTES <= tar.length; ) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    checkHeader(header);
    seen += 1;
    if (seen > maxEntries) throw new ArchiveError("ARCHIVE_TOO_LARGE", `archive holds more than ${maxEntries} entries`);
    const size = readSize(header);
    const start = at + BLOCK_BYTES;
    if (start + size > tar.length) throw malformed("unexpected EOF");
    const content = tar.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;

    const kind = String.fromCharCode(header[156] ?? 0);
    if (kind === "L") {
      longName = text(content);
    } else if (kind === "x") {
      longName = paxPath(content) ?? longName;
    } else if (kind !== "g") {
      const path = longName ?? headerPath(header);
      longName = undefined;
      if (kind === "5") continue;
      if (kind !== "0" && kind !== "\0" && kind !== "7") {
        throw new ArchiveError(
          "ARCHIVE_ENTRY_REFUSED",
          `tar entry ${path} is not a regular file, type ${kind.charCodeAt(0)}`,
        );
      }
      if (path.endsWith("/")) continue;
      entries.push({ path, content, executable: (readOctal(header, 100, 8) & 0o111) !== 0 });
    }
  }
  return entries;
}

/**
 * The path inside a folder that an entry may be written to, with "/" between parts.
 * @throws ArchiveError for absolute paths, "..", NUL, drive letters and backslashes
 */
export function safeEntryPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const refused =
    path.startsWith("/") ||
    path.includes("\0") ||
    path.includes("\\") ||
    /^[A-Za-z]:/.test(path) ||
    parts.includes("..") ||
    parts.length === 0;
  if (refused) throw new ArchiveError("ARCHIVE_ENTRY_REFUSED", `illegal file name in payload: ${JSON.stringify(path)}`);
  return parts.join("/");
}

function checkHeader(header: Uint8Array): void {
  let sum = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
  if (sum !== readOctal(header, 148, 8)) throw malformed("archive/tar: invalid tar header");
}

function readSize(header: Uint8Array): number {
  // GNU writes sizes above 8 GiB in base 256, marked by the top bit; nothing we accept is that large.
  if (((header[124] ?? 0) & 0x80) !== 0) throw malformed("entry is too large");
  return readOctal(header, 124, 12);
}

function readOctal(header: Uint8Array, start: number, length: number): number {
  const digits = text(header.subarray(start, start + length)).trim();
  if (!/^[0-7]*$/.test(digits)) throw malformed("archive/tar: invalid tar header");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function headerPath(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const isUstar = toUtf8(header.subarray(257, 262)) === "ustar";
  const prefix = isUstar ? text(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function paxPath(records: Uint8Array): string | undefined {
  for (let at = 0; at < records.length; ) {
    const space = records.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(toUtf8(records.subarray(at, space)));
    if (!Number.isInteger(length) || length <= 0) throw malformed("archive/tar: invalid tar header");
    const record = toUtf8(records.subarray(space + 1, at + length - 1));
    if (record.startsWith("path=")) return record.slice("path=".length);
    at += length;
  }
  return undefined;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return toUtf8(end < 0 ? bytes : bytes.subarray(0, end));
}

function malformed(what: string): ArchiveError {
  return new ArchiveError("ARCHIVE_MALFORMED", `error inspecting next tar header: ${what}`);
}
